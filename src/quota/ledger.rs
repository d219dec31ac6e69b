//! What was spent with a key, by the gateway and by others.
//!
//! It is counted always and judged by what is allowed at the time, which may change.

use std::{
    borrow::Cow,
    collections::VecDeque,
    time::{Duration, Instant},
};

use time::Date;

use super::{
    Spent, Truth, Unit,
    allowed::Allowed,
    report::{Report, Tally},
    truth::Usage,
};
use crate::clock::{Now, YearMonth};

/// How many units of other replicas are remembered at most.
const MOST_OTHERS: usize = 100_000;

/// What was spent in the minute, the day and the month.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// When each of our units was spent, in order; without those that no longer count.
    minute: VecDeque<Instant>,
    /// The same of other replicas, as far as is known.
    others: VecDeque<Instant>,
    day: Option<Count<Date>>,
    month: Option<Count<YearMonth>>,
    /// Units that the cache saved.
    saved: Option<Count<Date>>,
}

/// A count of units that ends with its period.
#[derive(Clone, Copy, Debug)]
struct Count<P> {
    period: P,
    /// What the gateway spent.
    own: u64,
    /// What VirusTotal had counted beyond that when it was last asked.
    others: u64,
}

impl<P: Copy + PartialOrd> Count<P> {
    /// The count of a period; one of another period is over.
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

    /// Makes the count the greater of our own and what VirusTotal said in this period.
    fn correct(slot: &mut Option<Self>, period: P, usage: Usage) {
        // Asked before midnight, answered after: that day is over, and its count with it.
        if slot.is_none_or(|count| count.period <= period) {
            let count = Self::of(slot, period);
            count.others = usage.used.saturating_sub(count.own);
        }
    }

    /// Makes the count at least this.
    fn raise(slot: &mut Option<Self>, period: P, total: u64) {
        let count = Self::of(slot, period);
        count.others = count.others.max(total.saturating_sub(count.own));
    }

    fn undo(slot: &mut Option<Self>, period: P) {
        if let Some(count) = slot.as_mut().filter(|count| count.period == period) {
            count.own = count.own.saturating_sub(1);
        }
    }
}

impl Ledger {
    /// Lets go of what no longer counts; a unit stays spent for this `minute`.
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

    /// When the units of the last minute were spent, in order.
    pub(super) fn minute(&self) -> Cow<'_, VecDeque<Instant>> {
        if self.others.is_empty() {
            return Cow::Borrowed(&self.minute);
        }
        let mut all: Vec<_> = self.minute.iter().chain(&self.others).copied().collect();
        all.sort_unstable();
        Cow::Owned(all.into())
    }

    /// Units spent today.
    pub(super) fn day(&self) -> u64 {
        Count::total(self.day)
    }

    /// Units spent this month.
    pub(super) fn month(&self) -> u64 {
        Count::total(self.month)
    }

    /// Spends a unit.
    pub(super) fn add(&mut self, now: Now) -> Unit {
        // Callers read the clock before the lock, so they may come in another order.
        let later = self.minute.iter().rev();
        let later = later.take_while(|at| **at > now.steady).count();
        self.minute.insert(self.minute.len() - later, now.steady);
        Count::of(&mut self.day, now.day()).own += 1;
        Count::of(&mut self.month, now.month()).own += 1;
        Unit { spent: now }
    }

    /// Whether this unit is counted in the minute.
    pub(super) fn contains(&self, unit: &Unit) -> bool {
        // From the end: what is looked for was mostly spent just now.
        self.minute.iter().rev().any(|at| *at == unit.spent.steady)
    }

    /// Undoes the spending of a unit.
    pub(super) fn remove(&mut self, unit: &Unit) {
        let spent = unit.spent;
        // From the end: what is given back was mostly spent just now.
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

    /// Corrects the day and the month by what VirusTotal said when it was asked.
    ///
    /// The greater of our own count and VirusTotal's is the safe side: VirusTotal has not
    /// counted our calls that are still on their way, so to believe it alone would spend those
    /// twice. What can be lost is as many units of *others* as such calls there are, until
    /// the next reading. What VirusTotal does not charge for (a new file) stays charged here.
    /// Our own count is kept apart, so that one reading too high is mended by the next.
    pub(super) fn correct(&mut self, truth: &Truth, asked: Now) {
        if let Some(usage) = truth.daily {
            Count::correct(&mut self.day, asked.day(), usage);
        }
        if let Some(usage) = truth.monthly {
            Count::correct(&mut self.month, asked.month(), usage);
        }
    }

    /// Takes over what all replicas together have spent.
    pub(super) fn share(&mut self, all: &Spent, now: Now) {
        let spent = |ago: &Duration| now.steady.checked_sub(*ago);
        self.others = all.minute.iter().filter_map(spent).collect();
        // Of very many only the oldest are told; the others are not older.
        let newest = self.others.back().copied().unwrap_or(now.steady);
        let count = all.used.saturating_sub(self.minute.len() as u64);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if self.others.len() < count {
            self.others.resize(count.min(MOST_OTHERS), newest);
        }
        Count::raise(&mut self.day, now.day(), all.day);
        Count::raise(&mut self.month, now.month(), all.month);
    }

    /// Whether nothing is counted that one of these limits would judge, or that was saved.
    pub(super) fn is_blank(&self, allowed: &Allowed) -> bool {
        let unspent = |limit: Option<u64>, used: u64| limit.is_none() || used == 0;
        self.minute.is_empty()
            && self.others.is_empty()
            && unspent(allowed.day, self.day())
            && unspent(allowed.month, self.month())
            && Count::total(self.saved) == 0
    }

    /// Where the minute stands.
    pub(super) fn minute_tally(&self, allowed: &Allowed, minute: Duration, now: Now) -> Tally {
        let used = self.minute.len() + self.others.len();
        let used = used.try_into().unwrap_or(u64::MAX);
        let left =
            |last: &Instant| minute.saturating_sub(now.steady.saturating_duration_since(*last));
        let last = self.minute.back().max(self.others.back());
        let all_back = last.map_or(Duration::ZERO, left);
        Tally::new(allowed.minute, used, now.unix_after(all_back))
    }

    /// Where the windows stand.
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
