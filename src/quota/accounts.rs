//! Client-side accounting of VirusTotal quota: lookups a minute, a day and a month for each key.
//!
//! "A minute" is any 60 seconds, so each key has a sliding window. GCRA would let twice the
//! allowance through in the first minute. Days and months are VirusTotal's, in UTC. The allowances
//! are configured or learned from VirusTotal ([`Accounts::learn`]). The time is a parameter, so tests
//! need not wait.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use thiserror::Error;

use self::{
    forecast::{Demand, Position},
    ledger::Ledger,
    limits::KnownLimits,
    queue::Queue,
    refresh_state::RefreshState,
};
use crate::{
    access::{AcceptedKeys, CallerId, Full, KeyHash, KeyMemory},
    clock::Now,
    config::{QuotaLimit, QuotaLimits},
};

pub use self::{
    limits::Allowed,
    refresh_state::{RefreshDue, RefreshGuard, RefreshPending},
    report::{MinuteQuota, Report, Tally},
    upstream_quota::{UpstreamQuota, Usage},
};

mod forecast;
mod ledger;
mod limits;
mod queue;
mod refresh_state;
mod report;
mod upstream_quota;

/// The time for which a unit counts towards the minute: 60 s plus a margin of one second.
///
/// A unit is spent when its request is sent. Without the margin, one request that took long to
/// reach VirusTotal and a later one that did not could fall into the same 60 s there.
const MINUTE_LENGTH: Duration = Duration::from_secs(61);

/// The time for which learned allowances are kept after the key's last use.
const ALLOWANCES_LIFE: Duration = Duration::from_hours(24);

/// A period that has an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Any 60 seconds.
    Minute,
    /// A day, from 00:00 UTC.
    Day,
    /// A month, from its first day, 00:00 UTC.
    Month,
}

/// The error for an exhausted quota. Nothing was spent.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "{}the key's {limit} lookups a {} {}{}",
    if *is_kept_back { "the last of " } else { "" },
    window.name(),
    if *is_kept_back { "is kept for others" } else { "are spent" },
    why_not_queued(*full)
)]
pub struct Exhausted {
    /// The window to wait for; if several are exhausted, the one that has room last.
    pub window: Window,
    /// The window's allowance, in lookups.
    pub limit: u64,
    /// The time until a unit is available, after the requests that are already queued.
    pub retry_after: Duration,
    /// Whether a unit is left that [`Accounts::take_spare`] does not spend.
    pub is_kept_back: bool,
    /// The reason why the request could not queue for a unit.
    pub full: Option<Full>,
}

/// A unit that was spent, to be returned if its request was never sent.
#[derive(Debug)]
pub struct SpentUnit {
    spent: Now,
}

/// The units that all replicas have spent with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitsOfAll {
    /// The units of the last minute, including this replica's.
    pub minute_units: u64,
    /// The ages of other replicas' units of the last minute, the oldest first. May be truncated.
    pub ages_of_others: Vec<Duration>,
    /// The units of the day.
    pub day: u64,
    /// The units of the month.
    pub month: u64,
}

/// The allowances and the usage of every key.
#[derive(Debug)]
pub struct Accounts {
    limits: QuotaLimits,
    max_waiting: usize,
    /// The time for which a unit counts: [`MINUTE_LENGTH`], less in tests.
    minute_length: Duration,
    keys: Mutex<KeyMemory<KeyHash, KeyAccount>>,
}

/// The state of a key.
#[derive(Debug, Default)]
struct KeyAccount {
    ledger: Ledger,
    learned: KnownLimits,
    /// The last refresh of `learned`, if there was one.
    refresh: Option<RefreshState>,
    queue: Queue,
    last_used: Option<Instant>,
}

/// The allowances that apply to a key, and the length of its minute.
#[derive(Clone, Copy, Debug)]
struct Rules {
    allowed: Allowed,
    minute_length: Duration,
}

impl Window {
    /// Returns the window's name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Accounts {
    /// Creates accounts with the same configured limits for every key, where at most `max_waiting`
    /// requests queue for each. Accounts of accepted keys are never evicted by those of others.
    pub fn new(limits: QuotaLimits, max_waiting: usize, accepted: AcceptedKeys) -> Self {
        Self {
            limits,
            max_waiting,
            minute_length: MINUTE_LENGTH,
            keys: Mutex::new(KeyMemory::new(accepted)),
        }
    }

