//! Answers and views in memory, within one bound in bytes and fairly among their owners.

use std::{collections::HashMap, sync::Arc};

use lru::LruCache;

use super::{CachedAnswer, Finished, Moment, ViewKey};
use crate::key::KeyHash;

/// The bytes that the maps themselves take for an entry, about.
const OVERHEAD: usize = 512;

/// Answers and views by owner: a key or, where all keys share what they fetch, none.
///
/// Beyond the bound the owner that holds the most gives something up: its least recently used
/// view, else its least recently used answer. So no owner loses what is within its share to
/// another, and views, which cost no lookup, go before answers.
#[derive(Debug)]
pub(super) struct Store {
    max_bytes: usize,
    bytes: usize,
    entries: usize,
    shelves: HashMap<Option<KeyHash>, Shelf>,
}

/// The answers and views of one owner.
#[derive(Debug)]
struct Shelf {
    bytes: usize,
    answers: LruCache<Arc<str>, Kept<Arc<CachedAnswer>>>,
    views: LruCache<ViewName, Kept<View>>,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    bytes: usize,
}

/// A view of the answer that was asked for at this moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) of: Moment,
    pub(super) finished: Finished,
}

/// The path that was asked for, and how its answer is viewed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ViewName(Arc<str>, ViewKey);

/// Answers and views that were evicted to stay within the bound; dropped outside the lock.
#[derive(Debug, Default)]
pub(super) struct Evicted {
    answers: Vec<Arc<CachedAnswer>>,
    views: Vec<View>,
}

impl Evicted {
    pub(super) fn count(&self) -> usize {
        self.answers.len() + self.views.len()
    }
}

impl Store {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            entries: 0,
            shelves: HashMap::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    pub(super) fn answer(
        &mut self,
        owner: Option<KeyHash>,
        path: &str,
    ) -> Option<Arc<CachedAnswer>> {
        let kept = self.shelves.get_mut(&owner)?.answers.get(path)?;
        Some(Arc::clone(&kept.value))
    }

    pub(super) fn put_answer(
        &mut self,
        owner: Option<KeyHash>,
        path: Arc<str>,
        answer: Arc<CachedAnswer>,
    ) -> Evicted {
        let bytes = weight(path.len() + answer.size());
        let mut evicted = Evicted::default();
        if bytes > self.max_bytes {
            // What was kept before is older than what can't be kept.
            self.remove_answer(owner, &path);
            return evicted;
        }
        let kept = Kept {
            value: answer,
            bytes,
        };
        let held = self.shelves.entry(owner).or_insert_with(Shelf::new);
        let before = held.answers.put(path, kept);
        self.account(owner, bytes, before.map(|kept| kept.bytes));
        self.shrink(&mut evicted);
        evicted
    }

    pub(super) fn remove_answer(&mut self, owner: Option<KeyHash>, path: &str) {
        let Some(held) = self.shelves.get_mut(&owner) else {
            return;
        };
        if let Some(kept) = held.answers.pop(path) {
            self.give_up(owner, kept.bytes);
        }
    }

    pub(super) fn view(
        &mut self,
        owner: Option<KeyHash>,
        path: &Arc<str>,
        key: &ViewKey,
    ) -> Option<View> {
        let held = self.shelves.get_mut(&owner)?;
        let kept = held.views.get(&ViewName(Arc::clone(path), key.clone()))?;
        Some(kept.value.clone())
    }

    pub(super) fn put_view(
        &mut self,
        owner: Option<KeyHash>,
        path: Arc<str>,
        key: ViewKey,
        view: View,
    ) -> Evicted {
        let finished = &view.finished;
        let bytes = weight(path.len() + finished.body.len() + finished.etag.len());
        let mut evicted = Evicted::default();
        if bytes > self.max_bytes {
            return evicted;
        }
        let kept = Kept { value: view, bytes };
        let held = self.shelves.entry(owner).or_insert_with(Shelf::new);
        let before = held.views.put(ViewName(path, key), kept);
        self.account(owner, bytes, before.map(|kept| kept.bytes));
        self.shrink(&mut evicted);
        evicted
    }

    /// Counts what was put on an owner's shelf, in the place of something else or not.
    fn account(&mut self, owner: Option<KeyHash>, bytes: usize, before: Option<usize>) {
        self.bytes += bytes;
        self.entries += 1;
        if let Some(held) = self.shelves.get_mut(&owner) {
            held.bytes += bytes;
        }
        if let Some(before) = before {
            self.give_up(owner, before);
        }
    }

    /// Counts what was taken off an owner's shelf, and removes an empty one.
    fn give_up(&mut self, owner: Option<KeyHash>, bytes: usize) {
        self.bytes -= bytes;
        self.entries -= 1;
        if let Some(held) = self.shelves.get_mut(&owner) {
            held.bytes -= bytes;
            if held.answers.is_empty() && held.views.is_empty() {
                self.shelves.remove(&owner);
            }
        }
    }

    /// Evicts until the bound holds.
    fn shrink(&mut self, evicted: &mut Evicted) {
        while self.bytes > self.max_bytes {
            // Few keys fetch, so the largest is found by looking at all.
            let largest = self.shelves.iter_mut().max_by_key(|(_, held)| held.bytes);
            let Some((owner, held)) = largest else {
                return;
            };
            let owner = *owner;
            if let Some((_, kept)) = held.views.pop_lru() {
                evicted.views.push(kept.value);
                self.give_up(owner, kept.bytes);
            } else if let Some((_, kept)) = held.answers.pop_lru() {
                evicted.answers.push(kept.value);
                self.give_up(owner, kept.bytes);
            } else {
                return;
            }
        }
    }
}

impl Shelf {
    fn new() -> Self {
        Self {
            bytes: 0,
            // Bounded in bytes, by the store.
            answers: LruCache::unbounded(),
            views: LruCache::unbounded(),
        }
    }
}

/// Returns the bytes that count for an entry of this size.
fn weight(bytes: usize) -> usize {
    // An allocator loses about a quarter in gaps between what comes and goes.
    bytes + bytes / 4 + OVERHEAD
}
