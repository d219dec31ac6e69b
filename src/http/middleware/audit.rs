//! The audit record of a request: who asked about what, and what came of it.

use std::borrow::Cow;

use axum::http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::{
    access::holds_token,
    http::{
        extract::Parameters,
        outcome::{Failure, RequestRecord, Subject},
    },
    indicator::Kind,
    metrics::Answered,
    telemetry::{AuditLog, AuditRecord},
};

/// A request that is to be recorded.
#[derive(Clone, Debug)]
pub struct Audited {
    /// The log that records it.
    pub log: AuditLog,
    /// The id of the request.
    pub id: HeaderValue,
    /// The target of the request.
    pub uri: Uri,
}

impl Audited {
    /// Hands the record of the answered request to the log. The failure is that of a response that
    /// is an error of the gateway's.
    pub fn record(
        &self,
        request: &RequestRecord,
        answered: &Answered<'_>,
        failure: Option<&Failure>,
    ) {
        let sent = match request.subject() {
            Some(_) => None,
            None => as_sent(&self.uri),
        };
        let subject = request.subject().or(sent.as_ref());
        self.log.record(&AuditRecord {
            client: answered.client.map(AsRef::as_ref),
            address: request.address(),
            id: self.id.to_str().unwrap_or_default(),
            method: answered.method,
            route: answered.route,
            kind: subject.map(|it| it.kind),
            value: subject.and_then(shown),
            status: answered.status,
            error: failure.map(|it| it.code.as_ref()),
            cache: answered.origin,
            units: answered.units,
        });
    }
}

/// Returns the value of a subject, unless it is a token that was sent in an indicator's place.
pub fn shown(subject: &Subject) -> Option<&str> {
    let value = subject.value.as_deref()?;
    (!holds_token(value.as_bytes())).then_some(value)
}

/// Returns the subject that no extractor noted, as the request names it.
///
/// The request was refused, for this text or before it was read, or it is an upload and names none.
/// The text explains the error that followed, so it is not normalised.
fn as_sent(uri: &Uri) -> Option<Subject> {
    let path = uri.path().strip_prefix("/api/v1/")?;
    let mut segments = path.split('/');
    let collection = segments.next()?;
    let id = segments.next().map(decoded);
    let query = uri.query().unwrap_or_default();
    let (kind, value) = match (collection, id.as_deref()) {
        ("urls", Some("analyze")) => (Kind::Url.name(), parameter(query, "url")),
        ("search", None) | ("intelligence", Some("search")) => {
            ("search", parameter(query, "query"))
        }
        ("lookup", None) => ("indicator", Some(parameter(query, "indicator")?)),
        ("analyses", Some(_)) => ("analysis", id),
        (_, Some("relationships")) => return None,
        _ => (kind_of(collection)?.name(), id),
    };
    Some(Subject { kind, value })
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn kind_of(collection: &str) -> Option<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.collection() == collection)
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let parameters = Parameters::parse(query);
    parameters.pasted(name).ok()?.map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/api/v1/domains/EVIL%5B.%5Dcom", "domain", Some("EVIL[.]com"))]
    #[case("/api/v1/ips/2001:DB8::0:1/comments", "ip", Some("2001:DB8::0:1"))]
    #[case("/api/v1/files/no%20hash", "file", Some("no hash"))]
    #[case(
        "/api/v1/urls/analyze?url=hxxp://evil.com/a%20b",
        "url",
        Some("hxxp://evil.com/a b")
    )]
    #[case("/api/v1/urls/analyze", "url", None)]
    #[case("/api/v1/urls", "url", None)]
    #[case("/api/v1/files", "file", None)]
    #[case("/api/v1/analyses/abc%3D", "analysis", Some("abc="))]
    #[case("/api/v1/search?query=a+b", "search", Some("a b"))]
    #[case(
        "/api/v1/intelligence/search?limit=1&query=p%3A5%2B",
        "search",
        Some("p:5+")
    )]
    fn the_subject_of_a_refused_request_is_what_was_sent(
        #[case] uri: &'static str,
        #[case] kind: &'static str,
        #[case] value: Option<&'static str>,
    ) {
        let value = value.map(str::to_owned);
        let subject = as_sent(&Uri::from_static(uri));
        assert_eq!(subject, Some(Subject { kind, value }));
    }

    #[rstest]
    #[case("/api/v1/files/relationships/types")]
    #[case("/api/v1/quota")]
    #[case("/livez")]
    fn other_requests_have_no_subject(#[case] uri: &'static str) {
        assert_eq!(as_sent(&Uri::from_static(uri)), None);
    }
}
