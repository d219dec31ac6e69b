//! What VirusTotal has closed to a key for a while: an endpoint by a 429, all by a 401.
//!
//! To go on asking after a 429 can get an account suspended, so nothing is sent there until
//! its time is over; VirusTotal's own client does the same. Time is handed in.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    key::KeyHash,
    vt::{Reason, Refusal, VtError},
};

/// How many closures are remembered; beyond it the least recently used is forgotten.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// After a 429 that something before VirusTotal's API gave, which says no time.
const AFTER_EDGE: Duration = Duration::from_mins(1);

/// After a key that VirusTotal does not know, so that one in a loop does not hammer it.
const AFTER_WRONG_KEY: Duration = Duration::from_mins(1);

/// The longest closure after 429s that follow one another and say no time.
const LONGEST: Duration = Duration::from_hours(1);

/// The endpoints that are closed, each to a key.
#[derive(Debug)]
pub struct Closed {
    known: Mutex<LruCache<Place, Closure>>,
}

/// Where nothing is sent: an endpoint, or with none the whole API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    key: KeyHash,
    endpoint: Option<String>,
}

#[derive(Clone, Debug)]
struct Closure {
    /// What VirusTotal said.
    refusal: Refusal,
    until: OffsetDateTime,
    /// How long the next one lasts, if that says no time either.
    next: Duration,
}

/// What an answer of VirusTotal's changed, for other replicas to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An endpoint, or with none all of them, closed for so long; with what
    /// [`Closed::adopt`] takes.
    Shut(Option<String>, Duration, String),
    /// What was closed once answers again.
    Opened,
}

/// A closure as other replicas are told of it.
#[derive(Serialize, Deserialize)]
struct Told {
    endpoint: Option<String>,
    refusal: Refusal,
    next: Duration,
}

impl Closed {
    /// Everything is open.
    pub fn new() -> Self {
        Self {
            known: Mutex::new(LruCache::new(MOST)),
        }
    }

    /// What VirusTotal would say, if this is closed; with the time until it opens.
    ///
    /// `endpoint` is a method and a path's template: `GET /files/{}`.
    pub fn refusal(&self, key: KeyHash, endpoint: &str, now: OffsetDateTime) -> Option<Refusal> {
        let known = self.lock();
        let places = [None, Some(endpoint.to_owned())].map(|endpoint| Place { key, endpoint });
        let closures = places.iter().filter_map(|place| known.peek(place));
        let closure = closures.max_by_key(|closure| closure.until)?;
        let left = Duration::try_from(closure.until - now).ok()?;
        let refusal = closure.refusal.clone();
        (!left.is_zero()).then_some(Refusal {
            retry_after: Some(left),
            ..refusal
        })
    }

    /// Learns from what VirusTotal answered to a call, and says what that changed.
    pub fn learn<T>(
        &self,
        key: KeyHash,
        endpoint: &str,
        answer: &Result<T, VtError>,
        now: OffsetDateTime,
    ) -> Option<Change> {
        let endpoint = Some(endpoint.to_owned());
        match answer {
            Err(VtError::Refused(refusal)) if refusal.reason == Reason::TooManyRequests => {
                Some(self.close(Place { key, endpoint }, refusal, now))
            }
            Err(VtError::Refused(refusal)) if is_wrong_key(refusal) => {
                let (wait, next) = (AFTER_WRONG_KEY, Duration::ZERO);
                let endpoint = None;
                Some(self.shut(Place { key, endpoint }, refusal, (wait, next), now))
            }
            Ok(_) => {
                let closure = self.lock().pop(&Place { key, endpoint });
                closure.map(|_| Change::Opened)
            }
            Err(_) => None,
        }
    }

    /// Takes over what another replica learned, which lasts for so long still.
    pub fn adopt(&self, key: KeyHash, closure: &str, left: Duration, now: OffsetDateTime) {
        let Ok(told) = serde_json::from_str::<Told>(closure) else {
            return;
        };
        let Told {
            endpoint,
            refusal,
            next,
        } = told;
        self.shut(Place { key, endpoint }, &refusal, (left, next), now);
    }

    fn close(&self, place: Place, refusal: &Refusal, now: OffsetDateTime) -> Change {
        let before = self.lock().peek(&place).map(|closure| closure.next);
        let (wait, next) = match (refusal.retry_after, before) {
            (Some(wait), _) => (wait, Duration::ZERO),
            (None, _) if refusal.is_from_edge => (AFTER_EDGE, Duration::ZERO),
            (None, Some(wait)) if !wait.is_zero() => (wait, (wait * 2).min(LONGEST)),
            (None, _) => (until_next_minute(now), Duration::from_mins(2)),
        };
        self.shut(place, refusal, (wait, next), now)
    }

