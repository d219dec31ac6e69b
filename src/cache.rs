//! VirusTotal's answers, kept compressed, and the views of them that were asked for.
//!
//! One place decides whether a kept answer is still true: [`Cache::answer`] gives none that was
//! asked for before the last write to its object (`changes` has the rules). One bound in
//! bytes holds for all of it, shared fairly among those who fetched (`store`). Behind it is
//! Redis, where it is set up, with the same answers for all replicas (`shared`).

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
    config,
    format::Format,
    key::KeyHash,
    redis::{Redis, SharedTime},
    single_flight::SingleFlight,
    vt::{Packed, Refusal},
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
mod store;
mod stored;

/// The identity of a kept answer: the key that may see it, and the question to VirusTotal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The key that fetched it; none where all keys share what they fetch.
    pub owner: Option<KeyHash>,
    /// Path and query below `/api/v3`.
    pub path: Arc<str>,
}

/// The ways in which finished views of one answer differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The form of the data.
    pub format: Format,
    /// Whether it is the bare document.
    pub bare: bool,
    /// Whether only types and ids are shown.
    pub descriptors_only: bool,
    /// The template that was asked for by name.
    pub template: Option<Arc<str>>,
}

/// An answer of VirusTotal's.
#[derive(Debug)]
pub struct CachedAnswer {
    /// The answer itself.
    pub answer: Answer,
    /// The moment at which VirusTotal was asked.
    pub asked: Moment,
    /// The moment up to which all changes of its object are accounted for: that at which
    /// VirusTotal was asked, or Redis found the answer to be true.
    pub as_of: Moment,
    /// The names of the object that it is about; none where it is about no object.
    pub names: Box<[ObjectName]>,
    /// Further names that the answer itself tells, once it was read.
    pub told: OnceLock<Box<[ObjectName]>>,
    /// When VirusTotal was asked, on the clock that all replicas share; none where the answer is
    /// not shared. It tells whether two answers are the same.
    pub shared_at: Option<SharedTime>,
    /// Whether its object may have been written to before `as_of`.
    pub is_doubtful: bool,
    /// How long it counts as fresh.
    pub fresh_for: Duration,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Answer {
    /// The object or list.
    Found(Packed),
    /// VirusTotal knows no such object.
    NotFound(Refusal),
}

/// An answer that may serve.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The answer.
    pub answer: Arc<CachedAnswer>,
    /// Whether its object may have been written to since.
    pub is_doubtful: bool,
}

/// A view, ready to be sent.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The bytes as the caller gets them.
    pub body: Bytes,
    /// Names exactly these bytes, quotes included (RFC 9110, 8.8.3).
    pub etag: Arc<str>,
    /// Where the next page of a list begins; none for one object and on the last page.
    pub cursor: Option<Arc<str>>,
}

/// The amount that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Bytes in all, as they count against the bound.
    pub bytes: u64,
    /// The bound.
    pub max_bytes: u64,
    /// The number of answers and views.
    pub entries: u64,
    /// The number of those evicted for others, since the start.
    pub evictions: u64,
}

/// All answers that are kept, and the last changes of all objects.
///
/// A handle: its clones are the same cache.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None where nothing is to be kept.
    store: Option<Mutex<Store>>,
    changes: Changes,
    redis: Redis,
    /// Looks into Redis that are under way.
    recalls: SingleFlight<CacheKey, Option<Kept>>,
    rules: config::Cache,
    evictions: AtomicU64,
}

impl CacheKey {
    /// Returns owner and path.
    pub fn pair(&self) -> (Option<KeyHash>, &str) {
        (self.owner, &self.path)
    }
}

impl CachedAnswer {
    /// Returns how long ago VirusTotal was asked.
    pub fn age(&self, now: Moment) -> Duration {
        self.asked.until(now)
    }

