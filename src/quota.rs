//! What a VirusTotal key may still spend: lookups a minute, a day and a month.
//!
//! A minute is *any* 60 seconds: a ring of instants a key, since GCRA would let twice the
//! allowance through in the first one. Days and months are VirusTotal's own, in UTC. How much
//! is allowed is what the operator set or what VirusTotal told ([`Quota::learn`]).
//! Time is handed in, so the rules are tested without waiting.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use thiserror::Error;

use self::{allowed::Learned, forecast::Claim, ledger::Ledger, lesson::Lesson, queue::Queue};
use crate::{
    access::{AcceptedKeys, Full, KeyMemory},
    clock::Now,
    config::{Allowance, Limits},
    key::KeyHash,
};

pub use self::{
    allowed::Allowed,
    lesson::{Attempt, Due, Underway},
    report::{Report, Standing, Tally},
    truth::{Truth, Usage},
};

mod allowed;
mod forecast;
mod ledger;
mod lesson;
mod queue;
mod report;
mod truth;

/// How long a unit stays spent: the minute, and a second for a call slow to arrive.
///
/// A unit is spent when the call is let go. Without the second, one that took long to
/// reach VirusTotal and one that did not could fall into the same 60 s there.
const MINUTE: Duration = Duration::from_secs(61);

/// How long what was learned of a key is remembered after its last use.
const IN_USE: Duration = Duration::from_hours(24);

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
#[error(
    "{}the key's {limit} lookups a {} {}{}",
    if *is_kept_back { "the last of " } else { "" },
    window.name(),
    if *is_kept_back { "is kept for others" } else { "are spent" },
    why_not_queued(*full)
)]
pub struct Exhausted {
    /// The window that opens last.
    pub window: Window,
    /// Its allowance, in lookups.
    pub limit: u64,
    /// How long until there is a unit again, those of whoever waits already taken.
    pub retry_after: Duration,
    /// Whether a unit is left, which [`Quota::take_spare`] does not give.
    pub is_kept_back: bool,
    /// The reason why a request that would have waited for a unit does not.
    pub full: Option<Full>,
}

/// A unit that was spent, to be handed in again if its call never left.
#[derive(Debug)]
pub struct Unit {
    spent: Now,
}

/// What all replicas together have spent with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Units of the last minute, this replica's own among them.
    pub used: u64,
    /// How long ago those of other replicas were spent, of the oldest of them, in order.
    pub minute: Vec<Duration>,
    /// Units of the day.
    pub day: u64,
    /// Units of the month.
    pub month: u64,
}

/// The allowances of every key, and what each has spent.
#[derive(Debug)]
pub struct Quota {
    limits: Limits,
    max_waiting: usize,
    /// How long a unit stays spent; [`MINUTE`], less in tests.
    minute: Duration,
    keys: Mutex<KeyMemory<KeyHash, Account>>,
}

/// All that is known of a key.
#[derive(Debug, Default)]
struct Account {
    ledger: Ledger,
    learned: Learned,
    lesson: Option<Lesson>,
    queue: Queue,
    last_used: Option<Instant>,
}

/// By what a key's spending is judged.
#[derive(Clone, Copy, Debug)]
struct Rules {
    allowed: Allowed,
    minute: Duration,
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

impl Quota {
    /// Creates a quota with the same limits for every key, and so many who may wait for a unit
    /// of one. What is counted of accepted keys is never forgotten because of others.
    pub fn new(limits: Limits, max_waiting: usize, accepted: AcceptedKeys) -> Self {
        Self {
            limits,
            max_waiting,
            minute: MINUTE,
            keys: Mutex::new(KeyMemory::new(accepted)),
        }
    }

    /// Spends one unit, or says which window has run out and when it opens.
    ///
    /// Never one that somebody in the queue reckons with.
    pub fn take(&self, key: KeyHash, now: Now) -> Result<Unit, Exhausted> {
        self.take_last(key, Claim::Any, now)
    }

