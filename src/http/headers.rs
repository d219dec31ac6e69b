//! Response headers and marks that several parts of this module set or read.

use axum::{
    body::HttpBody as _,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

use super::outcome::Outcome;
use crate::lookup::{Origin, Provenance};

/// The header that names a request in the log.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The `Cache-Control` of answers that no cache may keep.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const X_CACHE_REASON: HeaderName = HeaderName::from_static("x-cache-reason");

/// The memory that a response takes by itself, in bytes: an extension that the accept loop reads.
///
/// Zero for a response whose bytes all callers share. A compressor hides the size from the accept
/// loop.
#[derive(Clone, Copy, Debug)]
pub struct Weight(pub usize);

/// A mark on a response whose body is passed on and not compressed.
#[derive(Clone, Copy, Debug)]
pub struct AsItCame;

/// Records the size of a response before it is compressed.
pub fn weigh(mut response: Response) -> Response {
    let bytes = response.body().size_hint().exact();
    if let (Some(bytes), None) = (bytes, response.extensions().get::<Weight>()) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        response.extensions_mut().insert(Weight(bytes));
    }
    response
}

/// Notes the approximate number of tokens of an answer, for the usage of its caller.
pub fn note_tokens(response: &mut Response, tokens: usize) {
    Outcome::of(response).tokens = tokens;
}

/// Sets a header to a number.
pub fn insert_number(response: &mut Response, name: HeaderName, number: impl Into<HeaderValue>) {
    response.headers_mut().insert(name, number.into());
}

/// Sets `X-Cache` and `Age`: where an answer came from, and the seconds since VirusTotal was asked.
pub fn say_provenance(response: &mut Response, provenance: Provenance) {
    let (origin, reason) = match provenance.origin {
        Origin::Hit => ("HIT", None),
        Origin::Miss => ("MISS", None),
        Origin::Stale => ("STALE", None),
        Origin::StaleForQuota => ("STALE", Some("quota")),
        Origin::StaleForUpstream => ("STALE", Some("upstream")),
    };
    Outcome::of(response).origin = Some(provenance.origin);
    let headers = response.headers_mut();
    headers.insert(X_CACHE, HeaderValue::from_static(origin));
    if let Some(reason) = reason {
        headers.insert(X_CACHE_REASON, HeaderValue::from_static(reason));
    }
    insert_number(response, header::AGE, provenance.age.as_secs());
}

/// Returns whether `If-None-Match` names these bytes, compared weakly (RFC 9110, 13.1.2).
pub(super) fn is_known<'a>(tags: impl IntoIterator<Item = &'a HeaderValue>, etag: &str) -> bool {
    let wanted = opaque(etag);
    for value in tags {
        for tag in value.to_str().unwrap_or_default().split(',') {
            if tag.trim() == "*" || opaque(tag) == wanted {
                return true;
            }
        }
    }
    false
}

/// Returns a tag without the mark of a weak one.
fn opaque(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("W/\"a\"", true)]
    #[case("\"a\"", true)]
    #[case("\"b\", W/\"a\"", true)]
    #[case("*", true)]
    #[case("\"b\"", false)]
    #[case("a", false)]
    fn tags_are_compared_weakly(#[case] value: &'static str, #[case] expected: bool) {
        let value = HeaderValue::from_static(value);
        assert_eq!(is_known([&value], "W/\"a\""), expected);
    }
}
