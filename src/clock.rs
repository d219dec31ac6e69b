//! The time it is, on two clocks, and when days and months are over.

use std::time::{Duration, Instant};

use time::{Date, OffsetDateTime};

/// A year and a month of it, in their order.
pub type YearMonth = (i32, u8);

/// A point in time, on the clock that never jumps and on the one that has dates.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For the minute.
    pub steady: Instant,
    /// For days, months and headers.
    pub utc: OffsetDateTime,
}

impl Now {
    /// The time it is.
    pub fn read() -> Self {
        Self {
            steady: Instant::now(),
            utc: OffsetDateTime::now_utc(),
        }
    }

    /// The time it will be; a clock that can't count so far stands still.
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

    /// The day it is, in UTC.
    pub fn day(self) -> Date {
        self.utc.date()
    }

    /// The month it is, in UTC.
    pub fn month(self) -> YearMonth {
        (self.utc.year(), self.utc.month().into())
    }

    /// How long until 00:00 UTC.
    pub fn until_tomorrow(self) -> Duration {
        self.until(self.day().next_day())
    }

    /// How long until 00:00 UTC on the first of a month.
    pub fn until_next_month(self) -> Duration {
        let (year, month) = (self.utc.year(), self.utc.month().next());
        let year = year + i32::from(month == time::Month::January);
        self.until(Date::from_calendar_date(year, month, 1).ok())
    }

    /// The Unix second that is not before this time and a while.
    pub fn unix_after(self, wait: Duration) -> i64 {
        let then = self.after(wait).utc;
        then.unix_timestamp() + i64::from(then.nanosecond() > 0)
    }

    /// How long until a day begins. A calendar that has run out of dates counts as now.
    fn until(self, day: Option<Date>) -> Duration {
        let then = day.map(|day| day.midnight().assume_utc());
        then.and_then(|then| (then - self.utc).try_into().ok())
            .unwrap_or_default()
    }
}

/// Seconds rounded up, so that who waits them is not early.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
