//! Searches: one for every key, one in VirusTotal's query language for premium ones.

use axum::{extract::State, response::Response};
use utoipa::IntoParams;

use crate::{
    access::RequestContext,
    http::{
        error::ApiError,
        extract::{
            MaySearch, Parameters, Wanted, format::ReportFormatQuery, freshness::WaitQuery, list,
            query::FromQuery, view::ViewQuery,
        },
        openapi::{answers::ListAnswer, errors::ReadErrors},
        state::{AppState, Gateway},
    },
    indicator::{self, Kind},
    lookup::{self, Corpus},
    render::View,
};

/// The search of everything.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EverythingQuery {
    /// The text to look for
    #[param(pattern = r"\S", example = "example.com")]
    query: String,
    /// The largest number of objects
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, example = 10)]
    limit: usize,
}

/// The search in VirusTotal's query language.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IntelligenceQuery {
    /// The query, in VirusTotal's language
    #[param(pattern = r"\S", example = "entity:file p:5+")]
    query: String,
    /// The largest number of objects
    #[param(value_type = Option<u32>, minimum = 1, maximum = 300, example = 10)]
    limit: usize,
}

/// The parameters that both searches take.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchOptions {
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

impl FromQuery for EverythingQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["query", "limit"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            limit: list::read_limit(parameters, Corpus::Everything.most())?,
            query: indicator::refang(read_text(parameters)?).into_owned(),
        })
    }

    fn subject(&self) -> Option<(&'static str, &str)> {
        Some(("search", &self.query))
    }
}

impl FromQuery for IntelligenceQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["query", "limit"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            limit: list::read_limit(parameters, Corpus::Intelligence.most())?,
            // Nothing is refanged: brackets mean something in VirusTotal's query language.
            query: read_text(parameters)?.to_owned(),
        })
    }

    fn subject(&self) -> Option<(&'static str, &str)> {
        Some(("search", &self.query))
    }
}

impl FromQuery for SearchOptions {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["template_name", "cursor", "order", "descriptors_only"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let expected =
            "expected the name of an attribute with `+` or `-` behind it, such as `size-`";
        Ok(Self {
            template_name: parameters.one("template_name")?.map(str::to_owned),
            cursor: list::read_cursor(parameters)?,
            order: parameters.read("order", expected, read_order)?,
            descriptors_only: list::read_descriptors_only(parameters)?,
        })
    }
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
        EverythingQuery,
        ReportFormatQuery,
        ViewQuery,
        SearchOptions,
        WaitQuery
    ),
    responses(ListAnswer, ReadErrors)
)]
pub async fn search(
    State(gateway): State<AppState>,
    MaySearch(context): MaySearch,
    wanted: Wanted<(EverythingQuery, SearchOptions), ReportFormatQuery>,
) -> Result<Response, ApiError> {
    let (EverythingQuery { query, limit }, mut wanted) = wanted.split_first();
    let asked = lookup::SearchQuery {
        corpus: Corpus::Everything,
        query,
        limit,
        cursor: wanted.query.cursor.take(),
        order: wanted.query.order.take(),
    };
    run(&gateway, &context, &wanted, &asked).await
}

/// Intelligence search
///
/// For premium keys: all of VirusTotal in its query language. One page; costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/intelligence/search",
    tag = "Search",
    params(
        IntelligenceQuery,
        ReportFormatQuery,
        ViewQuery,
        SearchOptions,
        WaitQuery
    ),
    responses(ListAnswer, ReadErrors)
)]
pub async fn search_intelligence(
    State(gateway): State<AppState>,
    MaySearch(context): MaySearch,
    wanted: Wanted<(IntelligenceQuery, SearchOptions), ReportFormatQuery>,
) -> Result<Response, ApiError> {
    let (IntelligenceQuery { query, limit }, mut wanted) = wanted.split_first();
    let asked = lookup::SearchQuery {
        corpus: Corpus::Intelligence,
        query,
        limit,
        cursor: wanted.query.cursor.take(),
        order: wanted.query.order.take(),
    };
    run(&gateway, &context, &wanted, &asked).await
}

async fn run(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: &Wanted<SearchOptions, ReportFormatQuery>,
    asked: &lookup::SearchQuery,
) -> Result<Response, ApiError> {
    let templates = &gateway.templates.current();
    let options = &wanted.query;
    let view = View {
        descriptors_only: options.descriptors_only.unwrap_or(false),
        cursor: asked.cursor.as_deref(),
        ..wanted
            .view
            .of(templates, &Kind::ALL, options.template_name.as_deref())?
    };
    let freshness = &wanted.freshness;
    let reply = gateway.lookup.search(context, asked, &view, freshness);
    Ok(wanted.respond(reply.await?))
}

fn read_text<'a>(parameters: &'a Parameters<'_>) -> Result<&'a str, ApiError> {
    match parameters.one("query")? {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => Err(ApiError::bad_request(
            "parameter `query`: what to look for is missing",
        )),
    }
}

/// Reads an order. A `+` that was not percent-encoded has become a space on the way.
fn read_order(text: &str) -> Option<String> {
    let order = match text.strip_suffix(' ') {
        Some(name) => format!("{name}+"),
        None => text.to_owned(),
    };
    let name = order.strip_suffix(['+', '-']).unwrap_or(&order);
    let is_sound = (1..=64).contains(&name.len()) && name.bytes().all(is_of_attribute);
    is_sound.then_some(order)
}

fn is_of_attribute(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')
}
