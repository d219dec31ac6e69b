//! The format of an answer: `format`, else `Accept` (`docs/http-api.md`).

use std::iter;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    parameters::Parameters,
    query::{FromQuery, StrictQuery},
};
use crate::{
    http::{error::ApiError, state::AppState},
    render::{View, format::Format, interop::Interop, template::Templates},
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

/// The format that the query of a report, or of a list of objects, asks for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportFormatQuery {
    /// The form of `data`: JSON (of a report, its filtered attributes), a Markdown or XML document in
    /// a string, VirusTotal's own JSON, or a document for SOC platforms, mapped from the brief: of
    /// ECS 9, a STIX 2.1 bundle, or MISP objects. In any case, and `md` is `markdown`. Without it
    /// `Accept: text/markdown`, `Accept: application/xml` and
    /// `Accept: application/stix+json;version=2.1` give the document itself.
    #[param(inline, example = "json")]
    pub format: Option<ReportFormat>,
}

/// A format of a report: one of every answer, or one of SOC platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ReportFormat {
    /// The filtered attributes as JSON.
    Json,
    /// A Markdown document.
    Markdown,
    /// An XML document.
    Xml,
    /// VirusTotal's attributes, unfiltered.
    Raw,
    /// A document of the Elastic Common Schema.
    Ecs,
    /// A bundle of STIX 2.1.
    Stix,
    /// Objects for an event of MISP.
    Misp,
}

/// The form of the data of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One that every answer has.
    Plain(Format),
    /// One of SOC platforms, which has no other form beside it.
    Interop(Interop),
}

/// The parameter that chooses the format of an answer.
pub trait ChoosesFormat: FromQuery {
    /// Decides by the parameter, else by `Accept`; with neither it is the default, enveloped.
    fn choose(self, headers: &HeaderMap, default: Format) -> AnswerFormat;
}

/// The format of an answer and whether it is enveloped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerFormat {
    form: Form,
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

impl FromQuery for ReportFormatQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        iter::once("format")
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let expected = "expected one of `json`, `markdown`, `xml`, `raw`, `ecs`, `stix`, `misp`";
        let format = parameters.read("format", expected, ReportFormat::of)?;
        Ok(Self { format })
    }
}

impl ChoosesFormat for FormatQuery {
    fn choose(self, headers: &HeaderMap, default: Format) -> AnswerFormat {
        AnswerFormat::chosen(
            self.format.map(Form::Plain),
            headers,
            default,
            &DOCUMENTS[1..],
        )
    }
}

impl ChoosesFormat for ReportFormatQuery {
    fn choose(self, headers: &HeaderMap, default: Format) -> AnswerFormat {
        AnswerFormat::chosen(
            self.format.map(ReportFormat::form),
            headers,
            default,
            &DOCUMENTS,
        )
    }
}

impl ReportFormat {
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "markdown" | "md" => Some(Self::Markdown),
            "xml" => Some(Self::Xml),
            "raw" => Some(Self::Raw),
            "ecs" => Some(Self::Ecs),
            "stix" => Some(Self::Stix),
            "misp" => Some(Self::Misp),
            _ => None,
        }
    }

    fn form(self) -> Form {
        match self {
            Self::Json => Form::Plain(Format::Json),
            Self::Markdown => Form::Plain(Format::Markdown),
            Self::Xml => Form::Plain(Format::Xml),
            Self::Raw => Form::Plain(Format::Raw),
            Self::Ecs => Form::Interop(Interop::Ecs),
            Self::Stix => Form::Interop(Interop::Stix),
            Self::Misp => Form::Interop(Interop::Misp),
        }
    }
}

/// A media type of a bare document, with its form and the content type it is sent under.
type DocumentType = (&'static str, Form, &'static str);

/// The media type of a bundle of STIX, in the only version there is here.
pub const STIX: &str = "application/stix+json;version=2.1";

/// Media types of bare documents. That of STIX comes first, since only reports have it.
const DOCUMENTS: [DocumentType; 4] = [
    ("application/stix+json", Form::Interop(Interop::Stix), STIX),
    (
        "text/markdown",
        Form::Plain(Format::Markdown),
        "text/markdown; charset=utf-8",
    ),
    (
        "application/xml",
        Form::Plain(Format::Xml),
        "application/xml; charset=utf-8",
    ),
    (
        "text/xml",
        Form::Plain(Format::Xml),
        "text/xml; charset=utf-8",
    ),
];

impl AnswerFormat {
    /// Decides by `format`, else by `Accept`; with neither it is the default, enveloped.
    pub fn new(format: Option<Format>, headers: &HeaderMap, default: Format) -> Self {
        FormatQuery { format }.choose(headers, default)
    }

    /// Returns the envelope of a document for SOC platforms, or of JSON.
    pub fn enveloped(interop: Option<Interop>) -> Self {
        Self {
            form: interop.map_or(Form::Plain(Format::Json), Form::Interop),
            document: None,
        }
    }

    fn chosen(
        form: Option<Form>,
        headers: &HeaderMap,
        default: Format,
        documents: &[DocumentType],
    ) -> Self {
        if let Some(form) = form {
            let document = None;
            return Self { form, document };
        }
        match accepted(headers, documents) {
            Some((form, media)) => Self {
                form,
                document: Some(media),
            },
            None => Self {
                form: Form::Plain(default),
                document: None,
            },
        }
    }

    /// Returns the view of objects in this format, each through its type's default template.
    pub fn view(self, templates: &Templates) -> View<'_> {
        let view = match self.form {
            Form::Plain(format) => View::new(format, templates),
            Form::Interop(format) => View {
                interop: Some(format),
                ..View::new(Format::Json, templates)
            },
        };
        View {
            bare: self.document.is_some(),
            ..view
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
fn accepted(headers: &HeaderMap, documents: &[DocumentType]) -> Option<(Form, &'static str)> {
    if accepts_html(headers) {
        return None;
    }
    let mut best = None;
    let mut best_quality = 0;
    let mut wildcard_quality = 0;
    for (media, quality) in media_ranges(headers) {
        let document = document_of(media, documents);
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

fn document_of(media: &str, documents: &[DocumentType]) -> Option<(Form, &'static str)> {
    for (name, form, content_type) in documents {
        if media.eq_ignore_ascii_case(name) {
            return Some((*form, content_type));
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

/// Reads a media range: its type without parameters, and its quality in thousandths. A version of
/// STIX that is not known here is no range.
fn media_range(range: &str) -> Option<(&str, u16)> {
    let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
    let media = media.trim();
    if media.is_empty() {
        return None;
    }
    let mut quality = 1000;
    for parameter in parameters.split(';') {
        match parameter.trim().split_once('=') {
            Some(("q" | "Q", text)) => {
                quality = thousandths(text)?;
                // What follows is not of the type.
                break;
            }
            Some((name, version))
                if name.eq_ignore_ascii_case("version")
                    && media.eq_ignore_ascii_case("application/stix+json")
                    && version.trim_matches('"') != "2.1" =>
            {
                return None;
            }
            _ => {}
        }
    }
    Some((media, quality))
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
    #[case("application/stix+json", Some(STIX))]
    #[case("application/stix+json;version=2.1", Some(STIX))]
    #[case("Application/STIX+json; Version=\"2.1\"; q=0.5", Some(STIX))]
    #[case("application/stix+json;version=2.0", None)]
    #[case("application/stix+json;version=2.1;q=0.5, application/json", None)]
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
        assert_eq!(
            accepted(&headers, &DOCUMENTS).map(|(_, media)| media),
            media
        );
    }
}