    /// Spends a unit, or returns the exhausted window and the time to wait.
    ///
    /// Never takes a unit that a queued request is due to get.
    pub fn take(&self, key: KeyHash, now: Now) -> Result<SpentUnit, Exhausted> {
        self.take_behind_queue(key, Demand::Any, now)
    }

    /// Spends a unit unless it is the last of the minute. For polls of an analysis.
    ///
    /// Same as [`take`](Self::take) if the minute has one unit or no limit.
    pub fn take_spare(&self, key: KeyHash, now: Now) -> Result<SpentUnit, Exhausted> {
        self.take_behind_queue(key, Demand::Spare, now)
    }

    /// Checks whether a unit is available to a new request of this caller, after the queued ones
    /// that go before it. Spends nothing.
    pub fn forecast(&self, key: KeyHash, caller: CallerId, now: Now) -> Result<(), Exhausted> {
        self.with(key, now, |account, rules| {
            account.ledger.roll(rules.minute_length, now);
            let position = Position::any(account.queue.position_for(caller));
            forecast::check(&account.ledger, rules, position, now)
        })
    }

    /// Checks whether a unit is available to the first queued request. Spends nothing.
    pub fn forecast_first(&self, key: KeyHash, now: Now) -> Result<(), Exhausted> {
        self.with(key, now, |account, rules| {
            account.ledger.roll(rules.minute_length, now);
            forecast::check(&account.ledger, rules, Position::any(0), now)
        })
    }

    /// Takes back a unit whose request never reached VirusTotal.
    pub fn release(&self, key: KeyHash, unit: &SpentUnit) {
        if let Some(account) = self.keys.lock().get_mut(&key) {
            account.ledger.remove(unit);
            account.queue.wake_all();
        }
    }

    /// Makes a key's account permanent, because VirusTotal has accepted the key.
    ///
    /// `unit` is the one that the call spent. If other keys have evicted the account during the
    /// call, the unit is counted again.
    pub fn make_permanent(&self, key: KeyHash, unit: Option<&SpentUnit>, now: Now) {
        let mut keys = self.keys.lock();
        keys.promote(key);
        let Some(unit) = unit else { return };
        // Looked up before `get_or_default` creates the account anew.
        let is_known = keys.get(&key).is_some();
        let account = keys.get_or_default(key, KeyAccount::is_waited_for);
        let age = now.steady.saturating_duration_since(unit.spent.steady);
        if !is_known || (age < self.minute_length && !account.ledger.contains(unit)) {
            account.ledger.add(unit.spent);
        }
    }

    /// Begins a refresh of the key's allowances if one is due, and returns the caller's part in it.
    ///
    /// A refresh is due at the key's first lookup and ten minutes after each attempt while the key
    /// is used. With all windows unlimited there is nothing to learn.
    pub fn begin_refresh_if_due(&self, key: KeyHash, now: Now) -> RefreshDue {
        let QuotaLimits {
            per_minute,
            per_day,
            per_month,
        } = self.limits;
        if [per_minute, per_day, per_month] == [QuotaLimit::Off; 3] {
            return RefreshDue::No;
        }
        self.with(key, now, |account, _| {
            RefreshState::begin_if_due(&mut account.refresh, now)
        })
    }

    /// Cancels a refresh that was not made, which becomes due again.
    pub fn cancel_refresh(&self, key: KeyHash, guard: RefreshGuard) {
        if let Some(account) = self.keys.lock().get_mut(&key) {
            account.refresh = None;
        }
        drop(guard);
    }

    /// Applies the allowances and usage that VirusTotal reported.
    ///
    /// `asked` is the time of the request, since a report from before midnight does not apply to
    /// the new day. VirusTotal does not report the minute, which stays our own count.
    pub fn learn(&self, key: KeyHash, report: &UpstreamQuota, asked: Now) {
        self.with(key, asked, |account, _| {
            account.learned.update(report);
            account.ledger.correct(report, asked);
            account.queue.wake_all();
        });
    }

    /// Merges the units that all replicas have spent, as counted in Redis.
    pub fn merge(&self, key: KeyHash, all: &UnitsOfAll, now: Now) {
        self.with(key, now, |account, _| account.ledger.merge_shared(all, now));
    }

    /// Returns the allowances of a key, and the time for which a unit counts towards the minute.
    pub fn allowed(&self, key: KeyHash) -> (Allowed, Duration) {
        let rules = match self.keys.lock().get(&key) {
            Some(account) => self.rules(account),
            None => self.rules(&KeyAccount::default()),
        };
        (rules.allowed, rules.minute_length)
    }

