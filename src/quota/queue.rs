//! The queue of those who wait for a unit of one key: it goes round the callers that share the
//! key, and is first come, first served within one.
//!
//! Nobody hands out units. Each reckons when the one for its place will come, leaving one to
//! everybody before it, sleeps until then, and takes it. So who stalls holds up no more than
//! its own unit, and whatever moves places or units wakes those who have to reckon again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};

use super::{
    Exhausted, Quota, Unit,
    forecast::{self, Claim},
};
use crate::{
    access::{CallerId, Full},
    clock::Now,
    key::KeyHash,
};

/// The part of a key's waiting places that one caller may hold: a quarter, and at least one.
const PART: usize = 4;

/// Those who wait, the first in front.
///
/// A round serves each caller once. A new request joins the round after the last one that its
/// caller waits in, else the one that is being served, behind all others of that round; so
/// rounds never decrease along the queue, and the order of those who wait never changes.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Waiter>);

#[derive(Debug)]
struct Waiter {
    caller: CallerId,
    round: u64,
    /// Its wake-up call, which also identifies it.
    turn: Arc<Notify>,
}

/// A request for a unit that may wait.
#[derive(Clone, Copy, Debug)]
struct Comer {
    key: KeyHash,
    caller: CallerId,
    /// The longest that it waits.
    wait: Duration,
    /// Whether it goes before all others, since its turn has come before.
    is_again: bool,
}

/// What became of somebody who came for a unit.
enum Arrival {
    Served(Unit),
    /// It waits, for what it was refused.
    Queued(Arc<Notify>, Exhausted),
}

/// A place in a key's queue; whoever drops it leaves the queue.
struct Place<'q> {
    quota: &'q Quota,
    comer: Comer,
    turn: Arc<Notify>,
}

impl Queue {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Has everybody reckon again: units came or went.
    pub(super) fn wake_all(&self) {
        self.wake_from(0);
    }

    /// Takes the place that is a caller's turn; it is held until it is left.
    pub(super) fn enter(&mut self, caller: CallerId) -> Arc<Notify> {
        let (round, at) = (self.round_for(caller), self.position_for(caller));
        let turn = Arc::new(Notify::new());
        self.wake_from(at);
        let waiter = Waiter {
            caller,
            round,
            turn: Arc::clone(&turn),
        };
        self.0.insert(at, waiter);
        turn
    }

    /// Takes the first place, for somebody who had come to it once.
    pub(super) fn enter_first(&mut self, caller: CallerId) -> Arc<Notify> {
        let turn = Arc::new(Notify::new());
        self.wake_all();
        self.0.push_front(Waiter {
            caller,
            round: self.current_round(),
            turn: Arc::clone(&turn),
        });
        turn
    }

    /// Returns the number of those who would go before a caller that comes now.
    fn position_for(&self, caller: CallerId) -> usize {
        let round = self.round_for(caller);
        self.0.partition_point(|waiter| waiter.round <= round)
    }

    fn round_for(&self, caller: CallerId) -> u64 {
        let mut latest = self.0.iter().rev();
        let own = latest.find(|waiter| waiter.caller == caller);
        own.map_or_else(|| self.current_round(), |waiter| waiter.round + 1)
    }

    fn current_round(&self) -> u64 {
        self.0.front().map_or(0, |waiter| waiter.round)
    }

    /// Returns the reason why one more of a caller may not wait, where so many may in all.
    fn full(&self, caller: CallerId, most: usize) -> Option<Full> {
        if self.len() >= most {
            return Some(Full::All);
        }
        let own = self.0.iter().filter(|waiter| waiter.caller == caller);
        (own.count() >= (most / PART).max(1)).then_some(Full::Caller)
    }

    fn position(&self, turn: &Arc<Notify>) -> Option<usize> {
        self.0.iter().position(|it| Arc::ptr_eq(&it.turn, turn))
    }

    /// Leaves with a unit, which those behind had reckoned with.
    fn served(&mut self, turn: &Arc<Notify>) {
        if let Some(at) = self.position(turn) {
            self.0.remove(at);
        }
    }

