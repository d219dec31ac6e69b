//! The outcome of a request, for the request log and the metrics.

use std::{borrow::Cow, fmt, sync::Arc};

use axum::response::Response;

use crate::{access::Cost, lookup::Origin};

/// The outcome of a request: an extension of the response that the `observe` middleware takes out.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The origin of the answer, where it could come from the cache.
    pub origin: Option<Origin>,
    /// The failure, where the response is an error of the gateway's.
    pub failure: Option<Failure>,
    /// The name of the client that sent the request.
    pub client: Option<Arc<str>>,
    /// The cost of the request.
    pub cost: Cost,
    /// The object that the request is about, where an audit log is set up and an extractor read it.
    pub subject: Option<Subject>,
}

/// The object that a request is about, as the audit log records it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The name of an indicator's kind, `analysis` or `search`.
    pub kind: &'static str,
    /// The normalised indicator, the id or the text; `None` where the request names none.
    pub value: Option<String>,
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
}

impl Outcome {
    /// Returns the outcome that a response carries, an empty one at first.
    pub fn of(response: &mut Response) -> &mut Self {
        response.extensions_mut().get_or_insert_default()
    }
}
