//! The findings about a request and its outcome, for the request log, the metrics and the audit log.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, OnceLock},
};

use axum::response::Response;

use crate::{
    access::{CostCounter, KeyHash, UsageBook, UsageMeter},
    indicator::Indicator,
    lookup::Origin,
    virustotal::RawError,
};

/// The findings about a request: an extension of the request that the `observe` middleware adds.
///
/// The layers below add to it, and `observe` reads it in the end, even if a handler has panicked.
/// Clones share the findings.
#[derive(Clone, Debug)]
pub struct RequestRecord(Arc<Findings>);

#[derive(Debug)]
struct Findings {
    address: IpAddr,
    cost: CostCounter,
    client: OnceLock<Arc<str>>,
    key: OnceLock<KeyHash>,
    subject: OnceLock<Subject>,
    operation: OnceLock<Operation>,
}

/// The operation of a request whose route has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The method of the protocol, such as `tools/call`.
    pub method: &'static str,
    /// The tool, for a call of one.
    pub tool: Option<&'static str>,
}

/// The outcome of a request: an extension of the response that the `observe` middleware takes out.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The origin of the answer, where it could come from the cache.
    pub origin: Option<Origin>,
    /// The approximate number of tokens of the answer, where it is a view of VirusTotal's.
    pub tokens: usize,
    /// The failure, where the response is an error of the gateway's.
    pub failure: Option<Failure>,
}

/// The outcome of a response that is known when its body has been sent: an extension of the response
/// instead of [`Outcome`]. The `observe` middleware records the request at the end of the body. Clones
/// share it.
#[derive(Clone, Debug, Default)]
pub struct LateOutcome(Arc<OnceLock<Outcome>>);

/// The object that a request is about, as the audit log records it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The name of an indicator's kind, `analysis` or `search`.
    pub kind: &'static str,
    /// The normalised indicator, the id or the text; `None` where the request names none.
    pub value: Option<String>,
}

impl Subject {
    /// Returns an indicator as the subject of a request: a URL by its text, if that is known.
    pub fn of(indicator: &Indicator) -> Self {
        let value = match indicator.web_url() {
            Some(url) => url.as_str().to_owned(),
            None => indicator.id().to_owned(),
        };
        Self {
            kind: indicator.kind().name(),
            value: Some(value),
        }
    }
}

/// Omits the value, because an indicator can be confidential.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The failure of a request as the log shows it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The `code` that the client got.
    pub code: Cow<'static, str>,
    /// The `detail` that the client got.
    pub detail: Cow<'static, str>,
    /// The cause, where it is more than the client is told.
    pub cause: Option<String>,
    /// VirusTotal's own error, for clients of its own API.
    pub raw: Option<Box<RawError>>,
}

impl RequestRecord {
    /// Creates the record of a request from this address, as the trusted proxies name it. With a
    /// book, the request adds to the usage of its caller.
    pub fn new(address: IpAddr, book: Option<&UsageBook>) -> Self {
        let meter = book.map(UsageMeter::new).unwrap_or_default();
        Self(Arc::new(Findings {
            address,
            cost: CostCounter::metered(meter),
            client: OnceLock::new(),
            key: OnceLock::new(),
            subject: OnceLock::new(),
            operation: OnceLock::new(),
        }))
    }

    /// Returns the address of the caller.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// Returns the counter of the request's cost.
    pub fn cost(&self) -> &CostCounter {
        &self.0.cost
    }

    /// Records the name of the client that sent the request.
    pub fn set_client(&self, name: &Arc<str>) {
        self.0.cost.meter().set_client(name);
        let _ = self.0.client.set(Arc::clone(name));
    }

    /// Returns the name of the client that sent the request.
    pub fn client(&self) -> Option<&Arc<str>> {
        self.0.client.get()
    }

    /// Records the key that the request was allowed to spend. The first one counts.
    pub fn set_key(&self, key: KeyHash) {
        if self.0.key.set(key).is_ok() {
            self.0.cost.meter().set_key(key);
        }
    }

    /// Returns the key that the request was allowed to spend: the response reports its quota.
    pub fn key(&self) -> Option<KeyHash> {
        self.0.key.get().copied()
    }

    /// Records the object that the request is about. The first one counts.
    pub fn set_subject(&self, subject: Subject) {
        let _ = self.0.subject.set(subject);
    }

    /// Records the operation. The first one counts.
    pub fn set_operation(&self, operation: Operation) {
        let _ = self.0.operation.set(operation);
    }

    /// Returns the operation, where the request's route has several.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation.get().copied()
    }

    /// Returns the object that the request is about, where an audit log is set up and an extractor
    /// read it.
    pub fn subject(&self) -> Option<&Subject> {
        self.0.subject.get()
    }
}

/// The record of a request that came over no connection.
impl Default for RequestRecord {
    fn default() -> Self {
        Self::new(Ipv4Addr::UNSPECIFIED.into(), None)
    }
}

impl LateOutcome {
    /// Records the outcome. The first one counts.
    pub fn set(&self, outcome: Outcome) {
        let _ = self.0.set(outcome);
    }

    /// Returns the outcome; an empty one where none was recorded.
    pub fn get(&self) -> Outcome {
        self.0.get().cloned().unwrap_or_default()
    }
}

impl Outcome {
    /// Returns the outcome that a response carries, an empty one at first.
    pub fn of(response: &mut Response) -> &mut Self {
        response.extensions_mut().get_or_insert_default()
    }
}
