//! VirusTotal's back-offs: an endpoint is closed to a key by a 429, all of them by a 401.
//!
//! To go on asking after a 429 can get an account suspended, so nothing is sent there until its
//! time is over; VirusTotal's own client does the same. Time is handed in. A back-off ends by the
//! monotonic clock; the wall clock only says when the next full minute begins.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    access::{AcceptedKeys, KeyMemory, OfKey},
    clock::{BackOff, Now},
    key::KeyHash,
    vt::{Reason, Refusal, VtError},
};

/// After a key that VirusTotal does not know, so that one in a loop does not hammer it.
const AFTER_WRONG_KEY: BackOff = BackOff::new(Duration::from_mins(1));

/// The second back-off in a row after 429s that say no time; each further one is twice as long.
const SECOND: BackOff = BackOff::new(Duration::from_mins(2));

/// The longest closure after 429s that follow one another and say no time.
const LONGEST: BackOff = BackOff::new(Duration::from_hours(1));

/// The endpoints that are closed, each to a key.
#[derive(Debug)]
pub struct Closed {
    known: Mutex<KeyMemory<Place, Closure>>,
}

/// Where nothing is sent: an endpoint, or with none the whole API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    key: KeyHash,
    endpoint: Option<String>,
}

impl OfKey for Place {
    fn key(&self) -> KeyHash {
        self.key
    }
}

#[derive(Clone, Debug)]
struct Closure {
    /// What VirusTotal said.
    refusal: Refusal,
    until: Instant,
    /// The next back-off, if that 429 says no time either and this one did not.
    next: Option<BackOff>,
}

/// What an answer of VirusTotal's changed, for other replicas to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An endpoint, or with none all of them, closed for so long; with what
    /// [`Closed::adopt`] takes.
    Shut(Option<String>, BackOff, String),
    /// What was closed once answers again.
    Opened,
}

/// A closure as other replicas are told of it.
#[derive(Serialize, Deserialize)]
struct Told {
    endpoint: Option<String>,
    refusal: Refusal,
    next: Option<BackOff>,
}

impl Closed {
    /// Creates a memory in which everything is open. Of keys that are not accepted it holds but
    /// so much.
    pub fn new(accepted: AcceptedKeys) -> Self {
        Self {
            known: Mutex::new(KeyMemory::new(accepted)),
        }
    }

    /// Keeps what is known of a key that has just been accepted.
    pub fn keep(&self, key: KeyHash) {
        self.lock().promote(key);
    }

    /// Forgets the back-offs that are over and say nothing of the next one any more.
    pub fn forget_idle(&self, now: Now) {
        let counts = |closure: &Closure| match closure.next {
            Some(next) => now.steady < next.after(closure.until),
            None => closure.left(now.steady).is_some(),
        };
        self.lock().retain(|_, closure| counts(closure));
    }

    /// Returns what VirusTotal would say, if this is closed; with the time until it opens.
    ///
    /// `endpoint` is a method and a path's template: `GET /files/{}`.
    pub fn refusal(&self, key: KeyHash, endpoint: &str, now: Instant) -> Option<Refusal> {
        let known = self.lock();
        let places = [None, Some(endpoint.to_owned())].map(|endpoint| Place { key, endpoint });
        let closures = places.iter().filter_map(|place| known.get(place));
        let closure = closures.max_by_key(|closure| closure.until)?;
        let left = closure.left(now)?;
        Some(Refusal {
            retry_after: Some(left),
            ..closure.refusal.clone()
        })
    }