    /// Leaves without one: everybody behind moves up.
    fn leave(&mut self, turn: &Arc<Notify>) {
        if let Some(at) = self.position(turn) {
            self.0.remove(at);
            self.wake_from(at);
        }
    }

    fn wake_from(&self, at: usize) {
        let behind = self.0.range(at..);
        behind.for_each(|waiter| waiter.turn.notify_one());
    }
}

impl Quota {
    /// Spends one unit as soon as there is one, within the time the caller has.
    ///
    /// The callers of a key take turns, and each is served first come, first served. Where no
    /// unit can come in time, or as many wait as may (`VT4AI_MAX_WAITING`, a quarter of them of
    /// one caller), it fails at once; so it does later on, when other callers get the unit
    /// that it counted on. To drop it gives the place up and spends nothing.
    pub async fn take_within(
        &self,
        key: KeyHash,
        caller: CallerId,
        wait: Duration,
    ) -> Result<Unit, Exhausted> {
        self.queue(Comer {
            key,
            caller,
            wait,
            is_again: false,
        })
        .await
    }

    /// The same for whoever got a unit that another replica had spent, before all others.
    pub async fn take_within_again(
        &self,
        key: KeyHash,
        caller: CallerId,
        wait: Duration,
    ) -> Result<Unit, Exhausted> {
        self.queue(Comer {
            key,
            caller,
            wait,
            is_again: true,
        })
        .await
    }

    async fn queue(&self, comer: Comer) -> Result<Unit, Exhausted> {
        let came = Now::read();
        let (place, mut refused) = match self.arrive(comer, came)? {
            Arrival::Served(unit) => return Ok(unit),
            Arrival::Queued(turn, refused) => {
                let quota = self;
                (Place { quota, comer, turn }, refused)
            }
        };
        loop {
            // Either way there is something to reckon: the unit is due, or things have changed.
            let _ = timeout(refused.retry_after, place.turn.notified()).await;
            let now = Now::read();
            refused = match place.take(now) {
                Ok(unit) => return Ok(unit),
                Err(refused) => refused,
            };
            let waited = now.steady.saturating_duration_since(came.steady);
            if refused.retry_after > comer.wait.saturating_sub(waited) {
                return Err(place.give_up(now).unwrap_or(refused));
            }
        }
    }

    fn arrive(&self, comer: Comer, now: Now) -> Result<Arrival, Exhausted> {
        let Comer {
            key,
            caller,
            wait,
            is_again,
        } = comer;
        self.with(key, now, |account, rules| {
            let before = if is_again {
                0
            } else {
                account.queue.position_for(caller)
            };
            let refused = match account.take(rules, (before, Claim::Any), now) {
                Ok(unit) => return Ok(Arrival::Served(unit)),
                Err(refused) => refused,
            };
            if refused.retry_after > wait {
                return Err(refused);
            }
            if is_again {
                return Ok(Arrival::Queued(account.queue.enter_first(caller), refused));
            }
            match account.queue.full(caller, self.max_waiting) {
                Some(full) => Err(Exhausted {
                    full: Some(full),
                    ..refused
                }),
                None => Ok(Arrival::Queued(account.queue.enter(caller), refused)),
            }
        })
    }
}

impl Place<'_> {
    fn take(&self, now: Now) -> Result<Unit, Exhausted> {
        self.quota.with(self.comer.key, now, |account, rules| {
            let end = account.queue.len();
            let before = account.queue.position(&self.turn).unwrap_or(end);
            let unit = account.take(rules, (before, Claim::Any), now)?;
            account.queue.served(&self.turn);
            Ok(unit)
        })
    }

    /// Leaves, and says what the same caller finds when it comes back.
    fn give_up(&self, now: Now) -> Option<Exhausted> {
        self.quota.with(self.comer.key, now, |account, rules| {
            account.queue.leave(&self.turn);
            let before = account.queue.position_for(self.comer.caller);
            forecast::check(&account.ledger, rules, (before, Claim::Any), now).err()
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.quota.lock().get_mut(&self.comer.key) {
            account.queue.leave(&self.turn);
        }
    }
}
