//! The queue of the thread that writes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::DiskKey;
use crate::cache::{CachedAnswer, Certainty, ObjectName};

/// The number of jobs that may wait.
const MAX_JOBS: usize = 8192;

/// The bytes of answers that may wait.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The number of notes that may wait.
const MAX_NOTES: usize = 50_000;

/// The time that writes are collected, so that one transaction has many.
const COLLECT: Duration = Duration::from_millis(400);

/// Something to write.
#[derive(Debug)]
pub(super) enum WriteJob {
    /// An answer.
    Store {
        key: DiskKey,
        answer: CachedAnswer,
        /// The wall clock's time at which VirusTotal was asked, in microseconds.
        asked: i64,
    },
    /// The removal of an entry.
    Remove(i64),
    /// The use of an entry.
    Use(i64),
}

/// Something to record beside answers. It is not dropped when the disk is slow.
#[derive(Clone, Debug)]
pub(super) enum DiskNote {
    /// A write to the object with these names.
    Change {
        names: Box<[ObjectName]>,
        certainty: Certainty,
        /// The wall clock's time in microseconds.
        at: i64,
    },
    /// These names belong to one object.
    Join(Box<[ObjectName]>),
    /// VirusTotal has refused the key of this owner.
    Forget(i64),
}

/// The queue of the thread that writes.
///
/// The thread is woken by the first job, and then sleeps while more are collected: to wake it for
/// each would cost more than the write.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    waiting: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<WriteJob>,
    /// The bytes of the answers among the jobs.
    bytes: usize,
    notes: Vec<DiskNote>,
    /// The number of notes that were added since the start.
    noted: u64,
    /// Whether a caller waits until its note is recorded.
    is_urgent: bool,
    /// Whether a write could not be noted. Nothing in the file can be trusted then.
    is_overrun: bool,
    is_closed: bool,
}

/// The work of one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) jobs: Vec<WriteJob>,
    pub(super) notes: Vec<DiskNote>,
    /// Whether a write could not be noted.
    pub(super) is_overrun: bool,
    /// Whether all handles are dropped and nothing is left in the queue.
    pub(super) is_last: bool,
}

impl WriteJob {
    /// Returns the bytes of the answer.
    fn size(&self) -> usize {
        match self {
            Self::Store { answer, .. } => answer.size(),
            Self::Remove(_) | Self::Use(_) => 0,
        }
    }
}

impl WriteQueue {
    /// Adds a job. Returns false if the queue is full.
    pub(super) fn add(&self, job: WriteJob) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.jobs.len() >= MAX_JOBS || waiting.bytes > MAX_BYTES {
            return false;
        }
        waiting.bytes += job.size();
        waiting.jobs.push_back(job);
        if waiting.jobs.len() == 1 {
            self.woken.notify_one();
        }
        true
    }

    /// Adds a note. Some callers wait until it is recorded.
    pub(super) fn note(&self, note: DiskNote) {
        let is_urgent = !matches!(note, DiskNote::Join(_));
        let mut waiting = self.waiting.lock();
        if waiting.notes.len() >= MAX_NOTES {
            waiting.is_overrun |= is_urgent;
            return;
        }
        waiting.noted += 1;
        waiting.notes.push(note);
        if is_urgent {
            waiting.is_urgent = true;
            self.woken.notify_one();
        }
    }

    /// Puts notes back that could not be recorded, before later ones.
    pub(super) fn put_back(&self, mut notes: Vec<DiskNote>) {
        let mut waiting = self.waiting.lock();
        notes.append(&mut waiting.notes);
        waiting.notes = notes;
    }

    /// Returns the number of notes since the start.
    pub(super) fn noted(&self) -> u64 {
        self.waiting.lock().noted
    }

    /// Notes that all handles are dropped.
    pub(super) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.woken.notify_one();
    }

    /// Waits for work, `limit` at most, collects more for a moment, and returns answers of about
    /// `most` bytes with all notes.
    pub(super) fn take(&self, limit: Duration, most: usize) -> Batch {
        let mut waiting = self.waiting.lock();
        let idle = |it: &mut Waiting| it.jobs.is_empty() && !it.is_urgent && !it.is_closed;
        self.woken.wait_while_for(&mut waiting, idle, limit);
        let end = Instant::now() + COLLECT;
        while !waiting.jobs.is_empty()
            && waiting.bytes < most
            && !waiting.is_urgent
            && !waiting.is_closed
        {
            if self.woken.wait_until(&mut waiting, end).timed_out() {
                break;
            }
        }
        let mut batch = Batch {
            notes: std::mem::take(&mut waiting.notes),
            is_overrun: std::mem::take(&mut waiting.is_overrun),
            ..Batch::default()
        };
        waiting.is_urgent = false;
        let mut bytes = 0;
        while bytes <= most
            && let Some(job) = waiting.jobs.pop_front()
        {
            bytes += job.size();
            batch.jobs.push(job);
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        batch.is_last = waiting.is_closed && waiting.jobs.is_empty();
        batch
    }
}