    fn shut(
        &self,
        place: Place,
        refusal: &Refusal,
        (wait, next): (Duration, Duration),
        now: OffsetDateTime,
    ) -> Change {
        let told = Told {
            endpoint: place.endpoint.clone(),
            refusal: refusal.clone(),
            next,
        };
        let closure = Closure {
            refusal: refusal.clone(),
            until: now + wait,
            next,
        };
        self.lock().put(place, closure);
        // What was just read can be written.
        let text = serde_json::to_string(&told).unwrap_or_default();
        Change::Shut(told.endpoint, wait, text)
    }

    /// A panic elsewhere leaves closures behind that are still true.
    fn lock(&self) -> MutexGuard<'_, LruCache<Place, Closure>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Closed {
    fn default() -> Self {
        Self::new()
    }
}

/// VirusTotal's word for a key it does not know; an inactive user may become active.
fn is_wrong_key(refusal: &Refusal) -> bool {
    let code = refusal.code.to_ascii_lowercase();
    refusal.reason == Reason::Unauthorized && code.starts_with("wrongcredentials")
}

fn until_next_minute(now: OffsetDateTime) -> Duration {
    let within = u64::from(now.second());
    Duration::from_secs(60 - within.min(59))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::key::ApiKey;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00:20 UTC);
    const FILES: &str = "GET /files/{}";

    fn key(name: &str) -> KeyHash {
        ApiKey::parse(name.as_bytes()).unwrap().hash()
    }

    fn refused(code: &'static str, retry_after: Option<u64>, is_from_edge: bool) -> Refusal {
        let reason = match code {
            "WrongCredentialsError" | "UserNotActiveError" => Reason::Unauthorized,
            _ => Reason::TooManyRequests,
        };
        Refusal {
            reason,
            code: code.into(),
            message: None,
            retry_after: retry_after.map(Duration::from_secs),
            is_from_edge,
        }
    }

    fn learn(closed: &Closed, refusal: Refusal, now: OffsetDateTime) {
        closed.learn::<()>(key("a"), FILES, &Err(VtError::Refused(refusal)), now);
    }

    /// Seconds until it opens.
    fn left(closed: &Closed, endpoint: &str, now: OffsetDateTime) -> Option<u64> {
        let refusal = closed.refusal(key("a"), endpoint, now)?;
        Some(refusal.retry_after.unwrap().as_secs())
    }

    #[test]
    fn a_429_closes_its_endpoint_to_its_key_and_nothing_else() {
        let closed = Closed::new();
        learn(&closed, refused("QuotaExceededError", Some(30), false), NOW);
        assert_eq!(left(&closed, FILES, NOW), Some(30));
        assert_eq!(left(&closed, FILES, NOW + Duration::from_secs(29)), Some(1));
        assert_eq!(left(&closed, FILES, NOW + Duration::from_secs(30)), None);
        assert_eq!(left(&closed, "GET /files/{}/comments", NOW), None);
        assert!(closed.refusal(key("b"), FILES, NOW).is_none());
    }

    #[test]
    fn without_a_time_it_is_the_next_minute_and_then_twice_as_long() {
        let closed = Closed::new();
        let mut now = NOW;
        for seconds in [40, 120, 240, 480, 960, 1920, 3600, 3600] {
            learn(&closed, refused("QuotaExceededError", None, false), now);
            assert_eq!(left(&closed, FILES, now), Some(seconds));
            now += Duration::from_secs(seconds);
        }
        closed.learn(key("a"), FILES, &Ok(()), now);
        learn(&closed, refused("QuotaExceededError", None, false), NOW);
        assert_eq!(left(&closed, FILES, NOW), Some(40));
    }

    #[test]
    fn from_the_edge_it_is_a_minute() {
        let closed = Closed::new();
        learn(&closed, refused("TooManyRequestsError", None, true), NOW);
        assert_eq!(left(&closed, FILES, NOW), Some(60));
    }

    #[test]
    fn a_wrong_key_is_closed_out_for_a_minute() {
        let closed = Closed::new();
        learn(&closed, refused("UserNotActiveError", None, false), NOW);
        assert_eq!(left(&closed, FILES, NOW), None);
        learn(&closed, refused("WrongCredentialsError", None, false), NOW);
        assert_eq!(left(&closed, "GET /search", NOW), Some(60));
        assert_eq!(left(&closed, FILES, NOW + Duration::from_mins(1)), None);
        assert!(closed.refusal(key("b"), FILES, NOW).is_none());
    }
}
