//! How often one caller may knock at all, whatever the request: governor.
//!
//! This guards the gateway; what may be spent at VirusTotal is [`crate::quota`].

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use lru::LruCache;

use crate::access::CallerId;

/// How many callers are remembered; beyond it the least recently seen is forgotten.
const MAX_CALLERS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The limit on requests of any kind; without one everybody may pass.
#[derive(Debug)]
pub struct Door {
    limiter: Option<RateLimiter<CallerId, Recent, DefaultClock, NoOpMiddleware>>,
    clock: DefaultClock,
}

impl Door {
    /// A door that lets each caller in `per_minute` times a minute, all at once if it likes.
    pub fn new(per_minute: Option<NonZeroU32>) -> Self {
        let clock = DefaultClock::default();
        let limiter = per_minute.map(governor::Quota::per_minute).map(|quota| {
            let callers = Mutex::new(LruCache::new(MAX_CALLERS));
            RateLimiter::new(quota, Recent { callers }, clock.clone())
        });
        Self { limiter, clock }
    }

    /// Lets the caller pass, or says how long it has to wait.
    pub fn knock(&self, caller: &CallerId) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        limiter
            .check_key(caller)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets every caller that could knock as often as a new one.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

/// governor's state for each caller, bounded: its own maps keep every key for ever.
#[derive(Debug)]
struct Recent {
    callers: Mutex<LruCache<CallerId, Nanos>>,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, LruCache<CallerId, Nanos>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Recent {
    type Key = CallerId;

    fn measure_and_replace<T, F, E>(&self, key: &CallerId, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut callers = self.lock();
        let (outcome, next) = f(callers.get(key).copied())?;
        callers.put(*key, next);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<CallerId> for Recent {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut callers = self.lock();
        let idle: Vec<_> = callers
            .iter()
            .filter(|(_, at)| **at <= drop_below)
            .map(|(key, _)| *key)
            .collect();
        for key in idle {
            callers.pop(&key);
        }
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    fn v6(text: &str) -> CallerId {
        CallerId::at(text.parse().unwrap())
    }

    #[test]
    fn each_caller_has_an_allowance_of_its_own() {
        let door = Door::new(NonZeroU32::new(2));
        let (one, other) = (v6("192.0.2.1"), v6("192.0.2.2"));
        assert!(door.knock(&one).is_ok());
        assert!(door.knock(&one).is_ok());
        let wait = door.knock(&one).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        assert!(door.knock(&other).is_ok());
    }

    #[test]
    fn no_limit_lets_everybody_pass() {
        let door = Door::new(None);
        assert!((0..10_000).all(|_| door.knock(&v6("192.0.2.1")).is_ok()));
    }

    #[test]
    fn callers_are_bounded_and_forgotten() {
        let door = Door::new(NonZeroU32::new(600));
        for network in 0..11_000u128 {
            let address = IpAddr::V6(Ipv6Addr::from_bits(network << 64));
            assert!(door.knock(&CallerId::at(address)).is_ok());
        }
        let limiter = door.limiter.as_ref().unwrap();
        assert_eq!(limiter.len(), MAX_CALLERS.get());
        door.forget_idle();
        assert_eq!(
            limiter.len(),
            MAX_CALLERS.get(),
            "all of them knocked just now"
        );
    }
}
