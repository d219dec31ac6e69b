//! Allowances and usage that VirusTotal reports, and their effect.

use std::{pin::pin, time::Duration};

use time::macros::datetime;
use tokio::time::timeout;

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "a report's fields are options")]
fn usage(allowed: u64, used: u64) -> Option<Usage> {
    Some(Usage { allowed, used })
}

fn reported_quota(
    hourly: Option<Usage>,
    daily: Option<Usage>,
    monthly: Option<Usage>,
) -> UpstreamQuota {
    UpstreamQuota {
        hourly,
        daily,
        monthly,
    }
}

/// Returns the allowance and usage of each window.
fn windows(quota: &Accounts, now: Now) -> [(Option<u64>, u64); 3] {
    let report = quota.report(key("k"), now);
    [report.minute, report.day, report.month].map(|tally| (tally.allowed, tally.used))
}

#[test]
fn scarcer_quota_of_user_and_group_counts() {
    let read = |json: &str| UpstreamQuota::read(json.as_bytes());
    let answer = r#"{"data": {
        "api_requests_hourly": {"user": {"allowed": 240, "used": 3}},
        "api_requests_daily": {
            "user": {"allowed": 500, "used": 10}, "group": {"allowed": 1000, "used": 600}
        },
        "api_requests_monthly": {
            "user": {"allowed": 15500, "used": 20000}, "group": {"allowed": 1, "used": 0}
        },
        "intelligence_searches_monthly": {"user": {"allowed": 0, "used": 0}}
    }}"#;
    let expected = reported_quota(usage(240, 3), usage(1000, 600), usage(15_500, 20_000));
    assert_eq!(read(answer), Some(expected));
}