    /// Learns from what VirusTotal answered to a call, and returns what that changed.
    ///
    /// Whether and for how long to back off is decided here and nowhere else; the answer then says
    /// the same.
    pub fn learn<T>(
        &self,
        key: KeyHash,
        endpoint: &str,
        answer: &mut Result<T, VtError>,
        now: Now,
    ) -> Option<Change> {
        let endpoint = Some(endpoint.to_owned());
        match answer {
            Err(VtError::Refused(refusal)) if refusal.reason == Reason::TooManyRequests => {
                Some(self.back_off(Place { key, endpoint }, refusal, now))
            }
            Err(VtError::Refused(refusal)) if is_wrong_key(refusal) => {
                refusal.retry_after = Some(AFTER_WRONG_KEY);
                let place = Place {
                    key,
                    endpoint: None,
                };
                let closure = Closure {
                    refusal: refusal.clone(),
                    until: AFTER_WRONG_KEY.after(now.steady),
                    next: None,
                };
                Some(shut(&mut self.lock(), place, closure, now))
            }
            Ok(_) => self.open(&Place { key, endpoint }, now),
            Err(_) => None,
        }
    }

    /// Takes over what another replica learned, which lasts for so long still.
    ///
    /// Nothing of it opens what is closed here for longer.
    pub fn adopt(&self, key: KeyHash, closure: &str, left: BackOff, now: Now) {
        let Ok(told) = serde_json::from_str::<Told>(closure) else {
            return;
        };
        let endpoint = told.endpoint;
        let closure = Closure {
            refusal: told.refusal,
            until: left.after(now.steady),
            next: told.next.map(|next| next.min(LONGEST)),
        };
        shut(&mut self.lock(), Place { key, endpoint }, closure, now);
    }

    /// Closes an endpoint after a 429, and writes into the refusal for how long.
    ///
    /// A 429 without a time that comes while the endpoint is closed was asked for before: it is no
    /// sign that the back-off was too short.
    fn back_off(&self, place: Place, refusal: &mut Refusal, now: Now) -> Change {
        let mut known = self.lock();
        let before = known.get(&place);
        let left = before.and_then(|closure| closure.left(now.steady));
        let planned = before.and_then(|closure| closure.next);
        let (wait, next) = match (refusal.retry_after, left, planned) {
            (Some(wait), _, _) => (wait, None),
            (None, Some(left), planned) => (left, planned),
            (None, None, Some(wait)) if !wait.is_zero() => {
                (wait, Some(wait.doubled().min(LONGEST)))
            }
            (None, None, _) => (BackOff::new(now.until_next_minute()), Some(SECOND)),
        };
        let wait = left.map_or(wait, |left| wait.max(left));
        refusal.retry_after = Some(wait);
        let closure = Closure {
            refusal: refusal.clone(),
            until: wait.after(now.steady),
            next,
        };
        shut(&mut known, place, closure, now)
    }

    /// Forgets a back-off that is over.
    ///
    /// One that is not stands: what succeeds meanwhile was asked for before it began.
    fn open(&self, place: &Place, now: Now) -> Option<Change> {
        let mut known = self.lock();
        let closure = known.get(place)?;
        if closure.left(now.steady).is_some() {
            return None;
        }
        known.remove(place);
        Some(Change::Opened)
    }

    /// A panic elsewhere leaves closures behind that are still true.
    fn lock(&self) -> MutexGuard<'_, KeyMemory<Place, Closure>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closure {
    /// Returns the time until it opens; `None` where it is open.
    fn left(&self, now: Instant) -> Option<BackOff> {
        let left = BackOff::new(self.until.saturating_duration_since(now));
        (!left.is_zero()).then_some(left)
    }
}

/// Closes a place until the later of this closure's end and the one's that stands.
fn shut(
    known: &mut KeyMemory<Place, Closure>,
    place: Place,
    mut closure: Closure,
    now: Now,
) -> Change {
    if let Some(before) = known.get(&place).filter(|it| it.until > closure.until) {
        closure.clone_from(before);
    }
    let told = Told {
        endpoint: place.endpoint.clone(),
        refusal: closure.refusal.clone(),
        next: closure.next,
    };
    let left = closure.left(now.steady).unwrap_or_default();
    known.insert(place, closure);
    // What was just read can be written.
    let text = serde_json::to_string(&told).unwrap_or_default();
    Change::Shut(told.endpoint, left, text)
}

