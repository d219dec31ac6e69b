//! A call to VirusTotal that callers share: its question, its identity and its outcome.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    CacheKey, CachedAnswer, FetchError, Freshness, Moment, ObjectName, Question,
    single_flight::Progress,
};
use crate::access::{KeyHash, RequestContext};

/// A question, the request that asks it, and the known answer.
#[derive(Clone)]
pub(super) struct FetchJob {
    pub(super) question: Question,
    pub(super) context: RequestContext,
    pub(super) key: CacheKey,
    /// The names of the object that the answer is about.
    pub(super) names: Arc<[ObjectName]>,
    /// The cached answer that is not fresh enough.
    pub(super) known: Option<CachedAnswer>,
    pub(super) freshness: Freshness,
    /// Whether the caller's key may see what others fetched.
    pub(super) may_use_cache: bool,
}

/// The identity of a call under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlightKey {
    pub(super) key: CacheKey,
    /// The object's last change. Only an answer that was asked for after it serves.
    pub(super) since: Moment,
    /// The key whose requests alone may join; `None` where requests with other keys may, too.
    pub(super) only_key: Option<KeyHash>,
}

/// An answer that has just arrived.
#[derive(Clone, Debug)]
pub(super) struct NewAnswer {
    pub(super) answer: CachedAnswer,
    /// The uncompressed bytes, or `None` if the answer was already kept or is large:
    /// callers that wait for a permit must not hold it uncompressed.
    pub(super) plain: Option<Bytes>,
    /// Whether this call fetched the answer, and not an earlier one, here or at another replica.
    pub(super) is_own: bool,
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub(super) struct FlightOutcome {
    /// The key that was used.
    pub(super) by: KeyHash,
    pub(super) result: Result<NewAnswer, FetchError>,
}

/// The call's own handle, by which it publishes its stage and its outcome.
pub(super) type Flight = Progress<FlightKey, FlightOutcome>;