    /// Spends one unit, but not the last of a minute; for the polls of an analysis.
    ///
    /// Where a minute has but one, or no limit, it is [`take`](Self::take).
    pub fn take_spare(&self, key: KeyHash, now: Now) -> Result<Unit, Exhausted> {
        self.take_last(key, Claim::Spare, now)
    }

    /// Whether a unit could be had behind all who wait for one; spends nothing.
    pub fn forecast(&self, key: KeyHash, now: Now) -> Result<(), Exhausted> {
        self.with(key, now, |account, rules| {
            account.ledger.roll(rules.minute, now);
            let last = (account.queue.len(), Claim::Any);
            forecast::check(&account.ledger, rules, last, now)
        })
    }

    /// Hands a unit in again whose call never reached VirusTotal.
    pub fn give_back(&self, key: KeyHash, unit: &Unit) {
        if let Some(account) = self.lock().get_mut(&key) {
            account.ledger.remove(unit);
            account.queue.wake_all();
        }
    }

    /// Notes that VirusTotal answered with this key, which is accepted from now on: what is
    /// counted of it is kept for as long as it counts.
    ///
    /// `unit` is the one of the call. While the call was under way, other keys that were not
    /// accepted may have evicted its account; then the unit is counted anew.
    pub fn keep(&self, key: KeyHash, unit: Option<&Unit>, now: Now) {
        let mut keys = self.lock();
        keys.promote(key);
        let Some(unit) = unit else { return };
        let is_known = keys.get(&key).is_some();
        let account = keys.get_or_default(key, Account::is_waited_for);
        let age = now.steady.saturating_duration_since(unit.spent.steady);
        if !is_known || (age < self.minute && !account.ledger.contains(unit)) {
            account.ledger.add(unit.spent);
        }
    }

    /// Whether it is time to ask VirusTotal what the key may spend, and whose turn it is.
    ///
    /// That is so at a key's first lookup, and ten minutes after each attempt as long as the
    /// key is used. Where no window is limited there is nothing to learn.
    pub fn due(&self, key: KeyHash, now: Now) -> Due {
        let Limits {
            per_minute,
            per_day,
            per_month,
        } = self.limits;
        if [per_minute, per_day, per_month] == [Allowance::Off; 3] {
            return Due::No;
        }
        self.with(key, now, |account, _| Lesson::due(&mut account.lesson, now))
    }

    /// Gives an attempt to learn of a key back that was not made: it is due again.
    pub fn put_off(&self, key: KeyHash, attempt: Attempt) {
        if let Some(account) = self.lock().get_mut(&key) {
            account.lesson = None;
        }
        drop(attempt);
    }

    /// Takes over what VirusTotal says of a key: its allowances, and what others spent.
    ///
    /// `asked` is when it was asked, since an answer from before midnight says nothing of the
    /// new day. The minute's count stays our own: VirusTotal tells nothing of it.
    pub fn learn(&self, key: KeyHash, truth: &Truth, asked: Now) {
        self.with(key, asked, |account, _| {
            account.learned.update(truth);
            account.ledger.correct(truth, asked);
            account.queue.wake_all();
        });
    }

    /// Takes over what all replicas together have spent, as they count it in one place.
    pub fn share(&self, key: KeyHash, all: &Spent, now: Now) {
        self.with(key, now, |account, _| account.ledger.share(all, now));
    }

    /// What counts for a key now, and how long a unit of a minute stays spent.
    pub fn allowed(&self, key: KeyHash) -> (Allowed, Duration) {
        let keys = self.lock();
        let rules = keys.get(&key).map(|account| self.rules(account));
        let rules = rules.unwrap_or_else(|| self.rules(&Account::default()));
        (rules.allowed, rules.minute)
    }

    /// Counts a unit that the cache saved today.
    pub fn saved(&self, key: KeyHash, now: Now) {
        self.with(key, now, |account, _| account.ledger.save(now));
    }

