//! The target of a request, byte for byte and as its segments.

use std::borrow::Cow;

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::http::error::ApiError;

/// The path of VirusTotal's API, here and at VirusTotal.
pub(super) const API: &str = "/api/v3";

/// The part of a request's target below `/api/v3`.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The path and query as they came.
    pub(super) raw: &'a str,
    /// The path as it came.
    pub(super) path: &'a str,
    /// The query as it came, if there is one.
    pub(super) query: Option<&'a str>,
    /// The segments of the path, percent-decoded.
    pub(super) segments: Vec<Cow<'a, str>>,
}

impl<'a> Target<'a> {
    /// Reads a target. One with dot segments, encoded or not, is rejected: what stands between the
    /// gateway and VirusTotal could resolve them.
    pub(super) fn parse(uri: &'a Uri) -> Result<Self, ApiError> {
        let whole = uri.path_and_query().map_or("", |target| target.as_str());
        let raw = whole.strip_prefix(API).unwrap_or_default();
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        let mut segments = Vec::new();
        // The path begins with a slash, before which there is nothing.
        for segment in path.split('/').skip(1) {
            let decoded = percent_decode_str(segment).decode_utf8_lossy();
            if has_dots(&decoded) {
                return Err(ApiError::bad_request(
                    "the path has a segment `.` or `..`, as it is or percent-encoded: send the path \
                     that it stands for",
                ));
            }
            segments.push(decoded);
        }
        Ok(Self {
            raw,
            path,
            query,
            segments,
        })
    }

    /// Returns the segments as text.
    pub(super) fn words(&self) -> Vec<&str> {
        self.segments.iter().map(AsRef::as_ref).collect()
    }

    /// Returns the values of a parameter, decoded.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let query = self.query.unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// Returns the texts of all parameters that may name something, decoded and without the
    /// characters that some readers of URLs leave out.
    pub(super) fn query_texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for (name, value) in url::form_urlencoded::parse(self.query.unwrap_or_default().as_bytes())
        {
            let value = value.replace(['\n', '\r', '\t'], "");
            if ["query", "filter"].contains(&&*name.to_ascii_lowercase()) {
                texts.push(value);
            } else {
                // The name behind an `@` need not be that of a host here.
                texts.extend(value.split('@').map(str::to_owned));
            }
        }
        texts
    }
}

/// Returns a decoded segment without its parameters, which do not change where it leads.
pub(super) fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default().trim()
}

/// Whether a decoded segment is a dot segment, or has one behind a separator that was encoded or
/// that some servers accept. Parameters behind `;` do not count.
fn has_dots(segment: &str) -> bool {
    if !segment.contains('.') {
        return false;
    }
    segment.split(['/', '\\']).any(|part| {
        let name = part.split(';').next().unwrap_or_default();
        matches!(name, "." | "..")
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/api/v3/files/../users/x")]
    #[case("/api/v3/files/%2e%2E/users/x")]
    #[case("/api/v3/files/.%2e")]
    #[case("/api/v3/./files")]
    #[case("/api/v3/files/x%2f..%2fusers")]
    #[case("/api/v3/files/x%5c..%5cusers")]
    #[case("/api/v3/files/..;a=b/users")]
    fn dot_segments_are_rejected(#[case] uri: &str) {
        let uri = uri.parse().unwrap();
        assert!(Target::parse(&uri).is_err());
    }

    #[rstest]
    #[case("/api/v3", "", &[])]
    #[case("/api/v3/", "/", &[""])]
    #[case("/api/v3/files/a%20b?x='%27", "/files/a%20b?x='%27", &["files", "a b"])]
    #[case("/api/v3//a..b/.c/...?../", "//a..b/.c/...?../", &["", "a..b", ".c", "..."])]
    #[case("/api/v3/files/%ff", "/files/%ff", &["files", "\u{fffd}"])]
    fn any_other_target_is_kept_as_it_came(
        #[case] uri: &str,
        #[case] raw: &str,
        #[case] segments: &[&str],
    ) {
        let uri = uri.parse().unwrap();
        let target = Target::parse(&uri).unwrap();
        assert_eq!((target.raw, &*target.words()), (raw, segments));
    }
}
