//! The entries in memory, and the check of each against the last write to its object.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::MutexGuard;

use super::{
    Cache, CacheKey, CachedAnswer, Candidate, Fetched, RenderedView, ViewKey,
    changes::Validity,
    store::{Evicted, Store, StoredView},
};

/// The size of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// The bytes in use, as they count against the bound.
    pub bytes: u64,
    /// The bound in bytes.
    pub max_bytes: u64,
    /// The number of answers and views.
    pub entries: u64,
    /// The number of answers and views evicted to stay within the bound, since the start.
    pub evictions: u64,
}

impl Cache {
    /// Returns the size of the cache in memory.
    pub fn stats(&self) -> CacheStats {
        let (bytes, entries) = match self.store() {
            Some(store) => (store.bytes(), store.entries()),
            None => (0, 0),
        };
        CacheStats {
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            max_bytes: self.0.rules.max_bytes,
            entries: u64::try_from(entries).unwrap_or(u64::MAX),
            evictions: self.0.evictions.load(Ordering::Relaxed),
        }
    }

    /// Returns a rendered view of an answer. One that has just been fetched has no views yet.
    pub fn view(&self, fetched: &Fetched, view: &ViewKey) -> Option<RenderedView> {
        let stored = self.store()?.view(&fetched.key, view)?;
        // A view of an earlier answer to the same request does not count.
        (stored.of == fetched.answer.as_of).then_some(stored.view)
    }

    /// Stores a rendered view of an answer.
    pub fn put_view(&self, fetched: &Fetched, key: ViewKey, view: &RenderedView) {
        let stored = StoredView {
            of: fetched.answer.as_of,
            view: RenderedView {
                // Copied, because the rendered buffer has room for VirusTotal's whole answer.
                body: Bytes::copy_from_slice(&view.body),
                ..view.clone()
            },
        };
        if let Some(mut store) = self.store() {
            let evicted = store.put_view(&fetched.key, key, stored);
            drop(store);
            self.count(&evicted);
        }
    }

    /// Returns the answer in memory, regardless of its age, unless its object was written to since.
    pub(super) fn get_local(&self, key: &CacheKey) -> Option<Candidate> {
        let answer = self.store()?.answer(key)?;
        self.judge(answer)
    }

    /// Stores an answer in memory, unless its object was written to since it was asked for.
    pub(super) fn put(&self, key: &CacheKey, answer: &CachedAnswer) {
        if self.judge(answer.clone()).is_none() {
            return;
        }
        if let Some(mut store) = self.store() {
            let evicted = store.put_answer(key, answer.clone());
            // The lock is released before the evicted entries are dropped.
            drop(store);
            self.count(&evicted);
        }
    }

    /// Evicts an answer from memory, from disk and from Redis, unless another one has taken its place. Returns
    /// whether it did.
    pub fn evict(&self, fetched: &Fetched) -> bool {
        let key = &fetched.key;
        if let Some(mut store) = self.store() {
            if let Some(stored) = store.answer(key)
                && stored.as_of != fetched.answer.as_of
            {
                return false;
            }
            store.remove_answer(key);
        }
        self.0.redis.remove_answer(key.entry_name());
        if let Some(disk) = &self.0.disk {
            disk.remove(key);
        }
        true
    }

    /// Returns whether an answer is certain or doubtful, or `None` if its object was written to
    /// since.
    pub(super) fn judge(&self, answer: CachedAnswer) -> Option<Candidate> {
        let is_doubtful = match self.validity(&answer) {
            Validity::Current => answer.is_doubtful,
            Validity::Doubtful => true,
            Validity::Outdated => return None,
        };
        Some(Candidate {
            answer,
            is_doubtful,
        })
    }

    /// Whether the object of an answer was written to since it was asked for.
    pub(super) fn is_outdated(&self, answer: &CachedAnswer) -> bool {
        self.validity(answer) == Validity::Outdated
    }

    fn validity(&self, answer: &CachedAnswer) -> Validity {
        let changes = &self.0.changes;
        let by_question = changes.validity(&answer.names, answer.as_of);
        match answer.revealed.get() {
            Some(revealed) => by_question.max(changes.validity(revealed, answer.as_of)),
            None => by_question,
        }
    }

    fn count(&self, evicted: &Evicted) {
        let count = u64::try_from(evicted.count()).unwrap_or(u64::MAX);
        self.0.evictions.fetch_add(count, Ordering::Relaxed);
    }

    /// Locks the entries in memory. Returns `None` if nothing is to be cached.
    fn store(&self) -> Option<MutexGuard<'_, Store>> {
        let store = self.0.store.as_ref()?;
        Some(store.lock())
    }
}
