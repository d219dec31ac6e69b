//! Reports on files, URLs, domains and IP addresses.

use std::iter;

use axum::{extract::State, response::Response};
use utoipa::IntoParams;

use crate::{
    http::{
        error::ApiError,
        extract::{
            DomainName, FileHash, IpAddress, MayRead, Parameters, UrlId, Wanted,
            format::{self, FormatQuery, TemplateQuery},
            freshness::WaitQuery,
            query::FromQuery,
        },
        openapi::{
            answers::{DomainReport, FileReport, IpReport, UrlReport},
            errors::ReadErrors,
        },
        state::AppState,
    },
    indicator::{Indicator, Kind, WebUrl},
    render::{View, template::Templates},
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

impl Wanted<TemplateQuery> {
    /// Returns the view of a report on an object of this kind.
    fn view<'a>(&self, templates: &'a Templates, kind: Kind) -> Result<View<'a>, ApiError> {
        let name = self.query.template_name.as_deref();
        Ok(View {
            template: format::choose_template(templates, &[kind], name)?,
            ..self.format.view(templates)
        })
    }
}

/// File report
///
/// VirusTotal's report on a file, found by its MD5, SHA-1 or SHA-256. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}",
    tag = "Files",
    params(FileHash, FormatQuery, TemplateQuery, WaitQuery),
    responses(FileReport, ReadErrors)
)]
pub async fn get_file_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<TemplateQuery>,
    FileHash(file): FileHash,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = wanted.view(&templates, file.kind())?;
    let reply = gateway
        .lookup
        .report(&context, &file, &view, &wanted.freshness);
    Ok(wanted.respond(reply.await?))
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
    params(UrlQuery, FormatQuery, TemplateQuery, WaitQuery),
    responses(UrlReport, ReadErrors)
)]
pub async fn analyze_url(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<(UrlQuery, TemplateQuery)>,
) -> Result<Response, ApiError> {
    let (UrlQuery { url }, wanted) = wanted.split_first();
    let url = Indicator::from(&url);
    let templates = gateway.templates.current();
    let view = wanted.view(&templates, url.kind())?;
    let reply = gateway
        .lookup
        .report(&context, &url, &view, &wanted.freshness);
    Ok(wanted.respond(reply.await?))
}

/// URL report, by its id
///
/// VirusTotal's report on a URL, found by VirusTotal's id of it or by the base64 of the
/// URL. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/urls/{url_id}",
    tag = "URLs",
    params(UrlId, FormatQuery, TemplateQuery, WaitQuery),
    responses(UrlReport, ReadErrors)
)]
pub async fn get_url_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<TemplateQuery>,
    UrlId(url): UrlId,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = wanted.view(&templates, url.kind())?;
    let reply = gateway
        .lookup
        .report(&context, &url, &view, &wanted.freshness);
    Ok(wanted.respond(reply.await?))
}

/// Domain report
///
/// VirusTotal's report on a domain. Internationalised names may be given as they are
/// read. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/domains/{domain}",
    tag = "Domains",
    params(DomainName, FormatQuery, TemplateQuery, WaitQuery),
    responses(DomainReport, ReadErrors)
)]
pub async fn get_domain_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<TemplateQuery>,
    DomainName(domain): DomainName,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = wanted.view(&templates, domain.kind())?;
    let reply = gateway
        .lookup
        .report(&context, &domain, &view, &wanted.freshness);
    Ok(wanted.respond(reply.await?))
}

/// IP address report
///
/// VirusTotal's report on an IPv4 or IPv6 address. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/ips/{ip_address}",
    tag = "IP addresses",
    params(IpAddress, FormatQuery, TemplateQuery, WaitQuery),
    responses(IpReport, ReadErrors)
)]
pub async fn get_ip_report(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<TemplateQuery>,
    IpAddress(address): IpAddress,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = wanted.view(&templates, address.kind())?;
    let reply = gateway
        .lookup
        .report(&context, &address, &view, &wanted.freshness);
    Ok(wanted.respond(reply.await?))
}
