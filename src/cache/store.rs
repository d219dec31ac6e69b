//! The entries in memory, within one bound in bytes that is divided fairly among their owners.

use std::{collections::HashMap, sync::Arc};

use lru::LruCache;

use super::{CacheKey, CachedAnswer, Moment, RenderedView, ViewKey};
use crate::access::KeyHash;

/// The approximate size of a map entry in bytes.
const OVERHEAD: usize = 512;

/// The divisor for the part of the bound that answers leave to views: an eighth.
///
/// Otherwise a cache full of answers would have no room for views, and each hit would be rendered
/// again.
const PART_OF_VIEWS: usize = 8;

/// Answers and views by owner: a key, or `None` where all keys share what they fetch.
///
/// A view is evicted to make room for any entry, an answer only to make room for another answer: a
/// view costs no lookup to restore. The entry to evict is the least recently used one of the owner
/// with the most bytes, so no owner loses entries within its share to another.
#[derive(Debug)]
pub(super) struct Store {
    max_bytes: usize,
    held: HeldBytes,
    count: usize,
    owners: HashMap<Option<KeyHash>, Entries>,
}

/// The bytes in use.
#[derive(Clone, Copy, Debug, Default)]
struct HeldBytes {
    answers: usize,
    views: usize,
}

/// The answers and views of one owner.
#[derive(Debug)]
struct Entries {
    held: HeldBytes,
    answers: LruCache<Arc<str>, Weighed<CachedAnswer>>,
    views: LruCache<ViewName, Weighed<StoredView>>,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug)]
enum EntryKind {
    Answer,
    View,
}

/// An entry with the bytes that it counts for.
#[derive(Debug)]
struct Weighed<T> {
    value: T,
    bytes: usize,
}

/// A view, with the `as_of` of the answer that it shows.
#[derive(Clone, Debug)]
pub(super) struct StoredView {
    pub(super) of: Moment,
    pub(super) view: RenderedView,
}

/// The path of the answer, and the properties of the view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ViewName(Arc<str>, ViewKey);

/// The entries evicted to stay within the bound. They are returned so that they can be dropped
/// outside the lock.
#[derive(Debug, Default)]
pub(super) struct Evicted {
    answers: Vec<CachedAnswer>,
    views: Vec<StoredView>,
}

impl Evicted {
    pub(super) fn count(&self) -> usize {
        self.answers.len() + self.views.len()
    }
}

impl HeldBytes {
    fn all(self) -> usize {
        self.answers + self.views
    }

    /// Returns the bytes of this kind.
    fn of(&mut self, kind: EntryKind) -> &mut usize {
        match kind {
            EntryKind::Answer => &mut self.answers,
            EntryKind::View => &mut self.views,
        }
    }
}

