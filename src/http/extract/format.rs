//! The format of an answer: `format`, else `Accept` (`docs/http-api.md`).

use std::iter;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use utoipa::IntoParams;

use super::{
    parameters::Parameters,
    query::{FromQuery, StrictQuery},
};
use crate::{
    http::{error::ApiError, state::AppState},
    render::{View, format::Format, template::Templates},
};

/// The format that a query asks for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FormatQuery {
    /// The form of `data`: JSON (of a report, its filtered attributes), a Markdown or XML document in
    /// a string, or VirusTotal's own JSON. In any case, and `md` is `markdown`. Without it
    /// `Accept: text/markdown` and `Accept: application/xml` give the document itself.
    #[param(inline, example = "json")]
    pub format: Option<Format>,
}

/// The format of an answer and whether it is enveloped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerFormat {
    format: Format,
    /// The media type of a bare document; `None` is the JSON envelope.
    document: Option<&'static str>,
}

impl FromQuery for FormatQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        iter::once("format")
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let expected = "expected one of `json`, `markdown`, `xml`, `raw`";
        let format = parameters.read("format", expected, read_format)?;
        Ok(Self { format })
    }
}

/// Media types of bare documents, each with the content type it is sent under.
const DOCUMENTS: [(&str, Format, &str); 3] = [
    (
        "text/markdown",
        Format::Markdown,
        "text/markdown; charset=utf-8",
    ),
    (
        "application/xml",
        Format::Xml,
        "application/xml; charset=utf-8",
    ),
    ("text/xml", Format::Xml, "text/xml; charset=utf-8"),
];

impl AnswerFormat {
    /// Decides by `format`, else by `Accept`; with neither it is the default, enveloped.
    pub fn new(format: Option<Format>, headers: &HeaderMap, default: Format) -> Self {
        if let Some(format) = format {
            let document = None;
            return Self { format, document };
        }
        match accepted(headers) {
            Some((format, media)) => Self {
                format,
                document: Some(media),
            },
            None => Self {
                format: default,
                document: None,
            },
        }
    }

    /// Returns the view of objects in this format, each through its type's default template.
    pub fn view(self, templates: &Templates) -> View<'_> {
        View {
            bare: self.document.is_some(),
            ..View::new(self.format, templates)
        }
    }

    /// Returns a response with this body under the format's content type.
    pub fn respond(self, body: impl Into<Body>) -> Response {
        let media = HeaderValue::from_static(self.document.unwrap_or("application/json"));
        ([(header::CONTENT_TYPE, media)], body.into()).into_response()
    }
}

/// The format of an answer to a request whose query may hold `format` and nothing else.
impl FromRequestParts<AppState> for AnswerFormat {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let StrictQuery(FormatQuery { format }) = StrictQuery::of(parts)?;
        Ok(Self::new(format, &parts.headers, gateway.views.format))
    }
}

/// Reads a format in any case; `md` is Markdown.
fn read_format(name: &str) -> Option<Format> {
    match name.to_ascii_lowercase().as_str() {
        "md" => Some(Format::Markdown),
        name => name.parse().ok(),
    }
}

/// Returns the document that a client prefers to JSON, if there is one.
///
/// A browser accepts `text/html` and XML beside it, and gets JSON. Of equal qualities the first one
/// wins, and a named type wins over a wildcard.
fn accepted(headers: &HeaderMap) -> Option<(Format, &'static str)> {
    if accepts_html(headers) {
        return None;
    }
    let mut best = None;
    let mut best_quality = 0;
    let mut wildcard_quality = 0;
    for (media, quality) in media_ranges(headers) {
        let document = document_of(media);
        if media == "*/*" || media.eq_ignore_ascii_case("application/*") {
            wildcard_quality = quality.max(wildcard_quality);
        } else if quality > best_quality && (document.is_some() || is_json(media)) {
            best_quality = quality;
            best = document;
        }
    }
    if wildcard_quality > best_quality {
        return None;
    }
    best
}

fn document_of(media: &str) -> Option<(Format, &'static str)> {
    for (name, format, content_type) in DOCUMENTS {
        if media.eq_ignore_ascii_case(name) {
            return Some((format, content_type));
        }
    }
    None
}

fn is_json(media: &str) -> bool {
    media.eq_ignore_ascii_case("application/json")
}

/// Returns whether `Accept` names `text/html`, as only browsers do.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    media_ranges(headers).any(|(media, _)| media.eq_ignore_ascii_case("text/html"))
}

/// Returns the media ranges of `Accept` with their qualities.
pub fn media_ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, u16)> {
    let values = headers.get_all(header::ACCEPT).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(media_range)
}

/// Reads a media range: its type without parameters, and its quality in thousandths.
fn media_range(range: &str) -> Option<(&str, u16)> {
    let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
    let media = media.trim();
    if media.is_empty() {
        return None;
    }
    for parameter in parameters.split(';') {
        if let Some(("q" | "Q", quality)) = parameter.trim().split_once('=') {
            return Some((media, thousandths(quality)?));
        }
    }
    Some((media, 1000))
}

fn thousandths(quality: &str) -> Option<u16> {
    let quality: f32 = quality.parse().ok()?;
    if !(0.0..=1.0).contains(&quality) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1000"
    )]
    Some((quality * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", None)]
    #[case("*/*", None)]
    #[case("application/json", None)]
    #[case("text/plain", None)]
    #[case("text/markdown", Some("text/markdown; charset=utf-8"))]
    #[case("Text/Markdown; charset=utf-8", Some("text/markdown; charset=utf-8"))]
    #[case("text/markdown, */*", Some("text/markdown; charset=utf-8"))]
    #[case("text/markdown;q=0.5, */*", None)]
    #[case(
        "text/markdown;q=0.5, application/json;q=0.4",
        Some("text/markdown; charset=utf-8")
    )]
    #[case("application/json, text/markdown", None)]
    #[case("text/xml, application/xml", Some("text/xml; charset=utf-8"))]
    #[case(
        "text/markdown;q=0.1, application/xml;q=0.2",
        Some("application/xml; charset=utf-8")
    )]
    #[case("application/xml;q=0", None)]
    #[case("application/xml;q=nonsense", None)]
    #[case(
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        None
    )]
    fn accept_is_weighed(#[case] accept: &'static str, #[case] media: Option<&str>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(accepted(&headers).map(|(_, media)| media), media);
    }
}
