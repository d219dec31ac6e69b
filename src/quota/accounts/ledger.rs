//! The units spent with a key, by the gateway and by others.
//!
//! Everything is counted, even without a limit, because the allowances can change.

use std::{
    borrow::Cow,
    collections::VecDeque,
    time::{Duration, Instant},
};

use time::Date;

use super::{
    SpentUnit, UnitsOfAll, UpstreamQuota,
    limits::Allowed,
    report::{Report, Tally},
    upstream_quota::Usage,
};
use crate::clock::{Now, YearMonth};

/// The maximum number of other replicas' units that are remembered.
const MOST_OTHERS: usize = 100_000;

/// The units spent in the minute, the day and the month.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The times of our units that still count, in order.
    minute: VecDeque<Instant>,
    /// The times of other replicas' units, as far as known.
    others: VecDeque<Instant>,
    day: Option<Count<Date>>,
    month: Option<Count<YearMonth>>,
    /// The units that the cache saved today.
    saved: Option<Count<Date>>,
}

/// A count of units in one period.
#[derive(Clone, Copy, Debug)]
struct Count<P> {
    period: P,
    /// The units that the gateway spent.
    own: u64,
    /// The units that VirusTotal or other replicas last reported in excess of `own`.
    others: u64,
}

impl<P: Copy + PartialOrd> Count<P> {
    /// Returns the count of a period, starting from zero if `slot` holds another period.
    fn of(slot: &mut Option<Self>, period: P) -> &mut Self {
        *slot = slot.filter(|count| count.period == period);
        slot.get_or_insert(Self {
            period,
            own: 0,
            others: 0,
        })
    }

    fn total(slot: Option<Self>) -> u64 {
        slot.map_or(0, |count| count.own.saturating_add(count.others))
    }

    /// Sets the total to the greater of our own count and the reported usage.
    fn correct(slot: &mut Option<Self>, period: P, usage: Usage) {
        // If the slot holds a later period, the report is from before midnight and outdated.
        if slot.is_none_or(|count| count.period <= period) {
            let count = Self::of(slot, period);
            count.others = usage.used.saturating_sub(count.own);
        }
    }

    /// Raises the total to at least this.
    fn raise(slot: &mut Option<Self>, period: P, total: u64) {
        let count = Self::of(slot, period);
        count.others = count.others.max(total.saturating_sub(count.own));
    }

    /// Takes back one of our units, if its period is the current one.
    fn undo(slot: &mut Option<Self>, period: P) {
        if let Some(count) = slot.as_mut().filter(|count| count.period == period) {
            count.own = count.own.saturating_sub(1);
        }
    }
}

impl Ledger {
    /// Drops expired units and periods. A unit expires after `minute`.
    pub(super) fn roll(&mut self, minute: Duration, now: Now) {
        let is_over = |at: &Instant| now.steady.saturating_duration_since(*at) >= minute;
        for units in [&mut self.minute, &mut self.others] {
            while units.front().is_some_and(is_over) {
                units.pop_front();
            }
        }
        self.day = self.day.filter(|count| count.period == now.day());
        self.month = self.month.filter(|count| count.period == now.month());
        self.saved = self.saved.filter(|count| count.period == now.day());
    }

