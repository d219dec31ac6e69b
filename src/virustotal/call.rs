//! A call to the VirusTotal API: path, query and body.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    sync::Arc,
};

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode, utf8_percent_encode,
};
use reqwest::header::HeaderMap;
use serde::Serialize;

use super::{Endpoint, OtherEndpoint, endpoint::EndpointPath};

/// The characters to percent-encode: all but RFC 3986's unreserved ones.
const ESCAPED_CHARS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A call to the VirusTotal API: an endpoint, an id, a query, and a body for a POST.
///
/// Every part is percent-encoded, so no value can change the path or add a parameter.
#[derive(Clone)]
pub struct Call {
    pub(super) endpoint: Endpoint,
    /// The path and query below `/api/v3`.
    pub(super) path: String,
    pub(super) payload: Payload,
    /// The request of a client that is sent in place of `path`, byte for byte.
    pub(super) verbatim: Option<Arc<Verbatim>>,
    has_query: bool,
}

/// A request of a client of VirusTotal's own API, which is passed on as it came.
#[derive(Clone)]
pub struct Verbatim {
    /// The path and query below `/api/v3`, byte for byte. The path has no dot segments.
    pub target: String,
    /// The headers that go on.
    pub headers: HeaderMap,
}

/// The body of a POST.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// No body.
    Nothing,
    /// `application/x-www-form-urlencoded`.
    Form(String),
    /// `application/json`.
    Json(Vec<u8>),
}

/// Omits everything, since a target can contain an indicator or a key.
impl fmt::Debug for Verbatim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verbatim(…)")
    }
}

/// Omits the path, which can contain an indicator or a key.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call(…)")
    }
}

impl Call {
    /// Creates a call to an endpoint whose path has no id.
    pub fn to(endpoint: Endpoint) -> Self {
        Self::about(endpoint, "")
    }

    /// Creates a call to an endpoint of which the gateway itself knows nothing but the path.
    pub fn other(endpoint: OtherEndpoint, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::to(Endpoint::Other(endpoint))
        }
    }

    /// Creates a call about the object with this id. An endpoint whose path has no id ignores it.
    pub fn about(endpoint: Endpoint, id: &str) -> Self {
        let mut path = String::with_capacity(128);
        match endpoint.path() {
            EndpointPath::Fixed(fixed) => path.push_str(fixed),
            EndpointPath::AroundId { before, after } => {
                push_segment(&mut path, before);
                push_segment(&mut path, id);
                for segment in after.iter().filter(|segment| !segment.is_empty()) {
                    push_segment(&mut path, segment);
                }
            }
        }
        Self {
            endpoint,
            path,
            payload: Payload::Nothing,
            verbatim: None,
            has_query: false,
        }
    }

    /// Sends a client's own request in place of the one that is built here.
    ///
    /// The path remains what the answer is known by, so that it is found again by requests that
    /// are spelled in another way.
    #[must_use]
    pub fn as_sent(mut self, verbatim: Verbatim) -> Self {
        self.verbatim = Some(Arc::new(verbatim));
        self
    }

    /// Adds a query as a client sent it, in the spelling in which this module writes queries.
    ///
    /// The order of the parameters is kept, and so are bytes that are not UTF-8.
    #[must_use]
    pub fn with_query(mut self, query: &str) -> Self {
        for pair in query.split('&') {
            self.path.push(if self.has_query { '&' } else { '?' });
            self.has_query = true;
            match pair.split_once('=') {
                Some((name, value)) => {
                    push_respelled(&mut self.path, name);
                    self.path.push('=');
                    push_respelled(&mut self.path, value);
                }
                None => push_respelled(&mut self.path, pair),
            }
        }
        self
    }

    /// Adds the name of the integration that asked: VirusTotal's answer can depend on it.
    ///
    /// A space stands in no path, so no other call has the same identity.
    #[must_use]
    pub fn by_tool(mut self, tool: &[u8]) -> Self {
        self.path.push(' ');
        self.path.extend(percent_encode(tool, ESCAPED_CHARS));
        self
    }

    /// Replaces the path, for a call that a client spells in a way of its own.
    #[must_use]
    pub fn spelled(self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    /// Adds a body: a form with one field.
    #[must_use]
    pub fn with_form(mut self, name: &str, value: &str) -> Self {
        self.payload = Payload::Form(format!(
            "{name}={}",
            utf8_percent_encode(value, ESCAPED_CHARS)
        ));
        self
    }

    /// Adds a body: JSON. Serializing `value` must not fail.
    #[must_use]
    pub fn with_json(mut self, value: &impl Serialize) -> Self {
        self.payload = Payload::Json(serde_json::to_vec(value).unwrap_or_default());
        self
    }

    /// Returns the identity of the call: the path and query as they are sent, unless it is a
    /// client's own request.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the endpoint, to which VirusTotal's rate limits apply.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let mark = if self.has_query { '&' } else { '?' };
        let _ = write!(
            self.path,
            "{mark}{name}={}",
            utf8_percent_encode(value, ESCAPED_CHARS)
        );
        self.has_query = true;
        self
    }

    /// Adds a query parameter if it has a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// Appends a part of a query, decoded and encoded anew.
