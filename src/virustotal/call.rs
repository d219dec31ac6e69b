//! A call to the VirusTotal API: path, query and body.

use std::fmt::{self, Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::relationships;

/// The characters to percent-encode: all but RFC 3986's unreserved ones.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Path segments that may follow an id and are no relationship.
const OWN: [&str; 7] = [
    "analyse",
    "behaviour_mitre_trees",
    "behaviour_summary",
    "comments",
    "overall_quotas",
    "relationships",
    "votes",
];

/// A call to the VirusTotal API: a path below `/api/v3`, a query, and a body for a POST.
///
/// Every part is percent-encoded, so no value can change the path or add a parameter.
#[derive(Clone)]
pub struct Call {
    pub(super) path: String,
    pub(super) method: Method,
    has_query: bool,
}

/// The method of a call.
#[derive(Clone, Debug)]
pub(super) enum Method {
    /// A GET, which may be retried.
    Get,
    /// A POST, which is never retried.
    Post(Payload),
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

/// Omits the path, which can contain an indicator or a key.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call(…)")
    }
}

impl Call {
    /// Creates a GET for a path.
    pub fn get(segments: &[&str]) -> Self {
        Self::new(segments, Method::Get)
    }

    /// Creates a POST without a body.
    pub fn post(segments: &[&str]) -> Self {
        Self::new(segments, Method::Post(Payload::Nothing))
    }

    /// Creates a POST of a form with one field.
    pub fn post_form(segments: &[&str], name: &str, value: &str) -> Self {
        let form = format!("{name}={}", utf8_percent_encode(value, ESCAPED));
        Self::new(segments, Method::Post(Payload::Form(form)))
    }

    /// Creates a POST of JSON. Serializing `value` must not fail.
    pub fn post_json(segments: &[&str], value: &impl Serialize) -> Self {
        let json = serde_json::to_vec(value).unwrap_or_default();
        Self::new(segments, Method::Post(Payload::Json(json)))
    }

    fn new(segments: &[&str], method: Method) -> Self {
        let mut path = String::with_capacity(128);
        for segment in segments {
            path.push('/');
            match *segment {
                // URL parsers resolve `%2E` like a dot. Encoded twice, a dot segment is an id that
                // VirusTotal does not know.
                "." => path.push_str("%252E"),
                ".." => path.push_str("%252E%252E"),
                segment => path.extend(utf8_percent_encode(segment, ESCAPED)),
            }
        }
        Self {
            path,
            method,
            has_query: false,
        }
    }

    /// Returns the path and query as they are sent.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the method and the path with `{}` in place of the id: `GET /files/{}/comments`.
    ///
    /// VirusTotal applies its rate limits to endpoints in this form.
    pub fn endpoint(&self) -> String {
        let method = match self.method {
            Method::Get => "GET",
            Method::Post(_) => "POST",
        };
        let path = self.path.split('?').next().unwrap_or_default();
        let segments = path.split('/').skip(1).enumerate();
        segments.fold(format!("{method} "), |endpoint, (at, segment)| {
            // The second segment is an id, except in `/intelligence/search` and
            // `/files/upload_url`.
            let is_id = at == 1 && !matches!(segment, "search" | "upload_url");
            endpoint + "/" + if is_id { "{}" } else { segment }
        })
    }

    /// Returns the endpoint with unknown segments replaced by `{}`, so that metrics have a bounded
    /// number of labels.
    pub(super) fn pattern(&self) -> String {
        let endpoint = self.endpoint();
        let is_known = |(at, segment): (usize, &str)| {
            // The first three parts are the method, the collection and the id.
            at < 3 || OWN.contains(&segment) || relationships::is_known(segment)
        };
        let segments = endpoint.split('/').enumerate();
        let segments = segments.map(|it| if is_known(it) { it.1 } else { "{}" });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let mark = if self.has_query { '&' } else { '?' };
        let _ = write!(
            self.path,
            "{mark}{name}={}",
            utf8_percent_encode(value, ESCAPED)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_change_the_path_or_add_a_parameter() {
        let call = Call::get(&["files", "a/../b?c#d%2e é"])
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
        for id in [
            ".", "..", "%2e", "%2e%2e", ".%2e", "%2E.", "..\\", "../x", "..;", "\t..", "",
        ] {
            let call = Call::get(&["users", id, "overall_quotas"]);
            let url = format!("https://www.virustotal.com/api/v3{}", call.path);
            let url = url::Url::parse(&url).unwrap();
            // Unchanged: the parser found no dot segment to resolve.
            assert_eq!(url.path(), format!("/api/v3{}", call.path), "{id}");
            assert_eq!(url.path_segments().unwrap().count(), 5, "{id}");
        }
    }

    #[test]
    fn ids_of_analyses_and_sandbox_reports_are_preserved() {
        let path = |segments: &[&str]| Call::get(segments).path;
        assert_eq!(path(&["analyses", "NDRkOA=="]), "/analyses/NDRkOA%3D%3D");
        assert_eq!(
            path(&["file_behaviours", "de7c_CAPE Sandbox"]),
            "/file_behaviours/de7c_CAPE%20Sandbox"
        );
    }

    #[test]
    fn endpoint_does_not_depend_on_the_id() {
        for (call, endpoint) in [
            (Call::get(&["files", "a"]).with("x", "1"), "GET /files/{}"),
            (
                Call::get(&["domains", "a", "votes"]),
                "GET /domains/{}/votes",
            ),
            (
                Call::post(&["urls", "a", "analyse"]),
                "POST /urls/{}/analyse",
            ),
            (Call::post_form(&["urls"], "url", "x"), "POST /urls"),
            (
                Call::get(&["intelligence", "search"]),
                "GET /intelligence/search",
            ),
            (Call::get(&["files", "upload_url"]), "GET /files/upload_url"),
        ] {
            assert_eq!(call.endpoint(), endpoint);
        }
    }

    #[test]
    fn pattern_contains_no_unknown_name() {
        for (segments, pattern) in [
            (&["files", "a"][..], "GET /files/{}"),
            (
                &["files", "a", "contacted_domains"],
                "GET /files/{}/contacted_domains",
            ),
            (&["files", "a", "made_up"], "GET /files/{}/{}"),
            (
                &["urls", "a", "relationships", "made_up"],
                "GET /urls/{}/relationships/{}",
            ),
            (
                &["users", "key", "overall_quotas"],
                "GET /users/{}/overall_quotas",
            ),
            (&["intelligence", "search"], "GET /intelligence/search"),
            (&["search"], "GET /search"),
        ] {
            assert_eq!(Call::get(segments).with("x", "a/b").pattern(), pattern);
        }
    }

    #[test]
    fn form_has_one_field_for_any_value() {
        let call = Call::post_form(&["urls"], "url", "http://a.example/?b=1&url=2+3");
        let Method::Post(Payload::Form(form)) = call.method else {
            panic!("{call:?}");
        };
        assert_eq!(form, "url=http%3A%2F%2Fa.example%2F%3Fb%3D1%26url%3D2%2B3");
    }
}
