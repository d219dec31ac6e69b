//! Compressed answers from VirusTotal, and rendered views of them.
//!
//! Consistency is decided in one place: [`Cache::answer`] returns no answer that was asked for
//! before the last write to its object (`changes` has the rules). A single bound in bytes covers
//! answers and views and is divided fairly among the keys that fetched them (`store`). Where Redis
//! is configured, replicas share answers through it (`shared`).

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use self::{
    changes::{Changes, Standing},
    store::{Evicted, Store, View},
};
use crate::{
    access::KeyHash,
    cache::single_flight::SingleFlight,
    config,
    redis::{EntryName, Redis, SharedTime},
    render::format::Format,
    virustotal::{Packed, Refusal},
};

pub use self::{
    changes::Certainty,
    moment::Moment,
    object::ObjectName,
    shared::{Claim, Ticket},
};

mod changes;
mod moment;
mod object;
mod shared;
pub mod single_flight;
mod store;
mod stored;

/// The identity of a cached answer: the key that may see it, and the request to VirusTotal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The key that fetched it, or `None` where all keys share what they fetch.
    pub owner: Option<KeyHash>,
    /// The path and query below `/api/v3`.
    pub path: Arc<str>,
}

/// The properties in which rendered views of one answer differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The format of the data.
    pub format: Format,
    /// Whether it is the bare document, without the JSON envelope.
    pub bare: bool,
    /// Whether only types and ids are shown.
    pub descriptors_only: bool,
    /// The template that was requested by name.
    pub template: Option<Arc<str>>,
}

/// An answer from VirusTotal.
#[derive(Debug)]
pub struct CachedAnswer {
    /// The content.
    pub answer: Answer,
    /// The time at which VirusTotal was asked.
    pub asked: Moment,
    /// The time up to which all changes of the object are accounted for.
    ///
    /// This is the time at which VirusTotal was asked, or at which Redis confirmed that the answer
    /// is current.
    pub as_of: Moment,
    /// The names of the object that the answer is about; empty where it is about no object.
    pub names: Box<[ObjectName]>,
    /// Further names of the object that the answer itself reveals, set once the answer has been
    /// read.
    pub told: OnceLock<Box<[ObjectName]>>,
    /// The time at which VirusTotal was asked, on the clock that replicas share; `None` if the
    /// answer is not shared. Answers with the same time are the same answer.
    pub shared_at: Option<SharedTime>,
    /// Whether the object may have been written to before `as_of`.
    pub is_doubtful: bool,
    /// The TTL.
    pub fresh_for: Duration,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Answer {
    /// An object or a list.
    Found(Packed),
    /// VirusTotal does not know the object.
    NotFound(Refusal),
}

/// A cached answer that may be served.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The answer.
    pub answer: Arc<CachedAnswer>,
    /// Whether the object may have been written to since.
    pub is_doubtful: bool,
}

/// A rendered view, ready to be sent.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The body as the client receives it.
    pub body: Bytes,
    /// The entity tag of exactly this body, with its quotes (RFC 9110, section 8.8.3).
    pub etag: Arc<str>,
    /// The cursor of the next page of a list; `None` for a single object and on the last page.
    pub cursor: Option<Arc<str>>,
}

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

/// A handle to the cached answers, and to the last changes of all objects.
///
/// Clones share the same cache.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The entries in memory, or `None` if nothing is to be cached.
    store: Option<Mutex<Store>>,
    changes: Changes,
    redis: Redis,
    /// Lookups in Redis that are under way.
    recalls: SingleFlight<CacheKey, Option<Kept>>,
    rules: config::Cache,
    evictions: AtomicU64,
}

impl CacheKey {
    /// Returns the name of the entry in the shared cache.
    pub fn pair(&self) -> EntryName<'_> {
        EntryName {
            owner: self.owner,
            path: &self.path,
        }
    }
}

impl CachedAnswer {
    /// Returns the time since VirusTotal was asked.
    pub fn age(&self, now: Moment) -> Duration {
        self.asked.until(now)
    }

    /// Whether this is another answer than `other` and was asked for later.
    ///
    /// The times of other replicas' answers are only as exact as the round trip to Redis is short.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let is_same = self.shared_at.is_some() && self.shared_at == other.shared_at;
        !is_same && self.asked > other.asked
    }

    /// Returns the number of bytes that the answer occupies.
    fn size(&self) -> usize {
        let names = size_of_val::<[ObjectName]>(&self.names);
        names
            + match &self.answer {
                Answer::Found(packed) => packed.size(),
                Answer::NotFound(refusal) => refusal.message.as_deref().map_or(0, str::len),
            }
    }
}

impl Cache {
    /// Creates an empty cache. With a bound of 0 bytes it stores nothing. `recalls` coalesces its
    /// lookups in Redis.
    pub fn new(
        rules: config::Cache,
        redis: Redis,
        recalls: SingleFlight<CacheKey, Option<Kept>>,
    ) -> Self {
        let bound = usize::try_from(rules.max_bytes).unwrap_or(usize::MAX);
        Self(Arc::new(Inner {
            store: (bound > 0).then(|| Mutex::new(Store::new(bound))),
            changes: Changes::new(),
            redis,
            recalls,
            rules,
            evictions: AtomicU64::new(0),
        }))
    }

