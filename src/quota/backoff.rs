//! Back-offs: a 429 stops calls to one endpoint with one key, a refused key stops all calls with
//! it.
//!
//! Requests that go on after a 429 can get an account suspended, so nothing is sent until the
//! back-off ends; VirusTotal's own client does the same. The time is a parameter. A back-off ends
//! by the monotonic clock. The wall clock only tells when the next full minute begins.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    access::{AcceptedKeys, KeyHash, KeyMemory, OfKey},
    clock::{BackOff, Now},
    virustotal::{Endpoint, Reason, Refusal, UpstreamError},
};

/// The back-off after an unknown key, so that a client in a loop does not hammer VirusTotal.
const WRONG_KEY_BACK_OFF: BackOff = BackOff::new(Duration::from_mins(1));

/// The second consecutive back-off after 429s without `Retry-After`. Each further one is twice as
/// long.
const SECOND_BACK_OFF: BackOff = BackOff::new(Duration::from_mins(2));

/// The maximum back-off after consecutive 429s without `Retry-After`.
const MAX_BACK_OFF: BackOff = BackOff::new(Duration::from_hours(1));

/// The back-offs of all keys.
#[derive(Debug)]
pub struct Backoffs {
    entries: Mutex<KeyMemory<BackoffScope, BackoffEntry>>,
}

/// The scope of a back-off: a key, with one endpoint or, if `None`, the whole API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BackoffScope {
    key: KeyHash,
    endpoint: Option<String>,
}

impl BackoffScope {
    /// Returns the scope of a back-off of every endpoint.
    fn of_key(key: KeyHash) -> Self {
        Self {
            key,
            endpoint: None,
        }
    }

    fn of_endpoint(key: KeyHash, endpoint: &Endpoint) -> Self {
        Self {
            key,
            endpoint: Some(endpoint.to_string()),
        }
    }
}

impl OfKey for BackoffScope {
    fn key(&self) -> KeyHash {
        self.key
    }
}

/// A back-off in effect, or over and remembered for the length of the next one.
#[derive(Clone, Debug)]
struct BackoffEntry {
    /// The refusal that started the back-off.
    refusal: Refusal,
    until: Instant,
    /// The next back-off, if this one and the next 429 have no `Retry-After`.
    next: Option<BackOff>,
}

/// A change to the back-offs, to be shared with other replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackoffChange {
    /// A back-off of an endpoint, or of all if `None`, with its duration and the serialized form
    /// that [`Backoffs::merge`] reads.
    Started(Option<String>, BackOff, String),
    /// An endpoint whose back-off was over responds again.
    Cleared,
}

/// The serialized form of a back-off.
#[derive(Serialize, Deserialize)]
struct SharedBackOff {
    endpoint: Option<String>,
    refusal: Refusal,
    next: Option<BackOff>,
}

impl Backoffs {
    /// Creates an empty set of back-offs. Those of unverified keys are bounded in number.
    pub fn new(accepted: AcceptedKeys) -> Self {
        Self {
            entries: Mutex::new(KeyMemory::new(accepted)),
        }
    }

    /// Makes the back-offs of a newly accepted key permanent.
    pub fn make_permanent(&self, key: KeyHash) {
        self.entries.lock().promote(key);
    }

    /// Evicts back-offs that are over and no longer affect the length of the next one.
    pub fn forget_idle(&self, now: Now) {
        let counts = |backoff: &BackoffEntry| match backoff.next {
            Some(next) => now.steady < next.after(backoff.until),
            None => backoff.left(now.steady).is_some(),
        };
        self.entries.lock().retain(|_, backoff| counts(backoff));
    }

    /// Returns the refusal to give instead of a call, with the time until the back-off ends.
    pub fn refusal(&self, key: KeyHash, endpoint: &Endpoint, now: Instant) -> Option<Refusal> {
        let scope = BackoffScope::of_key(key);
        let endpoints = BackoffScope::of_endpoint(key, endpoint);
        let entries = self.entries.lock();
        // Both the key's and the endpoint's back-off may apply. The later end decides.
        let backoff = match (entries.get(&scope), entries.get(&endpoints)) {
            (Some(keys), Some(endpoints)) if keys.until > endpoints.until => keys,
            (keys, endpoints) => endpoints.or(keys)?,
        };
        let left = backoff.left(now)?;
        Some(Refusal {
            retry_after: Some(left),
            ..backoff.refusal.clone()
        })
    }