    /// Where the key stands in the minute; `None` where that has no limit.
    pub fn standing(&self, key: KeyHash, now: Now) -> Option<Standing> {
        // Every answer says it: no more is reckoned than is said.
        if self.limits.per_minute == Allowance::Off {
            return None;
        }
        let tally = self.look(key, now, |ledger, rules| {
            ledger.minute_tally(&rules.allowed, rules.minute, now)
        });
        tally.standing()
    }

    /// Where the key stands in every window, and what the cache saved it.
    pub fn report(&self, key: KeyHash, now: Now) -> Report {
        self.look(key, now, |ledger, rules| {
            ledger.report(&rules.allowed, rules.minute, now)
        })
    }

    /// How many wait for a unit, of whichever key.
    pub fn waiting(&self) -> usize {
        let keys = self.lock();
        keys.values().map(|account| account.queue.len()).sum()
    }

    /// Forgets every key of whose spending nothing counts any more.
    ///
    /// What was learned of a key is kept for a day after its last use.
    pub fn forget_idle(&self, now: Now) {
        self.lock().retain(|_, account| {
            let rules = self.rules(account);
            account.ledger.roll(rules.minute, now);
            !account.is_idle(&rules, now)
        });
    }

    fn take_last(&self, key: KeyHash, claim: Claim, now: Now) -> Result<Unit, Exhausted> {
        self.with(key, now, |account, rules| {
            account.take(rules, (account.queue.len(), claim), now)
        })
    }

    /// Looks at what a key has spent by now; to look is no use of the key.
    fn look<T>(&self, key: KeyHash, now: Now, read: impl FnOnce(&Ledger, &Rules) -> T) -> T {
        let mut keys = self.lock();
        let mut unknown = Account::default();
        let account = keys.get_mut(&key).unwrap_or(&mut unknown);
        let rules = self.rules(account);
        account.ledger.roll(rules.minute, now);
        read(&account.ledger, &rules)
    }

    /// Does something with a key's account, which is made if need be, and counts as its use.
    fn with<T>(&self, key: KeyHash, now: Now, act: impl FnOnce(&mut Account, &Rules) -> T) -> T {
        let mut keys = self.lock();
        let account = keys.get_or_default(key, Account::is_waited_for);
        account.last_used = account.last_used.max(Some(now.steady));
        let rules = self.rules(account);
        act(account, &rules)
    }

    fn rules(&self, account: &Account) -> Rules {
        Rules {
            allowed: Allowed::new(&self.limits, &account.learned),
            minute: self.minute,
        }
    }

    /// A panic elsewhere leaves counters behind that are still true.
    fn lock(&self) -> MutexGuard<'_, KeyMemory<KeyHash, Account>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Spends a unit if there is one for who has so many before him in the queue.
    fn take(
        &mut self,
        rules: &Rules,
        (before, claim): (usize, Claim),
        now: Now,
    ) -> Result<Unit, Exhausted> {
        self.ledger.roll(rules.minute, now);
        forecast::check(&self.ledger, rules, (before, claim), now)?;
        Ok(self.ledger.add(now))
    }

    fn is_waited_for(&self) -> bool {
        self.queue.len() > 0
    }

    fn is_idle(&self, rules: &Rules, now: Now) -> bool {
        let in_use = |last| now.steady.saturating_duration_since(last) < IN_USE;
        let is_known = self.lesson.is_some() && self.last_used.is_some_and(in_use);
        self.ledger.is_blank(&rules.allowed) && !self.is_waited_for() && !is_known
    }
}

/// Says in a refusal why the request was not let wait, although it would have.
fn why_not_queued(full: Option<Full>) -> &'static str {
    match full {
        None => "",
        Some(Full::All) => ", and as many requests wait as may",
        Some(Full::Caller) => ", and as many requests of this caller wait as may of one",
    }
}

#[cfg(test)]
mod tests;
