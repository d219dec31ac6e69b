//! Reports on files, URLs, domains and IP addresses.

use std::iter;

use axum::{extract::State, response::Response};
use utoipa::IntoParams;

use crate::{
    access::RequestContext,
    http::{
        error::ApiError,
        extract::{
            DomainName, FileHash, IpAddress, MayRead, Parameters, UrlId, Wanted,
            format::ReportFormatQuery, freshness::WaitQuery, query::FromQuery, view::ViewQuery,
        },
        openapi::{
            answers::{DomainReport, FileReport, IpReport, UrlReport},
            errors::ReadErrors,
        },
        state::{AppState, Gateway},
    },
    indicator::{Indicator, Kind, WebUrl},
    lookup,
    render::View,
    virustotal::relationships,
};

/// The URL that a query asks for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UrlQuery {
    /// The URL, percent-encoded; its bytes are kept. Without a scheme, `http://` is put before it; a defanged one is refanged
    #[param(
        value_type = String,
        pattern = "^https?://([A-Za-z0-9_-]{1,63}[.]){0,3}[A-Za-z][A-Za-z0-9_-]{0,50}([/?#][!-~]*)?$",
        example = "https://example.com/"
    )]
    url: WebUrl<'static>,
}

impl FromQuery for UrlQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        iter::once("url")
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        match parameters.pasted("url")?.filter(|url| !url.is_empty()) {
            Some(url) => Ok(Self {
                url: WebUrl::parse(&url)?.into_owned(),
            }),
            None => Err(ApiError::bad_request(
                "parameter `url`: the URL to look up is missing",
            )),
        }
    }

    fn subject(&self) -> Option<(&'static str, &str)> {
        Some((Kind::Url.name(), self.url.as_str()))
    }
}

/// The parameters of a report beside those of every view.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// A template for this type of object; without it the type's default applies.
    template_name: Option<String>,
    /// Relationships such as `contacted_domains`, at most ten and separated by commas: `meta.relationships` then holds the ids
    /// of up to 20 objects of each. They come with the report, at no further lookup.
    #[param(value_type = Option<String>, pattern = "^[a-z][a-z0-9_]{0,63}(,[a-z][a-z0-9_]{0,63}){0,9}$")]
    relationships: Vec<String>,
}

/// An indicator that is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The indicator.
    pub(super) indicator: Indicator,
    /// Whether `meta` names it.
    pub(super) is_named: bool,
}

impl Asked {
    fn of_type(indicator: Indicator) -> Self {
        Self {
            indicator,
            is_named: false,
        }
    }
}

/// The largest number of relationships that a report may hold.
const MOST_RELATIONSHIPS: usize = 10;

impl FromQuery for ReportQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["template_name", "relationships"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            template_name: parameters.one("template_name")?.map(str::to_owned),
            relationships: read_relationships(parameters)?,
        })
    }
}

/// Reads the names of relationships, sorted and without repeated ones, so that equal questions
/// share an answer.
fn read_relationships(parameters: &Parameters<'_>) -> Result<Vec<String>, ApiError> {
    parse_relationships(parameters.one("relationships")?.unwrap_or_default())
}

/// Does the same for names that are separated by commas.
pub fn parse_relationships(given: &str) -> Result<Vec<String>, ApiError> {
    let mut names = Vec::new();
    for name in given.split(',') {
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() {
            continue;
        }
        if !relationships::is_name(&name) || relationships::is_reserved(&name) {
            return Err(ApiError::bad_request(
                "parameter `relationships`: expected names such as `contacted_domains`, separated \
                 by commas; `…/relationships/types` lists them",
            ));
        }
        names.push(name);
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > MOST_RELATIONSHIPS {
        return Err(ApiError::bad_request(
            "parameter `relationships`: at most ten of them come with a report",
        ));
    }
    Ok(names)
}

/// Looks up a report and answers with the view that was asked for.
async fn answer(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: &Wanted<ReportQuery, ReportFormatQuery>,
    indicator: Indicator,
) -> Result<Response, ApiError> {
    answer_as(gateway, context, wanted, Asked::of_type(indicator)).await
}

/// Does the same, for an indicator whose type the caller may not know.
pub(super) async fn answer_as(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: &Wanted<ReportQuery, ReportFormatQuery>,
    Asked {
        indicator,
        is_named,
    }: Asked,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let name = wanted.query.template_name.as_deref();
    let view = View {
        names_indicator: is_named,
        ..wanted.view.of(&templates, &[indicator.kind()], name)?
    };
    let asked = lookup::ReportQuery {
        indicator,
        relationships: wanted.query.relationships.clone(),
    };
    let freshness = &wanted.freshness;
    let reply = gateway.lookup.report(context, &asked, &view, freshness);
    Ok(wanted.respond(reply.await?))
}

/// File report
///
/// VirusTotal's report on a file, found by its MD5, SHA-1 or SHA-256. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}",
    tag = "Files",
    params(FileHash, ReportFormatQuery, ViewQuery, ReportQuery, WaitQuery),
    responses(FileReport, ReadErrors)
)]
pub async fn get_file_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<ReportQuery, ReportFormatQuery>,
    FileHash(file): FileHash,
) -> Result<Response, ApiError> {
    answer(&gateway, &context, &wanted, file).await
}

/// URL report, by the URL
///
/// VirusTotal's report on a URL; it never submits the URL for a scan. The URL must be
/// percent-encoded: any further parameter is an error, since it is most likely half of the
/// URL. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/urls/analyze",
    tag = "URLs",
    params(UrlQuery, ReportFormatQuery, ViewQuery, ReportQuery, WaitQuery),
    responses(UrlReport, ReadErrors)
)]
pub async fn analyze_url(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<(UrlQuery, ReportQuery), ReportFormatQuery>,
) -> Result<Response, ApiError> {
    let (UrlQuery { url }, wanted) = wanted.split_first();
    answer(&gateway, &context, &wanted, Indicator::from(&url)).await
}

/// URL report, by its id
///
/// VirusTotal's report on a URL, found by VirusTotal's id of it or by the base64 of the
/// URL. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/urls/{url_id}",
    tag = "URLs",
    params(UrlId, ReportFormatQuery, ViewQuery, ReportQuery, WaitQuery),
    responses(UrlReport, ReadErrors)
)]
pub async fn get_url_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<ReportQuery, ReportFormatQuery>,
    UrlId(url): UrlId,
) -> Result<Response, ApiError> {
    answer(&gateway, &context, &wanted, url).await
}

/// Domain report
///
/// VirusTotal's report on a domain. Internationalised names may be given as they are
/// read. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/domains/{domain}",
    tag = "Domains",
    params(DomainName, ReportFormatQuery, ViewQuery, ReportQuery, WaitQuery),
    responses(DomainReport, ReadErrors)
)]
pub async fn get_domain_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<ReportQuery, ReportFormatQuery>,
    DomainName(domain): DomainName,
) -> Result<Response, ApiError> {
    answer(&gateway, &context, &wanted, domain).await
}

/// IP address report
///
/// VirusTotal's report on an IPv4 or IPv6 address. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/ips/{ip_address}",
    tag = "IP addresses",
    params(IpAddress, ReportFormatQuery, ViewQuery, ReportQuery, WaitQuery),
    responses(IpReport, ReadErrors)
)]
pub async fn get_ip_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<ReportQuery, ReportFormatQuery>,
    IpAddress(address): IpAddress,
) -> Result<Response, ApiError> {
    answer(&gateway, &context, &wanted, address).await
}