#[test]
fn missing_or_malformed_windows_are_none() {
    let daily = |quota: &str| {
        let answer = format!(r#"{{"data": {{"api_requests_daily": {quota}}}}}"#);
        UpstreamQuota::read(answer.as_bytes()).and_then(|quota| quota.daily)
    };
    assert_eq!(daily(r#"{"user": {"allowed": 7}}"#), usage(7, 0));
    assert_eq!(
        daily(r#"{"group": {"allowed": 7, "used": 9}}"#),
        usage(7, 9)
    );
    let huge = r#"{"user": {"allowed": 18446744073709551615, "used": 1}}"#;
    assert_eq!(daily(huge), usage(u64::MAX, 1));
    let huger = r#"{"user": {"allowed": 1e30, "used": 1}}"#;
    assert_eq!(daily(huger), usage(u64::MAX, 1));
    for odd in [
        r#"{"user": {"used": 7}}"#,
        r#"{"user": {"allowed": -1, "used": 7}}"#,
        r#"{"user": {"allowed": "7", "used": 7}}"#,
        r#"{"user": 7}"#,
        "[]",
        "null",
    ] {
        assert_eq!(daily(odd), None, "{odd}");
    }
    for odd in ["", "{}", "[]", "7", r#"{"data": null}"#, "<html>"] {
        assert_eq!(UpstreamQuota::read(odd.as_bytes()), None, "{odd}");
    }
}

#[test]
fn unset_limits_are_learned() {
    let (quota, clock) = (learning(0), Clock::at(NOON));
    let reported = reported_quota(usage(600, 0), usage(1_000, 30), usage(20_000, 40));
    quota.learn(key("k"), &reported, clock.after(0));
    let expected = [(Some(10), 0), (Some(1_000), 30), (Some(20_000), 40)];
    assert_eq!(windows(&quota, clock.after(0)), expected);
    let reported = reported_quota(None, usage(900, 31), None);
    quota.learn(key("k"), &reported, clock.after(1_000));
    let expected = [(Some(10), 0), (Some(900), 31), (Some(20_000), 40)];
    assert_eq!(windows(&quota, clock.after(1_000)), expected);
}

#[test]
fn configured_limit_is_an_upper_bound_and_off_is_unlimited() {
    let (quota, clock) = (quota(100, 100, 0), Clock::at(NOON));
    assert_eq!(
        windows(&quota, clock.after(0)).map(|(allowed, _)| allowed),
        [Some(100), Some(100), None]
    );
    let reported = reported_quota(usage(240, 0), usage(500, 7), usage(15_500, 15_500));
    quota.learn(key("k"), &reported, clock.after(0));
    let expected = [(Some(4), 0), (Some(100), 7), (None, 15_500)];
    assert_eq!(windows(&quota, clock.after(0)), expected);
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
}

#[test]
fn minute_allows_at_least_one_lookup() {
    let (quota, clock) = (learning(0), Clock::at(NOON));
    let reported = reported_quota(usage(30, 0), usage(u64::MAX, 0), None);
    quota.learn(key("k"), &reported, clock.after(0));
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
    assert!(quota.take(key("k"), clock.after(0)).is_err());
}

#[test]
fn daily_allowance_of_zero_waits_for_tomorrow() {
    let (quota, clock) = (learning(0), Clock::at(NOON));
    let reported = reported_quota(None, usage(0, 0), None);
    quota.learn(key("k"), &reported, clock.after(0));
    let refused = quota.take(key("k"), clock.after(0)).unwrap_err();
    assert_eq!(
        (refused.window, refused.limit, refused.retry_after),
        (Window::Day, 0, Duration::from_hours(12))
    );
}

#[test]
fn reported_usage_counts_and_own_units_are_kept() {
    let (quota, clock) = (quota(0, 10, 0), Clock::at(NOON));
    let day = |now| quota.report(key("k"), now).day.used;
    let say = |used, at| {
        let reported = reported_quota(None, usage(500, used), None);
        quota.learn(key("k"), &reported, clock.after(at));
    };
    let units: Vec<_> = (0..3)
        .map(|at| quota.take(key("k"), clock.after(at)).unwrap())
        .collect();
    say(1, 10);
    assert_eq!(day(clock.after(10)), 3, "two calls are still in flight");
    say(8, 20);
    assert_eq!(day(clock.after(20)), 8);
    quota.take(key("k"), clock.after(30)).unwrap();
    assert_eq!(day(clock.after(30)), 9);
    quota.release(key("k"), &units[0]);
    assert_eq!(day(clock.after(30)), 8);
    say(40, 40);
    assert!(quota.take(key("k"), clock.after(40)).is_err());
    say(0, 50);
    assert_eq!(
        day(clock.after(50)),
        3,
        "the next report corrects one that was too high"
    );
}

#[test]
fn report_from_before_midnight_does_not_apply_to_the_new_day() {
    let (quota, clock) = (
        quota(0, 10, 0),
        Clock::at(datetime!(2026-03-31 23:59:59 UTC)),
    );
    quota.take(key("k"), clock.after(1_500)).unwrap();
    let reported = reported_quota(None, usage(500, 10), usage(15_500, 10_000));
    quota.learn(key("k"), &reported, clock.after(0));
    let used = windows(&quota, clock.after(2_000)).map(|(_, used)| used);
    assert_eq!(used, [1, 1, 1]);
    // Conversely, an outdated day is dropped.
    quota.learn(key("k"), &reported, clock.after(25 * 3_600_000));
    let used = windows(&quota, clock.after(25 * 3_600_000)).map(|(_, used)| used);
    assert_eq!(used, [0, 10, 10_000]);
}

#[test]
fn units_are_counted_before_a_limit_is_known() {
    let (quota, clock) = (learning(0), Clock::at(NOON));
    let much = reported_quota(usage(60_000, 0), usage(9_999, 0), usage(9_999, 0));
    quota.learn(key("k"), &much, clock.after(0));
    for at in 0..100 {
        quota.take(key("k"), clock.after(at)).unwrap();
    }
    let little = reported_quota(usage(240, 100), usage(100, 100), None);
    quota.learn(key("k"), &little, clock.after(200));
    let refused = quota.take(key("k"), clock.after(200)).unwrap_err();
    assert_eq!(refused.window, Window::Day);
    let standing = quota.standing(key("k"), clock.after(200)).unwrap();
    assert_eq!((standing.limit, standing.remaining), (4, 0));
}

#[test]
fn refresh_is_due_at_first_and_every_ten_minutes() {
    let (quota, clock) = (quota(4, 0, 0), Clock::at(NOON));
    let due = |at| quota.begin_refresh_if_due(key("k"), clock.after(at));
    let RefreshDue::First(attempt) = due(0) else {
        panic!("the first lookup refreshes");
    };
    assert!(matches!(due(1), RefreshDue::Pending(_)));
    drop(attempt);
    assert!(matches!(due(2), RefreshDue::No));
    assert!(matches!(due(599_999), RefreshDue::No));
    let RefreshDue::Again(_attempt) = due(600_000) else {
        panic!("ten minutes later it is due again");
    };
    assert!(matches!(due(600_001), RefreshDue::No));
    assert!(matches!(due(1_200_000), RefreshDue::Again(_)));
    assert!(matches!(
        quota.begin_refresh_if_due(key("other"), clock.after(0)),
        RefreshDue::First(_)
    ));
}

#[test]
fn without_limits_no_refresh_is_due() {
    let (quota, clock) = (quota(0, 0, 0), Clock::at(NOON));
    assert!(matches!(
        quota.begin_refresh_if_due(key("k"), clock.after(0)),
        RefreshDue::No
    ));
}

#[tokio::test]
async fn other_lookups_wait_until_the_first_refresh_ends() {
    let (quota, clock) = (quota(4, 0, 0), Clock::at(NOON));
    let RefreshDue::First(attempt) = quota.begin_refresh_if_due(key("k"), clock.after(0)) else {
        panic!("the first lookup refreshes");
    };
    let RefreshDue::Pending(underway) = quota.begin_refresh_if_due(key("k"), clock.after(0)) else {
        panic!("the second waits");
    };
    let mut over = pin!(underway.over());
    let early = timeout(Duration::from_millis(10), &mut over).await;
    assert!(early.is_err());
    drop(attempt);
    over.await;
}

#[test]
fn learned_allowances_are_kept_while_the_key_is_used() {
    let hour = 3_600_000;
    let (quota, clock) = (learning(0), Clock::at(NOON));
    drop(quota.begin_refresh_if_due(key("k"), clock.after(0)));
    quota.learn(
        key("k"),
        &reported_quota(usage(600, 0), None, None),
        clock.after(0),
    );
    let limit = |at| quota.standing(key("k"), clock.after(at)).unwrap().limit;
    quota.forget_idle(clock.after(23 * hour));
    assert_eq!(limit(23 * hour), 10);
    quota.forget_idle(clock.after(24 * hour));
    assert_eq!(limit(24 * hour), 4);
}
