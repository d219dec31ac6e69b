//! Comments and votes on every collection: to read, and to add.

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::RequestContext,
    http::{
        error::ApiError,
        extract::{
            InCollection, Json, MayRead, Wanted, WriteAbout, body::JsonBody, format::FormatQuery,
            freshness::WaitQuery, list::ListQuery, view::ViewQuery,
        },
        headers::note_tokens,
        openapi::{
            answers::{ListAnswer, OneObject},
            errors::{ReadErrors, WriteErrors},
        },
        state::{AppState, Gateway},
    },
    indicator::Kind,
    lookup::RelatedQuery,
    render::View,
    submit::{Contribution, Verdict},
};

/// A comment, alone or in VirusTotal's envelope.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum NewComment {
    /// The comment alone.
    Short(Comment),
    /// The comment in VirusTotal's envelope.
    Enveloped(CommentEnvelope),
}

/// The text of a comment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    /// The comment; words that begin with `#` become its tags.
    #[schema(
        // Unicode's white space, as it is trimmed: `\s` is something else in each language.
        pattern = r"[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
        example = "Phishing for bank accounts #phishing"
    )]
    text: String,
}

/// VirusTotal's envelope of a comment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentEnvelope {
    data: CommentObject,
}

/// A comment as VirusTotal's object.
#[derive(Deserialize, ToSchema)]
pub struct CommentObject {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "only checked to be there")]
    object_type: CommentType,
    attributes: Comment,
}

/// The type of a comment.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommentType {
    /// A comment.
    Comment,
}

/// A vote, alone or in VirusTotal's envelope.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum NewVote {
    /// The vote alone.
    Short(Vote),
    /// The vote in VirusTotal's envelope.
    Enveloped(VoteEnvelope),
}

/// The verdict of a vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    #[schema(inline)]
    verdict: Verdict,
}

/// VirusTotal's envelope of a vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteEnvelope {
    data: VoteObject,
}

/// A vote as VirusTotal's object.
#[derive(Deserialize, ToSchema)]
pub struct VoteObject {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "only checked to be there")]
    object_type: VoteType,
    attributes: Vote,
}

/// The type of a vote.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VoteType {
    /// A vote.
    Vote,
}

impl JsonBody for NewComment {
    const EXPECTED: &str =
        r#"`{"text": "…"}` or `{"data": {"type": "comment", "attributes": {"text": "…"}}}`"#;
}

impl JsonBody for NewVote {
    const EXPECTED: &str = r#"`{"verdict": "malicious"}` or `{"verdict": "harmless"}`, bare or in VirusTotal's envelope"#;
}

impl NewComment {
    /// Returns the text, which must not be empty.
    fn text(self) -> Result<String, ApiError> {
        let Comment { text } = match self {
            Self::Short(comment) => comment,
            Self::Enveloped(envelope) => envelope.data.attributes,
        };
        if text.trim().is_empty() {
            return Err(ApiError::bad_request(
                "a comment has a text; this one is empty",
            ));
        }
        Ok(text)
    }
}

impl NewVote {
    fn verdict(self) -> Verdict {
        match self {
            Self::Short(vote) => vote.verdict,
            Self::Enveloped(envelope) => envelope.data.attributes.verdict,
        }
    }
}

/// Comments
///
/// The comments of others, newest first. Costs one lookup for every 40 asked for.
#[utoipa::path(
    get,
    path = "/api/v1/{collection}/{id}/comments",
    params(FormatQuery, ViewQuery, ListQuery, WaitQuery),
    responses(ListAnswer, ReadErrors)
)]
pub async fn list_comments(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<ListQuery>,
    InCollection(indicator): InCollection,
) -> Result<Response, ApiError> {
    let asked = RelatedQuery {
        indicator,
        relationship: "comments".to_owned(),
        limit: wanted.query.limit,
        cursor: wanted.query.cursor.clone(),
    };
    list(&gateway, &context, &wanted, &asked).await
}

/// Votes
///
/// The votes of others, newest first. Costs one lookup for every 40 asked for.
#[utoipa::path(
    get,
    path = "/api/v1/{collection}/{id}/votes",
    params(FormatQuery, ViewQuery, ListQuery, WaitQuery),
    responses(ListAnswer, ReadErrors)
)]
pub async fn list_votes(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<ListQuery>,
    InCollection(indicator): InCollection,
) -> Result<Response, ApiError> {
    let asked = RelatedQuery {
        indicator,
        relationship: "votes".to_owned(),
        limit: wanted.query.limit,
        cursor: wanted.query.cursor.clone(),
    };
    list(&gateway, &context, &wanted, &asked).await
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
pub async fn add_comment(
    State(gateway): State<AppState>,
    write: WriteAbout,
    Json(comment): Json<NewComment>,
) -> Result<Response, ApiError> {
    contribute(&gateway, write, &Contribution::Comment(comment.text()?)).await
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
pub async fn add_vote(
    State(gateway): State<AppState>,
    write: WriteAbout,
    Json(vote): Json<NewVote>,
) -> Result<Response, ApiError> {
    contribute(&gateway, write, &Contribution::Vote(vote.verdict())).await
}

async fn contribute(
    gateway: &Gateway,
    write: WriteAbout,
    contribution: &Contribution,
) -> Result<Response, ApiError> {
    let WriteAbout {
        context,
        format,
        indicator,
    } = write;
    let templates = gateway.templates.current();
    let view = format.view(&templates);
    let document = gateway
        .submit
        .contribute(&context, &indicator, contribution, &view)
        .await?;
    let tokens = document.size.tokens;
    let mut response = format.respond(document.body);
    note_tokens(&mut response, tokens);
    Ok(response)
}

async fn list(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: &Wanted<ListQuery>,
    asked: &RelatedQuery,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = View {
        cursor: asked.cursor.as_deref(),
        ..wanted.view.of(&templates, &Kind::ALL, None)?
    };
    let freshness = &wanted.freshness;
    let reply = gateway.lookup.related(context, asked, &view, freshness);
    Ok(wanted.respond(reply.await?))
}
