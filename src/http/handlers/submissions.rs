//! Submissions that start an analysis: a file, a URL, an object that is known already.

use axum::{
    body::Body,
    extract::{FromRequest, Request, State},
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

use crate::{
    http::{
        error::ApiError,
        extract::{
            AnswerFormat, MaySubmit, Parameters, WriteAbout,
            body::{self, JSON},
            caller::note_subject,
            format::FormatQuery,
        },
        headers::note_tokens,
        openapi::{answers::StartedAnswer, errors::WriteErrors},
        state::AppState,
    },
    indicator::{Kind, WebUrl},
    submit::{self, Incoming},
};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// A file in a form.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents a form that is passed on as it comes")]
pub struct FileForm {
    /// The file, up to 650 MB; not empty.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
    /// The password of a protected archive, any text.
    #[schema(schema_with = one_field, required = false)]
    password: Option<String>,
}

/// Returns the schema of anything but an array: a form holds texts only, and an array would be several fields.
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
pub struct UrlToScan {
    /// Its bytes are kept. Without a scheme, `http://` is put before it; a defanged one is refanged.
    #[schema(
        pattern = r"^([hH][tT][tT][pP][sS]?:\/\/)?([a-zA-Z0-9_-]{1,63}\.){0,3}[a-zA-Z][a-zA-Z0-9_-]{0,50}([\/?#]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s])?)?$",
        example = "https://example.com/"
    )]
    url: String,
}

/// The JSON form of a URL to scan.
const EXPECTED: &str = r#"`{"url": "…"}`"#;

/// The URL that a body names.
#[derive(Debug)]
pub struct PostedUrl(WebUrl<'static>);

/// A form that is passed on as it arrives.
#[derive(Debug)]
pub struct Multipart {
    content_type: HeaderValue,
    body: Body,
}

impl FromRequest<AppState> for Multipart {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, ApiError> {
        let headers = request.headers();
        body::require(headers, &[MULTIPART])?;
        Ok(Self {
            content_type: headers[header::CONTENT_TYPE].clone(),
            body: request.into_body(),
        })
    }
}

impl FromRequest<AppState> for PostedUrl {
    type Rejection = ApiError;

    async fn from_request(request: Request, gateway: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let media = body::require(&parts.headers, &[JSON, FORM])?;
        let body = body::read(body).await?;
        let text = if media == JSON {
            let UrlToScan { url } = body::json(&body, EXPECTED)?;
            url
        } else {
            read_form(&body)?
        };
        let parsed = WebUrl::parse(&text);
        // Unlike a path, a body can't be read again for the record of a rejected request.
        let noted = parsed.as_ref().map_or(text.as_str(), WebUrl::as_str);
        note_subject(&parts, gateway, Kind::Url.name(), noted);
        Ok(Self(parsed?.into_owned()))
    }
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
    responses(StartedAnswer, WriteErrors),
)]
pub async fn upload_file(
    State(gateway): State<AppState>,
    MaySubmit(context): MaySubmit,
    format: AnswerFormat,
    mut form: Multipart,
) -> Result<Response, ApiError> {
    let incoming = Incoming {
        content_type: &form.content_type,
        body: &mut form.body,
    };
    let templates = gateway.templates.current();
    let view = format.view(&templates);
    let started = gateway.submit.upload(&context, incoming, &view).await?;
    Ok(accepted(format, started))
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
    responses(StartedAnswer, WriteErrors),
)]
pub async fn scan_url(
    State(gateway): State<AppState>,
    MaySubmit(context): MaySubmit,
    format: AnswerFormat,
    PostedUrl(url): PostedUrl,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = format.view(&templates);
    let started = gateway.submit.scan_url(&context, &url, &view).await?;
    Ok(accepted(format, started))
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
    responses(StartedAnswer, WriteErrors)
)]
pub async fn analyse_again(
    State(gateway): State<AppState>,
    write: WriteAbout,
) -> Result<Response, ApiError> {
    let WriteAbout {
        context,
        format,
        indicator,
    } = write;
    let templates = gateway.templates.current();
    let view = format.view(&templates);
    let started = gateway.submit.analyse(&context, &indicator, &view).await?;
    Ok(accepted(format, started))
}

/// Returns the 202 that says where the analysis can be followed.
fn accepted(format: AnswerFormat, started: submit::Started) -> Response {
    let tokens = started.answer.size.tokens;
    let mut response = format.respond(started.answer.body);
    note_tokens(&mut response, tokens);
    *response.status_mut() = StatusCode::ACCEPTED;
    let id = utf8_percent_encode(&started.analysis, NON_ALPHANUMERIC);
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/analyses/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn read_form(body: &[u8]) -> Result<String, ApiError> {
    let Ok(form) = str::from_utf8(body) else {
        return Err(ApiError::bad_request("the form is not percent-encoded"));
    };
    let form = Parameters::parse(form);
    form.refuse_credentials()?;
    if form.has_other_than(&["url"]) {
        return Err(ApiError::bad_request(
            "the form has a field beside `url`: if it is part of the URL, percent-encode the URL \
             (with curl: `--data-urlencode 'url=…'`)",
        ));
    }
    match form.pasted("url")? {
        Some(url) => Ok(url.into_owned()),
        None => Err(ApiError::bad_request(
            "the form has no field `url`: the URL to scan",
        )),
    }
}
