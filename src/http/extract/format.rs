//! In which form an answer is wanted: `format`, else `Accept` (CONTRACT 2 and 4).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use utoipa::IntoParams;

use crate::http::{error::ApiError, extract::Query, state::Gateway};
use crate::{answer::View, format::Format, indicator::Kind};

/// The query of whatever takes no template; read by [`read`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "documents the query, which is read parameter by parameter"
)]
pub struct FormatQuery {
    /// The form of `data`: JSON, a Markdown or XML document in a string, or VirusTotal's own
    /// JSON. In any case, and `md` is `markdown`. Without it `Accept: text/markdown` and
    /// `Accept: application/xml` give the document itself.
    #[param(inline, example = "json")]
    format: Option<Format>,
}

impl FormatQuery {
    /// The names of these parameters.
    pub const NAMES: &[&str] = &["format"];
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The form of the data.
    format: Format,
    /// The media type of a bare document; `None` is the JSON envelope.
    document: Option<&'static str>,
}

/// Media types that name a bare document, with the content type it is sent under.
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

impl Wanted {
    /// Reads `format` and `Accept`; with neither it is the default, enveloped.
    fn read(query: &Query<'_>, headers: &HeaderMap, default: Format) -> Result<Self, ApiError> {
        let expected = "expected one of `json`, `markdown`, `xml`, `raw`";
        let format = query.read("format", expected, read_format)?;
        Ok(match (format, accepted(headers)) {
            (Some(format), _) => Self {
                format,
                document: None,
            },
            (None, Some((format, media))) => Self {
                format,
                document: Some(media),
            },
            (None, None) => Self {
                format: default,
                document: None,
            },
        })
    }

    /// The body under its content type.
    pub fn respond(self, body: impl Into<Body>) -> Response {
        let media = HeaderValue::from_static(self.document.unwrap_or("application/json"));
        ([(header::CONTENT_TYPE, media)], body.into()).into_response()
    }
}

/// Reads how an answer is wanted, and the view of objects of these kinds that comes of it.
pub fn read<'a>(
    gateway: &'a Gateway,
    headers: &HeaderMap,
    query: &Query<'_>,
    kinds: &[Kind],
) -> Result<(Wanted, View<'a>), ApiError> {
    let wanted = Wanted::read(query, headers, gateway.default_format)?;
    let templates = &gateway.templates;
    let name = query.one("template_name")?.filter(|_| !kinds.is_empty());
    let template = name.map(|name| templates.choose(kinds, name)).transpose()?;
    let view = View {
        format: wanted.format,
        bare: wanted.document.is_some(),
        template,
        templates,
        descriptors_only: false,
        cursor: None,
    };
    Ok((wanted, view))
}

/// Reads a format in any case, and by the ending of Markdown's files.
fn read_format(name: &str) -> Option<Format> {
    match name.to_ascii_lowercase().as_str() {
        "md" => Some(Format::Markdown),
        name => name.parse().ok(),
    }
}

/// The document that the client likes best, if it likes one better than JSON.
///
/// A browser names `text/html` and XML beside it; it gets JSON. Of equals the first one
/// named wins, and any that is named wins over a wildcard.
fn accepted(headers: &HeaderMap) -> Option<(Format, &'static str)> {
    let ranges = || {
        let values = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .filter_map(media_range)
    };
    if ranges().any(|(media, _)| media.eq_ignore_ascii_case("text/html")) {
        return None;
    }
    let mut best = None;
    let mut best_quality = 0;
    for (media, quality) in ranges() {
        let document = DOCUMENTS
            .iter()
            .find(|(name, ..)| media.eq_ignore_ascii_case(name));
        let json = media.eq_ignore_ascii_case("application/json");
        if quality > best_quality && (json || document.is_some()) {
            best_quality = quality;
            best = document.map(|(_, format, media)| (*format, *media));
        }
    }
    let wildcard = ranges()
        .filter(|(media, _)| *media == "*/*" || media.eq_ignore_ascii_case("application/*"))
        .map(|(_, quality)| quality)
        .max();
    best.filter(|_| wildcard.is_none_or(|wildcard| wildcard <= best_quality))
}

/// A media range without its parameters, and its quality in thousandths.
fn media_range(range: &str) -> Option<(&str, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?;
    let quality =
        parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = match quality.map(str::parse::<f32>) {
        None => 1.0,
        Some(Ok(quality)) if (0.0..=1.0).contains(&quality) => quality,
        Some(_) => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1000"
    )]
    Some((media, (quality * 1000.0).round() as u16))
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
