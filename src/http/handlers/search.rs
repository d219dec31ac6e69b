//! Searches: one for every key, one in VirusTotal's query language for premium ones.

use std::borrow::Cow;

use axum::{extract::State, response::Response};
use utoipa::IntoParams;

use crate::http::{
    error::ApiError,
    extract::caller,
    extract::format::{self, FormatQuery},
    extract::freshness::{self, WaitQuery},
    extract::list::{self, ListQuery, Listing},
    extract::{Ask, Query},
    middleware::admission::with_context,
    openapi::answers::{List, ReadErrors},
    state::Gateway,
    state::Shared,
};
use crate::{
    answer::View,
    clients::Scope,
    indicator::{self, Kind},
    lookup::{Corpus, SearchQuery},
};

/// What both searches take; read by `read_query`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "documents the query, which is read parameter by parameter"
)]
pub struct SearchParameters {
    /// A template for objects of its own type; the others keep their type's default.
    template_name: Option<String>,
    /// `meta.cursor` of the page before, percent-encoded.
    cursor: Option<String>,
    /// An attribute to sort by, with `+` (percent-encoded) or `-` behind it; VirusTotal knows
    /// more of them than the pattern names.
    #[param(
        pattern = "^(size|positives|(first|last)_submission_date|times_submitted)[+-]$",
        example = "size-"
    )]
    order: Option<String>,
    /// `true` gives types and ids only.
    #[param(default = false)]
    descriptors_only: Option<bool>,
}

/// The parameters that the query of a search may hold.
const QUERY: &[&[&str]] = &[
    &["query"],
    ListQuery::NAMES,
    FormatQuery::NAMES,
    SearchParameters::NAMES,
    WaitQuery::NAMES,
];

impl SearchParameters {
    /// The names of these parameters but for the cursor, which every list has.
    pub const NAMES: &[&str] = &["template_name", "order", "descriptors_only"];
}

/// Search
///
/// For every key: a hash, URL, domain or IP address finds that object (a defanged one is
/// refanged), `#tag` finds comments.
/// One page, up to 40 objects of it; costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    tag = "Search",
    params(
        ("query" = String, Query, description = "What to look for", pattern = r"\S", example = "example.com"),
        ("limit" = Option<u32>, Query, description = "How many objects at most", minimum = 1, maximum = 100, example = 10),
        FormatQuery,
        SearchParameters,
        WaitQuery,
    ),
    responses(List, ReadErrors),
)]
pub async fn search(State(gateway): State<Shared>, ask: Ask) -> Response {
    run(&gateway, &ask, Corpus::Everything).await
}

/// Intelligence search
///
/// For premium keys: all of VirusTotal in its query language. One page; costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/intelligence/search",
    tag = "Search",
    params(
        ("query" = String, Query, description = "In VirusTotal's query language", pattern = r"\S", example = "entity:file p:5+"),
        ("limit" = Option<u32>, Query, description = "How many objects at most", minimum = 1, maximum = 300, example = 10),
        FormatQuery,
        SearchParameters,
        WaitQuery,
    ),
    responses(List, ReadErrors),
)]
pub async fn search_intelligence(State(gateway): State<Shared>, ask: Ask) -> Response {
    run(&gateway, &ask, Corpus::Intelligence).await
}

async fn run(gateway: &Gateway, ask: &Ask, corpus: Corpus) -> Response {
    let context = caller::context_for(ask, gateway, Scope::Search).await;
    with_context(
        gateway,
        context,
        "retrieving search results",
        async |context| {
            let query = ask.query(QUERY)?;
            let asked = read_query(&query, corpus)?;
            let (wanted, view) = format::read(gateway, &ask.headers, &query, &Kind::ALL)?;
            let view = View {
                descriptors_only: list::descriptors_only(&query)?,
                cursor: asked.cursor.as_deref(),
                ..view
            };
            let wish = freshness::read_wish(ask, &query)?;
            let reply = gateway.lookup.search(context, &asked, &view, &wish).await?;
            Ok(freshness::respond(ask, wanted, reply))
        },
    )
    .await
}

fn read_query(query: &Query<'_>, corpus: Corpus) -> Result<SearchQuery, ApiError> {
    let Listing { limit, cursor } = Listing::read(query, corpus.most())?;
    let text = query.one("query")?.filter(|text| !text.trim().is_empty());
    let text = text
        .ok_or_else(|| ApiError::bad_request("parameter `query`: what to look for is missing"))?;
    // In VirusTotal's query language brackets mean something.
    let text = match corpus {
        Corpus::Everything => indicator::refang(text),
        Corpus::Intelligence => Cow::Borrowed(text),
    };
    let expected = "expected the name of an attribute with `+` or `-` behind it, such as `size-`";
    Ok(SearchQuery {
        corpus,
        query: text.into_owned(),
        limit,
        cursor,
        order: query.read("order", expected, read_order)?,
    })
}

/// A `+` that was not percent-encoded has become a space on the way.
fn read_order(text: &str) -> Option<String> {
    let order = text
        .strip_suffix(' ')
        .map_or_else(|| text.to_owned(), |name| format!("{name}+"));
    let name = order.strip_suffix(['+', '-']).unwrap_or(&order);
    let sound = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    sound.then_some(order)
}
