//! The VirusTotal keys that are known to be real.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use crate::key::KeyHash;

/// The number of accepted keys that are remembered; the least recently used is evicted beyond it.
///
/// Only a key that VirusTotal answers gets in, so made-up keys can't push one out.
const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// The keys with which VirusTotal has answered a request, and not refused one since; and those
/// that the operator has set up.
///
/// A handle: its clones share what they know.
#[derive(Clone, Debug)]
pub struct AcceptedKeys(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    accepted: LruCache<KeyHash, ()>,
    /// Those that were accepted once, and refused since.
    revoked: LruCache<KeyHash, ()>,
    /// The keys of the server and of its clients, whatever VirusTotal says of them.
    configured: HashSet<KeyHash>,
}

impl AcceptedKeys {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Known {
            // Unbounded here, since the bound would allocate all of its room at once.
            accepted: LruCache::unbounded(),
            revoked: LruCache::unbounded(),
            configured: HashSet::new(),
        })))
    }

    /// Whether VirusTotal has accepted this key.
    pub fn contains(&self, key: KeyHash) -> bool {
        self.lock().accepted.get(&key).is_some()
    }

    /// Whether what is known of this key is kept for as long as it counts: the key is accepted,
    /// or the operator's.
    pub fn is_lasting(&self, key: KeyHash) -> bool {
        let mut known = self.lock();
        known.configured.contains(&key) || known.accepted.get(&key).is_some()
    }

    /// Notes that the operator has set up this key, for the server or for a client.
    ///
    /// That does not make it accepted: a caller that brings it counts for its address until it is.
    pub fn configure(&self, key: KeyHash) {
        self.lock().configured.insert(key);
    }

    /// Notes that VirusTotal answered a request with this key. Returns whether that is new.
    pub fn accept(&self, key: KeyHash) -> bool {
        let mut known = self.lock();
        if known.accepted.get(&key).is_some() {
            return false;
        }
        if known.accepted.len() >= MAX_KEYS.get() {
            known.accepted.pop_lru();
        }
        known.accepted.put(key, ());
        known.revoked.pop(&key);
        true
    }

    /// Notes that VirusTotal refused this key (401). Returns whether it was accepted before.
    pub fn refuse(&self, key: KeyHash) -> bool {
        let was_accepted = self.lock().accepted.pop(&key).is_some();
        if was_accepted {
            self.revoke(key);
        }
        was_accepted
    }

    /// Notes that VirusTotal refused a key that it had accepted, here or at another replica.
    pub fn revoke(&self, key: KeyHash) {
        let mut known = self.lock();
        known.accepted.pop(&key);
        if known.revoked.len() >= MAX_KEYS.get() {
            known.revoked.pop_lru();
        }
        known.revoked.put(key, ());
    }

    /// Whether VirusTotal accepted this key once, and has refused it since.
    pub fn is_revoked(&self, key: KeyHash) -> bool {
        self.lock().revoked.contains(&key)
    }

    /// A panic elsewhere leaves a set behind that is still true.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for AcceptedKeys {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ApiKey;

    #[test]
    fn a_refusal_takes_an_acceptance_back() {
        let key = ApiKey::parse(b"a").unwrap().hash();
        let keys = AcceptedKeys::new();
        assert!(!keys.contains(key));
        assert!(keys.accept(key) && !keys.accept(key));
        assert!(keys.clone().contains(key) && keys.is_lasting(key));
        assert!(keys.refuse(key) && !keys.refuse(key));
        assert!(!keys.contains(key) && !keys.is_lasting(key) && keys.is_revoked(key));
        assert!(keys.accept(key) && !keys.is_revoked(key));
    }

    #[test]
    fn an_operators_key_lasts_although_nobody_has_accepted_it() {
        let key = ApiKey::parse(b"a").unwrap().hash();
        let keys = AcceptedKeys::new();
        keys.configure(key);
        assert!(keys.is_lasting(key) && !keys.contains(key));
        keys.refuse(key);
        assert!(keys.is_lasting(key));
    }
}
