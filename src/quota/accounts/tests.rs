//! The rules of the windows, tested with a fake clock.

use std::{num::NonZeroU32, sync::Arc};

use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::access::{ApiKey, CallerId, MAX_UNVERIFIED};

mod learning;
mod properties;
mod queue;
mod sharing;

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

/// Creates a quota with configured limits, where 0 is unlimited.
fn quota(per_minute: u32, per_day: u32, per_month: u32) -> Accounts {
    let limit = |n| NonZeroU32::new(n).map_or(QuotaLimit::Off, QuotaLimit::AtMost);
    let limits = QuotaLimits {
        per_minute: limit(per_minute),
        per_day: limit(per_day),
        per_month: limit(per_month),
    };
    Accounts::new(limits, 100, AcceptedKeys::new())
}

/// Creates a quota with the limits that VirusTotal reports.
fn learning(max_waiting: usize) -> Accounts {
    Accounts::new(QuotaLimits::default(), max_waiting, AcceptedKeys::new())
}

/// Returns one of several callers that share a key.
fn caller(number: u8) -> CallerId {
    CallerId::at([192, 0, 2, number].into())
}

/// Queues requests that never take their units.
fn enqueue(quota: &Accounts, key: KeyHash, waiting: usize) {
    let clock = Clock::at(NOON);
    quota.with(key, clock.after(0), |account, _| {
        (0..waiting).for_each(|_| drop(account.queue.enter(caller(1))));
    });
}

const NOON: OffsetDateTime = datetime!(2026-03-15 12:00 UTC);

