//! The queue of those who wait for a unit of one key: first come, first served.
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
use crate::{clock::Now, key::KeyHash};

/// Those who wait, the first in front; each known by what wakes it.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Arc<Notify>>);

/// What became of somebody who came for a unit.
enum Arrival {
    Served(Unit),
    /// It waits, for what it was refused.
    Queued(Arc<Notify>, Exhausted),
}

/// A place in a key's queue; whoever drops it leaves the queue.
struct Place<'q> {
    quota: &'q Quota,
    key: KeyHash,
    turn: Arc<Notify>,
}

impl Queue {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Has everybody reckon again: units came or went.
    pub(super) fn wake_all(&self) {
        self.0.iter().for_each(|turn| turn.notify_one());
    }

    /// Takes the last place; it is held until somebody leaves it.
    pub(super) fn enter(&mut self) -> Arc<Notify> {
        let turn = Arc::new(Notify::new());
        self.0.push_back(Arc::clone(&turn));
        turn
    }

    /// Takes the first place, for somebody who had come to it once.
    pub(super) fn enter_first(&mut self) -> Arc<Notify> {
        let turn = Arc::new(Notify::new());
        self.wake_all();
        self.0.push_front(Arc::clone(&turn));
        turn
    }

    fn position(&self, turn: &Arc<Notify>) -> Option<usize> {
        self.0.iter().position(|it| Arc::ptr_eq(it, turn))
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
            self.0.range(at..).for_each(|turn| turn.notify_one());
        }
    }
}

impl Quota {
    /// Spends one unit as soon as there is one, within the time the caller has.
    ///
    /// First come, first served within a key. Where no unit can come in time, or as many wait
    /// as may (`VT4AI_MAX_WAITING`), it fails at once; so it does later on, when what was
    /// reckoned with is lost to others. To drop it gives the place up and spends nothing.
    pub async fn take_within(&self, key: KeyHash, wait: Duration) -> Result<Unit, Exhausted> {
        self.queue(key, wait, false).await
    }

    /// The same for whoever got a unit that another replica had spent, before all others.
    pub async fn take_within_again(&self, key: KeyHash, wait: Duration) -> Result<Unit, Exhausted> {
        self.queue(key, wait, true).await
    }

    async fn queue(&self, key: KeyHash, wait: Duration, again: bool) -> Result<Unit, Exhausted> {
        let came = Now::read();
        let (place, mut refused) = match self.arrive(key, (wait, again), came)? {
            Arrival::Served(unit) => return Ok(unit),
            Arrival::Queued(turn, refused) => {
                let quota = self;
                (Place { quota, key, turn }, refused)
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
            if refused.retry_after > wait.saturating_sub(waited) {
                return Err(place.give_up(now).unwrap_or(refused));
            }
        }
    }

    fn arrive(
        &self,
        key: KeyHash,
        (wait, again): (Duration, bool),
        now: Now,
    ) -> Result<Arrival, Exhausted> {
        self.with(key, now, |account, rules| {
            let end = account.queue.len();
            let before = if again { 0 } else { end };
            match account.take(rules, (before, Claim::Any), now) {
                Ok(unit) => Ok(Arrival::Served(unit)),
                Err(refused) if refused.retry_after > wait => Err(refused),
                Err(refused) if again => Ok(Arrival::Queued(account.queue.enter_first(), refused)),
                Err(refused) if end >= self.max_waiting => Err(refused),
                Err(refused) => Ok(Arrival::Queued(account.queue.enter(), refused)),
            }
        })
    }
}

impl Place<'_> {
    fn take(&self, now: Now) -> Result<Unit, Exhausted> {
        self.quota.with(self.key, now, |account, rules| {
            let end = account.queue.len();
            let before = account.queue.position(&self.turn).unwrap_or(end);
            let unit = account.take(rules, (before, Claim::Any), now)?;
            account.queue.served(&self.turn);
            Ok(unit)
        })
    }

    /// Leaves, and says what whoever comes back finds: the end of the queue.
    fn give_up(&self, now: Now) -> Option<Exhausted> {
        self.quota.with(self.key, now, |account, rules| {
            account.queue.leave(&self.turn);
            let end = (account.queue.len(), Claim::Any);
            forecast::check(&account.ledger, rules, end, now).err()
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.quota.lock().peek_mut(&self.key) {
            account.queue.leave(&self.turn);
        }
    }
}
