//! Comments and votes on every collection: to read, and to add.

use axum::{Extension, body::Body, extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::{
    error::ApiError,
    extract::Ask,
    extract::body,
    extract::caller,
    extract::format::{self, FormatQuery},
    extract::freshness::{self, WaitQuery},
    extract::list::{self, ListQuery, Listing},
    middleware::admission::with_context,
    openapi::answers::{List, OneObject, ReadErrors, WriteErrors},
    routes::collections,
    state::Gateway,
    state::Shared,
};
use crate::{
    answer::View,
    clients::Scope,
    indicator::{Indicator, Kind},
    lookup::RelatedQuery,
    submit::{Contribution, Verdict},
};

/// A comment, in a word or in VirusTotal's envelope.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum NewComment {
    Short(Comment),
    Enveloped(CommentEnvelope),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// The comment; words that begin with `#` become its tags.
    #[schema(
        // Unicode's white space, as it is trimmed: `\s` is something else in each language.
        pattern = r"[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
        example = "Phishing for bank accounts #phishing"
    )]
    text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommentEnvelope {
    data: CommentObject,
}

#[derive(Deserialize, ToSchema)]
struct CommentObject {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "only checked to be there")]
    object_type: CommentType,
    attributes: Comment,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CommentType {
    Comment,
}

/// A vote, in a word or in VirusTotal's envelope.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum NewVote {
    Short(Vote),
    Enveloped(VoteEnvelope),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Vote {
    #[schema(inline)]
    verdict: Verdict,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VoteEnvelope {
    data: VoteObject,
}

#[derive(Deserialize, ToSchema)]
struct VoteObject {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "only checked to be there")]
    object_type: VoteType,
    attributes: Vote,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum VoteType {
    Vote,
}

/// The routes of comments and votes, for every collection.
pub fn routes() -> OpenApiRouter<Shared> {
    collections::of_each(Kind::ALL, || {
        [
            routes!(list_comments, add_comment),
            routes!(list_votes, add_vote),
        ]
    })
}

/// Comments
///
/// What others have written, newest first. Costs one lookup for every 40 asked for.
#[utoipa::path(
    get,
    path = "/api/v1/{collection}/{id}/comments",
    params(FormatQuery, ListQuery, WaitQuery),
    responses(List, ReadErrors)
)]
async fn list_comments(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
) -> Response {
    list(&gateway, kind, &ask, "comments").await
}

/// Votes
///
/// What others hold it for, newest first. Costs one lookup for every 40 asked for.
#[utoipa::path(
    get,
    path = "/api/v1/{collection}/{id}/votes",
    params(FormatQuery, ListQuery, WaitQuery),
    responses(List, ReadErrors)
)]
async fn list_votes(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
) -> Response {
    list(&gateway, kind, &ask, "votes").await
}

/// Add a comment
///
/// Publishes a comment under the key's account, and gives it. With the server's own key it is
/// refused unless `VT4AI_ALLOW_SUBMISSIONS` is set. Costs one lookup.
#[utoipa::path(
    post,
    path = "/api/v1/{collection}/{id}/comments",
    params(FormatQuery),
    request_body(content = NewComment),
    responses(OneObject, WriteErrors)
)]
async fn add_comment(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
    body: Body,
) -> Response {
    let doing = format!("adding {} comment", kind.noun());
    add(&gateway, kind, &ask, body, &doing, |body| {
        let expected =
            r#"`{"text": "…"}` or `{"data": {"type": "comment", "attributes": {"text": "…"}}}`"#;
        let comment = match body::json(body, expected)? {
            NewComment::Short(comment) => comment,
            NewComment::Enveloped(envelope) => envelope.data.attributes,
        };
        if comment.text.trim().is_empty() {
            return Err(ApiError::bad_request(
                "a comment has a text; this one is empty",
            ));
        }
        Ok(Contribution::Comment(comment.text))
    })
    .await
}

/// Vote
///
/// Publishes a vote under the key's account, and gives it; the same vote twice is a 409. With
/// the server's own key it is refused unless `VT4AI_ALLOW_SUBMISSIONS` is set. Costs one lookup.
#[utoipa::path(
    post,
    path = "/api/v1/{collection}/{id}/votes",
    params(FormatQuery),
    request_body(content = NewVote),
    responses(OneObject, WriteErrors)
)]
async fn add_vote(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
    body: Body,
) -> Response {
    let doing = format!("adding {} vote", kind.noun());
    add(&gateway, kind, &ask, body, &doing, |body| {
        let expected = r#"`{"verdict": "malicious"}` or `{"verdict": "harmless"}`, bare or in VirusTotal's envelope"#;
        let vote = match body::json(body, expected)? {
            NewVote::Short(vote) => vote,
            NewVote::Enveloped(envelope) => envelope.data.attributes,
        };
        Ok(Contribution::Vote(vote.verdict))
    })
    .await
}

async fn list(gateway: &Gateway, kind: Kind, ask: &Ask, name: &str) -> Response {
    let context = caller::context_for(ask, gateway, Scope::Read).await;
    let doing = format!("retrieving {} {name}", kind.noun());
    with_context(gateway, context, &doing, async |context| {
        let query = ask.query(&[FormatQuery::NAMES, ListQuery::NAMES, WaitQuery::NAMES])?;
        let indicator = Indicator::parse(kind, ask.segment(0)?)?;
        let Listing { limit, cursor } = Listing::read(&query, list::MOST)?;
        let asked = RelatedQuery {
            indicator,
            relationship: name.to_owned(),
            limit,
            cursor,
        };
        let (wanted, view) = format::read(gateway, &ask.headers, &query, &[])?;
        let view = View {
            cursor: asked.cursor.as_deref(),
            ..view
        };
        let wish = freshness::read_wish(ask, &query)?;
        let reply = gateway
            .lookup
            .related(context, &asked, &view, &wish)
            .await?;
        Ok(freshness::respond(ask, wanted, reply))
    })
    .await
}

async fn add(
    gateway: &Gateway,
    kind: Kind,
    ask: &Ask,
    body: Body,
    doing: &str,
    read: impl FnOnce(&[u8]) -> Result<Contribution, ApiError>,
) -> Response {
    let context = caller::writing_context_for(ask, gateway).await;
    with_context(gateway, context, doing, async |context| {
        let query = ask.query(&[FormatQuery::NAMES])?;
        let indicator = Indicator::parse(kind, ask.segment(0)?)?;
        let (wanted, view) = format::read(gateway, &ask.headers, &query, &[])?;
        let body = body::read(body).await?;
        body::require(&ask.headers, &[body::JSON])?;
        let contribution = read(&body)?;
        let submit = &gateway.submit;
        let answer = submit.contribute(context, &indicator, &contribution, &view);
        Ok(wanted.respond(answer.await?.body))
    })
    .await
}
