//! URLs that keep a client's target byte for byte.

use serde_json::Value;
use url::Url;

use super::UpstreamError;

/// The places of the text and of the query's start in the internal form of a URL.
const TEXT: usize = 0;
const QUERY_START: usize = 8;

/// Returns the URL of a target below `base`, which is the API's address.
///
/// The URL parser writes some bytes anew that HTTP allows: `'` in a query, `{`, `"` or `\` in a
/// path. reqwest takes nothing but its URLs, so a target that the parser would change is put into
/// a URL in its internal form, which is not checked. The target is a valid one of HTTP, and has no
/// dot segments and no fragment.
pub(super) fn exact_url(base: &str, target: &str) -> Result<Url, UpstreamError> {
    let text = format!("{base}{target}");
    if let Ok(url) = Url::parse(&text)
        && url.as_str() == text
    {
        return Ok(url);
    }
    unchecked(base, text).ok_or(UpstreamError::Unreachable)
}

/// Returns the URL with this text, which begins with `base`.
fn unchecked(base: &str, text: String) -> Option<Url> {
    let base_url = Url::parse(base).ok()?;
    // An address without a path gets a slash, with which every target begins.
    if base_url.as_str().trim_end_matches('/') != base.trim_end_matches('/') {
        return None;
    }
    let mut parts = base_url
        .serialize_internal(serde_json::value::Serializer)
        .ok()?;
    let query = text.find('?');
    *parts.get_mut(QUERY_START)? = query.map_or(Value::Null, Value::from);
    *parts.get_mut(TEXT)? = text.into();
    Url::deserialize_internal(parts).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const BASE: &str = "https://www.virustotal.com/api/v3";

    #[rstest]
    #[case("/files/abc")]
    #[case("/files/abc?limit=10&cursor=a%2Bb")]
    #[case("/search?query=it's")]
    #[case("/search?query=a%27b+c%20d")]
    #[case("/search?query={a}|b^c`d\\e")]
    #[case("/search?a=b?c=d")]
    #[case("/search?")]
    #[case("/files/a{b}c\"d|e")]
    #[case("/files/a\\b")]
    #[case("//files///abc/")]
    #[case("/files/%41%zz%")]
    #[case("/comments/\u{e9}?\u{e9}")]
    #[case("/files/a;b=c,d@e:f!g$h&i(j)*k+l")]
    fn no_byte_of_a_target_changes(#[case] target: &str) {
        let url = exact_url(BASE, target).unwrap();
        assert_eq!(url.as_str(), format!("{BASE}{target}"));
        let uri: http::Uri = url.as_str().parse().unwrap();
        let sent = uri.path_and_query().unwrap().as_str();
        assert_eq!(sent, format!("/api/v3{target}"));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        assert_eq!(url.path(), format!("/api/v3{path}"));
        assert_eq!(url.query(), query);
        assert_eq!(url.host_str(), Some("www.virustotal.com"));
    }

    #[test]
    fn each_byte_that_http_allows_is_kept() {
        for byte in (b'!'..=b'~').filter(|byte| !b"?#".contains(byte)) {
            let byte = char::from(byte);
            for target in [
                format!("/files/a{byte}b"),
                format!("/search?query=a{byte}b"),
            ] {
                // Others can't arrive: the server refuses them.
                if target.parse::<http::Uri>().is_ok() {
                    let url = exact_url(BASE, &target).unwrap();
                    assert_eq!(url.as_str(), format!("{BASE}{target}"));
                }
            }
        }
    }

    #[test]
    fn address_without_a_path_will_do() {
        let url = exact_url("https://a.example", "/_ah/1?a='b").unwrap();
        assert_eq!((url.path(), url.query()), ("/_ah/1", Some("a='b")));
    }

    #[test]
    fn port_of_the_upstream_stays() {
        let url = exact_url("http://127.0.0.1:4242/api/v3", "/x?'").unwrap();
        assert_eq!(
            (url.port(), url.as_str()),
            (Some(4242), "http://127.0.0.1:4242/api/v3/x?'")
        );
    }
}