    /// Returns the size of the cache in memory.
    pub fn stats(&self) -> CacheStats {
        let (bytes, entries) = self
            .lock()
            .map_or((0, 0), |store| (store.bytes(), store.entries()));
        let number = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        CacheStats {
            bytes: number(bytes),
            max_bytes: self.0.rules.max_bytes,
            entries: number(entries),
            evictions: self.0.evictions.load(Ordering::Relaxed),
        }
    }

    /// Returns the answer in memory, regardless of its age, unless its object was written to since.
    pub fn answer(&self, key: &CacheKey) -> Option<Kept> {
        let answer = self.lock()?.answer(key.owner, &key.path)?;
        self.judge(answer)
    }

    /// Stores an answer in memory, unless its object was written to since it was asked for.
    pub fn put(&self, key: &CacheKey, answer: &Arc<CachedAnswer>) {
        if self.judge(Arc::clone(answer)).is_none() {
            return;
        }
        if let Some(mut store) = self.lock() {
            let evicted = store.put_answer(key.owner, Arc::clone(&key.path), Arc::clone(answer));
            // The lock is released before the evicted entries are dropped.
            drop(store);
            self.count(&evicted);
        }
    }

    /// Evicts an answer from memory and from Redis.
    pub fn remove(&self, key: &CacheKey) {
        if let Some(mut store) = self.lock() {
            store.remove_answer(key.owner, &key.path);
        }
        self.0.redis.forget(key.pair());
    }

    /// Returns a rendered view of this answer.
    pub fn view(&self, key: &CacheKey, view: &ViewKey, of: &CachedAnswer) -> Option<Finished> {
        let kept = self.lock()?.view(key.owner, &key.path, view)?;
        // A view of an earlier answer to the same request does not count.
        (kept.of == of.as_of).then_some(kept.finished)
    }

    /// Stores a rendered view of this answer.
    pub fn put_view(&self, key: &CacheKey, view: ViewKey, of: &CachedAnswer, finished: &Finished) {
        let finished = Finished {
            // Copied, because the rendered buffer has room for VirusTotal's whole answer.
            body: Bytes::copy_from_slice(&finished.body),
            ..finished.clone()
        };
        let kept = View {
            of: of.as_of,
            finished,
        };
        if let Some(mut store) = self.lock() {
            let evicted = store.put_view(key.owner, Arc::clone(&key.path), view, kept);
            drop(store);
            self.count(&evicted);
        }
    }

    /// Returns whether an answer is certain or doubtful, or `None` if its object was written to
    /// since.
    fn judge(&self, answer: Arc<CachedAnswer>) -> Option<Kept> {
        let is_doubtful = match self.standing(&answer) {
            Standing::Current => answer.is_doubtful,
            Standing::Doubtful => true,
            Standing::Outdated => return None,
        };
        Some(Kept {
            answer,
            is_doubtful,
        })
    }

    fn standing(&self, answer: &CachedAnswer) -> Standing {
        let told = answer.told.get().map(|told| &**told).unwrap_or_default();
        let changes = &self.0.changes;
        let by_question = changes.standing(&answer.names, answer.as_of);
        by_question.max(changes.standing(told, answer.as_of))
    }

    /// Checks an answer that was found some time ago against the writes since then.
    pub fn recheck(&self, kept: Kept) -> Option<Kept> {
        self.judge(kept.answer)
    }

    /// Whether the object of an answer was written to since it was asked for.
    pub fn is_outdated(&self, answer: &CachedAnswer) -> bool {
        self.standing(answer) == Standing::Outdated
    }

    /// Returns the time of the last certain or possible write to the object.
    ///
    /// Requests from before and after that time do not coalesce.
    pub fn last_change(&self, names: &[ObjectName]) -> Moment {
        self.0.changes.last(names)
    }

    /// Whether the object was written to within the last hour, so that "not found" is likely to
    /// change.
    pub fn is_settling(&self, names: &[ObjectName]) -> bool {
        self.0.changes.is_settling(names)
    }

    /// Records that an analysis is not completed yet.
    pub fn note_pending(&self, analysis: &str) {
        self.0.changes.note_pending(analysis);
    }

    /// Whether an analysis was seen before it was completed, as far as is remembered.
    pub fn was_pending(&self, analysis: &str) -> bool {
        self.0.changes.was_pending(analysis)
    }

    /// Returns the names of the object of an analysis that was started through this gateway, as far
    /// as is remembered.
    pub fn begun(&self, analysis: &str) -> Vec<ObjectName> {
        self.0.changes.begun(analysis)
    }

    /// Records that an analysis is completed. Returns whether that is new.
    pub fn note_completed(&self, analysis: &str) -> bool {
        self.0.changes.note_completed(analysis)
    }

    fn count(&self, evicted: &Evicted) {
        let count = u64::try_from(evicted.count()).unwrap_or(u64::MAX);
        self.0.evictions.fetch_add(count, Ordering::Relaxed);
    }

    /// Locks the store. A panic while it was locked leaves consistent entries behind, so poisoning
    /// is ignored.
    fn lock(&self) -> Option<MutexGuard<'_, Store>> {
        let store = self.0.store.as_ref()?;
        Some(store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