    /// Whether it was asked for later than another one that is not the same.
    ///
    /// Moments of other replicas are known to within the time that Redis takes.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let is_same = self.shared_at.is_some() && self.shared_at == other.shared_at;
        !is_same && self.asked > other.asked
    }

    /// Returns the number of bytes that it takes to keep.
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
    /// Creates an empty cache; with a bound of 0 bytes it keeps nothing. `recalls` shares its looks
    /// into Redis.
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

    /// Returns how much is kept in memory.
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

    /// Returns the last answer in memory, however old, unless its object was written to since.
    pub fn answer(&self, key: &CacheKey) -> Option<Kept> {
        let answer = self.lock()?.answer(key.owner, &key.path)?;
        self.judge(answer)
    }

    /// Keeps an answer in memory, unless its object was written to since it was asked for.
    pub fn put(&self, key: &CacheKey, answer: &Arc<CachedAnswer>) {
        if self.judge(Arc::clone(answer)).is_none() {
            return;
        }
        if let Some(mut store) = self.lock() {
            let evicted = store.put_answer(key.owner, Arc::clone(&key.path), Arc::clone(answer));
            drop(store);
            self.count(&evicted);
        }
    }

    /// Evicts an answer, here and where others would find it.
    pub fn remove(&self, key: &CacheKey) {
        if let Some(mut store) = self.lock() {
            store.remove_answer(key.owner, &key.path);
        }
        self.0.redis.forget(key.pair());
    }

    /// Returns a finished view of this answer.
    pub fn view(&self, key: &CacheKey, view: &ViewKey, of: &CachedAnswer) -> Option<Finished> {
        let kept = self.lock()?.view(key.owner, &key.path, view)?;
        (kept.of == of.as_of).then_some(kept.finished)
    }

    /// Keeps a finished view of this answer.
    pub fn put_view(&self, key: &CacheKey, view: ViewKey, of: &CachedAnswer, finished: &Finished) {
        let finished = Finished {
            // Copied: it was written with room for all that VirusTotal said.
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

    /// Returns whether an answer serves, and how; none where its object was written to since.
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

    /// Returns an answer that was found some time ago, unless its object was written to since.
    pub fn recheck(&self, kept: Kept) -> Option<Kept> {
        self.judge(kept.answer)
    }

    /// Whether the object of an answer was written to since it was asked for.
    pub fn is_outdated(&self, answer: &CachedAnswer) -> bool {
        self.standing(answer) == Standing::Outdated
    }

    /// Returns when the object was last written to, or may have been: requests from before and
    /// after that moment share no call.
    pub fn last_change(&self, names: &[ObjectName]) -> Moment {
        self.0.changes.last(names)
    }

    /// Whether the object was written to within the last hour, so that "not found" does not
    /// stay true for long.
    pub fn is_settling(&self, names: &[ObjectName]) -> bool {
        self.0.changes.is_settling(names)
    }

    /// Notes that an analysis is not completed yet.
    pub fn note_pending(&self, analysis: &str) {
        self.0.changes.note_pending(analysis);
    }

    /// Whether an analysis was seen before it was completed, as far as is remembered.
    pub fn was_pending(&self, analysis: &str) -> bool {
        self.0.changes.was_pending(analysis)
    }

    /// Returns the object of an analysis that was begun through this gateway, as far as it is
    /// remembered.
    pub fn begun(&self, analysis: &str) -> Vec<ObjectName> {
        self.0.changes.begun(analysis)
    }

    /// Notes that an analysis is completed. Returns whether that is new.
    pub fn note_completed(&self, analysis: &str) -> bool {
        self.0.changes.note_completed(analysis)
    }

    fn count(&self, evicted: &Evicted) {
        let count = u64::try_from(evicted.count()).unwrap_or(u64::MAX);
        self.0.evictions.fetch_add(count, Ordering::Relaxed);
    }

    /// A panic elsewhere leaves a store behind that is still true.
    fn lock(&self) -> Option<MutexGuard<'_, Store>> {
        let store = self.0.store.as_ref()?;
        Some(store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