    /// Updates the back-offs from the result of a call, and returns the change.
    ///
    /// This is the only place that decides on a back-off. Its length is written into the result, so
    /// that the client is told the same.
    pub fn learn<T>(
        &self,
        key: KeyHash,
        endpoint: &Endpoint,
        answer: &mut Result<T, UpstreamError>,
        now: Now,
    ) -> Option<BackoffChange> {
        match answer {
            Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::TooManyRequests => {
                let scope = BackoffScope::of_endpoint(key, endpoint);
                Some(self.back_off(scope, refusal, now))
            }
            Err(UpstreamError::Refused(refusal)) if is_wrong_key(refusal) => {
                // The caller is told the length of this back-off.
                refusal.retry_after = Some(WRONG_KEY_BACK_OFF);
                let backoff = BackoffEntry {
                    refusal: refusal.clone(),
                    until: WRONG_KEY_BACK_OFF.after(now.steady),
                    next: None,
                };
                let scope = BackoffScope::of_key(key);
                Some(insert_longer(&mut self.entries.lock(), scope, backoff, now))
            }
            Ok(_) => self.clear(&BackoffScope::of_endpoint(key, endpoint), now),
            Err(_) => None,
        }
    }

    /// Merges a back-off of another replica, which lasts for `left` from now.
    ///
    /// Never shortens a back-off.
    pub fn merge(&self, key: KeyHash, backoff: &str, left: BackOff, now: Now) {
        let Ok(shared) = serde_json::from_str::<SharedBackOff>(backoff) else {
            return;
        };
        let scope = BackoffScope {
            key,
            endpoint: shared.endpoint,
        };
        let backoff = BackoffEntry {
            refusal: shared.refusal,
            until: left.after(now.steady),
            next: shared.next.map(|next| next.min(MAX_BACK_OFF)),
        };
        insert_longer(&mut self.entries.lock(), scope, backoff, now);
    }

    /// Starts a back-off after a 429, and writes its length into the refusal.
    ///
    /// A 429 without `Retry-After` that arrives during a back-off belongs to a request sent before
    /// it, so it does not mean that the back-off was too short.
    fn back_off(&self, scope: BackoffScope, refusal: &mut Refusal, now: Now) -> BackoffChange {
        let mut entries = self.entries.lock();
        let (left, planned) = match entries.get(&scope) {
            Some(before) => (before.left(now.steady), before.next),
            None => (None, None),
        };
        // `Retry-After` takes precedence, then the current back-off, then the planned one; else
        // wait for the next full minute.
        let (wait, next) = match (refusal.retry_after, left, planned) {
            (Some(wait), _, _) => (wait, None),
            (None, Some(left), planned) => (left, planned),
            (None, None, Some(wait)) if !wait.is_zero() => {
                (wait, Some(wait.doubled().min(MAX_BACK_OFF)))
            }
            (None, None, _) => (BackOff::new(now.until_next_minute()), Some(SECOND_BACK_OFF)),
        };
        // A back-off is never shortened, not even by a shorter `Retry-After`.
        let wait = left.unwrap_or_default().max(wait);
        refusal.retry_after = Some(wait);
        let backoff = BackoffEntry {
            refusal: refusal.clone(),
            until: wait.after(now.steady),
            next,
        };
        insert_longer(&mut entries, scope, backoff, now)
    }

    /// Removes a back-off that is over.
    ///
    /// A back-off that is not over stays: the request that succeeded was sent before it began.
    fn clear(&self, scope: &BackoffScope, now: Now) -> Option<BackoffChange> {
        let mut entries = self.entries.lock();
        let backoff = entries.get(scope)?;
        if backoff.left(now.steady).is_some() {
            return None;
        }
        entries.remove(scope);
        Some(BackoffChange::Cleared)
    }
}

impl BackoffEntry {
    /// Returns the time until the back-off ends, or `None` if it is over.
    fn left(&self, now: Instant) -> Option<BackOff> {
        let left = BackOff::new(self.until.saturating_duration_since(now));
        (!left.is_zero()).then_some(left)
    }
}

/// Inserts a back-off unless a longer one exists. Returns the change, with the back-off in effect.
fn insert_longer(
    entries: &mut KeyMemory<BackoffScope, BackoffEntry>,
    scope: BackoffScope,
    mut backoff: BackoffEntry,
    now: Now,
) -> BackoffChange {
    if let Some(before) = entries.get(&scope)
        && before.until > backoff.until
    {
        backoff.clone_from(before);
    }
    let shared = SharedBackOff {
        endpoint: scope.endpoint.clone(),
        refusal: backoff.refusal.clone(),
        next: backoff.next,
    };
    let left = backoff.left(now.steady).unwrap_or_default();
    entries.insert(scope, backoff);
    // Can't fail: all fields are plain data.
    let text = serde_json::to_string(&shared).unwrap_or_default();
    BackoffChange::Started(shared.endpoint, left, text)
}

