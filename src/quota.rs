//! What a VirusTotal key may still spend: lookups a minute, a day and a month.
//!
//! A minute is *any* 60 seconds: a ring of instants a key, since GCRA would let twice the
//! allowance through in the first one. Days and months are VirusTotal's own, in UTC.
//! Time is handed in, so the rules are tested without waiting.

use std::{
    collections::VecDeque,
    num::{NonZeroU32, NonZeroUsize},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;
use thiserror::Error;
use time::{Date, Month, OffsetDateTime};

use crate::{config::Limits, key::KeyHash};

/// How many keys are remembered; beyond it the least recently used is forgotten.
const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// How long a unit stays spent: the minute, and a second for a call slow to arrive.
///
/// A unit is spent when the call is let go. Without the second, one that took long to
/// reach VirusTotal and one that did not could fall into the same 60 s there.
const MINUTE: Duration = Duration::from_secs(61);

/// A point in time, on the clock that never jumps and on the one that has dates.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For the minute.
    pub steady: Instant,
    /// For days, months and headers.
    pub utc: OffsetDateTime,
}

/// A span of time for which there is an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Any 60 seconds.
    Minute,
    /// A day, from 00:00 UTC.
    Day,
    /// A month, from its first day, 00:00 UTC.
    Month,
}

/// An allowance has run out; nothing was spent.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the key's {} lookups a {} are spent", limit, window.name())]
pub struct Exhausted {
    /// The window that opens last.
    pub window: Window,
    /// Its allowance, in lookups.
    pub limit: NonZeroU32,
    /// How long until a lookup is possible again.
    pub retry_after: Duration,
}

/// Where a key stands in the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Lookups a minute.
    pub limit: u32,
    /// Lookups left now.
    pub remaining: u32,
    /// The Unix second at which all of them are back.
    pub reset: i64,
}

/// A unit that was spent, to be handed in again if its call never left.
#[derive(Debug)]
pub struct Unit {
    spent: Now,
}

/// The allowances of every key, and what each has spent.
#[derive(Debug)]
pub struct Quota {
    limits: Limits,
    keys: Mutex<LruCache<KeyHash, Spent>>,
}

#[derive(Debug, Default)]
struct Spent {
    minute: VecDeque<Instant>,
    day: Option<(Date, u32)>,
    month: Option<((i32, Month), u32)>,
}

impl Window {
    /// The window's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Now {
    /// The time it is.
    pub fn read() -> Self {
        Self {
            steady: Instant::now(),
            utc: OffsetDateTime::now_utc(),
        }
    }

    fn month(&self) -> (i32, Month) {
        (self.utc.year(), self.utc.month())
    }

    fn until_tomorrow(&self) -> Duration {
        let midnight = self
            .utc
            .date()
            .next_day()
            .map(|day| day.midnight().assume_utc());
        self.until(midnight)
    }

    fn until_next_month(&self) -> Duration {
        let (year, month) = self.month();
        let year = if month == Month::December {
            year + 1
        } else {
            year
        };
        let first = Date::from_calendar_date(year, month.next(), 1).ok();
        self.until(first.map(|day| day.midnight().assume_utc()))
    }

    /// A calendar that has run out of dates counts as now.
    fn until(&self, then: Option<OffsetDateTime>) -> Duration {
        then.and_then(|then| (then - self.utc).try_into().ok())
            .unwrap_or_default()
    }
}

