//! A number of places of which no caller holds more than its share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::CallerId;

/// The part of all places that one caller may hold at most: a quarter, and at least one.
const PART: usize = 4;

/// Places that callers take and give back: for requests, for calls to VirusTotal.
///
/// A handle: its clones hand out the same places.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The number of places.
    all: usize,
    /// The number of places that one caller may hold.
    each: usize,
    held: Mutex<Held>,
    /// Woken whenever a place is given back.
    room: Notify,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_caller: HashMap<CallerId, usize>,
}

/// A place that a caller holds until this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    caller: CallerId,
}

/// The reason why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All places are taken.
    All,
    /// The caller holds as many as it may.
    Caller,
}

impl Shares {
    /// Creates `all` places, a quarter of which one caller may hold.
    pub fn new(all: usize) -> Self {
        Self::with_each(all, (all / PART).max(1))
    }

    /// Creates `all` places, `each` of which one caller may hold.
    pub fn with_each(all: usize, each: usize) -> Self {
        Self(Arc::new(Inner {
            all,
            each,
            held: Mutex::default(),
            room: Notify::new(),
        }))
    }

    /// Takes a place for a caller, if there is one.
    pub fn try_take(&self, caller: CallerId) -> Result<Share, Full> {
        let mut held = self.lock();
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

    /// Takes a place for a caller as soon as there is one.
    pub async fn take(&self, caller: CallerId) -> Share {
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            // Registered before the look, so that a place given back in between is noticed.
            room.as_mut().enable();
            if let Ok(share) = self.try_take(caller) {
                return share;
            }
            room.await;
        }
    }

    /// Takes a place for a caller even if all are taken, so that there are more for a while.
    ///
    /// For a caller that had one and gave it up for a time.
    pub fn take_anyway(&self, caller: CallerId) -> Share {
        let mut held = self.lock();
        *held.by_caller.entry(caller).or_default() += 1;
        held.all += 1;
        drop(held);
        Share {
            shares: self.clone(),
            caller,
        }
    }

    /// Returns the number of places that are taken.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    /// A panic elsewhere leaves counts behind that are still true.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        held.all -= 1;
        if let Some(own) = held.by_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                held.by_caller.remove(&self.caller);
            }
        }
        drop(held);
        // All of them: the first in line may be a caller that holds as many as it may.
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
    fn one_place_serves_each_caller_in_turn() {
        let shares = Shares::new(1);
        drop(shares.try_take(caller(1)).unwrap());
        assert!(shares.try_take(caller(2)).is_ok());
    }

    #[test]
    fn a_place_that_is_taken_anyway_counts() {
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
    async fn a_caller_with_its_share_waits_until_it_gives_a_place_back() {
        let shares = Shares::new(4);
        let first = shares.try_take(caller(1)).unwrap();
        let (second, ()) = tokio::join!(shares.take(caller(1)), async { drop(first) });
        assert_eq!(shares.taken(), 1);
        drop(second);
    }
}
