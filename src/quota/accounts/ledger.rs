//! The units spent with a key, by the gateway and by others.
//!
//! Everything is counted, even without a limit, because the allowances can change.

use std::{borrow::Cow, time::Duration};

use time::Date;

use super::{
    SpentUnit, UnitsOfAll, UpstreamQuota,
    limits::Allowed,
    report::{Report, Tally},
};
use crate::{
    access::{CalendarWindow, SlidingWindow},
    clock::{Now, YearMonth},
};

/// The maximum number of other replicas' units that are remembered.
const MAX_UNITS_OF_OTHERS: usize = 100_000;

/// The units spent in the minute, the day and the month.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Our units that still count.
    minute_units: SlidingWindow,
    /// Other replicas' units that still count, as far as known.
    minute_units_of_others: SlidingWindow,
    day: CalendarWindow<Date, UnitCount>,
    month: CalendarWindow<YearMonth, UnitCount>,
    /// The units that the cache saved today.
    saved: CalendarWindow<Date, u64>,
}

/// The units spent in a period of the calendar.
#[derive(Clone, Copy, Debug, Default)]
struct UnitCount {
    /// The units that the gateway spent.
    own: u64,
    /// The units that VirusTotal or other replicas last reported in excess of `own`.
    others: u64,
}

impl UnitCount {
    fn total(self) -> u64 {
        self.own.saturating_add(self.others)
    }

    /// Sets the total to the greater of our own count and the reported usage.
    fn correct(&mut self, used: u64) {
        self.others = used.saturating_sub(self.own);
    }

    /// Raises the total to at least this.
    fn raise(&mut self, total: u64) {
        self.others = self.others.max(total.saturating_sub(self.own));
    }
}

impl Ledger {
    /// Drops expired units and periods. A unit expires after `minute_length`.
    pub(super) fn roll(&mut self, minute_length: Duration, now: Now) {
        self.minute_units.expire(minute_length, now.steady);
        self.minute_units_of_others
            .expire(minute_length, now.steady);
        self.day.at(now.day());
        self.month.at(now.month());
        self.saved.at(now.day());
    }

    /// Returns all units of the last minute.
    pub(super) fn minute_units(&self) -> Cow<'_, SlidingWindow> {
        if self.minute_units_of_others.is_empty() {
            return Cow::Borrowed(&self.minute_units);
        }
        Cow::Owned(self.minute_units.merged(&self.minute_units_of_others))
    }

    /// Returns the units spent today.
    pub(super) fn day(&self) -> u64 {
        self.day.value().total()
    }

    /// Returns the units spent this month.
    pub(super) fn month(&self) -> u64 {
        self.month.value().total()
    }

    /// Spends a unit.
    pub(super) fn add(&mut self, now: Now) -> SpentUnit {
        self.minute_units.add(now.steady);
        self.day.at(now.day()).own += 1;
        self.month.at(now.month()).own += 1;
        SpentUnit { spent: now }
    }

    /// Returns whether this unit is in the minute.
    pub(super) fn contains(&self, unit: &SpentUnit) -> bool {
        self.minute_units.contains(unit.spent.steady)
    }

    /// Undoes the spending of a unit, in the periods that are not over.
    pub(super) fn remove(&mut self, unit: &SpentUnit) {
        let spent = unit.spent;
        self.minute_units.remove(spent.steady);
        if self.day.period() == Some(spent.day()) {
            let day = self.day.at(spent.day());
            day.own = day.own.saturating_sub(1);
        }
        if self.month.period() == Some(spent.month()) {
            let month = self.month.at(spent.month());
            month.own = month.own.saturating_sub(1);
        }
    }

    /// Counts a unit that the cache saved.
    pub(super) fn count_saved(&mut self, now: Now) {
        *self.saved.at(now.day()) += 1;
    }

    /// Corrects the day and the month by VirusTotal's report.
    ///
    /// The greater of our own count and VirusTotal's is used. VirusTotal's may lack our calls that
    /// are still in flight, so using it alone would spend those units twice. In return, up to as
    /// many units of *others* may be missed until the next report. A call that VirusTotal does not
    /// charge for (a new file) stays charged here. Our own count is kept apart, so the next report
    /// corrects one that was too high.
    pub(super) fn correct(&mut self, report: &UpstreamQuota, asked: Now) {
        // If a window is at a later period, the report is from before midnight and outdated.
        if let Some(usage) = report.daily
            && self.day.period() <= Some(asked.day())
        {
            self.day.at(asked.day()).correct(usage.used);
        }
        if let Some(usage) = report.monthly
            && self.month.period() <= Some(asked.month())
        {
            self.month.at(asked.month()).correct(usage.used);
        }
    }

    /// Merges the units that all replicas have spent.
    pub(super) fn merge_shared(&mut self, all: &UnitsOfAll, now: Now) {
        self.minute_units_of_others = SlidingWindow::default();
        for age in all.ages_of_others.iter().take(MAX_UNITS_OF_OTHERS) {
            // A unit from before the clock began has expired.
            if let Some(at) = now.steady.checked_sub(*age) {
                self.minute_units_of_others.add(at);
            }
        }
        // A long list is cut to the oldest units. The missing ones are at most as old as the newest
        // listed.
        let newest = self.minute_units_of_others.last().unwrap_or(now.steady);
        let count = all
            .minute_units
            .saturating_sub(self.minute_units.len() as u64);
        let count = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(MAX_UNITS_OF_OTHERS);
        while self.minute_units_of_others.len() < count {
            self.minute_units_of_others.add(newest);
        }
        self.day.at(now.day()).raise(all.day);
        self.month.at(now.month()).raise(all.month);
    }

    /// Returns whether the ledger holds nothing that affects a limit or a report.
    pub(super) fn is_blank(&self, allowed: &Allowed) -> bool {
        self.minute_units.is_empty()
            && self.minute_units_of_others.is_empty()
            && (allowed.day.is_none() || self.day() == 0)
            && (allowed.month.is_none() || self.month() == 0)
            && self.saved.value() == 0
    }

    /// Returns the state of the minute.
    pub(super) fn minute_tally(
        &self,
        allowed: &Allowed,
        minute_length: Duration,
        now: Now,
    ) -> Tally {
        let used = (self.minute_units.len() + self.minute_units_of_others.len()) as u64;
        let all_back = match self
            .minute_units
            .last()
            .max(self.minute_units_of_others.last())
        {
            Some(last) => minute_length.saturating_sub(now.steady.saturating_duration_since(last)),
            None => Duration::ZERO,
        };
        Tally::new(allowed.minute, used, now.unix_after(all_back))
    }

    /// Returns the state of all windows.
    pub(super) fn report(&self, allowed: &Allowed, minute_length: Duration, now: Now) -> Report {
        Report {
            minute: self.minute_tally(allowed, minute_length, now),
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
            saved_today: self.saved.value(),
        }
    }
}