    /// Returns the times of all units of the last minute, in order.
    pub(super) fn minute(&self) -> Cow<'_, VecDeque<Instant>> {
        if self.others.is_empty() {
            return Cow::Borrowed(&self.minute);
        }
        let mut all: Vec<_> = self.minute.iter().chain(&self.others).copied().collect();
        all.sort_unstable();
        Cow::Owned(all.into())
    }

    /// Returns the units spent today.
    pub(super) fn day(&self) -> u64 {
        Count::total(self.day)
    }

    /// Returns the units spent this month.
    pub(super) fn month(&self) -> u64 {
        Count::total(self.month)
    }

    /// Spends a unit.
    pub(super) fn add(&mut self, now: Now) -> SpentUnit {
        // Callers read the clock before they take the lock, so times may arrive out of order.
        let later = self.minute.iter().rev();
        let later = later.take_while(|at| **at > now.steady).count();
        self.minute.insert(self.minute.len() - later, now.steady);
        Count::of(&mut self.day, now.day()).own += 1;
        Count::of(&mut self.month, now.month()).own += 1;
        SpentUnit { spent: now }
    }

    /// Returns whether this unit is in the minute.
    pub(super) fn contains(&self, unit: &SpentUnit) -> bool {
        // From the end, because the unit was usually spent just now.
        self.minute.iter().rev().any(|at| *at == unit.spent.steady)
    }

    /// Undoes the spending of a unit.
    pub(super) fn remove(&mut self, unit: &SpentUnit) {
        let spent = unit.spent;
        // From the end, because the unit was usually spent just now.
        if let Some(at) = self.minute.iter().rposition(|&at| at == spent.steady) {
            self.minute.remove(at);
        }
        Count::undo(&mut self.day, spent.day());
        Count::undo(&mut self.month, spent.month());
    }

    /// Counts a unit that the cache saved.
    pub(super) fn save(&mut self, now: Now) {
        Count::of(&mut self.saved, now.day()).own += 1;
    }

    /// Corrects the day and the month by VirusTotal's report.
    ///
    /// The greater of our own count and VirusTotal's is used. VirusTotal's may lack our calls that
    /// are still in flight, so using it alone would spend those units twice. In return, up to as
    /// many units of *others* may be missed until the next report. A call that VirusTotal does not
    /// charge for (a new file) stays charged here. Our own count is kept apart, so the next report
    /// corrects one that was too high.
    pub(super) fn correct(&mut self, truth: &UpstreamQuota, asked: Now) {
        if let Some(usage) = truth.daily {
            Count::correct(&mut self.day, asked.day(), usage);
        }
        if let Some(usage) = truth.monthly {
            Count::correct(&mut self.month, asked.month(), usage);
        }
    }

    /// Merges the units that all replicas have spent.
    pub(super) fn share(&mut self, all: &UnitsOfAll, now: Now) {
        let spent = |ago: &Duration| now.steady.checked_sub(*ago);
        self.others = all.minute.iter().filter_map(spent).collect();
        // A long list is cut to the oldest units. The missing ones are at most as old as the newest
        // listed.
        let newest = self.others.back().copied().unwrap_or(now.steady);
        let count = all.used.saturating_sub(self.minute.len() as u64);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if self.others.len() < count {
            self.others.resize(count.min(MOST_OTHERS), newest);
        }
        Count::raise(&mut self.day, now.day(), all.day);
        Count::raise(&mut self.month, now.month(), all.month);
    }

    /// Returns whether the ledger holds nothing that affects a limit or a report.
    pub(super) fn is_blank(&self, allowed: &Allowed) -> bool {
        let unspent = |limit: Option<u64>, used: u64| limit.is_none() || used == 0;
        self.minute.is_empty()
            && self.others.is_empty()
            && unspent(allowed.day, self.day())
            && unspent(allowed.month, self.month())
            && Count::total(self.saved) == 0
    }

    /// Returns the state of the minute.
    pub(super) fn minute_tally(&self, allowed: &Allowed, minute: Duration, now: Now) -> Tally {
        let used = self.minute.len() + self.others.len();
        let used = used.try_into().unwrap_or(u64::MAX);
        let left =
            |last: &Instant| minute.saturating_sub(now.steady.saturating_duration_since(*last));
        let last = self.minute.back().max(self.others.back());
        let all_back = last.map_or(Duration::ZERO, left);
        Tally::new(allowed.minute, used, now.unix_after(all_back))
    }

    /// Returns the state of all windows.
    pub(super) fn report(&self, allowed: &Allowed, minute: Duration, now: Now) -> Report {
        Report {
            minute: self.minute_tally(allowed, minute, now),
            day: Tally::new(
                allowed.day,
                self.day(),
                now.unix_after(now.until_tomorrow()),
            ),
            month: Tally::new(
                allowed.month,
                self.month(),
                now.unix_after(now.until_next_month()),
            ),
            saved_today: Count::total(self.saved),
        }
    }
}
