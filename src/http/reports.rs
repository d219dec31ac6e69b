//! Reports on files, URLs, domains and IP addresses.

use axum::{extract::State, response::Response};
use utoipa::IntoParams;

use super::{
    Gateway, Shared, caller,
    error::ApiError,
    extract::Ask,
    freshness::{self, WaitQuery},
    guard::with_context,
    negotiate,
    openapi::{
        answers::{ReadErrors, Report},
        parameters,
    },
};
use crate::{
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
    /// or VirusTotal's attributes as they are. Without it `Accept: text/markdown` and
    /// `Accept: application/xml` give the document itself.
    #[param(inline, example = "json")]
    format: Option<Format>,
    /// A template for this type of object; without it the type's default applies.
    template_name: Option<String>,
}

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
    get_report(&gateway, &ask, Kind::File, |ask| {
        Ok(Indicator::file(ask.segment(0)?)?)
    })
    .await
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
          Without a scheme, `http://` is put before it",
         pattern = "^https?://[A-Za-z0-9][!-~]*$", example = "https://example.com/"),
        ReportQuery,
        WaitQuery,
    ),
    responses(Report, ReadErrors),
)]
pub async fn analyze_url(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_report(&gateway, &ask, Kind::Url, |ask| {
        let query = ask.query();
        let url = query
            .one("url")?
            .filter(|url| !url.is_empty())
            .ok_or_else(|| {
                ApiError::bad_request("parameter `url`: the URL to look up is missing")
            })?;
        if query.has_other_than(&["url", "format", "template_name", "wait"]) {
            return Err(ApiError::bad_request(
                "there is a parameter beside `url`, `format`, `template_name` and `wait`: if it is part of \
                 the URL, percent-encode the URL (with curl: `-G --data-urlencode 'url=…'`)",
            ));
        }
        Ok(Indicator::url(url)?)
    })
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
    get_report(&gateway, &ask, Kind::Url, |ask| {
        Ok(Indicator::url_id(ask.segment(0)?)?)
    })
    .await
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
    get_report(&gateway, &ask, Kind::Domain, |ask| {
        Ok(Indicator::domain(ask.segment(0)?)?)
    })
    .await
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
    get_report(&gateway, &ask, Kind::Ip, |ask| {
        Ok(Indicator::ip(ask.segment(0)?)?)
    })
    .await
}

async fn get_report(
    gateway: &Gateway,
    ask: &Ask,
    kind: Kind,
    read: impl FnOnce(&Ask) -> Result<Indicator, ApiError>,
) -> Response {
    let context = caller::context_for(ask, gateway, Scope::Read).await;
    let doing = format!("retrieving {} report", kind.noun());
    with_context(gateway, context, &doing, async |context| {
        let indicator = read(ask)?;
        let (wanted, view) = negotiate::read(gateway, ask, &[kind])?;
        let wish = freshness::read_wish(ask)?;
        let lookup = &gateway.lookup;
        let reply = lookup.report(context, &indicator, &view, &wish).await?;
        Ok(freshness::respond(ask, wanted, reply))
    })
    .await
}
