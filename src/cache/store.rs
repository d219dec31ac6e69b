//! Answers and views in memory, within one bound in bytes and fairly among their owners.

use std::{collections::HashMap, sync::Arc};

use lru::LruCache;

use super::{CachedAnswer, Finished, Moment, ViewKey};
use crate::key::KeyHash;

/// The bytes that the maps themselves take for an entry, about.
const OVERHEAD: usize = 512;

/// The part of the bound that answers leave to views: an eighth.
///
/// Without it a cache full of answers would keep no view, and each hit would be rendered anew.
const PART_OF_VIEWS: usize = 8;

/// Answers and views by owner: a key or, where all keys share what they fetch, none.
///
/// Beyond the bound a view is evicted, and an answer only for another answer: views, which cost no
/// lookup, never push out one. What goes is the least recently used of the owner that holds the
/// most, so no owner loses what is within its share to another.
#[derive(Debug)]
pub(super) struct Store {
    max_bytes: usize,
    held: Held,
    count: usize,
    owners: HashMap<Option<KeyHash>, Entries>,
}

/// Bytes that are held.
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

impl Held {
    fn all(self) -> usize {
        self.answers + self.views
    }

    /// Returns the count of answers or of views.
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
            // What was kept before is older than what can't be kept.
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

    /// Counts what was put among an owner's entries.
    fn add(&mut self, owner: Option<KeyHash>, kind: Kind, bytes: usize) {
        *self.held.of(kind) += bytes;
        self.count += 1;
        if let Some(entries) = self.owners.get_mut(&owner) {
            *entries.held.of(kind) += bytes;
        }
    }

    /// Counts what was taken from an owner's entries, and forgets an owner that has none left.
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

    /// Evicts until the bounds hold, after this owner has put something.
    fn shrink(&mut self, putter: Option<KeyHash>) -> Evicted {
        let mut evicted = Evicted::default();
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
        // Few keys fetch, so the largest is found by looking at all.
        let owners = self.owners.iter_mut();
        let with_answers = owners.filter(|(_, entries)| !entries.answers.is_empty());
        let (owner, entries) = with_answers.max_by_key(|(_, entries)| entries.held.all())?;
        let owner = *owner;
        let (_, kept) = entries.answers.pop_lru()?;
        self.subtract(owner, Kind::Answer, kept.bytes);
        Some(kept.value)
    }

    /// Evicts the least recently used view of the owner that holds the most, as long as it is the
    /// one that has put something, or holds more than its share.
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