#[test]
fn minute_is_any_sixty_seconds() {
    let (quota, clock, key) = (quota(2, 0, 0), Clock::at(NOON), key("k"));
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
fn days_and_months_follow_the_calendar() {
    let (quota, key) = (quota(0, 2, 3), key("k"));
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
fn each_key_has_its_own_allowance() {
    let (quota, clock) = (quota(1, 0, 0), Clock::at(NOON));
    assert!(quota.take(key("a"), clock.after(0)).is_ok());
    assert!(quota.take(key("b"), clock.after(0)).is_ok());
    assert!(quota.take(key("a"), clock.after(0)).is_err());
}

#[test]
fn without_limits_nothing_is_refused() {
    let (quota, clock, key) = (quota(0, 0, 0), Clock::at(NOON), key("k"));
    assert!((0..1000).all(|_| quota.take(key, clock.after(0)).is_ok()));
    assert_eq!(quota.standing(key, clock.after(0)), None);
}

#[test]
fn standing_reports_what_is_left_and_when_it_resets() {
    let (quota, clock, key) = (quota(4, 0, 0), Clock::at(NOON), key("k"));
    let noon = NOON.unix_timestamp();
    let standing = |now| quota.standing(key, now).unwrap();
    assert_eq!(
        standing(clock.after(0)),
        MinuteQuota {
            limit: 4,
            remaining: 4,
            reset: noon
        }
    );
    quota.take(key, clock.after(0)).unwrap();
    quota.take(key, clock.after(10_000)).unwrap();
    assert_eq!(
        standing(clock.after(20_000)),
        MinuteQuota {
            limit: 4,
            remaining: 2,
            reset: noon + 71
        }
    );
    assert_eq!(
        standing(clock.after(62_000)),
        MinuteQuota {
            limit: 4,
            remaining: 3,
            reset: noon + 71
        }
    );
}

#[test]
fn unit_of_an_unsent_call_can_be_returned() {
    let (quota, clock, key) = (quota(1, 1, 1), Clock::at(NOON), key("k"));
    let unit = quota.take(key, clock.after(0)).unwrap();
    assert!(quota.take(key, clock.after(1)).is_err());
    quota.release(key, &unit);
    assert!(quota.take(key, clock.after(2)).is_ok());
}

#[test]
fn idle_accounts_are_evicted() {
    let (quota, clock) = (quota(4, 0, 0), Clock::at(NOON));
    quota.take(key("a"), clock.after(0)).unwrap();
    quota.take(key("b"), clock.after(30_000)).unwrap();
    quota.forget_idle(clock.after(61_000));
    assert_eq!(quota.keys.lock().len(), 1);
    quota.forget_idle(clock.after(91_000));
    assert!(quota.keys.lock().is_empty());
}

#[test]
fn account_is_kept_until_its_day_ends() {
    let (quota, clock, key) = (quota(4, 1, 0), Clock::at(NOON), key("k"));
    quota.take(key, clock.after(0)).unwrap();
    quota.forget_idle(clock.after(3_600_000));
    assert!(quota.take(key, clock.after(3_600_000)).is_err());
}

#[test]
fn unverified_keys_are_bounded() {
    let (quota, clock) = (quota(4, 0, 0), Clock::at(NOON));
    for at in 0..MAX_UNVERIFIED.get() + 10 {
        quota
            .take(key(&format!("key-{at}")), clock.after(0))
            .unwrap();
    }
    assert_eq!(quota.keys.lock().len(), MAX_UNVERIFIED.get());
}

#[test]
fn account_with_a_queue_is_never_evicted() {
    let (quota, clock, waiting) = (quota(4, 0, 0), Clock::at(NOON), key("waiting"));
    enqueue(&quota, waiting, 1);
    for at in 0..MAX_UNVERIFIED.get() + 10 {
        let other = key(&format!("key-{at}"));
        quota.take(other, clock.after(0)).unwrap();
    }
    quota.forget_idle(clock.after(3_600_000));
    assert!(quota.keys.lock().get(&waiting).is_some());
}

/// Spends a unit with each of many unverified keys.
fn flood(quota: &Accounts, now: Now) {
    for at in 0..10_240 {
        quota.take(key(&format!("made-up-{at}")), now).unwrap();
    }
}

#[test]
fn unverified_keys_evict_no_accepted_or_configured_key() {
    let accepted = AcceptedKeys::new();
    accepted.configure(key("configured"));
    let limits = quota(4, 0, 0).limits;
    let (quota, clock) = (Accounts::new(limits, 0, accepted.clone()), Clock::at(NOON));
    for name in ["accepted", "configured"] {
        for _ in 0..4 {
            let unit = quota.take(key(name), clock.after(0)).unwrap();
            if name == "accepted" {
                accepted.accept(key(name));
                quota.make_permanent(key(name), Some(&unit), clock.after(0));
            }
        }
    }
    flood(&quota, clock.after(1));
    for name in ["accepted", "configured"] {
        assert!(quota.take(key(name), clock.after(2)).is_err(), "{name}");
    }
    assert_eq!(quota.keys.lock().len(), MAX_UNVERIFIED.get() + 2);
    // Nothing counts any longer.
    quota.forget_idle(clock.after(61_001));
    assert!(quota.keys.lock().is_empty());
}

#[test]
fn unit_counts_although_its_account_was_evicted_before_acceptance() {
    let accepted = AcceptedKeys::new();
    let limits = quota(2, 0, 0).limits;
    let (quota, clock) = (Accounts::new(limits, 0, accepted.clone()), Clock::at(NOON));
    let units = [0, 1].map(|at| quota.take(key("new"), clock.after(at)).unwrap());
    flood(&quota, clock.after(2));
    accepted.accept(key("new"));
    for unit in &units {
        quota.make_permanent(key("new"), Some(unit), clock.after(3));
        quota.make_permanent(key("new"), Some(unit), clock.after(3));
    }
    let report = quota.report(key("new"), clock.after(4));
    assert_eq!((report.minute.used, report.day.used), (2, 2));
    assert!(quota.take(key("new"), clock.after(5)).is_err());
    // An expired unit is not counted again.
    let late = quota.take(key("new"), clock.after(61_001)).unwrap();
    quota.make_permanent(key("new"), Some(&units[0]), clock.after(61_002));
    quota.make_permanent(key("new"), Some(&late), clock.after(61_002));
    assert_eq!(quota.report(key("new"), clock.after(61_003)).day.used, 3);
}

#[test]
fn refusal_names_the_window_that_resets_last() {
    let (quota, key) = (quota(1, 2, 0), key("k"));
    let clock = Clock::at(datetime!(2026-03-15 23:58:30 UTC));
    quota.take(key, clock.after(0)).unwrap();
    quota.take(key, clock.after(61_000)).unwrap();
    // The day resets in 29 s, the minute in 61.
    let refused = quota.take(key, clock.after(61_000)).unwrap_err();
    assert_eq!(
        (refused.window, refused.retry_after),
        (Window::Minute, Duration::from_secs(61))
    );
    assert!(quota.take(key, clock.after(122_000)).is_ok());
}

#[test]
fn take_spare_leaves_the_last_unit_of_a_minute() {
    let (quota, clock, key) = (quota(2, 0, 0), Clock::at(NOON), key("k"));
    assert!(quota.take_spare(key, clock.after(0)).is_ok());
    let refused = quota.take_spare(key, clock.after(1_000)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_mins(1));
    assert_eq!(
        refused.to_string(),
        "the last of the key's 2 lookups a minute is kept for others"
    );
    assert!(quota.take(key, clock.after(1_000)).is_ok());
    let refused = quota.take_spare(key, clock.after(2_000)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_mins(1));
    assert_eq!(
        refused.to_string(),
        "the key's 2 lookups a minute are spent"
    );
    assert!(quota.take_spare(key, clock.after(62_000)).is_ok());
}

#[test]
fn take_spare_takes_the_only_unit_of_a_minute() {
    let clock = Clock::at(NOON);
    assert!(quota(1, 0, 0).take_spare(key("k"), clock.after(0)).is_ok());
    assert!(quota(0, 1, 1).take_spare(key("k"), clock.after(0)).is_ok());
}

#[test]
fn report_covers_every_window() {
    let (quota, clock, key) = (quota(4, 0, 3), Clock::at(NOON), key("k"));
    quota.take(key, clock.after(500)).unwrap();
    quota.count_saved(key, clock.after(600));
    quota.count_saved(key, clock.after(700));
    let noon = NOON.unix_timestamp();
    let report = |now| quota.report(key, now);
    let expected = Report {
        minute: Tally::new(Some(4), 1, noon + 62),
        day: Tally::new(None, 1, noon + 12 * 3600),
        month: Tally::new(Some(3), 1, noon + (16 * 24 + 12) * 3600),
        saved_today: 2,
    };
    assert_eq!(report(clock.after(1_000)), expected);
    let tomorrow = report(clock.after(12 * 3_600_000));
    assert_eq!((tomorrow.day.used, tomorrow.saved_today), (0, 0));
    assert_eq!(tomorrow.month.remaining, Some(2));
    let json = serde_json::to_value(expected).unwrap();
    assert_eq!(json["day"]["remaining"], serde_json::Value::Null);
    assert_eq!(json["minute"]["remaining"], 3);
}

#[test]
fn unset_limits_are_those_of_a_public_key() {
    let (quota, clock) = (learning(0), Clock::at(NOON));
    let report = quota.report(key("k"), clock.after(0));
    let allowed = [report.minute, report.day, report.month].map(|tally| tally.allowed);
    assert_eq!(allowed, [Some(4), Some(500), Some(15_500)]);
}

#[test]
fn units_are_kept_in_order_of_time() {
    let (quota, clock, key) = (quota(2, 0, 0), Clock::at(NOON), key("k"));
    let late = quota.take(key, clock.after(9)).unwrap();
    quota.take(key, clock.after(4)).unwrap();
    let refused = quota.take(key, clock.after(10)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_millis(60_994));
    quota.release(key, &late);
    assert_eq!(quota.report(key, clock.after(61_004)).minute.used, 0);
}
