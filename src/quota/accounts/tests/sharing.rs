//! Units that replicas spend together.

use super::*;

fn spent(minute_units: u64, ages: &[u64], day: u64, month: u64) -> UnitsOfAll {
    UnitsOfAll {
        minute_units,
        ages_of_others: ages.iter().copied().map(Duration::from_secs).collect(),
        day,
        month,
    }
}

#[test]
fn units_of_other_replicas_count_until_they_expire() {
    let (quota, clock) = (quota(3, 0, 0), Clock::at(NOON));
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
    quota.merge(key("k"), &spent(3, &[50, 20], 0, 0), clock.after(0));
    let refused = quota.take(key("k"), clock.after(0)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(11));
    let standing = quota.standing(key("k"), clock.after(0)).unwrap();
    assert_eq!((standing.limit, standing.remaining), (3, 0));
    assert_eq!(standing.reset, NOON.unix_timestamp() + 61);
    assert!(quota.take(key("k"), clock.after(11_000)).is_ok());
    assert!(quota.take(key("k"), clock.after(11_000)).is_err());
}

#[test]
fn report_replaces_units_of_others_but_not_own_ones() {
    let (quota, clock) = (quota(3, 0, 0), Clock::at(NOON));
    for _ in 0..2 {
        assert!(quota.take(key("k"), clock.after(0)).is_ok());
    }
    quota.merge(key("k"), &spent(3, &[0], 0, 0), clock.after(0));
    assert!(quota.take(key("k"), clock.after(0)).is_err());
    // Redis has been restarted and is empty.
    quota.merge(key("k"), &spent(0, &[], 0, 0), clock.after(0));
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
    assert!(quota.take(key("k"), clock.after(0)).is_err());
}

#[test]
fn units_cut_from_a_long_list_count() {
    let (quota, clock) = (quota(1000, 0, 0), Clock::at(NOON));
    quota.merge(key("k"), &spent(999, &[30, 20, 10], 0, 0), clock.after(0));
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
    let refused = quota.take(key("k"), clock.after(0)).unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(31));
    assert!(quota.take(key("k"), clock.after(51_000)).is_ok());
}

#[test]
fn reports_only_raise_days_and_months() {
    let (quota, clock) = (quota(0, 5, 9), Clock::at(NOON));
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
    quota.merge(key("k"), &spent(0, &[], 4, 8), clock.after(0));
    // A Redis that lost its data reports less.
    quota.merge(key("k"), &spent(0, &[], 0, 0), clock.after(0));
    let report = quota.report(key("k"), clock.after(0));
    assert_eq!((report.day.used, report.month.used), (4, 8));
    assert!(quota.take(key("k"), clock.after(0)).is_ok());
    let refused = quota.take(key("k"), clock.after(0)).unwrap_err();
    assert_eq!(refused.window, Window::Month);
}
