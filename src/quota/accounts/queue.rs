//! The queue of requests that wait for a unit of one key: round-robin over the callers that share
//! the key, first come, first served within each.
//!
//! There is no dispatcher. Each request predicts when the unit for its place becomes available,
//! leaving one unit to each request before it, sleeps until then, and takes the unit. A stalled
//! request therefore delays nothing but its own unit. Every change of places or units wakes the
//! requests whose predictions it affects.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};

use super::{
    Accounts, Exhausted, SpentUnit,
    forecast::{self, Demand, Position},
};
use crate::{
    access::{CallerId, Full, KeyHash},
    clock::Now,
};

/// The divisor for the share of a key's waiting places that one caller may hold: a quarter, at
/// least one.
const CALLER_SHARE_DIVISOR: usize = 4;

/// The waiting requests in the order in which they are served.
///
/// A round serves each caller once. A new request joins the round after the last one that its
/// caller waits in, or else the current round, behind all requests of that round. Rounds therefore
/// never decrease along the queue, and the order of waiting requests never changes.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Waiter>);

#[derive(Debug)]
struct Waiter {
    caller: CallerId,
    round: u64,
    turn: Turn,
}

/// The signal that wakes a queued request, which also identifies it. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<Notify>);

/// A request for a unit that may queue.
#[derive(Clone, Copy, Debug)]
struct QueueRequest {
    key: KeyHash,
    caller: CallerId,
    /// The maximum wait.
    wait: Duration,
    /// Whether it goes to the front, since it has waited its turn before.
    goes_first: bool,
}

/// The outcome of a request's arrival.
enum Arrival<'a> {
    Served(SpentUnit),
    /// The request is queued, with the refusal that it would have got.
    Queued(QueuePlace<'a>, Exhausted),
}

/// A place in a key's queue. Dropping it leaves the queue.
struct QueuePlace<'a> {
    accounts: &'a Accounts,
    request: QueueRequest,
    turn: Turn,
}

impl Queue {
    /// Returns the number of waiting requests.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the position behind all waiting requests.
    pub(super) fn end(&self, demand: Demand) -> Position {
        Position {
            before: self.len(),
            demand,
        }
    }

    /// Wakes all requests, because the number of units changed.
    pub(super) fn wake_all(&self) {
        self.wake_from(0);
    }

    /// Inserts a request of a caller at its place in the order.
    pub(super) fn enter(&mut self, caller: CallerId) -> Turn {
        let (round, at) = (self.round_for(caller), self.position_for(caller));
        let turn = Turn::default();
        self.wake_from(at);
        let waiter = Waiter {
            caller,
            round,
            turn: turn.clone(),
        };
        self.0.insert(at, waiter);
        turn
    }

    /// Inserts a request at the front, for one that had reached it before.
    pub(super) fn enter_first(&mut self, caller: CallerId) -> Turn {
        let turn = Turn::default();
        self.wake_all();
        self.0.push_front(Waiter {
            caller,
            round: self.current_round(),
            turn: turn.clone(),
        });
        turn
    }

    /// Returns the number of requests that go before a new one of this caller.
    pub(super) fn position_for(&self, caller: CallerId) -> usize {
        let round = self.round_for(caller);
        // Binary search: rounds never decrease along the queue.
        self.0.partition_point(|waiter| waiter.round <= round)
    }

    /// Returns the round that a new request of this caller joins.
    fn round_for(&self, caller: CallerId) -> u64 {
        for waiter in self.0.iter().rev() {
            if waiter.caller == caller {
                return waiter.round + 1;
            }
        }
        self.current_round()
    }

    /// Returns the round that is being served.
    fn current_round(&self) -> u64 {
        match self.0.front() {
            Some(first) => first.round,
            None => 0,
        }
    }

    /// Returns the reason why a caller may not queue another request, if there are `most` places.
    fn full(&self, caller: CallerId, most: usize) -> Option<Full> {
        if self.len() >= most {
            return Some(Full::All);
        }
        let own = self.0.iter().filter(|waiter| waiter.caller == caller);
        (own.count() >= (most / CALLER_SHARE_DIVISOR).max(1)).then_some(Full::Caller)
    }

    fn position(&self, turn: &Turn) -> Option<usize> {
        self.0.iter().position(|waiter| waiter.turn.is(turn))
    }

    /// Removes a request that got its unit. The predictions behind it already account for that
    /// unit.
    fn served(&mut self, turn: &Turn) {
        if let Some(at) = self.position(turn) {
            self.0.remove(at);
        }
    }

