//! A semaphore with a maximum per caller.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::CallerId;

/// The divisor for one caller's share: a quarter of all slots, at least one.
const CALLER_SHARE_DIVISOR: usize = 4;

/// Slots that callers take and return: for requests, for calls to VirusTotal.
///
/// A handle: clones share the slots.
#[derive(Clone, Debug)]
pub struct SlotPool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The number of slots.
    all: usize,
    /// The number of slots that one caller may hold.
    each: usize,
    held: Mutex<HeldSlots>,
    /// The signal that a slot was returned.
    room: Notify,
}

#[derive(Debug, Default)]
struct HeldSlots {
    all: usize,
    by_caller: HashMap<CallerId, usize>,
}

/// A slot held by a caller until this is dropped.
#[derive(Debug)]
pub struct Slot {
    pool: SlotPool,
    caller: CallerId,
}

/// The reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All slots are taken.
    All,
    /// The caller has its full share.
    Caller,
}

impl SlotPool {
    /// Creates `all` slots, of which one caller may hold a quarter.
    pub fn new(all: usize) -> Self {
        Self::with_each(all, (all / CALLER_SHARE_DIVISOR).max(1))
    }

    /// Creates `all` slots, of which one caller may hold `each`.
    pub fn with_each(all: usize, each: usize) -> Self {
        Self(Arc::new(Inner {
            all,
            each,
            held: Mutex::default(),
            room: Notify::new(),
        }))
    }

    /// Takes a slot if one is free.
    pub fn try_take(&self, caller: CallerId) -> Result<Slot, Full> {
        let mut held = self.0.held.lock();
        if held.all >= self.0.all {
            return Err(Full::All);
        }
        let own = held.by_caller.entry(caller).or_default();
        if *own >= self.0.each {
            return Err(Full::Caller);
        }
        *own += 1;
        held.all += 1;
        drop(held);
        Ok(Slot {
            pool: self.clone(),
            caller,
        })
    }

    /// Takes a slot as soon as one is free.
    pub async fn take(&self, caller: CallerId) -> Slot {
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            // Registered before the attempt, so that a slot returned in between is noticed.
            room.as_mut().enable();
            if let Ok(slot) = self.try_take(caller) {
                return slot;
            }
            room.await;
        }
    }

    /// Takes a slot even if none is free, temporarily exceeding the bounds.
    ///
    /// For a caller that had a slot and gave it up for a time.
    pub fn take_anyway(&self, caller: CallerId) -> Slot {
        let mut held = self.0.held.lock();
        *held.by_caller.entry(caller).or_default() += 1;
        held.all += 1;
        drop(held);
        Slot {
            pool: self.clone(),
            caller,
        }
    }

    /// Returns the number of taken slots.
    pub fn taken(&self) -> usize {
        self.0.held.lock().all
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.pool.0.held.lock();
        held.all -= 1;
        if let Some(own) = held.by_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                // Keeps the map as small as the number of current callers.
                held.by_caller.remove(&self.caller);
            }
        }
        drop(held);
        // Wakes all waiters, since the first may be a caller that has its full share.
        self.pool.0.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(last: u8) -> CallerId {
        CallerId::at([192, 0, 2, last].into())
    }

    #[test]
    fn no_caller_holds_more_than_a_quarter() {
        let pool = SlotPool::new(8);
        let held: Vec<_> = (0..2).map(|_| pool.try_take(caller(1)).unwrap()).collect();
        assert_eq!(pool.try_take(caller(1)).err(), Some(Full::Caller));
        let _others: Vec<_> = (2..5)
            .flat_map(|it| [it, it])
            .map(|it| pool.try_take(caller(it)).unwrap())
            .collect();
        assert_eq!(pool.try_take(caller(9)).err(), Some(Full::All));
        drop(held);
        assert!(pool.try_take(caller(9)).is_ok());
        assert_eq!(pool.taken(), 6);
    }

    #[test]
    fn single_slot_serves_each_caller_in_turn() {
        let pool = SlotPool::new(1);
        drop(pool.try_take(caller(1)).unwrap());
        assert!(pool.try_take(caller(2)).is_ok());
    }

    #[test]
    fn slot_taken_anyway_counts() {
        let pool = SlotPool::new(4);
        let held = [pool.take_anyway(caller(1)), pool.take_anyway(caller(1))];
        assert_eq!(pool.taken(), 2);
        assert_eq!(pool.try_take(caller(1)).err(), Some(Full::Caller));
        let _others = [2, 3].map(|it| pool.take_anyway(caller(it)));
        assert_eq!(pool.try_take(caller(4)).err(), Some(Full::All));
        drop(held);
        assert!(pool.try_take(caller(1)).is_ok());
    }

    #[tokio::test]
    async fn caller_with_its_share_waits_until_it_returns_a_slot() {
        let pool = SlotPool::new(4);
        let first = pool.try_take(caller(1)).unwrap();
        let (second, ()) = tokio::join!(pool.take(caller(1)), async { drop(first) });
        assert_eq!(pool.taken(), 1);
        drop(second);
    }
}
