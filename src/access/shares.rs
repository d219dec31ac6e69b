//! A semaphore with a maximum per caller.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::CallerId;

/// The divisor for one caller's share: a quarter of all places, at least one.
const SHARE_DIVISOR: usize = 4;

/// Places that callers take and return: for requests, for calls to VirusTotal.
///
/// A handle: clones share the places.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The number of places.
    all: usize,
    /// The number of places that one caller may hold.
    each: usize,
    held: Mutex<HeldPlaces>,
    /// The signal that a place was returned.
    room: Notify,
}

#[derive(Debug, Default)]
struct HeldPlaces {
    all: usize,
    by_caller: HashMap<CallerId, usize>,
}

/// A place held by a caller until this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    caller: CallerId,
}

/// The reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All places are taken.
    All,
    /// The caller has its full share.
    Caller,
}

impl Shares {
    /// Creates `all` places, of which one caller may hold a quarter.
    pub fn new(all: usize) -> Self {
        Self::with_each(all, (all / SHARE_DIVISOR).max(1))
    }

    /// Creates `all` places, of which one caller may hold `each`.
    pub fn with_each(all: usize, each: usize) -> Self {
        Self(Arc::new(Inner {
            all,
            each,
            held: Mutex::default(),
            room: Notify::new(),
        }))
    }

    /// Takes a place if one is free.
    pub fn try_take(&self, caller: CallerId) -> Result<Share, Full> {
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
        Ok(Share {
            shares: self.clone(),
            caller,
        })
    }

    /// Takes a place as soon as one is free.
    pub async fn take(&self, caller: CallerId) -> Share {
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            // Registered before the attempt, so that a place returned in between is noticed.
            room.as_mut().enable();
            if let Ok(share) = self.try_take(caller) {
                return share;
            }
            room.await;
        }
    }

    /// Takes a place even if none is free, temporarily exceeding the bounds.
    ///
    /// For a caller that had a place and gave it up for a time.
    pub fn take_anyway(&self, caller: CallerId) -> Share {
        let mut held = self.0.held.lock();
        *held.by_caller.entry(caller).or_default() += 1;
        held.all += 1;
        drop(held);
        Share {
            shares: self.clone(),
            caller,
        }
    }

    /// Returns the number of taken places.
    pub fn taken(&self) -> usize {
        self.0.held.lock().all
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.0.held.lock();
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
        self.shares.0.room.notify_waiters();
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
        let shares = Shares::new(8);
        let held: Vec<_> = (0..2)
            .map(|_| shares.try_take(caller(1)).unwrap())
            .collect();
        assert_eq!(shares.try_take(caller(1)).err(), Some(Full::Caller));
        let _others: Vec<_> = (2..5)
            .flat_map(|it| [it, it])
            .map(|it| shares.try_take(caller(it)).unwrap())
            .collect();
        assert_eq!(shares.try_take(caller(9)).err(), Some(Full::All));
        drop(held);
        assert!(shares.try_take(caller(9)).is_ok());
        assert_eq!(shares.taken(), 6);
    }

    #[test]
    fn single_place_serves_each_caller_in_turn() {
        let shares = Shares::new(1);
        drop(shares.try_take(caller(1)).unwrap());
        assert!(shares.try_take(caller(2)).is_ok());
    }

    #[test]
    fn place_taken_anyway_counts() {
        let shares = Shares::new(4);
        let held = [shares.take_anyway(caller(1)), shares.take_anyway(caller(1))];
        assert_eq!(shares.taken(), 2);
        assert_eq!(shares.try_take(caller(1)).err(), Some(Full::Caller));
        let _others = [2, 3].map(|it| shares.take_anyway(caller(it)));
        assert_eq!(shares.try_take(caller(4)).err(), Some(Full::All));
        drop(held);
        assert!(shares.try_take(caller(1)).is_ok());
    }

    #[tokio::test]
    async fn caller_with_its_share_waits_until_it_returns_a_place() {
        let shares = Shares::new(4);
        let first = shares.try_take(caller(1)).unwrap();
        let (second, ()) = tokio::join!(shares.take(caller(1)), async { drop(first) });
        assert_eq!(shares.taken(), 1);
        drop(second);
    }
}