    /// Removes a request without a unit, and wakes those behind it, which move up.
    fn leave(&mut self, turn: &Turn) {
        if let Some(at) = self.position(turn) {
            self.0.remove(at);
            self.wake_from(at);
        }
    }

    fn wake_from(&self, at: usize) {
        for waiter in self.0.range(at..) {
            waiter.turn.0.notify_one();
        }
    }
}

impl Turn {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Accounts {
    /// Spends a unit as soon as one is available, within `wait`.
    ///
    /// Callers of a key take turns, and each caller's requests are served first come, first served.
    /// Fails at once if no unit can become available in time or the queue is full
    /// (`VT4AI_MAX_WAITING`, a quarter of it for each caller), and later if other callers get the
    /// unit that this request counted on. Dropping the future leaves the queue and spends nothing.
    pub async fn take_within(
        &self,
        key: KeyHash,
        caller: CallerId,
        wait: Duration,
    ) -> Result<SpentUnit, Exhausted> {
        self.queue(QueueRequest {
            key,
            caller,
            wait,
            goes_first: false,
        })
        .await
    }

    /// Spends a unit like [`take_within`](Self::take_within), from the front of the queue: for a
    /// request whose unit turned out to be spent by another replica.
    pub async fn take_within_from_front(
        &self,
        key: KeyHash,
        caller: CallerId,
        wait: Duration,
    ) -> Result<SpentUnit, Exhausted> {
        self.queue(QueueRequest {
            key,
            caller,
            wait,
            goes_first: true,
        })
        .await
    }

    async fn queue(&self, request: QueueRequest) -> Result<SpentUnit, Exhausted> {
        let started = Now::read();
        let (place, mut refused) = match self.arrive(request, started)? {
            Arrival::Served(unit) => return Ok(unit),
            Arrival::Queued(place, refused) => (place, refused),
        };
        loop {
            // A timeout means that the unit is due, a notification that the prediction changed.
            // Both call for another attempt.
            let _ = timeout(refused.retry_after, place.turn.0.notified()).await;
            let now = Now::read();
            refused = match place.take(now) {
                Ok(unit) => return Ok(unit),
                Err(refused) => refused,
            };
            let waited = now.steady.saturating_duration_since(started.steady);
            // The prediction moved beyond the caller's time, such as when the allowance was
            // lowered.
            if refused.retry_after > request.wait.saturating_sub(waited) {
                return Err(place.give_up(now).unwrap_or(refused));
            }
        }
    }

    fn arrive(&self, request: QueueRequest, now: Now) -> Result<Arrival<'_>, Exhausted> {
        let QueueRequest {
            key,
            caller,
            wait,
            goes_first,
        } = request;
        self.with(key, now, |account, rules| {
            let before = if goes_first {
                0
            } else {
                account.queue.position_for(caller)
            };
            let refused = match account.take(rules, Position::any(before), now) {
                Ok(unit) => return Ok(Arrival::Served(unit)),
                Err(refused) => refused,
            };
            // Hopeless waits are refused before they take a place.
            if refused.retry_after > wait {
                return Err(refused);
            }
            let turn = if goes_first {
                account.queue.enter_first(caller)
            } else if let Some(full) = account.queue.full(caller, self.max_waiting) {
                return Err(Exhausted {
                    full: Some(full),
                    ..refused
                });
            } else {
                account.queue.enter(caller)
            };
            // Must not be dropped in here, which would take the lock again.
            let place = QueuePlace {
                accounts: self,
                request,
                turn,
            };
            Ok(Arrival::Queued(place, refused))
        })
    }
}

impl QueuePlace<'_> {
    fn take(&self, now: Now) -> Result<SpentUnit, Exhausted> {
        self.accounts.with(self.request.key, now, |account, rules| {
            let end = account.queue.len();
            // A request that is no longer queued goes behind all others.
            let before = account.queue.position(&self.turn).unwrap_or(end);
            let unit = account.take(rules, Position::any(before), now)?;
            account.queue.served(&self.turn);
            Ok(unit)
        })
    }

    /// Leaves the queue, and returns the refusal that the same caller would get now.
    fn give_up(&self, now: Now) -> Option<Exhausted> {
        self.accounts.with(self.request.key, now, |account, rules| {
            account.queue.leave(&self.turn);
            let before = account.queue.position_for(self.request.caller);
            forecast::check(&account.ledger, rules, Position::any(before), now).err()
        })
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.accounts.keys.lock().get_mut(&self.request.key) {
            account.queue.leave(&self.turn);
        }
    }
}
