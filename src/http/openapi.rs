//! The OpenAPI document, built from the handlers' attributes, and Swagger UI.
//!
//! Answers that operations share are in [`answers`], errors in [`errors`], the path parameter of each kind of
//! indicator in [`mod@parameters`], static files in [`files`].

use self::answers::{
    AnalysisBody, DomainReportBody, FileReportBody, IpReportBody, ListBody, ObjectBody,
    UrlReportBody,
};
use crate::{
    http::error::{ApiError, ErrorDocument},
    indicator::Kind,
    render::brief::{DomainBrief, FileBrief, IpBrief, OtherBrief, UrlBrief},
    render::{format::Format, template::Templates},
};
use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use tower::util::MapResponseLayer;
use utoipa::{
    OpenApi,
    openapi::{
        ObjectBuilder, OpenApi as Document, RefOr,
        path::{Operation, Parameter, PathItem},
        schema::Type,
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        },
    },
};

pub mod answers;
pub mod bulk;
pub mod errors;
pub mod files;
pub mod parameters;

/// The names of the security schemes.
const SCHEME: &str = "ApiKey";
const TOKEN_SCHEME: &str = "ClientToken";

/// The headers that restrict the page of Swagger UI to files and requests of this server.
///
/// Its scripts set styles and hold its icons; its HTML has no inline script.
const PAGE_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The document without operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "VT4AI",
        description = "A gateway in front of VirusTotal API v3 for language-model applications and SOC \
            tools. It looks up files, URLs, domains and IP addresses, keeps what matters through \
            templates, and answers as JSON, Markdown, XML or raw.\n\n\
            Send your VirusTotal key in `X-API-Key` (*Authorize*) or, where the operator has given you \
            one, your client token, which also goes as `Authorization: Bearer`. Without either the \
            server's own key is used, where the server holds one and you are its own user on its own \
            machine, or its operator has opened it to all (`VT4AI_ALLOW_ANONYMOUS`).\n\n\
            **Posts are seen by others**: an upload publishes a file to the world, a comment or a vote \
            stands under the key's account. With the server's own key they are refused unless its \
            operator has set `VT4AI_ALLOW_SUBMISSIONS`.\n\n\
            VirusTotal's own API is answered below `/api/v3`, for its clients with this host in place of \
            `www.virustotal.com`; [its reference](https://docs.virustotal.com/reference/overview) describes it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(
        Format, FileReportBody, UrlReportBody, DomainReportBody, IpReportBody, AnalysisBody, ListBody,
        ObjectBody, FileBrief, UrlBrief, DomainBrief, IpBrief, OtherBrief, ErrorDocument<'static>,
    )),
    servers((url = "/", description = "This gateway")),
    tags(
        (name = "Lookup", description = "Any indicator as it was pasted, and thousands at once"),
        (name = "Files", description = "Files: reports, behaviour, relationships, uploads, comments, votes"),
        (name = "URLs", description = "URLs: reports, relationships, scans, comments, votes"),
        (name = "Domains", description = "Domains: reports, relationships, comments, votes"),
        (name = "IP addresses", description = "IP addresses: reports, relationships, comments, votes"),
        (name = "Analyses", description = "Uploads and scans in progress, and their results"),
        (name = "Search", description = "Objects by their name, or by what is known of them"),
        (name = "Templates", description = "Choices of the attributes that answers show"),
        (name = "Service", description = "The gateway itself"),
    ),
)]
struct Base;

/// Builds the document without its paths, with the ways to send a key.
pub fn base() -> Document {
    let mut document = Base::openapi();
    document.info.version = String::from(env!("CARGO_PKG_VERSION"));
    let key = ApiKeyValue::with_description("X-API-Key", "Your VirusTotal API key or client token");
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(SCHEME, SecurityScheme::ApiKey(ApiKey::Header(key)));
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.description = Some("Your client token".to_owned());
    components.add_security_scheme(TOKEN_SCHEME, SecurityScheme::Http(token));
    let optional = vec![
        SecurityRequirement::default(),
        SecurityRequirement::new(SCHEME, [""; 0]),
        SecurityRequirement::new(TOKEN_SCHEME, [""; 0]),
    ];
    document.security = Some(optional);
    document
}

/// Lists the templates of this gateway at each `template_name`.
pub fn complete(document: &mut Document, templates: &Templates) {
    for (path, item) in &mut document.paths.paths {
        let mut names = Vec::new();
        for kind in kinds_at(path) {
            names.extend(templates.of(kind).map(|template| template.name.as_str()));
        }
        if let Some(parameter) = template_parameter(item)
            && !names.is_empty()
        {
            let names = ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(names));
            parameter.schema = Some(names.into());
        }
    }
}

/// Returns the kinds of objects in the answers at a path: of one for its reports, of all in lists.
fn kinds_at(path: &str) -> Vec<Kind> {
    let is_list = path.contains("/relationships/") || path.ends_with("/search");
    for kind in Kind::ALL {
        if !is_list && path.starts_with(&format!("/api/v1/{}/", kind.collection())) {
            return vec![kind];
        }
    }
    Kind::ALL.to_vec()
}

fn template_parameter(item: &mut PathItem) -> Option<&mut Parameter> {
    for parameter in item.get.as_mut()?.parameters.as_mut()? {
        match parameter {
            RefOr::T(parameter) if parameter.name == "template_name" => return Some(parameter),
            RefOr::T(_) | RefOr::Ref(_) => {}
        }
    }
    None
}

/// Adapts an operation that is written for all collections to one of them.
pub fn adapt(operation: &mut Operation, kind: Kind, id: Option<Parameter>) {
    operation.tags = Some(vec![tag(kind).to_owned()]);
    if let Some(name) = &mut operation.operation_id {
        *name = format!("{name}_of_{}", kind.collection());
    }
    if let Some(id) = id {
        operation
            .parameters
            .get_or_insert_default()
            .insert(0, id.into());
    }
}

fn tag(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "Files",
        Kind::Url => "URLs",
        Kind::Domain => "Domains",
        Kind::Ip => "IP addresses",
    }
}

/// Builds the routes of Swagger UI at `/docs`.
pub fn swagger_ui<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/docs", get(async || Redirect::to("/docs/")))
        .route("/docs/", get(get_index))
        .route("/docs/{*path}", get(get_page))
        .layer(MapResponseLayer::new(protect))
}

async fn get_index(headers: HeaderMap) -> Response {
    page("", &headers)
}

async fn get_page(Path(path): Path<String>, headers: HeaderMap) -> Response {
    page(&path, &headers)
}

fn page(path: &str, headers: &HeaderMap) -> Response {
    match files::swagger(path, headers) {
        Some(response) => response,
        None => {
            ApiError::not_found("no such file; the documentation is at `/docs`").into_response()
        }
    }
}

fn protect(mut response: Response) -> Response {
    response.headers_mut().extend(PAGE_HEADERS);
    response
}
