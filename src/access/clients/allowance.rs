//! Allowances of clients, which limit requests independently of VirusTotal's quota.
//!
//! Each process counts for itself. A rejected request does not count.

use std::{collections::HashMap, fmt, num::NonZeroU32, time::Duration};

use parking_lot::Mutex;
use serde::Serialize;
use thiserror::Error;
use time::Date;

use super::Client;
use crate::{
    access::{CalendarWindow, SlidingWindow},
    clock::Now,
};

/// The length of the sliding window in which requests per minute are counted.
const MINUTE: Duration = Duration::from_mins(1);

/// The requests that a client may make; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The limit for any 60 seconds.
    pub per_minute: Option<NonZeroU32>,
    /// The limit per day, in UTC.
    pub per_day: Option<NonZeroU32>,
}

/// The window that an allowance applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowanceWindow {
    /// Any 60 seconds.
    Minute,
    /// A day, in UTC.
    Day,
}

/// The error for a client that has used up its allowance.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the client `{name}` has used up its own allowance of {limit} requests a {window}")]
pub struct OverAllowance {
    /// The client's name.
    pub name: String,
    /// The window that is exhausted.
    pub window: AllowanceWindow,
    /// The number of requests allowed in it.
    pub limit: NonZeroU32,
    /// The time until the next request is accepted.
    pub retry_after: Duration,
}

impl fmt::Display for AllowanceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Day => "day",
        })
    }
}

/// The requests that a client has made, in each window that the operator has limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Any 60 seconds.
    pub minute: Option<UsedRequests>,
    /// The day, in UTC.
    pub day: Option<UsedRequests>,
}

/// The requests of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UsedRequests {
    /// The requests that are allowed.
    pub allowed: u64,
    /// The requests that were made.
    pub used: u64,
}

/// The requests that clients have made, by name.
#[derive(Debug, Default)]
pub(super) struct RequestCounts(Mutex<HashMap<String, RequestCount>>);

/// The requests that one client has made.
#[derive(Debug, Default)]
struct RequestCount {
    /// The requests of the last minute, at most as many as are allowed in one.
    minute: SlidingWindow,
    day: CalendarWindow<Date, u32>,
}

impl RequestCounts {
    /// Counts a request, or fails if the allowance is used up.
    pub(super) fn spend(
        &self,
        name: &str,
        allowance: Allowance,
        now: Now,
    ) -> Result<(), OverAllowance> {
        let mut counts = self.0.lock();
        let count = match counts.get_mut(name) {
            Some(count) => count,
            None => counts.entry(name.to_owned()).or_default(),
        };
        count.spend(name, allowance, now)
    }

    /// Takes back a request that was counted at this time.
    pub(super) fn put_back(&self, name: &str, counted: Now) {
        if let Some(count) = self.0.lock().get_mut(name) {
            count.minute.remove(counted.steady);
            let today = count.day.at(counted.day());
            *today = today.saturating_sub(1);
        }
    }

    /// Returns the requests that a client has made in the windows that its allowance limits.
    pub(super) fn usage(&self, name: &str, allowance: Allowance, now: Now) -> Usage {
        let mut counts = self.0.lock();
        let (mut minute, mut day) = (0, 0);
        if let Some(count) = counts.get_mut(name) {
            count.minute.expire(MINUTE, now.steady);
            minute = count.minute.len() as u64;
            day = u64::from(*count.day.at(now.day()));
        }
        let of = |limit: Option<NonZeroU32>, used| {
            limit.map(|limit| UsedRequests {
                allowed: u64::from(limit.get()),
                used,
            })
        };
        Usage {
            minute: of(allowance.per_minute, minute),
            day: of(allowance.per_day, day),
        }
    }

    /// Removes the counts of names that are no longer clients.
    pub(super) fn keep_only(&self, clients: &[Client]) {
        let mut counts = self.0.lock();
        counts.retain(|name, _| clients.iter().any(|client| *client.name == **name));
    }
}

impl RequestCount {
    fn spend(&mut self, name: &str, allowance: Allowance, now: Now) -> Result<(), OverAllowance> {
        self.minute.expire(MINUTE, now.steady);
        let today = self.day.at(now.day());
        if let Some(limit) = allowance.per_day
            && *today >= limit.get()
        {
            return Err(OverAllowance {
                name: name.to_owned(),
                window: AllowanceWindow::Day,
                limit,
                retry_after: now.until_tomorrow(),
            });
        }
        if let Some(limit) = allowance.per_minute {
            let most = usize::try_from(limit.get()).unwrap_or(usize::MAX);
            if let Some(retry_after) = self.minute.wait(most, MINUTE, now.steady) {
                return Err(OverAllowance {
                    name: name.to_owned(),
                    window: AllowanceWindow::Minute,
                    limit,
                    retry_after,
                });
            }
            // Only counted with a limit, which bounds the length of the window.
            self.minute.add(now.steady);
        }
        *today = today.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use time::{OffsetDateTime, macros::datetime};

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);

    /// Returns the time this many seconds after both clocks showed these times.
    fn at((steady, utc): (Instant, OffsetDateTime), seconds: u64) -> Now {
        let now = Now { steady, utc };
        now.after(Duration::from_secs(seconds))
    }

    fn allowance(per_minute: u32, per_day: u32) -> Allowance {
        Allowance {
            per_minute: NonZeroU32::new(per_minute),
            per_day: NonZeroU32::new(per_day),
        }
    }

    #[test]
    fn a_minute_is_any_sixty_seconds() {
        let (counts, start) = (RequestCounts::default(), Instant::now());
        let ask = |seconds| counts.spend("alice", allowance(2, 0), at((start, NOON), seconds));
        assert!(ask(0).is_ok() && ask(50).is_ok());
        let over = ask(59).unwrap_err();
        assert_eq!(over.retry_after, Duration::from_secs(1));
        assert_eq!(
            over.to_string(),
            "the client `alice` has used up its own allowance of 2 requests a minute"
        );
        assert!(ask(60).is_ok());
        assert_eq!(ask(61).unwrap_err().retry_after, Duration::from_secs(49));
        let others = counts.spend("bob", allowance(2, 0), at((start, NOON), 0));
        assert!(others.is_ok());
    }

    #[test]
    fn a_lower_limit_counts_earlier_requests() {
        let (counts, start) = (RequestCounts::default(), Instant::now());
        let ask =
            |limit, seconds| counts.spend("alice", allowance(limit, 0), at((start, NOON), seconds));
        assert!((0..5).all(|second| ask(5, second).is_ok()));
        assert_eq!(ask(2, 10).unwrap_err().retry_after, Duration::from_secs(53));
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let (counts, start) = (RequestCounts::default(), Instant::now());
        let ask = |utc| counts.spend("alice", allowance(0, 2), at((start, utc), 0));
        assert!(ask(NOON).is_ok() && ask(NOON).is_ok());
        let over = ask(datetime!(2026-02-01 23:59:30 UTC)).unwrap_err();
        assert_eq!(
            (over.window, over.retry_after),
            (AllowanceWindow::Day, Duration::from_secs(30))
        );
        assert!(ask(datetime!(2026-02-02 0:00 UTC)).is_ok());
    }

    #[test]
    fn without_a_limit_no_times_are_stored() {
        let counts = RequestCounts::default();
        let now = at((Instant::now(), NOON), 0);
        assert!((0..1000).all(|_| counts.spend("alice", Allowance::default(), now).is_ok()));
        assert!(counts.0.lock()["alice"].minute.is_empty());
    }
}
