//! The entries in memory, within one bound in bytes that is divided fairly among their owners.

use std::{collections::HashMap, sync::Arc};

use lru::LruCache;

use super::{CachedAnswer, Finished, Moment, ViewKey};
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
    held: Held,
    count: usize,
    owners: HashMap<Option<KeyHash>, Entries>,
}

/// The bytes in use.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    answers: usize,
    views: usize,
}

/// The answers and views of one owner.
#[derive(Debug)]
struct Entries {
    held: Held,
    answers: LruCache<Arc<str>, Kept<Arc<CachedAnswer>>>,
    views: LruCache<ViewName, Kept<View>>,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Answer,
    View,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    bytes: usize,
}

/// A view of the answer with this `as_of`.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) of: Moment,
    pub(super) finished: Finished,
}

/// The path of the answer, and the properties of the view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ViewName(Arc<str>, ViewKey);

/// The entries evicted to stay within the bound. They are returned so that they can be dropped
/// outside the lock.
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

impl Held {
    fn all(self) -> usize {
        self.answers + self.views
    }

    /// Returns the bytes of this kind.
    fn of(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Answer => &mut self.answers,
            Kind::View => &mut self.views,
        }
    }
}

impl Store {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            held: Held::default(),
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

    pub(super) fn answer(
        &mut self,
        owner: Option<KeyHash>,
        path: &str,
    ) -> Option<Arc<CachedAnswer>> {
        let kept = self.owners.get_mut(&owner)?.answers.get(path)?;
        Some(Arc::clone(&kept.value))
    }

    pub(super) fn put_answer(
        &mut self,
        owner: Option<KeyHash>,
        path: Arc<str>,
        answer: Arc<CachedAnswer>,
    ) -> Evicted {
        let bytes = weight(path.len() + answer.size());
        if bytes > self.max_of_answers() {
            // The cached answer is older than the one that is too large to store.
            self.remove_answer(owner, &path);
            return Evicted::default();
        }
        let kept = Kept {
            value: answer,
            bytes,
        };
        let entries = self.owners.entry(owner).or_insert_with(Entries::new);
        let before = entries.answers.put(path, kept);
        self.add(owner, Kind::Answer, bytes);
        if let Some(before) = before {
            self.subtract(owner, Kind::Answer, before.bytes);
        }
        self.shrink(owner)
    }

    pub(super) fn remove_answer(&mut self, owner: Option<KeyHash>, path: &str) {
        let Some(entries) = self.owners.get_mut(&owner) else {
            return;
        };
        if let Some(kept) = entries.answers.pop(path) {
            self.subtract(owner, Kind::Answer, kept.bytes);
        }
    }

    pub(super) fn view(
        &mut self,
        owner: Option<KeyHash>,
        path: &Arc<str>,
        key: &ViewKey,
    ) -> Option<View> {
        let entries = self.owners.get_mut(&owner)?;
        let kept = entries
            .views
            .get(&ViewName(Arc::clone(path), key.clone()))?;
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
        if bytes > self.max_bytes {
            return Evicted::default();
        }
        let kept = Kept { value: view, bytes };
        let entries = self.owners.entry(owner).or_insert_with(Entries::new);
        let before = entries.views.put(ViewName(path, key), kept);
        self.add(owner, Kind::View, bytes);
        if let Some(before) = before {
            self.subtract(owner, Kind::View, before.bytes);
        }
        self.shrink(owner)
    }

    /// Adds an entry to the totals.
    fn add(&mut self, owner: Option<KeyHash>, kind: Kind, bytes: usize) {
        *self.held.of(kind) += bytes;
        self.count += 1;
        if let Some(entries) = self.owners.get_mut(&owner) {
            *entries.held.of(kind) += bytes;
        }
    }

    /// Subtracts an entry from the totals, and removes an owner that has none left.
    fn subtract(&mut self, owner: Option<KeyHash>, kind: Kind, bytes: usize) {
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
    fn evict_answer(&mut self) -> Option<Arc<CachedAnswer>> {
        // A linear search will do: few keys fetch.
        let owners = self.owners.iter_mut();
        let with_answers = owners.filter(|(_, entries)| !entries.answers.is_empty());
        let (owner, entries) = with_answers.max_by_key(|(_, entries)| entries.held.all())?;
        let owner = *owner;
        let (_, kept) = entries.answers.pop_lru()?;
        self.subtract(owner, Kind::Answer, kept.bytes);
        Some(kept.value)
    }

    /// Evicts a view.
    ///
    /// It is the least recently used view of the owner with the most bytes among those that may
    /// lose one: `putter`, and owners above their share.
    fn evict_view(&mut self, putter: Option<KeyHash>) -> Option<View> {
        let share = self.max_bytes / self.owners.len().max(1);
        let owners = self.owners.iter_mut().filter(|(owner, entries)| {
            let may_lose = **owner == putter || entries.held.all() > share;
            may_lose && !entries.views.is_empty()
        });
        let (owner, entries) = owners.max_by_key(|(_, entries)| entries.held.all())?;
        let owner = *owner;
        let (_, kept) = entries.views.pop_lru()?;
        self.subtract(owner, Kind::View, kept.bytes);
        Some(kept.value)
    }
}

impl Entries {
    fn new() -> Self {
        Self {
            held: Held::default(),
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
