//! A table of usage by caller and day, of a bounded size.

use std::{collections::BTreeMap, mem};

use time::Date;

use super::usage::{
    MAX_USAGE_CLIENTS, MAX_USAGE_KEYS, USAGE_DAYS, UsageCaller, UsageCounts, UsageRow,
};

/// Counts by caller and day, of a bounded size: callers beyond a number are counted together.
#[derive(Debug, Default)]
pub struct UsageTable {
    callers: BTreeMap<UsageCaller, BTreeMap<Date, UsageCounts>>,
    numbers: CallerNumbers,
}

/// The numbers of clients and keys, which are bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerNumbers {
    /// The number of clients.
    pub clients: usize,
    /// The number of VirusTotal keys of callers.
    pub keys: usize,
}

impl CallerNumbers {
    /// Counts a new caller. Returns whether there is room for it.
    pub fn admit(&mut self, caller: &UsageCaller) -> bool {
        let (number, most) = match caller {
            UsageCaller::Client(_) => (&mut self.clients, MAX_USAGE_CLIENTS),
            UsageCaller::Key(_) => (&mut self.keys, MAX_USAGE_KEYS),
            UsageCaller::Server | UsageCaller::Others => return true,
        };
        let has_room = *number < most;
        *number += usize::from(has_room);
        has_room
    }

    fn remove(&mut self, caller: &UsageCaller) {
        match caller {
            UsageCaller::Client(_) => self.clients -= 1,
            UsageCaller::Key(_) => self.keys -= 1,
            UsageCaller::Server | UsageCaller::Others => {}
        }
    }
}

impl UsageTable {
    /// Adds to the counts of a caller on a day, and returns the caller for which they count: a new
    /// one beyond the bound is one of the others.
    pub fn add(&mut self, row: &UsageRow) -> UsageCaller {
        let caller = row.caller.clone();
        let is_counted = self.callers.contains_key(&caller) || self.numbers.admit(&caller);
        let caller = if is_counted {
            caller
        } else {
            UsageCaller::Others
        };
        let days = self.callers.entry(caller.clone()).or_default();
        days.entry(row.day).or_default().add(row.counts);
        // A clock that jumps could bring any number of days.
        if days.len() > usize::from(USAGE_DAYS) {
            days.pop_first();
        }
        caller
    }

    /// Returns the counts of each caller by day, clients first, by their names.
    pub fn callers(&self) -> &BTreeMap<UsageCaller, BTreeMap<Date, UsageCounts>> {
        &self.callers
    }

    /// Returns the rows of these days, of one caller or of all.
    pub(super) fn rows(&self, of: Option<&UsageCaller>, from: Date, to: Date) -> Vec<UsageRow> {
        let mut rows = Vec::new();
        let mut copy = |caller: &UsageCaller, days: &BTreeMap<Date, UsageCounts>| {
            for (day, counts) in days {
                if (from..=to).contains(day) {
                    rows.push(UsageRow {
                        caller: caller.clone(),
                        day: *day,
                        counts: *counts,
                    });
                }
            }
        };
        match of {
            Some(caller) => {
                if let Some(days) = self.callers.get(caller) {
                    copy(caller, days);
                }
            }
            None => {
                for (caller, days) in &self.callers {
                    copy(caller, days);
                }
            }
        }
        rows
    }

    /// Takes all rows out.
    pub(super) fn take(&mut self) -> Vec<UsageRow> {
        let mut rows = mem::take(self).rows(None, Date::MIN, Date::MAX);
        rows.retain(|row| !row.counts.is_zero());
        rows
    }

    /// Removes the days before this one, and callers without any other.
    pub(super) fn forget_before(&mut self, first: Date) {
        let mut idle = Vec::new();
        for (caller, days) in &mut self.callers {
            days.retain(|day, _| *day >= first);
            if days.is_empty() {
                idle.push(caller.clone());
            }
        }
        for caller in idle {
            self.callers.remove(&caller);
            self.numbers.remove(&caller);
        }
    }
}

impl Extend<UsageRow> for UsageTable {
    fn extend<T: IntoIterator<Item = UsageRow>>(&mut self, rows: T) {
        for row in rows {
            self.add(&row);
        }
    }
}

impl FromIterator<UsageRow> for UsageTable {
    fn from_iter<T: IntoIterator<Item = UsageRow>>(rows: T) -> Self {
        let mut table = Self::default();
        table.extend(rows);
        table
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::{
        access::MAX_USAGE_CALLERS,
        testing::{client, usage_row as row},
    };

    const TODAY: Date = date!(2026 - 03 - 01);

    #[test]
    fn callers_beyond_the_bound_are_counted_together() {
        let mut table = UsageTable::default();
        for number in 0..MAX_USAGE_CLIENTS + 10 {
            table.add(&row(client(&format!("c{number}")), TODAY, 1));
        }
        for number in 0..MAX_USAGE_KEYS + 5 {
            let digest = u64::try_from(number).unwrap();
            table.add(&row(UsageCaller::Key(digest), TODAY, 1));
        }
        table.add(&row(client("c0"), TODAY, 1));
        table.add(&row(UsageCaller::Server, TODAY, 1));
        assert_eq!(table.callers.len(), MAX_USAGE_CALLERS);
        let others = table.rows(Some(&UsageCaller::Others), TODAY, TODAY);
        assert_eq!(others[0].counts.units, 15);
        let first = table.rows(Some(&client("c0")), TODAY, TODAY);
        assert_eq!(first[0].counts.units, 2);
        table.forget_before(TODAY.next_day().unwrap());
        assert!(table.callers.is_empty());
        assert_eq!(table.numbers, CallerNumbers::default());
    }

    #[test]
    fn a_clock_that_jumps_does_not_add_days_without_end() {
        let mut table = UsageTable::default();
        let mut day = TODAY;
        for _ in 0..1000 {
            table.add(&row(UsageCaller::Server, day, 1));
            day = day.previous_day().unwrap();
        }
        let kept = table.rows(None, Date::MIN, Date::MAX);
        assert!(kept.len() <= usize::from(USAGE_DAYS));
    }
}