/// VirusTotal's word for a key it does not know; an inactive user may become active.
fn is_wrong_key(refusal: &Refusal) -> bool {
    let code = refusal.code.to_ascii_lowercase();
    refusal.reason == Reason::Unauthorized && code.starts_with("wrongcredentials")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::key::ApiKey;

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00:20 UTC);
    const FILES: &str = "GET /files/{}";
    const DAY: u64 = 24 * 60 * 60;

    /// Twenty seconds past noon.
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
        }
    }

    /// Learns of a refusal, and gives the seconds that its answer then says.
    fn learn(closed: &Closed, refusal: Refusal, now: Now) -> Option<u64> {
        let mut answer = Err::<(), _>(VtError::Refused(refusal));
        closed.learn(key("a"), FILES, &mut answer, now);
        let Err(VtError::Refused(refusal)) = answer else {
            panic!("it was a refusal")
        };
        refusal.retry_after.map(|wait| wait.get().as_secs())
    }

    fn succeed(closed: &Closed, now: Now) -> Option<Change> {
        closed.learn(key("a"), FILES, &mut Ok(()), now)
    }

    /// Seconds until it opens.
    fn left(closed: &Closed, endpoint: &str, now: Now) -> Option<u64> {
        let refusal = closed.refusal(key("a"), endpoint, now.steady)?;
        Some(refusal.retry_after.unwrap().get().as_secs())
    }

    #[test]
    fn a_429_closes_its_endpoint_to_its_key_and_nothing_else() {
        let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
        learn(&closed, refused("QuotaExceededError", Some(30)), now);
        assert_eq!(left(&closed, FILES, now), Some(30));
        assert_eq!(left(&closed, FILES, later(now, 29)), Some(1));
        assert_eq!(left(&closed, FILES, later(now, 30)), None);
        assert_eq!(left(&closed, "GET /files/{}/comments", now), None);
        assert!(closed.refusal(key("b"), FILES, now.steady).is_none());
    }

    #[test]
    fn without_a_time_it_is_the_next_minute_and_then_twice_as_long() {
        let (closed, mut now) = (Closed::new(AcceptedKeys::new()), noon());
        for seconds in [40, 120, 240, 480, 960, 1920, 3600, 3600] {
            let said = learn(&closed, refused("QuotaExceededError", None), now);
            assert_eq!(said, Some(seconds));
            assert_eq!(left(&closed, FILES, now), said);
            now = later(now, seconds);
        }
        assert_eq!(succeed(&closed, now), Some(Change::Opened));
        let said = learn(&closed, refused("QuotaExceededError", None), noon());
        assert_eq!(said, Some(40));
    }

    #[test]
    fn many_429s_at_once_are_one_back_off() {
        let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
        for _ in 0..20 {
            let said = learn(&closed, refused("QuotaExceededError", None), now);
            assert_eq!(said, Some(40));
        }
        let said = learn(&closed, refused("QuotaExceededError", None), later(now, 10));
        assert_eq!(said, Some(30));
        let said = learn(&closed, refused("QuotaExceededError", None), later(now, 40));
        assert_eq!(said, Some(120));
    }

    #[test]
    fn a_back_off_is_never_cut_short_by_what_was_asked_before_it() {
        let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
        learn(&closed, refused("QuotaExceededError", Some(3600)), now);
        assert_eq!(succeed(&closed, later(now, 1)), None);
        for given in [None, Some(5)] {
            let said = learn(&closed, refused("QuotaExceededError", given), later(now, 1));
            assert_eq!(said, Some(3599));
        }
        let said = learn(&closed, refused("QuotaExceededError", Some(DAY)), now);
        assert_eq!(said, Some(DAY));
    }

    #[test]
    fn the_wall_clock_changes_no_back_off() {
        for (given, wait) in [(Some(60), 60), (None, 40)] {
            let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
            learn(&closed, refused("QuotaExceededError", given), now);
            for hours in [-87_600, -1, 1, 87_600] {
                let shifted = Now {
                    utc: now.utc + time::Duration::hours(hours),
                    ..later(now, 10)
                };
                assert_eq!(left(&closed, FILES, shifted), Some(wait - 10));
            }
        }
    }

    #[test]
    fn a_wrong_key_is_closed_out_for_a_minute() {
        let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
        learn(&closed, refused("UserNotActiveError", None), now);
        assert_eq!(left(&closed, FILES, now), None);
        learn(&closed, refused("WrongCredentialsError", None), now);
        assert_eq!(left(&closed, "GET /search", now), Some(60));
        assert_eq!(left(&closed, FILES, later(now, 60)), None);
        assert!(closed.refusal(key("b"), FILES, now.steady).is_none());
    }

    #[test]
    fn what_is_no_refusal_closes_nothing() {
        let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
        for error in [
            VtError::Unexpected(401),
            VtError::Unexpected(404),
            VtError::Timeout,
            VtError::Unreachable,
        ] {
            let mut answer = Err::<(), _>(error);
            assert_eq!(closed.learn(key("a"), FILES, &mut answer, now), None);
        }
        assert_eq!(left(&closed, FILES, now), None);
    }

    #[test]
    fn other_replicas_take_over_what_one_learned() {
        let (closed, other, now) = (
            Closed::new(AcceptedKeys::new()),
            Closed::new(AcceptedKeys::new()),
            noon(),
        );
        let mut answer = Err::<(), _>(VtError::Refused(refused("QuotaExceededError", None)));
        let change = closed.learn(key("a"), FILES, &mut answer, now);
        let Some(Change::Shut(endpoint, wait, closure)) = change else {
            panic!("{change:?}")
        };
        assert_eq!(
            (endpoint.as_deref(), wait.get().as_secs()),
            (Some(FILES), 40)
        );
        other.adopt(key("a"), &closure, wait, now);
        assert_eq!(left(&other, FILES, now), Some(40));
        // One that is over only tells how long the next one is.
        other.adopt(key("a"), &closure, BackOff::default(), later(now, 40));
        assert_eq!(left(&other, FILES, later(now, 40)), None);
        let said = learn(&other, refused("QuotaExceededError", None), later(now, 40));
        assert_eq!(said, Some(120));
        // What is told late opens nothing.
        other.adopt(key("a"), &closure, BackOff::default(), later(now, 41));
        assert_eq!(left(&other, FILES, later(now, 41)), Some(119));
        other.adopt(key("a"), "nonsense", BackOff::MAX, now);
        assert_eq!(left(&other, "GET /search", now), None);
    }

    #[test]
    fn a_stored_next_back_off_is_an_hour_at_most() {
        let (closed, now) = (Closed::new(AcceptedKeys::new()), noon());
        let refusal = serde_json::to_value(refused("QuotaExceededError", Some(1))).unwrap();
        let told = serde_json::json!({
            "endpoint": FILES,
            "refusal": refusal,
            "next": {"secs": u64::MAX, "nanos": 0},
        });
        closed.adopt(key("a"), &told.to_string(), BackOff::default(), now);
        let said = learn(&closed, refused("QuotaExceededError", None), now);
        assert_eq!(said, Some(3600));
    }

    proptest! {
        #[test]
        fn the_answer_says_what_then_holds(
            steps in proptest::collection::vec((any::<Option<u64>>(), 0_u64..100_000), 1..20),
        ) {
            let (closed, mut now) = (Closed::new(AcceptedKeys::new()), noon());
            for (given, passed) in steps {
                let said = learn(&closed, refused("QuotaExceededError", given), now);
                // Less than a second is no whole one.
                let wait = said.unwrap();
                prop_assert!(wait <= DAY);
                prop_assert_eq!(left(&closed, FILES, now).unwrap_or_default(), wait);
                now = later(now, passed);
            }
        }
    }
}
