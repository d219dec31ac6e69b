//! The rate limit per caller on requests of any kind, by governor.
//!
//! It protects the gateway. Quota at VirusTotal is the subject of [`crate::quota::accounts`].

use std::{
    collections::HashMap,
    net::IpAddr,
    num::{NonZeroU32, NonZeroUsize},
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
use parking_lot::Mutex;

use crate::access::{AcceptedKeys, CallerId, KeyHash, KeyMemory};

/// The number of addresses that are remembered. Beyond it the least recently seen is evicted.
///
/// Keys and clients are stored separately: an address never evicts a key, and an unverified key
/// never evicts an address.
const MAX_ADDRESSES: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The rate limiter; without a limit it admits every request.
#[derive(Debug)]
pub struct RateLimit {
    limiter: Option<RateLimiter<CallerId, CallerStore, DefaultClock, NoOpMiddleware>>,
    clock: DefaultClock,
}

impl RateLimit {
    /// Creates a limit of `per_minute` requests a minute for each caller, which it may send in one
    /// burst.
    pub fn new(per_minute: Option<NonZeroU32>, accepted: AcceptedKeys) -> Self {
        let clock = DefaultClock::default();
        let limiter = match per_minute {
            Some(per_minute) => {
                let quota = governor::Quota::per_minute(per_minute);
                let store = CallerStore::new(accepted);
                Some(RateLimiter::new(quota, store, clock.clone()))
            }
            None => None,
        };
        Self { limiter, clock }
    }

    /// Admits a request, or returns the time to wait.
    ///
    /// An unverified key is counted too, in a bounded memory of its own, so that its allowance does
    /// not start anew once the key is accepted.
    pub fn check(&self, caller: &CallerId) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        match limiter.check_key(caller) {
            Ok(()) => Ok(()),
            Err(until) => Err(until.wait_time_from(self.clock.now())),
        }
    }

    /// Evicts callers whose allowance is back in full.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

/// The storage of governor's state for each caller. governor's own maps keep every caller forever.
#[derive(Debug)]
struct CallerStore(Mutex<Records>);

#[derive(Debug)]
struct Records {
    /// The clients, whose number the configuration bounds.
    clients: HashMap<KeyHash, Nanos>,
    keys: KeyMemory<KeyHash, Nanos>,
    addresses: LruCache<IpAddr, Nanos>,
}

impl CallerStore {
    fn new(accepted: AcceptedKeys) -> Self {
        Self(Mutex::new(Records {
            clients: HashMap::new(),
            keys: KeyMemory::new(accepted),
            addresses: LruCache::new(MAX_ADDRESSES),
        }))
    }
}

impl Records {
    fn get(&mut self, caller: &CallerId) -> Option<Nanos> {
        match caller {
            CallerId::Client(token) => self.clients.get(token).copied(),
            CallerId::Key(key) => self.keys.get(key).copied(),
            CallerId::Address(address) => self.addresses.get(address).copied(),
        }
    }

    fn put(&mut self, caller: &CallerId, record: Nanos) {
        match caller {
            CallerId::Client(token) => {
                self.clients.insert(*token, record);
            }
            CallerId::Key(key) => {
                self.keys.insert(*key, record);
            }
            CallerId::Address(address) => {
                self.addresses.put(*address, record);
            }
        }
    }

    fn len(&self) -> usize {
        self.clients.len() + self.keys.len() + self.addresses.len()
    }
}

impl StateStore for CallerStore {
    type Key = CallerId;

    fn measure_and_replace<T, F, E>(&self, caller: &CallerId, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut records = self.0.lock();
        // The lock is held from reading to writing, so the closure runs once. A refusal stores
        // nothing.
        let (outcome, next) = f(records.get(caller))?;
        records.put(caller, next);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<CallerId> for CallerStore {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut records = self.0.lock();
        records.clients.retain(|_, at| *at > drop_below);
        records.keys.retain(|_, at| *at > drop_below);
        // Collected first: `LruCache` has no `retain`, and can't be changed while it is iterated.
        let mut idle = Vec::new();
        for (address, at) in &records.addresses {
            if *at <= drop_below {
                idle.push(*address);
            }
        }
        for address in idle {
            records.addresses.pop(&address);
        }
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::access::{ApiKey, MAX_UNVERIFIED};

    fn rate_limit(per_minute: u32) -> RateLimit {
        RateLimit::new(NonZeroU32::new(per_minute), AcceptedKeys::new())
    }

    fn key(name: &str) -> CallerId {
        CallerId::Key(ApiKey::parse(name.as_bytes()).unwrap().hash())
    }

    fn v6(text: &str) -> CallerId {
        CallerId::at(text.parse().unwrap())
    }

    #[test]
    fn each_caller_has_its_own_allowance() {
        let limit = rate_limit(2);
        let (one, other) = (v6("192.0.2.1"), v6("192.0.2.2"));
        assert!(limit.check(&one).is_ok());
        assert!(limit.check(&one).is_ok());
        let wait = limit.check(&one).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        assert!(limit.check(&other).is_ok());
    }

    #[test]
    fn without_a_limit_every_request_is_admitted() {
        let limit = rate_limit(0);
        assert!((0..10_000).all(|_| limit.check(&v6("192.0.2.1")).is_ok()));
    }

    #[test]
    fn addresses_are_bounded() {
        let limit = rate_limit(600);
        for network in 0..11_000u128 {
            let address = IpAddr::V6(Ipv6Addr::from_bits(network << 64));
            assert!(limit.check(&CallerId::at(address)).is_ok());
        }
        let limiter = limit.limiter.as_ref().unwrap();
        assert_eq!(limiter.len(), MAX_ADDRESSES.get());
        limit.forget_idle();
        assert_eq!(
            limiter.len(),
            MAX_ADDRESSES.get(),
            "all of them sent a request just now"
        );
    }

    #[test]
    fn unverified_keys_evict_no_address_accepted_key_or_client() {
        let accepted = AcceptedKeys::new();
        let limit = RateLimit::new(NonZeroU32::new(1), accepted.clone());
        let CallerId::Key(real) = key("real") else {
            panic!("it is a key");
        };
        accepted.accept(real);
        let known = [CallerId::Key(real), CallerId::Client(real), v6("192.0.2.1")];
        assert!(known.iter().all(|caller| limit.check(caller).is_ok()));
        for at in 0..10_240 {
            assert!(limit.check(&key(&format!("made-up-{at}"))).is_ok());
        }
        assert!(known.iter().all(|caller| limit.check(caller).is_err()));
        let limiter = limit.limiter.as_ref().unwrap();
        assert_eq!(limiter.len(), MAX_UNVERIFIED.get() + known.len());
    }

    #[test]
    fn accepted_key_keeps_its_remaining_allowance() {
        let accepted = AcceptedKeys::new();
        let limit = RateLimit::new(NonZeroU32::new(2), accepted.clone());
        let CallerId::Key(real) = key("real") else {
            panic!("it is a key");
        };
        assert!(limit.check(&CallerId::Key(real)).is_ok());
        accepted.accept(real);
        assert!(limit.check(&CallerId::Key(real)).is_ok());
        assert!(limit.check(&CallerId::Key(real)).is_err());
    }
}