    /// Counts a unit that the cache has saved today.
    pub fn count_saved(&self, key: KeyHash, now: Now) {
        self.with(key, now, |account, _| account.ledger.count_saved(now));
    }

    /// Returns the state of the minute, or `None` if it is unlimited.
    pub fn standing(&self, key: KeyHash, now: Now) -> Option<MinuteQuota> {
        // On the hot path; computes only the minute.
        if self.limits.per_minute == QuotaLimit::Off {
            return None;
        }
        let tally = self.read(key, now, |ledger, rules| {
            ledger.minute_tally(&rules.allowed, rules.minute_length, now)
        });
        tally.minute_quota()
    }

    /// Returns the state of every window, and the units that the cache has saved.
    pub fn report(&self, key: KeyHash, now: Now) -> Report {
        self.read(key, now, |ledger, rules| {
            ledger.report(&rules.allowed, rules.minute_length, now)
        })
    }

    /// Returns the number of queued requests of all keys.
    pub fn waiting(&self) -> usize {
        let keys = self.keys.lock();
        keys.values().map(|account| account.queue.len()).sum()
    }

    /// Evicts accounts that no longer affect anything.
    ///
    /// Learned allowances are kept for a day after the key's last use.
    pub fn forget_idle(&self, now: Now) {
        self.keys.lock().retain(|_, account| {
            let rules = self.rules(account);
            account.ledger.roll(rules.minute_length, now);
            !account.is_idle(&rules, now)
        });
    }

    /// Spends a unit if one is available after all queued requests.
    fn take_behind_queue(
        &self,
        key: KeyHash,
        demand: Demand,
        now: Now,
    ) -> Result<SpentUnit, Exhausted> {
        self.with(key, now, |account, rules| {
            account.take(rules, account.queue.end(demand), now)
        })
    }

    /// Reads a key's account, up to date, without counting that as a use.
    fn read<T>(&self, key: KeyHash, now: Now, read: impl FnOnce(&Ledger, &Rules) -> T) -> T {
        let mut keys = self.keys.lock();
        // Reading must not create an account, so an unknown key is read as an empty one.
        let mut unknown = KeyAccount::default();
        let account = keys.get_mut(&key).unwrap_or(&mut unknown);
        let rules = self.rules(account);
        account.ledger.roll(rules.minute_length, now);
        read(&account.ledger, &rules)
    }

    /// Updates a key's account, which is created if missing, and counts that as a use.
    fn with<T>(&self, key: KeyHash, now: Now, act: impl FnOnce(&mut KeyAccount, &Rules) -> T) -> T {
        let mut keys = self.keys.lock();
        let account = keys.get_or_default(key, KeyAccount::is_waited_for);
        // Callers read the clock before they take the lock, so times may arrive out of order.
        account.last_used = account.last_used.max(Some(now.steady));
        let rules = self.rules(account);
        act(account, &rules)
    }

    fn rules(&self, account: &KeyAccount) -> Rules {
        Rules {
            allowed: Allowed::new(&self.limits, &account.learned),
            minute_length: self.minute_length,
        }
    }
}

impl KeyAccount {
    /// Spends a unit if one is available at this position in the queue.
    fn take(
        &mut self,
        rules: &Rules,
        position: Position,
        now: Now,
    ) -> Result<SpentUnit, Exhausted> {
        self.ledger.roll(rules.minute_length, now);
        forecast::check(&self.ledger, rules, position, now)?;
        Ok(self.ledger.add(now))
    }

    fn is_waited_for(&self) -> bool {
        self.queue.len() > 0
    }

    fn is_idle(&self, rules: &Rules, now: Now) -> bool {
        // Its allowances would have to be learned again.
        if self.refresh.is_some()
            && let Some(last) = self.last_used
            && now.steady.saturating_duration_since(last) < ALLOWANCES_LIFE
        {
            return false;
        }
        self.ledger.is_blank(&rules.allowed) && !self.is_waited_for()
    }
}

/// Returns the part of the message that tells why the request could not queue.
fn why_not_queued(full: Option<Full>) -> &'static str {
    match full {
        None => "",
        Some(Full::All) => ", and all waiting places are taken",
        Some(Full::Caller) => ", and this caller already holds its share of the waiting places",
    }
}

#[cfg(test)]
mod tests;
