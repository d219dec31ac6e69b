//! The part of the cache that survives a restart: one `SQLite` file in `VT4AI_CACHE_DIR`.
//!
//! One thread writes, in batches (`writer`), and two threads read (`reader`). A lookup never waits
//! for a write, and for a read only for a short time: an answer that does not come in time counts
//! as not cached. A filter in memory (`filter`) tells without a read that an answer is not there.
//!
//! The file holds answers, the names that belong to one object, and the last write to each object,
//! all with the time of the wall clock, so that the rules of [`changes`](super::changes) hold after
//! a restart and for other processes with the same directory. Every time that is recorded for a
//! write is later than those of all answers in the file, even if the wall clock was set back.
//!
//! Whatever happens to the file or the disk, the gateway serves on without this tier. API keys
//! stand in the file only as digests that are combined with the request.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use self::{
    error::DiskError,
    filter::KeyFilter,
    health::DiskHealth,
    key::{DiskKey, MICROS, micros, owner_row, wall_now},
    notes::LastWrites,
    queue::{DiskNote, WriteJob, WriteQueue},
    reader::{DiskReader, ReadJob, ReadQueue},
    writer::DiskWriter,
};
use super::{CacheKey, CachedAnswer, Certainty, Moment, ObjectName, changes::Changes, stored};
use crate::access::KeyHash;

mod database;
mod error;
mod file;
mod filter;
mod health;
mod key;
mod notes;
mod queue;
mod reader;
mod room;
mod writer;

/// The number of threads that read.
const READERS: usize = 2;

/// The time that a lookup waits for the disk.
const READ_LIMIT: Duration = Duration::from_millis(250);

/// The time for which lookups skip the disk after one that took too long.
const SKIP: Duration = Duration::from_secs(5);

/// The time that the answer to a write waits until the write is recorded.
const RECORD_LIMIT: Duration = Duration::from_secs(2);

/// The least time between two updates of the last use of an entry, in microseconds.
const USE_STEP: i64 = 600 * MICROS;

/// A handle to the cache on disk. The threads end once all handles are dropped.
#[derive(Clone, Debug)]
pub struct DiskCache(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    state: Arc<DiskState>,
    reads: Arc<ReadQueue>,
}

/// The state that the handles and the threads share.
#[derive(Debug)]
struct DiskState {
    dir: PathBuf,
    max_bytes: u64,
    /// The longest time for which an answer is of use.
    longest: Duration,
    changes: Arc<Changes>,
    filter: KeyFilter,
    health: DiskHealth,
    counts: DiskCounts,
    queue: WriteQueue,
    /// The number of notes that are recorded.
    recorded: watch::Sender<u64>,
    /// The time until which lookups skip the disk.
    skip_until: Mutex<Moment>,
}

#[derive(Debug, Default)]
struct DiskCounts {
    bytes: AtomicU64,
    entries: AtomicU64,
    hits: AtomicU64,
    evictions: AtomicU64,
    errors: AtomicU64,
    dropped_writes: AtomicU64,
}

/// The state of the cache on disk.
#[derive(Clone, Debug)]
pub struct DiskStats {
    /// The bytes of the files.
    pub bytes: u64,
    /// The bound in bytes.
    pub max_bytes: u64,
    /// The number of answers.
    pub entries: u64,
    /// The answers that were found on disk, since the start.
    pub hits: u64,
    /// The answers evicted to stay within the bound, since the start.
    pub evictions: u64,
    /// The reads and writes that failed, since the start.
    pub errors: u64,
    /// The answers that were not written, since the start.
    pub dropped_writes: u64,
    /// The reason why answers are not kept at present.
    pub trouble: Option<String>,
}

/// The settings of a [`DiskCache`].
#[derive(Clone, Debug)]
pub struct DiskParts {
    /// The directory of the file.
    pub dir: PathBuf,
    /// The bound in bytes of all files together.
    pub max_bytes: u64,
    /// The longest time for which an answer is of use.
    pub longest: Duration,
}

/// An entry that was found.
#[derive(Debug)]
pub(super) struct DiskFound {
    pub(super) stored: stored::StoredAnswer,
    /// The time at which VirusTotal was asked.
    asked: i64,
    /// The time of the last use.
    used: i64,
    /// The last writes to the object.
    last: LastWrites,
}

impl DiskCache {
    /// Starts the threads, which open the file.
    ///
    /// # Errors
    ///
    /// Fails if the system starts no more threads.
    pub fn start(parts: DiskParts) -> io::Result<(Self, DiskThreads)> {
        let reads = Arc::new(ReadQueue::default());
        let state = Arc::new(DiskState {
            dir: parts.dir,
            max_bytes: parts.max_bytes,
            longest: parts.longest,
            changes: Arc::new(Changes::new()),
            filter: KeyFilter::new(),
            health: DiskHealth::default(),
            counts: DiskCounts::default(),
            queue: WriteQueue::default(),
            recorded: watch::Sender::new(0),
            skip_until: Mutex::new(Moment::NEVER),
        });
        let (opening, opened) = oneshot::channel();
        let (writing, written) = oneshot::channel::<()>();
        let writer = DiskWriter::new(Arc::clone(&state));
        thread::Builder::new()
            .name("disk-writer".to_owned())
            .spawn(move || {
                writer.run(opening);
                drop(writing);
            })?;
        for _ in 0..READERS {
            let reader = DiskReader::new(Arc::clone(&state), Arc::clone(&reads));
            thread::Builder::new()
                .name("disk-reader".to_owned())
                .spawn(move || reader.run())?;
        }
        let handle = Handle { state, reads };
        Ok((Self(Arc::new(handle)), DiskThreads { opened, written }))
    }

