//! Reports on files, URLs, domains and IP addresses.

use axum::{extract::State, response::Response};
use utoipa::IntoParams;

use crate::http::{
    error::ApiError,
    extract::caller,
    extract::format,
    extract::freshness::{self, WaitQuery},
    extract::{Ask, Query},
    middleware::admission::with_context,
    openapi::{
        answers::{ReadErrors, Report},
        parameters,
    },
    state::Gateway,
    state::Shared,
};
use crate::{
    access::RequestContext,
    clients::Scope,
    format::Format,
    indicator::{Indicator, Kind},
};

/// The query of a report; read by `get_report`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "documents the query, which is read parameter by parameter"
)]
pub struct ReportQuery {
    /// The form of `data`: filtered attributes as JSON, a Markdown or XML document in a string,
    /// or VirusTotal's attributes as they are. In any case, and `md` is `markdown`. Without it `Accept: text/markdown` and
    /// `Accept: application/xml` give the document itself.
    #[param(inline, example = "json")]
    format: Option<Format>,
    /// A template for this type of object; without it the type's default applies.
    template_name: Option<String>,
}

impl ReportQuery {
    /// The names of these parameters.
    pub const NAMES: &[&str] = &["format", "template_name"];
}

/// The parameters that the query of a report may hold.
const QUERY: &[&[&str]] = &[ReportQuery::NAMES, WaitQuery::NAMES];

/// File report
///
/// What VirusTotal knows of a file, found by its MD5, SHA-1 or SHA-256. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}",
    tag = "Files",
    params(parameters::FileHash, ReportQuery, WaitQuery),
    responses(Report, ReadErrors)
)]
pub async fn get_file_report(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_report(&gateway, &ask, Kind::File).await
}

/// URL report, by the URL
///
/// What VirusTotal knows of a URL; it never submits the URL for a scan. The URL must be
/// percent-encoded: any further parameter is an error, since it is most likely half of the
/// URL. Costs one lookup.
#[utoipa::path(
    get, path = "/api/v1/urls/analyze", tag = "URLs",
    params(
        ("url" = String, Query, description = "The URL, percent-encoded; its bytes are kept. \
          Without a scheme, `http://` is put before it; a defanged one is refanged",
         pattern = "^https?://([A-Za-z0-9_-]{1,63}[.]){0,3}[A-Za-z][A-Za-z0-9_-]{0,50}([/?#][!-~]*)?$", example = "https://example.com/"),
        ReportQuery,
        WaitQuery,
    ),
    responses(Report, ReadErrors),
)]
pub async fn analyze_url(State(gateway): State<Shared>, ask: Ask) -> Response {
    let context = caller::context_for(&ask, &gateway, Scope::Read).await;
    with_context(
        &gateway,
        context,
        "retrieving URL report",
        async |context| {
            let query = ask.query(&[&["url"], ReportQuery::NAMES, WaitQuery::NAMES])?;
            let url = query.pasted("url")?.filter(|url| !url.is_empty());
            let url = url.ok_or_else(|| {
                ApiError::bad_request("parameter `url`: the URL to look up is missing")
            })?;
            let asked = Asked {
                ask: &ask,
                query: &query,
                indicator: Indicator::url(&url)?,
            };
            answer(&gateway, context, asked).await
        },
    )
    .await
}

/// URL report, by its id
///
/// What VirusTotal knows of a URL, found by VirusTotal's id of it or by the base64 of the
/// URL. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/urls/{url_id}",
    tag = "URLs",
    params(parameters::UrlId, ReportQuery, WaitQuery),
    responses(Report, ReadErrors)
)]
pub async fn get_url_report(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_report(&gateway, &ask, Kind::Url).await
}

/// Domain report
///
/// What VirusTotal knows of a domain. Internationalised names may be given as they are
/// read. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/domains/{domain}",
    tag = "Domains",
    params(parameters::DomainName, ReportQuery, WaitQuery),
    responses(Report, ReadErrors)
)]
pub async fn get_domain_report(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_report(&gateway, &ask, Kind::Domain).await
}

/// IP address report
///
/// What VirusTotal knows of an IPv4 or IPv6 address. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/ips/{ip_address}",
    tag = "IP addresses",
    params(parameters::IpAddress, ReportQuery, WaitQuery),
    responses(Report, ReadErrors)
)]
pub async fn get_ip_report(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_report(&gateway, &ask, Kind::Ip).await
}

/// An indicator that is asked for, and the request that asks.
struct Asked<'a> {
    ask: &'a Ask,
    query: &'a Query<'a>,
    indicator: Indicator,
}

async fn get_report(gateway: &Gateway, ask: &Ask, kind: Kind) -> Response {
    let context = caller::context_for(ask, gateway, Scope::Read).await;
    let doing = format!("retrieving {} report", kind.noun());
    with_context(gateway, context, &doing, async |context| {
        let query = ask.query(QUERY)?;
        let asked = Asked {
            ask,
            query: &query,
            indicator: Indicator::parse(kind, ask.segment(0)?)?,
        };
        answer(gateway, context, asked).await
    })
    .await
}

async fn answer(
    gateway: &Gateway,
    context: &RequestContext,
    asked: Asked<'_>,
) -> Result<Response, ApiError> {
    let Asked {
        ask,
        query,
        indicator,
    } = asked;
    let kinds = [indicator.kind()];
    let (wanted, view) = format::read(gateway, &ask.headers, query, &kinds)?;
    let wish = freshness::read_wish(ask, query)?;
    let lookup = &gateway.lookup;
    let reply = lookup.report(context, &indicator, &view, &wish).await?;
    Ok(freshness::respond(ask, wanted, reply))
}