/// Returns whether VirusTotal does not know the key. An inactive user's key, by contrast, may
/// become valid.
fn is_wrong_key(refusal: &Refusal) -> bool {
    let code = refusal.code.to_ascii_lowercase();
    refusal.reason == Reason::Unauthorized && code.starts_with("wrongcredentials")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::{access::ApiKey, indicator::Kind};

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00:20 UTC);
    const FILES: &Endpoint = &Endpoint::Report(Kind::File);
    const DAY: u64 = 24 * 60 * 60;

    /// Returns a time twenty seconds past noon.
    fn noon() -> Now {
        Now {
            steady: Instant::now(),
            utc: NOON,
        }
    }

    fn later(now: Now, seconds: u64) -> Now {
        now.after(Duration::from_secs(seconds))
    }

    fn key(name: &str) -> KeyHash {
        ApiKey::parse(name.as_bytes()).unwrap().hash()
    }

    fn refused(code: &'static str, retry_after: Option<u64>) -> Refusal {
        let reason = match code {
            "WrongCredentialsError" | "UserNotActiveError" => Reason::Unauthorized,
            _ => Reason::TooManyRequests,
        };
        Refusal {
            reason,
            code: code.into(),
            message: None,
            retry_after: retry_after.map(|wait| BackOff::new(Duration::from_secs(wait))),
            raw: None,
        }
    }

    /// Records a refusal, and returns the seconds that the caller is told to wait.
    fn learn(backoffs: &Backoffs, refusal: Refusal, now: Now) -> Option<u64> {
        let mut answer = Err::<(), _>(UpstreamError::Refused(refusal));
        backoffs.learn(key("a"), FILES, &mut answer, now);
        let Err(UpstreamError::Refused(refusal)) = answer else {
            panic!("it was a refusal")
        };
        refusal.retry_after.map(|wait| wait.get().as_secs())
    }

    fn succeed(backoffs: &Backoffs, now: Now) -> Option<BackoffChange> {
        backoffs.learn(key("a"), FILES, &mut Ok(()), now)
    }

    /// Returns the seconds until the back-off ends.
    fn left(backoffs: &Backoffs, endpoint: &Endpoint, now: Now) -> Option<u64> {
        let refusal = backoffs.refusal(key("a"), endpoint, now.steady)?;
        Some(refusal.retry_after.unwrap().get().as_secs())
    }

    #[test]
    fn back_off_after_a_429_is_for_its_endpoint_and_key_only() {
        let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
        learn(&backoffs, refused("QuotaExceededError", Some(30)), now);
        assert_eq!(left(&backoffs, FILES, now), Some(30));
        assert_eq!(left(&backoffs, FILES, later(now, 29)), Some(1));
        assert_eq!(left(&backoffs, FILES, later(now, 30)), None);
        assert_eq!(left(&backoffs, &Endpoint::Comment(Kind::File), now), None);
        assert!(backoffs.refusal(key("b"), FILES, now.steady).is_none());
    }

    #[test]
    fn back_off_without_retry_after_is_the_next_minute_and_then_doubles() {
        let (backoffs, mut now) = (Backoffs::new(AcceptedKeys::new()), noon());
        for seconds in [40, 120, 240, 480, 960, 1920, 3600, 3600] {
            let wait = learn(&backoffs, refused("QuotaExceededError", None), now);
            assert_eq!(wait, Some(seconds));
            assert_eq!(left(&backoffs, FILES, now), wait);
            now = later(now, seconds);
        }
        assert_eq!(succeed(&backoffs, now), Some(BackoffChange::Cleared));
        let wait = learn(&backoffs, refused("QuotaExceededError", None), noon());
        assert_eq!(wait, Some(40));
    }

    #[test]
    fn concurrent_429s_are_one_back_off() {
        let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
        for _ in 0..20 {
            let wait = learn(&backoffs, refused("QuotaExceededError", None), now);
            assert_eq!(wait, Some(40));
        }
        let wait = learn(
            &backoffs,
            refused("QuotaExceededError", None),
            later(now, 10),
        );
        assert_eq!(wait, Some(30));
        let wait = learn(
            &backoffs,
            refused("QuotaExceededError", None),
            later(now, 40),
        );
        assert_eq!(wait, Some(120));
    }

    #[test]
    fn responses_to_earlier_requests_never_shorten_a_back_off() {
        let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
        learn(&backoffs, refused("QuotaExceededError", Some(3600)), now);
        assert_eq!(succeed(&backoffs, later(now, 1)), None);
        for given in [None, Some(5)] {
            let wait = learn(
                &backoffs,
                refused("QuotaExceededError", given),
                later(now, 1),
            );
            assert_eq!(wait, Some(3599));
        }
        let wait = learn(&backoffs, refused("QuotaExceededError", Some(DAY)), now);
        assert_eq!(wait, Some(DAY));
    }

    #[test]
    fn wall_clock_changes_no_back_off() {
        for (given, wait) in [(Some(60), 60), (None, 40)] {
            let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
            learn(&backoffs, refused("QuotaExceededError", given), now);
            for hours in [-87_600, -1, 1, 87_600] {
                let shifted = Now {
                    utc: now.utc + time::Duration::hours(hours),
                    ..later(now, 10)
                };
                assert_eq!(left(&backoffs, FILES, shifted), Some(wait - 10));
            }
        }
    }

    #[test]
    fn unknown_key_backs_off_for_a_minute() {
        let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
        learn(&backoffs, refused("UserNotActiveError", None), now);
        assert_eq!(left(&backoffs, FILES, now), None);
        learn(&backoffs, refused("WrongCredentialsError", None), now);
        assert_eq!(left(&backoffs, &Endpoint::Search, now), Some(60));
        assert_eq!(left(&backoffs, FILES, later(now, 60)), None);
        assert!(backoffs.refusal(key("b"), FILES, now.steady).is_none());
    }

    #[test]
    fn other_errors_start_no_back_off() {
        let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
        for error in [
            UpstreamError::Unexpected(401),
            UpstreamError::Unexpected(404),
            UpstreamError::Timeout,
            UpstreamError::Unreachable,
        ] {
            let mut answer = Err::<(), _>(error);
            assert_eq!(backoffs.learn(key("a"), FILES, &mut answer, now), None);
        }
        assert_eq!(left(&backoffs, FILES, now), None);
    }

    #[test]
    fn replicas_share_back_offs() {
        let (backoffs, other, now) = (
            Backoffs::new(AcceptedKeys::new()),
            Backoffs::new(AcceptedKeys::new()),
            noon(),
        );
        let mut answer = Err::<(), _>(UpstreamError::Refused(refused("QuotaExceededError", None)));
        let change = backoffs.learn(key("a"), FILES, &mut answer, now);
        let Some(BackoffChange::Started(endpoint, wait, shared)) = change else {
            panic!("{change:?}")
        };
        assert_eq!(
            (endpoint, wait.get().as_secs()),
            (Some(FILES.to_string()), 40)
        );
        other.merge(key("a"), &shared, wait, now);
        assert_eq!(left(&other, FILES, now), Some(40));
        // A back-off that is over still determines the length of the next one.
        other.merge(key("a"), &shared, BackOff::default(), later(now, 40));
        assert_eq!(left(&other, FILES, later(now, 40)), None);
        let wait = learn(&other, refused("QuotaExceededError", None), later(now, 40));
        assert_eq!(wait, Some(120));
        // A late report ends no back-off.
        other.merge(key("a"), &shared, BackOff::default(), later(now, 41));
        assert_eq!(left(&other, FILES, later(now, 41)), Some(119));
        other.merge(key("a"), "nonsense", BackOff::MAX, now);
        assert_eq!(left(&other, &Endpoint::Search, now), None);
    }

    #[test]
    fn stored_next_back_off_is_an_hour_at_most() {
        let (backoffs, now) = (Backoffs::new(AcceptedKeys::new()), noon());
        let refusal = serde_json::to_value(refused("QuotaExceededError", Some(1))).unwrap();
        let shared = serde_json::json!({
            "endpoint": FILES.to_string(),
            "refusal": refusal,
            "next": {"secs": u64::MAX, "nanos": 0},
        });
        backoffs.merge(key("a"), &shared.to_string(), BackOff::default(), now);
        let wait = learn(&backoffs, refused("QuotaExceededError", None), now);
        assert_eq!(wait, Some(3600));
    }

    proptest! {
        #[test]
        fn reported_wait_equals_the_back_off(
            steps in proptest::collection::vec((any::<Option<u64>>(), 0_u64..100_000), 1..20),
        ) {
            let (backoffs, mut now) = (Backoffs::new(AcceptedKeys::new()), noon());
            for (given, passed) in steps {
                let wait = learn(&backoffs, refused("QuotaExceededError", given), now);
                // Less than a second is 0 whole seconds.
                let wait = wait.unwrap();
                prop_assert!(wait <= DAY);
                prop_assert_eq!(left(&backoffs, FILES, now).unwrap_or_default(), wait);
                now = later(now, passed);
            }
        }
    }
}