impl Store {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            held: HeldBytes::default(),
            count: 0,
            owners: HashMap::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.held.all()
    }

    pub(super) fn entries(&self) -> usize {
        self.count
    }

    pub(super) fn answer(&mut self, key: &CacheKey) -> Option<CachedAnswer> {
        let entries = self.owners.get_mut(&key.owner)?;
        let entry = entries.answers.get(&key.path)?;
        Some(entry.value.clone())
    }

    pub(super) fn put_answer(&mut self, key: &CacheKey, answer: CachedAnswer) -> Evicted {
        let bytes = weight(key.path.len() + answer.size());
        if bytes > self.max_of_answers() {
            // The cached answer is older than the one that is too large to store.
            self.remove_answer(key);
            return Evicted::default();
        }
        let entry = Weighed {
            value: answer,
            bytes,
        };
        let entries = self.owners.entry(key.owner).or_insert_with(Entries::new);
        let replaced = entries.answers.put(Arc::clone(&key.path), entry);
        self.add(key.owner, EntryKind::Answer, bytes);
        if let Some(replaced) = replaced {
            self.subtract(key.owner, EntryKind::Answer, replaced.bytes);
        }
        self.shrink(key.owner)
    }

    pub(super) fn remove_answer(&mut self, key: &CacheKey) {
        let Some(entries) = self.owners.get_mut(&key.owner) else {
            return;
        };
        if let Some(entry) = entries.answers.pop(&key.path) {
            self.subtract(key.owner, EntryKind::Answer, entry.bytes);
        }
    }

    pub(super) fn view(&mut self, key: &CacheKey, view: &ViewKey) -> Option<StoredView> {
        let entries = self.owners.get_mut(&key.owner)?;
        let name = ViewName(Arc::clone(&key.path), view.clone());
        let entry = entries.views.get(&name)?;
        Some(entry.value.clone())
    }

    pub(super) fn put_view(
        &mut self,
        key: &CacheKey,
        view: ViewKey,
        stored: StoredView,
    ) -> Evicted {
        let RenderedView { body, etag, .. } = &stored.view;
        let bytes = weight(key.path.len() + body.len() + etag.len());
        if bytes > self.max_bytes {
            return Evicted::default();
        }
        let entry = Weighed {
            value: stored,
            bytes,
        };
        let entries = self.owners.entry(key.owner).or_insert_with(Entries::new);
        let name = ViewName(Arc::clone(&key.path), view);
        let replaced = entries.views.put(name, entry);
        self.add(key.owner, EntryKind::View, bytes);
        if let Some(replaced) = replaced {
            self.subtract(key.owner, EntryKind::View, replaced.bytes);
        }
        self.shrink(key.owner)
    }

    /// Adds an entry to the totals.
    fn add(&mut self, owner: Option<KeyHash>, kind: EntryKind, bytes: usize) {
        *self.held.of(kind) += bytes;
        self.count += 1;
        if let Some(entries) = self.owners.get_mut(&owner) {
            *entries.held.of(kind) += bytes;
        }
    }

    /// Subtracts an entry from the totals, and removes an owner that has none left.
    fn subtract(&mut self, owner: Option<KeyHash>, kind: EntryKind, bytes: usize) {
        *self.held.of(kind) -= bytes;
        self.count -= 1;
        if let Some(entries) = self.owners.get_mut(&owner) {
            *entries.held.of(kind) -= bytes;
            if entries.answers.is_empty() && entries.views.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }

    fn max_of_answers(&self) -> usize {
        self.max_bytes - self.max_bytes / PART_OF_VIEWS
    }

    /// Evicts entries until the bounds hold, after `putter` has added one.
    fn shrink(&mut self, putter: Option<KeyHash>) -> Evicted {
        let mut evicted = Evicted::default();
        // Answers alone must not exceed their part of the bound.
        while self.held.answers > self.max_of_answers() {
            let Some(answer) = self.evict_answer() else {
                break;
            };
            evicted.answers.push(answer);
        }
        while self.held.all() > self.max_bytes {
            if let Some(view) = self.evict_view(putter) {
                evicted.views.push(view);
            } else if let Some(answer) = self.evict_answer() {
                evicted.answers.push(answer);
            } else {
                break;
            }
        }
        evicted
    }

    /// Evicts the least recently used answer of the owner that holds the most.
    fn evict_answer(&mut self) -> Option<CachedAnswer> {
        // A linear search will do: few keys fetch.
        let owners = self.owners.iter_mut();
        let candidates = owners.filter(|(_, entries)| !entries.answers.is_empty());
        let (owner, entries) = candidates.max_by_key(|(_, entries)| entries.held.all())?;
        let owner = *owner;
        let (_, entry) = entries.answers.pop_lru()?;
        self.subtract(owner, EntryKind::Answer, entry.bytes);
        Some(entry.value)
    }

    /// Evicts a view.
    ///
    /// It is the least recently used view of the owner with the most bytes among those that may
    /// lose one: `putter`, and owners above their share.
    fn evict_view(&mut self, putter: Option<KeyHash>) -> Option<StoredView> {
        let share = self.max_bytes / self.owners.len().max(1);
        let owners = self.owners.iter_mut().filter(|(owner, entries)| {
            let may_lose = **owner == putter || entries.held.all() > share;
            may_lose && !entries.views.is_empty()
        });
        let (owner, entries) = owners.max_by_key(|(_, entries)| entries.held.all())?;
        let owner = *owner;
        let (_, entry) = entries.views.pop_lru()?;
        self.subtract(owner, EntryKind::View, entry.bytes);
        Some(entry.value)
    }
}

impl Entries {
    fn new() -> Self {
        Self {
            held: HeldBytes::default(),
            // The store bounds the bytes.
            answers: LruCache::unbounded(),
            views: LruCache::unbounded(),
        }
    }
}

/// Returns the bytes that an entry of this size counts for.
fn weight(bytes: usize) -> usize {
    // The allocator loses about a quarter to fragmentation.
    bytes + bytes / 4 + OVERHEAD
}
