//! The set of VirusTotal keys that VirusTotal has accepted.

use std::{collections::HashSet, num::NonZeroUsize, sync::Arc};

use lru::LruCache;
use parking_lot::Mutex;

use crate::access::KeyHash;

/// The maximum number of accepted keys. Beyond it the least recently used is evicted.
///
/// Only a key that VirusTotal accepts is added, so made-up keys can't evict others.
const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// The keys with which a call has succeeded since the last refusal, and the operator's own keys.
///
/// A handle: clones share the set.
#[derive(Clone, Debug)]
pub struct AcceptedKeys(Arc<Mutex<KeySets>>);

#[derive(Debug)]
struct KeySets {
    accepted: LruCache<KeyHash, ()>,
    /// The keys that were accepted once and have been refused since.
    revoked: LruCache<KeyHash, ()>,
    /// The keys of the server and its clients, accepted or not.
    configured: HashSet<KeyHash>,
    /// The configured keys that VirusTotal has refused since a call with them last succeeded.
    refused: HashSet<KeyHash>,
}

impl AcceptedKeys {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(KeySets {
            // Bounded by `accept` and `revoke`: a bound here would allocate its full capacity at
            // once.
            accepted: LruCache::unbounded(),
            revoked: LruCache::unbounded(),
            configured: HashSet::new(),
            refused: HashSet::new(),
        })))
    }

    /// Returns whether VirusTotal has accepted this key.
    pub fn contains(&self, key: KeyHash) -> bool {
        self.0.lock().accepted.get(&key).is_some()
    }

    /// Returns whether state of this key is permanent: the key is accepted, or the operator's.
    pub fn is_lasting(&self, key: KeyHash) -> bool {
        let mut sets = self.0.lock();
        sets.configured.contains(&key) || sets.accepted.get(&key).is_some()
    }

    /// Adds a key of the server or of a client.
    ///
    /// The key is not accepted yet: until it is, a caller that sends it counts for its address.
    pub fn configure(&self, key: KeyHash) {
        self.0.lock().configured.insert(key);
    }

    /// Records that a call with this key succeeded. Returns whether that is new.
    pub fn accept(&self, key: KeyHash) -> bool {
        let mut sets = self.0.lock();
        if sets.accepted.get(&key).is_some() {
            return false;
        }
        if sets.accepted.len() >= MAX_KEYS.get() {
            sets.accepted.pop_lru();
        }
        sets.accepted.put(key, ());
        sets.revoked.pop(&key);
        sets.refused.remove(&key);
        true
    }

    /// Records that VirusTotal refused this key (401). Returns whether it was accepted before.
    pub fn refuse(&self, key: KeyHash) -> bool {
        let mut sets = self.0.lock();
        if sets.configured.contains(&key) {
            sets.refused.insert(key);
        }
        let was_accepted = sets.accepted.pop(&key).is_some();
        drop(sets);
        if was_accepted {
            self.revoke(key);
        }
        was_accepted
    }

    /// Records that VirusTotal refused a key that it had accepted, here or at another replica.
    pub fn revoke(&self, key: KeyHash) {
        let mut sets = self.0.lock();
        sets.accepted.pop(&key);
        if sets.revoked.len() >= MAX_KEYS.get() {
            sets.revoked.pop_lru();
        }
        sets.revoked.put(key, ());
    }

    /// Returns whether this is a key of the server or of a client, and VirusTotal refused it last.
    pub fn is_refused(&self, key: KeyHash) -> bool {
        self.0.lock().refused.contains(&key)
    }

    /// Returns whether VirusTotal accepted this key once and has refused it since.
    pub fn is_revoked(&self, key: KeyHash) -> bool {
        self.0.lock().revoked.contains(&key)
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
    use crate::access::ApiKey;

    #[test]
    fn refusal_revokes_an_acceptance() {
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
    fn operators_key_is_permanent_without_acceptance() {
        let key = ApiKey::parse(b"a").unwrap().hash();
        let keys = AcceptedKeys::new();
        keys.configure(key);
        assert!(keys.is_lasting(key) && !keys.contains(key) && !keys.is_refused(key));
        keys.refuse(key);
        assert!(keys.is_lasting(key) && keys.is_refused(key));
        keys.accept(key);
        assert!(!keys.is_refused(key));
    }
}