impl Quota {
    /// The same limits for every key.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            keys: Mutex::new(LruCache::new(MAX_KEYS)),
        }
    }

    /// Spends one unit, or says which window has run out and when it opens.
    pub fn take(&self, key: KeyHash, now: Now) -> Result<Unit, Exhausted> {
        let mut keys = self.lock();
        let spent = keys.get_or_insert_mut(key, Spent::default);
        spent.roll(now);
        if let Some(exhausted) = spent.exhausted(&self.limits, now) {
            return Err(exhausted);
        }
        spent.add(&self.limits, now);
        Ok(Unit { spent: now })
    }

    /// Hands a unit in again whose call never reached VirusTotal.
    pub fn give_back(&self, key: KeyHash, unit: &Unit) {
        if let Some(spent) = self.lock().get_mut(&key) {
            spent.remove(unit.spent);
        }
    }

    /// Where the key stands; `None` where there is no limit a minute.
    pub fn standing(&self, key: KeyHash, now: Now) -> Option<Standing> {
        let limit = self.limits.per_minute?.get();
        let mut keys = self.lock();
        let (used, last) = keys.get_mut(&key).map_or((0, None), |spent| {
            spent.roll(now);
            (
                u32::try_from(spent.minute.len()).unwrap_or(u32::MAX),
                spent.minute.back().copied(),
            )
        });
        let back = last.map_or(Duration::ZERO, |last| {
            MINUTE.saturating_sub(now.steady - last)
        });
        let reset = now.utc.unix_timestamp() + i64::try_from(whole_seconds(back)).unwrap_or(0);
        Some(Standing {
            limit,
            remaining: limit.saturating_sub(used),
            reset,
        })
    }

    /// Forgets every key of whose spending nothing counts any more.
    pub fn forget_idle(&self, now: Now) {
        let mut keys = self.lock();
        let idle: Vec<_> = keys
            .iter_mut()
            .filter_map(|(key, spent)| {
                spent.roll(now);
                spent.is_idle().then_some(*key)
            })
            .collect();
        for key in idle {
            keys.pop(&key);
        }
    }

    /// A panic elsewhere leaves counters behind that are still true.
    fn lock(&self) -> MutexGuard<'_, LruCache<KeyHash, Spent>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    /// Lets go of what no longer counts at this time.
    fn roll(&mut self, now: Now) {
        while self
            .minute
            .front()
            .is_some_and(|&at| now.steady.saturating_duration_since(at) >= MINUTE)
        {
            self.minute.pop_front();
        }
        self.day = self.day.filter(|(day, _)| *day == now.utc.date());
        self.month = self.month.filter(|(month, _)| *month == now.month());
    }

    fn exhausted(&self, limits: &Limits, now: Now) -> Option<Exhausted> {
        let minute = self.minute.len();
        let day = self.day.map_or(0, |(_, count)| count as usize);
        let month = self.month.map_or(0, |(_, count)| count as usize);
        let freed = || {
            let oldest = self.minute.front().copied().unwrap_or(now.steady);
            MINUTE.saturating_sub(now.steady.saturating_duration_since(oldest))
        };
        let full = |window, limit: Option<NonZeroU32>, used, wait: &dyn Fn() -> Duration| {
            let limit = limit.filter(|limit| used >= limit.get() as usize)?;
            Some(Exhausted {
                window,
                limit,
                retry_after: wait(),
            })
        };
        full(Window::Month, limits.per_month, month, &|| {
            now.until_next_month()
        })
        .or_else(|| full(Window::Day, limits.per_day, day, &|| now.until_tomorrow()))
        .or_else(|| full(Window::Minute, limits.per_minute, minute, &freed))
    }

    fn add(&mut self, limits: &Limits, now: Now) {
        if limits.per_minute.is_some() {
            self.minute.push_back(now.steady);
        }
        if limits.per_day.is_some() {
            self.day = Some((now.utc.date(), self.day.map_or(0, |(_, count)| count) + 1));
        }
        if limits.per_month.is_some() {
            self.month = Some((now.month(), self.month.map_or(0, |(_, count)| count) + 1));
        }
    }

    fn remove(&mut self, then: Now) {
        if let Some(at) = self.minute.iter().position(|&at| at == then.steady) {
            self.minute.remove(at);
        }
        if let Some((day, count)) = &mut self.day
            && *day == then.utc.date()
        {
            *count = count.saturating_sub(1);
        }
        if let Some((month, count)) = &mut self.month
            && *month == then.month()
        {
            *count = count.saturating_sub(1);
        }
    }

    fn is_idle(&self) -> bool {
        let unspent = |count: Option<u32>| count.unwrap_or_default() == 0;
        self.minute.is_empty()
            && unspent(self.day.map(|(_, count)| count))
            && unspent(self.month.map(|(_, count)| count))
    }
}

/// Seconds rounded up, so that who waits them is not early.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
