//! The audit record of a request: who asked about what, and what came of it.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::{
    extract::Request,
    http::{HeaderValue, Uri},
};
use percent_encoding::percent_decode_str;

use crate::{
    http::{extract::Parameters, outcome::Failure},
    indicator::{Indicator, Kind, WebUrl},
    metrics::Answered,
    telemetry::{AuditLog, AuditRecord},
};

/// A request that is to be recorded.
#[derive(Debug)]
pub struct Audited {
    log: AuditLog,
    uri: Uri,
    address: IpAddr,
    submitted: Submitted,
}

/// The object that a request's body names: an extension of the request, which the extractor of the
/// body sets.
#[derive(Clone, Debug, Default)]
pub struct Submitted(Arc<OnceLock<String>>);

/// The object that a request is about.
#[derive(Debug, PartialEq, Eq)]
struct Subject<'a> {
    kind: &'static str,
    value: Option<Cow<'a, str>>,
}

impl Submitted {
    /// Names the object.
    pub fn set(&self, value: &str) {
        let _ = self.0.set(value.to_owned());
    }
}

impl Audited {
    /// Starts the record of a request.
    pub fn start(log: &AuditLog, request: &mut Request, address: IpAddr) -> Self {
        let submitted = Submitted::default();
        request.extensions_mut().insert(submitted.clone());
        Self {
            log: log.clone(),
            uri: request.uri().clone(),
            address,
            submitted,
        }
    }

    /// Completes the record and hands it to the log.
    pub fn record(&self, id: &HeaderValue, answered: &Answered<'_>, failure: Option<&Failure>) {
        let subject = subject(&self.uri, self.submitted.0.get());
        let subject = subject.as_ref();
        self.log.record(&AuditRecord {
            client: answered.client.map(AsRef::as_ref),
            address: self.address,
            id: id.to_str().unwrap_or_default(),
            method: answered.method,
            route: answered.route,
            kind: subject.map(|it| it.kind),
            value: subject.and_then(|it| it.value.as_deref()),
            status: answered.status,
            error: failure.map(|failure| failure.code.as_ref()),
            cache: answered.origin,
            units: answered.units,
        });
    }
}

/// Returns the object that a request is about, normalised as for the lookup.
///
/// Text that is no indicator is returned as it came: it explains the error that followed.
fn subject<'a>(uri: &'a Uri, submitted: Option<&'a String>) -> Option<Subject<'a>> {
    let path = uri.path().strip_prefix("/api/v1/")?;
    let mut segments = path.split('/');
    let collection = segments.next()?;
    let id = segments
        .next()
        .map(|id| percent_decode_str(id).decode_utf8_lossy());
    let query = uri.query().unwrap_or_default();
    match (collection, id.as_deref()) {
        ("urls", Some("analyze")) => Some(Subject {
            kind: Kind::Url.name(),
            value: parameter(query, "url").map(web_url),
        }),
        ("urls", None) => Some(Subject {
            kind: Kind::Url.name(),
            value: submitted.map(|url| web_url(Cow::Borrowed(url))),
        }),
        ("analyses", Some(_)) => Some(Subject {
            kind: "analysis",
            value: id,
        }),
        ("search", None) | ("intelligence", Some("search")) => Some(Subject {
            kind: "search",
            value: parameter(query, "query"),
        }),
        (_, Some("relationships")) => None,
        _ => {
            let kind = kind_of(collection)?;
            Some(Subject {
                kind: kind.name(),
                value: id.map(|id| normalised(kind, id)),
            })
        }
    }
}

fn kind_of(collection: &str) -> Option<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.collection() == collection)
}

/// Returns a parameter's value as the handler reads it.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let parameters = Parameters::parse(query);
    let value = parameters.pasted(name).ok()??;
    Some(Cow::Owned(value.into_owned()))
}

fn normalised(kind: Kind, id: Cow<'_, str>) -> Cow<'_, str> {
    match Indicator::parse(kind, &id) {
        Ok(indicator) => Cow::Owned(indicator.id().to_owned()),
        Err(_) => id,
    }
}

fn web_url(text: Cow<'_, str>) -> Cow<'_, str> {
    match WebUrl::parse(&text) {
        Ok(url) => Cow::Owned(url.as_str().to_owned()),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/api/v1/domains/EVIL%5B.%5Dcom", "domain", Some("evil.com"))]
    #[case("/api/v1/ips/2001:DB8::0:1/comments", "ip", Some("2001:db8::1"))]
    #[case("/api/v1/files/no%20hash", "file", Some("no hash"))]
    #[case(
        "/api/v1/urls/analyze?url=hxxp://evil.com/a%20b",
        "url",
        Some("http://evil.com/a b")
    )]
    #[case("/api/v1/urls/analyze", "url", None)]
    #[case("/api/v1/urls", "url", Some("http://posted.example/"))]
    #[case("/api/v1/files", "file", None)]
    #[case("/api/v1/analyses/abc%3D", "analysis", Some("abc="))]
    #[case("/api/v1/search?query=a+b", "search", Some("a b"))]
    #[case(
        "/api/v1/intelligence/search?limit=1&query=p%3A5%2B",
        "search",
        Some("p:5+")
    )]
    fn the_subject_is_what_is_looked_up(
        #[case] uri: &'static str,
        #[case] kind: &'static str,
        #[case] value: Option<&'static str>,
    ) {
        let (uri, posted) = (Uri::from_static(uri), "http://posted.example/".to_owned());
        let value = value.map(Cow::Borrowed);
        assert_eq!(subject(&uri, Some(&posted)), Some(Subject { kind, value }));
    }

    #[rstest]
    #[case("/api/v1/files/relationships/types")]
    #[case("/api/v1/quota")]
    #[case("/livez")]
    fn other_requests_have_no_subject(#[case] uri: &'static str) {
        assert_eq!(subject(&Uri::from_static(uri), None), None);
    }
}