    /// Returns the last writes to objects, which the writer learns from other processes.
    pub(super) fn changes(&self) -> Arc<Changes> {
        Arc::clone(&self.0.state.changes)
    }

    /// Returns the state for metrics and health checks.
    pub fn stats(&self) -> DiskStats {
        let state = &self.0.state;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DiskStats {
            bytes: read(&state.counts.bytes),
            max_bytes: state.max_bytes,
            entries: read(&state.counts.entries),
            hits: read(&state.counts.hits),
            evictions: read(&state.counts.evictions),
            errors: read(&state.counts.errors),
            dropped_writes: read(&state.counts.dropped_writes),
            trouble: state.health.trouble(),
        }
    }

    /// Whether a lookup is worth a read.
    pub(super) fn may_have(&self, key: &CacheKey) -> bool {
        let state = &self.0.state;
        state.health.generation().is_some()
            && state.filter.may_have(DiskKey::of(key).row)
            && *state.skip_until.lock() < Moment::now()
    }

    /// Looks up an answer, and the last writes to the object with these names.
    pub(super) async fn find(&self, key: &CacheKey, names: &[ObjectName]) -> Option<DiskFound> {
        let (key, names) = (DiskKey::of(key), names.into());
        let found = self
            .ask(|reply| ReadJob::Find { key, names, reply })
            .await??;
        if wall_now() - found.used > USE_STEP {
            // A use that is not noted only makes an earlier eviction more likely.
            self.0.state.queue.add(WriteJob::Use(key.row));
        }
        Some(found)
    }

    /// Counts an answer that serves.
    pub(super) fn count_hit(&self) {
        self.0.state.counts.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns all names that are recorded for the object with these names.
    pub(super) async fn names_of(&self, names: &[ObjectName]) -> Vec<ObjectName> {
        let names = names.into();
        let all = self.ask(|reply| ReadJob::Names { names, reply }).await;
        all.unwrap_or_default()
    }

    /// Asks a reader, and waits a short time for its answer.
    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> ReadJob) -> Option<T> {
        let state = &self.0.state;
        if state.health.generation().is_none() || *state.skip_until.lock() >= Moment::now() {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        if !self.0.reads.add(job(reply)) {
            return None;
        }
        if let Ok(answer) = timeout(READ_LIMIT, answer).await {
            return answer.ok();
        }
        *state.skip_until.lock() = Moment::now().after(SKIP);
        state.fail(&DiskError::Slow);
        None
    }

    /// Hands an answer to the writer, and never waits.
    pub(super) fn store(&self, key: &CacheKey, answer: &CachedAnswer) {
        let state = &self.0.state;
        if state.health.generation().is_none() {
            state.drop_writes(1);
            return;
        }
        let age = answer.age(Moment::now());
        let is_taken = state.queue.add(WriteJob::Store {
            key: DiskKey::of(key),
            answer: answer.clone(),
            asked: wall_now().saturating_sub(micros(age)),
        });
        if !is_taken {
            state.drop_writes(1);
        }
    }

    /// Evicts an answer.
    pub(super) fn remove(&self, key: &CacheKey) {
        // An answer that stays is found malformed again.
        self.0
            .state
            .queue
            .add(WriteJob::Remove(DiskKey::of(key).row));
    }

    /// Evicts all answers of a key that VirusTotal has refused.
    pub(super) fn forget(&self, owner: KeyHash) {
        let note = DiskNote::Forget(owner_row(Some(owner)));
        self.0.state.queue.note(note);
    }

    /// Records that these names belong to one object.
    pub(super) fn join(&self, names: &[ObjectName]) {
        self.0.state.queue.note(DiskNote::Join(names.into()));
    }

    /// Records a write to the object with these names.
    pub(super) fn note_write(&self, names: &[ObjectName], certainty: Certainty) {
        self.0.state.queue.note(DiskNote::Change {
            names: names.into(),
            certainty,
            at: wall_now(),
        });
    }

    /// Waits until all writes that were noted so far are on disk, so that they hold after a crash.
    /// Gives up after a time, or at once if the disk can't be used.
    pub(super) async fn recorded(&self) {
        let state = &self.0.state;
        if state.health.generation().is_none() {
            return;
        }
        let noted = state.queue.noted();
        let mut recorded = state.recorded.subscribe();
        let waited = timeout(RECORD_LIMIT, recorded.wait_for(|count| *count >= noted)).await;
        if waited.is_err() {
            state.fail(&DiskError::Slow);
        }
    }
}

/// The progress of the threads of a [`DiskCache`].
#[derive(Debug)]
pub struct DiskThreads {
    /// Ends once the file was opened or turned out to be unusable.
    pub opened: oneshot::Receiver<()>,
    /// Fails once all handles are dropped and all that waited is written.
    pub written: oneshot::Receiver<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.state.queue.close();
        self.reads.close();
    }
}

impl DiskState {
    /// Counts a failure and reports it.
    fn fail(&self, error: &DiskError) {
        self.counts.errors.fetch_add(1, Ordering::Relaxed);
        self.health.fail(error);
    }

    fn drop_writes(&self, count: u64) {
        self.counts
            .dropped_writes
            .fetch_add(count, Ordering::Relaxed);
    }
}

impl DiskFound {
    /// Returns the state of the answer: `None` if its object was written to since, else whether it
    /// may have been.
    pub(super) fn is_doubtful(&self) -> Option<bool> {
        // An answer from the future is one from before the clock was set back: its age is unknown.
        if self.last.certain >= self.asked || self.asked > wall_now() {
            return None;
        }
        Some(self.last.possible >= self.asked)
    }

    /// Returns the time since VirusTotal was asked.
    pub(super) fn age(&self) -> Duration {
        let micros = wall_now().saturating_sub(self.asked);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
