//! The rules of the windows, under a clock that the tests hand in.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::key::ApiKey;

struct Clock {
    steady: Instant,
    utc: OffsetDateTime,
}

impl Clock {
    fn at(utc: OffsetDateTime) -> Self {
        Self {
            steady: Instant::now(),
            utc,
        }
    }

    fn after(&self, millis: u64) -> Now {
        let passed = Duration::from_millis(millis);
        Now {
            steady: self.steady + passed,
            utc: self.utc + passed,
        }
    }
}

fn key(name: &str) -> KeyHash {
    ApiKey::parse(name.as_bytes()).unwrap().hash()
}

fn limits(per_minute: u32, per_day: u32, per_month: u32) -> Limits {
    let limit = NonZeroU32::new;
    Limits {
        per_minute: limit(per_minute),
        per_day: limit(per_day),
        per_month: limit(per_month),
    }
}

const NOON: OffsetDateTime = datetime!(2026-03-15 12:00 UTC);

#[test]
fn a_minute_is_any_sixty_seconds() {
    let (quota, clock, key) = (Quota::new(limits(2, 0, 0)), Clock::at(NOON), key("k"));
    assert!(quota.take(key, clock.after(0)).is_ok());
    assert!(quota.take(key, clock.after(50_000)).is_ok());
    let refused = quota.take(key, clock.after(59_999)).unwrap_err();
    assert_eq!(refused.window, Window::Minute);
    assert_eq!(refused.retry_after, Duration::from_millis(1_001));
    assert!(quota.take(key, clock.after(61_000)).is_ok());
    let refused = quota.take(key, clock.after(61_001)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_millis(49_999));
}

#[test]
fn days_and_months_are_the_calendars() {
    let (quota, key) = (Quota::new(limits(0, 2, 3)), key("k"));
    let clock = Clock::at(datetime!(2026-12-30 23:59 UTC));
    assert!(quota.take(key, clock.after(0)).is_ok());
    assert!(quota.take(key, clock.after(0)).is_ok());
    let refused = quota.take(key, clock.after(1_000)).unwrap_err();
    assert_eq!(
        (refused.window, refused.retry_after),
        (Window::Day, Duration::from_secs(59))
    );
    assert!(quota.take(key, clock.after(60_000)).is_ok());
    let refused = quota.take(key, clock.after(60_000)).unwrap_err();
    assert_eq!(
        (refused.window, refused.retry_after),
        (Window::Month, Duration::from_hours(24))
    );
    assert!(
        quota
            .take(key, clock.after(60_000 + 24 * 3_600_000))
            .is_ok()
    );
}

#[test]
fn keys_do_not_share() {
    let (quota, clock) = (Quota::new(limits(1, 0, 0)), Clock::at(NOON));
    assert!(quota.take(key("a"), clock.after(0)).is_ok());
    assert!(quota.take(key("b"), clock.after(0)).is_ok());
    assert!(quota.take(key("a"), clock.after(0)).is_err());
}

#[test]
fn without_limits_nothing_is_counted() {
    let (quota, clock, key) = (Quota::new(limits(0, 0, 0)), Clock::at(NOON), key("k"));
    assert!((0..1000).all(|_| quota.take(key, clock.after(0)).is_ok()));
    assert_eq!(quota.standing(key, clock.after(0)), None);
}

#[test]
fn standing_says_what_is_left_and_when_all_is_back() {
    let (quota, clock, key) = (Quota::new(limits(4, 0, 0)), Clock::at(NOON), key("k"));
    let noon = NOON.unix_timestamp();
    let standing = |now| quota.standing(key, now).unwrap();
    assert_eq!(
        standing(clock.after(0)),
        Standing {
            limit: 4,
            remaining: 4,
            reset: noon
        }
    );
    quota.take(key, clock.after(0)).unwrap();
    quota.take(key, clock.after(10_000)).unwrap();
    assert_eq!(
        standing(clock.after(20_000)),
        Standing {
            limit: 4,
            remaining: 2,
            reset: noon + 71
        }
    );
    assert_eq!(
        standing(clock.after(62_000)),
        Standing {
            limit: 4,
            remaining: 3,
            reset: noon + 71
        }
    );
}

#[test]
fn a_unit_can_be_given_back_once_its_call_never_left() {
    let (quota, clock, key) = (Quota::new(limits(1, 1, 1)), Clock::at(NOON), key("k"));
    let unit = quota.take(key, clock.after(0)).unwrap();
    assert!(quota.take(key, clock.after(1)).is_err());
    quota.give_back(key, &unit);
    assert!(quota.take(key, clock.after(2)).is_ok());
}

#[test]
fn keys_are_forgotten_when_nothing_of_theirs_counts() {
    let (quota, clock) = (Quota::new(limits(4, 0, 0)), Clock::at(NOON));
    quota.take(key("a"), clock.after(0)).unwrap();
    quota.take(key("b"), clock.after(30_000)).unwrap();
    quota.forget_idle(clock.after(61_000));
    assert_eq!(quota.lock().len(), 1);
    quota.forget_idle(clock.after(91_000));
    assert!(quota.lock().is_empty());
}

#[test]
fn a_day_is_not_forgotten_before_it_ends() {
    let (quota, clock, key) = (Quota::new(limits(4, 1, 0)), Clock::at(NOON), key("k"));
    quota.take(key, clock.after(0)).unwrap();
    quota.forget_idle(clock.after(3_600_000));
    assert!(quota.take(key, clock.after(3_600_000)).is_err());
}

#[test]
fn keys_are_bounded() {
    let (quota, clock) = (Quota::new(limits(4, 0, 0)), Clock::at(NOON));
    for at in 0..MAX_KEYS.get() + 10 {
        quota
            .take(key(&format!("key-{at}")), clock.after(0))
            .unwrap();
    }
    assert_eq!(quota.lock().len(), MAX_KEYS.get());
}

proptest! {
    #[test]
    fn never_more_than_the_limit_in_any_sixty_seconds(
        limit in 1u32..6,
        pauses in prop::collection::vec(0u64..20_000, 0..60),
    ) {
        let (quota, clock, key) = (Quota::new(limits(limit, 0, 0)), Clock::at(NOON), key("k"));
        let (mut at, mut taken) = (0, Vec::new());
        for pause in pauses {
            at += pause;
            if quota.take(key, clock.after(at)).is_ok() {
                taken.push(at);
            }
        }
        for window in taken.windows(limit as usize + 1) {
            prop_assert!(window[limit as usize] - window[0] >= 60_000, "{taken:?}");
        }
    }
}
