//! Monotonic and wall-clock time, periods of the calendar, and bounded durations.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

/// A year and a month, ordered by time.
pub type YearMonth = (i32, u8);

/// A duration from an untrusted source, at most `MAX_SECONDS` long.
///
/// A header, a stored value or another process can contain any number. Adding an unbounded duration
/// to a time could overflow and panic, or cause a wait of centuries.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "Duration", into = "Duration")]
pub struct Bounded<const MAX_SECONDS: u64>(Duration);

/// The length of a back-off, at most 24 hours.
pub type BackOff = Bounded<{ 24 * 60 * 60 }>;

/// The current time on the monotonic clock and on the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The monotonic clock, for waits and the minute.
    pub steady: Instant,
    /// The wall clock, for days, months and headers.
    pub utc: OffsetDateTime,
}

impl<const MAX_SECONDS: u64> Bounded<MAX_SECONDS> {
    /// The maximum duration.
    pub const MAX: Self = Self(Duration::from_secs(MAX_SECONDS));

    /// Clamps a duration to the maximum.
    pub const fn new(duration: Duration) -> Self {
        if duration.as_secs() < MAX_SECONDS {
            Self(duration)
        } else {
            Self::MAX
        }
    }

    /// Creates a duration from milliseconds, as Redis returns them.
    pub const fn from_millis(millis: u64) -> Self {
        Self::new(Duration::from_millis(millis))
    }

    /// Parses whole seconds: any number of digits and nothing else.
    pub fn parse_seconds(text: &str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A number beyond 64 bits is valid and clamped.
        let seconds = text.parse().unwrap_or(u64::MAX);
        Some(Self::new(Duration::from_secs(seconds)))
    }

    /// Returns the duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Returns whether the duration is zero.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Returns twice the duration, clamped to the maximum.
    #[must_use]
    pub const fn doubled(self) -> Self {
        Self::new(self.0.saturating_mul(2))
    }

    /// Returns the instant after this duration, or `start` if the clock can't represent it.
    pub fn after(self, start: Instant) -> Instant {
        start.checked_add(self.0).unwrap_or(start)
    }
}

impl<const MAX_SECONDS: u64> From<Duration> for Bounded<MAX_SECONDS> {
    fn from(duration: Duration) -> Self {
        Self::new(duration)
    }
}

impl<const MAX_SECONDS: u64> From<Bounded<MAX_SECONDS>> for Duration {
    fn from(bounded: Bounded<MAX_SECONDS>) -> Self {
        bounded.0
    }
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        Self {
            steady: Instant::now(),
            utc: OffsetDateTime::now_utc(),
        }
    }

    /// Returns the time after `wait`. A clock that can't represent it keeps its value.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let steady = self.steady.checked_add(wait);
        let utc = wait.try_into().ok();
        let utc = utc.and_then(|wait| self.utc.checked_add(wait));
        Self {
            steady: steady.unwrap_or(self.steady),
            utc: utc.unwrap_or(self.utc),
        }
    }

    /// Returns the current day in UTC.
    pub fn day(self) -> Date {
        self.utc.date()
    }

    /// Returns the current month in UTC.
    pub fn month(self) -> YearMonth {
        (self.utc.year(), self.utc.month().into())
    }

    /// Returns the time until the next full minute, above zero and at most a minute.
    pub fn until_next_minute(self) -> Duration {
        let seconds = Duration::from_secs(self.utc.second().into());
        let within = seconds.saturating_add(Duration::from_nanos(self.utc.nanosecond().into()));
        Duration::from_mins(1).saturating_sub(within)
    }

    /// Returns the time until 00:00 UTC.
    pub fn until_tomorrow(self) -> Duration {
        self.until(self.day().next_day())
    }

    /// Returns the time until 00:00 UTC on the first of the next month.
    pub fn until_next_month(self) -> Duration {
        // `Month::next` wraps from December to January without the year.
        let (year, month) = (self.utc.year(), self.utc.month().next());
        let year = year + i32::from(month == time::Month::January);
        self.until(Date::from_calendar_date(year, month, 1).ok())
    }

    /// Returns the time after `wait` as a Unix timestamp, rounded up.
    pub fn unix_after(self, wait: Duration) -> i64 {
        let then = self.after(wait).utc;
        then.unix_timestamp() + i64::from(then.nanosecond() > 0)
    }

    /// Returns the time until a day begins. `None`, beyond the end of the calendar, counts as now.
    fn until(self, day: Option<Date>) -> Duration {
        let then = day.map(|day| day.midnight().assume_utc());
        then.and_then(|then| (then - self.utc).try_into().ok())
            .unwrap_or_default()
    }
}

/// Rounds a duration up to whole seconds, so that a client that waits for it is not early.
pub fn whole_seconds(duration: Duration) -> u64 {
    let started = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(started)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use time::macros::datetime;

    use super::*;

    #[rstest]
    #[case("17", Some(17))]
    #[case("0", Some(0))]
    #[case("00030", Some(30))]
    #[case("86400", Some(86_400))]
    #[case("86401", Some(86_400))]
    #[case("253402300799", Some(86_400))]
    #[case("9999999999999", Some(86_400))]
    #[case("18446744073709551616", Some(86_400))]
    #[case("-1", None)]
    #[case("+1", None)]
    #[case("1e400", None)]
    #[case("1.5", None)]
    #[case("0x10", None)]
    #[case("1 2", None)]
    #[case("\u{663}", None)]
    #[case("", None)]
    fn seconds_are_digits_clamped_to_a_day(#[case] text: &str, #[case] seconds: Option<u64>) {
        let parsed = BackOff::parse_seconds(text).map(BackOff::get);
        assert_eq!(parsed, seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case(datetime!(2026-01-01 12:00:20 UTC), Duration::from_secs(40))]
    #[case(datetime!(2026-01-01 12:00:00 UTC), Duration::from_mins(1))]
    #[case(datetime!(2026-01-01 12:00:59.999 UTC), Duration::from_millis(1))]
    fn next_minute_is_after_now(#[case] utc: OffsetDateTime, #[case] wait: Duration) {
        let steady = Instant::now();
        assert_eq!(Now { steady, utc }.until_next_minute(), wait);
    }

    #[test]
    fn stored_duration_is_clamped_when_read() {
        let stored = format!(r#"{{"secs": {}, "nanos": 5}}"#, u64::MAX);
        let read: BackOff = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, BackOff::MAX);
    }

    proptest! {
        #[test]
        fn no_number_of_seconds_panics_or_exceeds_the_bound(digits in "[0-9]{1,400}") {
            let wait = BackOff::parse_seconds(&digits).unwrap();
            prop_assert!(wait <= BackOff::MAX);
            let now = Instant::now();
            prop_assert!(wait.doubled().after(now) <= BackOff::MAX.after(now));
        }

        #[test]
        fn no_duration_panics(seconds: u64, nanos in 0_u32..1_000_000_000) {
            let long = Duration::new(seconds, nanos);
            prop_assert_eq!(BackOff::new(long).get(), long.min(BackOff::MAX.get()));
            prop_assert_eq!(whole_seconds(long), seconds.saturating_add(u64::from(nanos > 0)));
            let now = Now { steady: Instant::now(), utc: datetime!(9999-12-31 23:59:59 UTC) };
            prop_assert!(now.after(long).steady >= now.steady);
            prop_assert!(now.unix_after(long) >= now.utc.unix_timestamp());
        }
    }
}
