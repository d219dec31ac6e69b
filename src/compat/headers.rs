//! The headers that go on to VirusTotal, and those that come back.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    access::{ApiKey, holds_key, holds_token},
    http::extract::credential::KEY_HEADERS,
};

/// The name of the integration that asks.
pub(super) const X_TOOL: HeaderName = HeaderName::from_static("x-tool");

/// The gateway's own, by which other entrances ask.
pub(super) const OWN_TOOL: HeaderValue = HeaderValue::from_static("vt4ai");

/// The headers of a read whose answer is kept: nothing else may change what is kept.
const OF_KEPT: [HeaderName; 2] = [header::USER_AGENT, X_TOOL];

/// The headers of any other request. All that is not listed stays here: credentials, cookies, and
/// what proxies say about the caller.
const OF_FORWARDED: [HeaderName; 13] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::RANGE,
    header::USER_AGENT,
    X_TOOL,
];

/// The headers of a response that come back.
const OF_RESPONSE: [HeaderName; 11] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::RETRY_AFTER,
];

/// Returns the headers that go on with a read whose answer is kept.
///
/// Without the name of an integration it is the gateway's own, so that the answer is the one that
/// other entrances get.
pub(super) fn of_kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = chosen(headers, &OF_KEPT);
    kept.entry(X_TOOL).or_insert(OWN_TOOL);
    kept
}

/// Returns the headers that go on with any other request.
pub(super) fn of_forwarded(headers: &HeaderMap) -> HeaderMap {
    chosen(headers, &OF_FORWARDED)
}

/// Returns the name of the integration by which a kept answer is told apart, if it is not the
/// gateway's own.
pub(super) fn tool_of(kept: &HeaderMap) -> Option<Vec<u8>> {
    let mut tools = Vec::new();
    for value in kept.get_all(X_TOOL) {
        if !tools.is_empty() {
            tools.push(b',');
        }
        tools.extend_from_slice(value.as_bytes());
    }
    (tools != OWN_TOOL.as_bytes()).then_some(tools)
}

/// Whether a client takes gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for coding in value.to_str().unwrap_or_default().split(',') {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let quality = quality.trim().trim_start_matches("q=");
            // `q=0`, with any number of zeros behind the point, refuses a coding.
            let is_refused = !quality.is_empty() && quality.bytes().all(|b| b"0.".contains(&b));
            if name.trim().eq_ignore_ascii_case("gzip") && !is_refused {
                return true;
            }
        }
    }
    false
}

/// Returns the headers of a response that come back. None holds the key.
pub(super) fn of_response(headers: &HeaderMap, key: &ApiKey) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in &OF_RESPONSE {
        for value in headers.get_all(name) {
            if !holds_key(value.as_bytes(), key.expose().as_bytes()) {
                passed.append(name, value.clone());
            }
        }
    }
    passed
}

/// Returns these headers, but for values that hold a credential.
fn chosen(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(names.len());
    for name in names {
        for value in headers.get_all(name) {
            if !shows_credential(value, headers) {
                passed.append(name, value.clone());
            }
        }
    }
    passed
}

/// Whether a value holds a client token, or the credential of the request.
fn shows_credential(value: &HeaderValue, headers: &HeaderMap) -> bool {
    if holds_token(value.as_bytes()) {
        return true;
    }
    let mut keys = KEY_HEADERS.iter().flat_map(|name| headers.get_all(name));
    keys.any(|key| holds_key(value.as_bytes(), key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn credentials_and_words_of_proxies_stay_here() {
        let sent = headers(&[
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "192.0.2.1"),
            ("x-apikey", "key-of-the-caller"),
            ("x-request-id", "a"),
            ("host", "gateway"),
            ("accept-encoding", "gzip"),
            ("user-agent", "unknown; vtpy 0.22.0; gzip"),
            ("x-tool", "mine"),
            ("content-type", "text/plain"),
        ]);
        let names = |headers: HeaderMap| {
            let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(of_kept(&sent)), ["user-agent", "x-tool"]);
        let forwarded = ["content-type", "user-agent", "x-tool"];
        assert_eq!(names(of_forwarded(&sent)), forwarded);
    }

    #[test]
    fn gzip_is_taken_if_it_is_named_and_not_refused() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip; q=1", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("identity", false),
            ("", false),
            ("*", false),
        ] {
            assert_eq!(
                accepts_gzip(&headers(&[("accept-encoding", value)])),
                expected,
                "{value}"
            );
        }
        assert!(!accepts_gzip(&headers(&[])));
    }

    #[test]
    fn no_header_carries_a_credential_on() {
        let sent = headers(&[
            ("x-apikey", "key-of-the-caller"),
            ("x-tool", "a key-of-the-caller b"),
            ("user-agent", "Vt4AI_abc"),
        ]);
        assert_eq!(of_forwarded(&sent).len(), 0);
    }

    #[test]
    fn only_another_tool_tells_answers_apart() {
        assert_eq!(tool_of(&of_kept(&headers(&[]))), None);
        assert_eq!(tool_of(&of_kept(&headers(&[("x-tool", "vt4ai")]))), None);
        let other = tool_of(&of_kept(&headers(&[("x-tool", "SOAR")])));
        assert_eq!(other.as_deref(), Some(&b"SOAR"[..]));
    }
}