fn push_respelled(path: &mut String, text: &str) {
    let mut plain = Cow::Borrowed(text);
    if text.contains('+') {
        plain = text.replace('+', " ").into();
    }
    let bytes: Cow<'_, [u8]> = percent_decode(plain.as_bytes()).into();
    path.extend(percent_encode(&bytes, ESCAPED_CHARS));
}

/// Appends a segment to a path.
fn push_segment(path: &mut String, segment: &str) {
    path.push('/');
    match segment {
        // URL parsers resolve `%2E` like a dot. Encoded twice, a dot segment is an id that
        // VirusTotal does not know.
        "." => path.push_str("%252E"),
        ".." => path.push_str("%252E%252E"),
        segment => path.extend(utf8_percent_encode(segment, ESCAPED_CHARS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::Kind;

    #[test]
    fn no_value_can_change_the_path_or_add_a_parameter() {
        let call = Call::about(Endpoint::Report(Kind::File), "a/../b?c#d%2e é")
            .with("cursor", "x&limit=9 +=")
            .with_some("order", None)
            .with_some("limit", Some("1"));
        assert_eq!(
            call.path,
            "/files/a%2F..%2Fb%3Fc%23d%252e%20%C3%A9?cursor=x%26limit%3D9%20%2B%3D&limit=1"
        );
    }

    #[test]
    fn no_segment_changes_the_path_depth() {
        for text in [
            ".", "..", "%2e", "%2e%2e", ".%2e", "%2E.", "..\\", "../x", "..;", "\t..",
        ] {
            let calls = [
                Call::about(Endpoint::OverallQuotas, text),
                Call::about(Endpoint::Related(Kind::File, text.to_owned()), "x"),
            ];
            for call in calls {
                let url = format!("https://www.virustotal.com/api/v3{}", call.path);
                let url = url::Url::parse(&url).unwrap();
                // Unchanged: the parser found no dot segment to resolve.
                assert_eq!(url.path(), format!("/api/v3{}", call.path), "{text}");
                assert_eq!(url.path_segments().unwrap().count(), 5, "{text}");
            }
        }
    }

    #[test]
    fn an_empty_id_keeps_its_segment() {
        let call = Call::about(Endpoint::OverallQuotas, "");
        assert_eq!(call.path, "/users//overall_quotas");
    }

    #[test]
    fn ids_of_analyses_are_preserved() {
        let call = Call::about(Endpoint::Analysis, "NDRkOA==");
        assert_eq!(call.path, "/analyses/NDRkOA%3D%3D");
    }

    #[test]
    fn form_has_one_field_for_any_value() {
        let call = Call::to(Endpoint::ScanUrl).with_form("url", "http://a.example/?b=1&url=2+3");
        let Payload::Form(form) = call.payload else {
            panic!("{call:?}");
        };
        assert_eq!(form, "url=http%3A%2F%2Fa.example%2F%3Fb%3D1%26url%3D2%2B3");
    }
}
