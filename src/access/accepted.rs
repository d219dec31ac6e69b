//! The VirusTotal keys that VirusTotal has accepted.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use crate::key::KeyHash;

/// The number of accepted keys that are remembered; the least recently used is evicted beyond it.
///
/// Only a key that VirusTotal answers gets in, so made-up keys can't push one out.
const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// The keys with which VirusTotal has answered a request, and not refused one since.
///
/// A handle: its clones share what they know.
#[derive(Clone, Debug)]
pub struct AcceptedKeys(Arc<Mutex<LruCache<KeyHash, ()>>>);

impl AcceptedKeys {
    /// Creates an empty set.
    pub fn new() -> Self {
        // Unbounded here, since the bound would allocate all of its room at once.
        Self(Arc::new(Mutex::new(LruCache::unbounded())))
    }

    /// Whether VirusTotal has accepted this key.
    pub fn contains(&self, key: KeyHash) -> bool {
        self.lock().get(&key).is_some()
    }

    /// Notes that VirusTotal answered a request with this key. Returns whether that is new.
    pub fn accept(&self, key: KeyHash) -> bool {
        let mut keys = self.lock();
        if keys.get(&key).is_some() {
            return false;
        }
        if keys.len() >= MAX_KEYS.get() {
            keys.pop_lru();
        }
        keys.put(key, ());
        true
    }

    /// Notes that VirusTotal refused this key (401). Returns whether it was accepted before.
    pub fn refuse(&self, key: KeyHash) -> bool {
        self.lock().pop(&key).is_some()
    }

    /// A panic elsewhere leaves a set behind that is still true.
    fn lock(&self) -> MutexGuard<'_, LruCache<KeyHash, ()>> {
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
        assert!(keys.clone().contains(key));
        assert!(keys.refuse(key) && !keys.refuse(key));
        assert!(!keys.contains(key));
    }
}
