//! A map for state of VirusTotal keys: permanent for accepted keys, bounded for all others.

use std::{collections::HashMap, hash::Hash, num::NonZeroUsize};

use lru::LruCache;

use super::AcceptedKeys;
use crate::access::KeyHash;

/// The maximum number of entries of unverified keys. Beyond it the least recently used is evicted.
pub const MAX_UNVERIFIED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A map key that belongs to a VirusTotal key.
pub trait OfKey {
    /// Returns the VirusTotal key.
    fn key(&self) -> KeyHash;
}

/// A map of state that belongs to VirusTotal keys.
///
/// Entries of accepted and configured keys stay until they are removed. Entries of all other keys
/// share [`MAX_UNVERIFIED`] places, because any client can make up keys. Made-up keys therefore
/// evict only one another. An entry becomes permanent when its key is found to be accepted.
#[derive(Debug)]
pub struct KeyMemory<K: Eq + Hash, V> {
    accepted: AcceptedKeys,
    lasting: HashMap<K, V>,
    unverified: LruCache<K, V>,
}

impl OfKey for KeyHash {
    fn key(&self) -> KeyHash {
        *self
    }
}

impl<K, V> KeyMemory<K, V>
where
    K: Clone + Eq + Hash + OfKey,
{
    /// Creates an empty map, with the set that tells which keys are accepted.
    pub fn new(accepted: AcceptedKeys) -> Self {
        Self {
            accepted,
            lasting: HashMap::new(),
            // Bounded by `make_room`: a bound here would allocate its full capacity at once.
            unverified: LruCache::unbounded(),
        }
    }

    /// Returns an entry without counting that as a use.
    pub fn get(&self, name: &K) -> Option<&V> {
        match self.lasting.get(name) {
            Some(value) => Some(value),
            None => self.unverified.peek(name),
        }
    }

    /// Returns an entry for modification.
    pub fn get_mut(&mut self, name: &K) -> Option<&mut V> {
        match self.lasting.get_mut(name) {
            Some(value) => Some(value),
            None => self.unverified.get_mut(name),
        }
    }

    /// Returns an entry, creating it if missing.
    ///
    /// Entries for which `is_in_use` holds are not evicted to make room.
    pub fn get_or_default(&mut self, name: K, is_in_use: impl Fn(&V) -> bool) -> &mut V
    where
        V: Default,
    {
        if self.belongs_to_lasting(&name) {
            return self.lasting.entry(name).or_default();
        }
        if !self.unverified.contains(&name) {
            self.make_room(is_in_use);
        }
        self.unverified.get_or_insert_mut(name, V::default)
    }

    /// Inserts an entry, and returns the previous one.
    pub fn insert(&mut self, name: K, value: V) -> Option<V> {
        if self.belongs_to_lasting(&name) {
            return self.lasting.insert(name, value);
        }
        if !self.unverified.contains(&name) {
            self.make_room(|_| false);
        }
        self.unverified.put(name, value)
    }

    /// Removes an entry.
    pub fn remove(&mut self, name: &K) -> Option<V> {
        // An entry is in at most one of the two maps.
        match self.lasting.remove(name) {
            Some(value) => Some(value),
            None => self.unverified.pop(name),
        }
    }

    /// Makes all entries of a newly accepted key permanent.
    ///
    /// An entry would also become permanent at its next write, but could be evicted until then.
    pub fn promote(&mut self, key: KeyHash) {
        // Collected first: an `LruCache` can't be changed while it is iterated.
        let mut names = Vec::new();
        for (name, _) in &self.unverified {
            if name.key() == key {
                names.push(name.clone());
            }
        }
        for name in names {
            if let Some(value) = self.unverified.pop(&name) {
                self.lasting.insert(name, value);
            }
        }
    }

    /// Removes the entries for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.lasting.retain(&mut keep);
        let mut idle = Vec::new();
        for (name, value) in &mut self.unverified {
            if !keep(name, value) {
                idle.push(name.clone());
            }
        }
        for name in idle {
            self.unverified.pop(&name);
        }
    }

    /// Iterates over all entries.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        let unverified = self.unverified.iter().map(|(_, value)| value);
        self.lasting.values().chain(unverified)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.lasting.len() + self.unverified.len()
    }

    /// Returns whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the entry of this name belongs to the permanent ones. Moves it there if it
    /// must.
    fn belongs_to_lasting(&mut self, name: &K) -> bool {
        if self.lasting.contains_key(name) {
            return true;
        }
        if !self.accepted.is_lasting(name.key()) {
            return false;
        }
        // The key was accepted after the entry was made.
        if let Some(value) = self.unverified.pop(name) {
            self.lasting.insert(name.clone(), value);
        }
        true
    }

    /// Evicts the least recently used unverified entry that is not in use, if the bound is reached.
    ///
    /// Entries in use may exceed the bound. Their number is limited by that of requests.
    fn make_room(&mut self, is_in_use: impl Fn(&V) -> bool) {
        if self.unverified.len() < MAX_UNVERIFIED.get() {
            return;
        }
        // An `LruCache` iterates from the most to the least recently used.
        for (name, value) in self.unverified.iter().rev() {
            if !is_in_use(value) {
                let name = name.clone();
                self.unverified.pop(&name);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ApiKey;

    fn key(name: impl AsRef<str>) -> KeyHash {
        ApiKey::parse(name.as_ref().as_bytes()).unwrap().hash()
    }

    fn flood(memory: &mut KeyMemory<KeyHash, u32>) {
        for at in 0..10_240 {
            memory.insert(key(format!("made-up-{at}")), 0);
        }
    }

    #[test]
    fn unverified_keys_evict_only_one_another() {
        let accepted = AcceptedKeys::new();
        let mut memory = KeyMemory::new(accepted.clone());
        accepted.accept(key("accepted"));
        accepted.configure(key("configured"));
        for name in ["accepted", "configured", "neither"] {
            memory.insert(key(name), 7);
        }
        flood(&mut memory);
        assert_eq!(memory.get(&key("accepted")), Some(&7));
        assert_eq!(memory.get(&key("configured")), Some(&7));
        assert_eq!(memory.get(&key("neither")), None);
        assert_eq!(memory.len(), MAX_UNVERIFIED.get() + 2);
    }

    #[test]
    fn entry_becomes_permanent_when_its_key_is_accepted() {
        let accepted = AcceptedKeys::new();
        let mut memory = KeyMemory::new(accepted.clone());
        for name in ["promoted", "written", "default"] {
            memory.insert(key(name), 7);
            accepted.accept(key(name));
        }
        memory.promote(key("promoted"));
        assert_eq!(memory.insert(key("written"), 8), Some(7));
        assert_eq!(memory.get_or_default(key("default"), |_| false), &7);
        flood(&mut memory);
        assert_eq!(memory.get(&key("promoted")), Some(&7));
        assert_eq!(memory.get(&key("written")), Some(&8));
        assert_eq!(memory.remove(&key("default")), Some(7));
    }

    #[test]
    fn entry_in_use_is_not_evicted() {
        let mut memory = KeyMemory::new(AcceptedKeys::new());
        memory.insert(key("in-use"), 1);
        for at in 0..MAX_UNVERIFIED.get() + 10 {
            memory.get_or_default(key(format!("{at}")), |value| *value == 1);
        }
        assert_eq!(memory.get(&key("in-use")), Some(&1));
        assert_eq!(memory.len(), MAX_UNVERIFIED.get());
    }

    #[test]
    fn retain_removes_all_other_entries() {
        let accepted = AcceptedKeys::new();
        accepted.accept(key("1"));
        let mut memory = KeyMemory::new(accepted);
        for at in 0..4 {
            memory.insert(key(at.to_string()), at);
        }
        memory.retain(|_, value| *value > 1);
        let mut kept: Vec<_> = memory.values().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, [2, 3]);
    }
}
