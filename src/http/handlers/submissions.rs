//! What starts an analysis: a file, a URL, a further look at what is known.

use std::borrow::Cow;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::{
    ToSchema,
    openapi::{
        ObjectBuilder, Schema,
        schema::{SchemaType, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::{
    error::ApiError,
    extract::body::{self, JSON},
    extract::caller,
    extract::format::{self, FormatQuery, Wanted},
    extract::{Ask, Query},
    middleware::admission::with_context,
    openapi::answers::{Started, WriteErrors},
    routes::collections,
    state::Gateway,
    state::Shared,
};
use crate::{
    access::RequestContext,
    answer::View,
    indicator::{Indicator, Kind, WebUrl},
    submit::{self, Incoming},
};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// A file, in a form.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents a form that is passed on as it comes")]
struct FileForm {
    /// The file, up to 650 MB; not empty.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
    /// The password of a protected archive, any text.
    #[schema(schema_with = one_field, required = false)]
    password: Option<String>,
}

/// Anything but an array: a form holds texts only, and an array would be several fields.
fn one_field() -> Schema {
    let types = [
        Type::String,
        Type::Number,
        Type::Boolean,
        Type::Object,
        Type::Null,
    ];
    let field = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(types))
        .description(Some("The password of a protected archive, any text."));
    field.build().into()
}

/// A URL to scan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UrlToScan {
    /// Its bytes are kept. Without a scheme, `http://` is put before it; a defanged one is refanged.
    #[schema(
        pattern = r"^([hH][tT][tT][pP][sS]?:\/\/)?([a-zA-Z0-9_-]{1,63}\.){0,3}[a-zA-Z][a-zA-Z0-9_-]{0,50}([\/?#]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s])?)?$",
        example = "https://example.com/"
    )]
    url: String,
}

/// The routes of submissions, the last one for every collection.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(upload_file))
        .routes(routes!(scan_url))
        .merge(collections::of_each(Kind::ALL, || [routes!(analyse_again)]))
}

/// Upload a file
///
/// Sends a file of up to 650 MB to VirusTotal, piece by piece as it arrives, and gives the
/// analysis that this starts. **An upload publishes the file**: others can download it from
/// VirusTotal. With the server's own key it is refused unless `VT4AI_ALLOW_SUBMISSIONS` is
/// set. Costs one lookup.
#[utoipa::path(
    post,
    path = "/api/v1/files",
    tag = "Files",
    params(FormatQuery),
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(Started, WriteErrors),
)]
async fn upload_file(State(gateway): State<Shared>, ask: Ask, mut body: Body) -> Response {
    submit(&gateway, &ask, "uploading file", async |context, view| {
        body::require(&ask.headers, &[MULTIPART])?;
        let content_type = &ask.headers[header::CONTENT_TYPE];
        let incoming = Incoming {
            content_type,
            body: &mut body,
        };
        Ok(gateway.submit.upload(context, incoming, view).await?)
    })
    .await
}

/// Scan a URL
///
/// Submits a URL to VirusTotal and gives the analysis that this starts. Others can see that
/// it was scanned. With the server's own key it is refused unless `VT4AI_ALLOW_SUBMISSIONS`
/// is set. Costs one lookup.
#[utoipa::path(
    post,
    path = "/api/v1/urls",
    tag = "URLs",
    params(FormatQuery),
    request_body(content(
        (UrlToScan = "application/json"),
        (UrlToScan = "application/x-www-form-urlencoded"),
    )),
    responses(Started, WriteErrors),
)]
async fn scan_url(State(gateway): State<Shared>, ask: Ask, body: Body) -> Response {
    submit(&gateway, &ask, "submitting URL", async |context, view| {
        let media = body::require(&ask.headers, &[JSON, FORM])?;
        let body = body::read(body).await?;
        let text = read_url(media, &body)?;
        let url = WebUrl::parse(&text)?;
        Ok(gateway.submit.scan_url(context, &url, view).await?)
    })
    .await
}

/// Analyse again
///
/// Has VirusTotal analyse once more what it already knows, and gives the analysis that this
/// starts. With the server's own key it is refused unless `VT4AI_ALLOW_SUBMISSIONS` is set.
/// Costs one lookup.
#[utoipa::path(
    post,
    path = "/api/v1/{collection}/{id}/analyse",
    params(FormatQuery),
    responses(Started, WriteErrors)
)]
async fn analyse_again(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
) -> Response {
    let doing = format!("requesting {} analysis", kind.noun());
    submit(&gateway, &ask, &doing, async |context, view| {
        let indicator = Indicator::parse(kind, ask.segment(0)?)?;
        Ok(gateway.submit.analyse(context, &indicator, view).await?)
    })
    .await
}

/// Starts an analysis, where the caller may, and says where it can be followed.
async fn submit(
    gateway: &Gateway,
    ask: &Ask,
    doing: &str,
    start: impl AsyncFnOnce(&RequestContext, &View<'_>) -> Result<submit::Started, ApiError>,
) -> Response {
    let context = caller::writing_context_for(ask, gateway).await;
    with_context(gateway, context, doing, async |context| {
        let query = ask.query(&[FormatQuery::NAMES])?;
        let (wanted, view) = format::read(gateway, &ask.headers, &query, &[])?;
        let started = start(context, &view).await?;
        Ok(accepted(wanted, started))
    })
    .await
}

fn accepted(wanted: Wanted, started: submit::Started) -> Response {
    let mut response = wanted.respond(started.answer.body);
    *response.status_mut() = StatusCode::ACCEPTED;
    let id = utf8_percent_encode(&started.analysis, NON_ALPHANUMERIC);
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/analyses/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn read_url(media: &str, body: &[u8]) -> Result<String, ApiError> {
    if media == JSON {
        let UrlToScan { url } = body::json(body, r#"`{"url": "…"}`"#)?;
        return Ok(url);
    }
    let form = str::from_utf8(body)
        .map_err(|_| ApiError::bad_request("the form is not percent-encoded"))?;
    let form = Query::parse(form);
    form.refuse_credentials()?;
    if form.has_other_than(&["url"]) {
        return Err(ApiError::bad_request(
            "the form has a field beside `url`: if it is part of the URL, percent-encode the URL \
             (with curl: `--data-urlencode 'url=…'`)",
        ));
    }
    let url = form.pasted("url")?.map(Cow::into_owned);
    url.ok_or_else(|| ApiError::bad_request("the form has no field `url`: the URL to scan"))
}
