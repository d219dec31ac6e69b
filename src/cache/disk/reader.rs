//! The threads that read.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use super::{
    DiskError, DiskFound, DiskKey, DiskState, file, key::checksum, notes, stored::StoredAnswer,
};
use crate::cache::ObjectName;

/// The number of lookups that may wait.
const MAX_LOOKUPS: usize = 256;

/// A lookup.
#[derive(Debug)]
pub(super) enum ReadJob {
    /// An answer, with the last writes to the object with these names.
    Find {
        key: DiskKey,
        names: Box<[ObjectName]>,
        reply: oneshot::Sender<Option<DiskFound>>,
    },
    /// All names of the object with these names.
    Names {
        names: Box<[ObjectName]>,
        reply: oneshot::Sender<Vec<ObjectName>>,
    },
}

/// The lookups that wait for a thread.
///
/// Each wakes one thread. Threads that shared a `Receiver` would wake one another for its lock, too.
#[derive(Debug, Default)]
pub(super) struct ReadQueue {
    waiting: Mutex<WaitingReads>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct WaitingReads {
    jobs: VecDeque<ReadJob>,
    is_closed: bool,
}

impl ReadQueue {
    /// Adds a lookup. Returns false if the queue is full.
    pub(super) fn add(&self, job: ReadJob) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.jobs.len() >= MAX_LOOKUPS {
            return false;
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.woken.notify_one();
        true
    }

    /// Notes that all handles are dropped.
    pub(super) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.woken.notify_all();
    }

    /// Waits for a lookup. Returns none once all handles are dropped.
    fn take(&self) -> Option<ReadJob> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.is_closed {
                return None;
            }
            self.woken.wait(&mut waiting);
        }
    }
}

/// A thread that reads, with its connection.
#[derive(Debug)]
pub(super) struct DiskReader {
    state: Arc<DiskState>,
    jobs: Arc<ReadQueue>,
    /// The connection and the number of the file that it is to.
    open: Option<(u64, Connection)>,
}

impl DiskReader {
    pub(super) fn new(state: Arc<DiskState>, jobs: Arc<ReadQueue>) -> Self {
        Self {
            state,
            jobs,
            open: None,
        }
    }

    /// Reads until all handles are dropped.
    pub(super) fn run(mut self) {
        while let Some(job) = self.jobs.take() {
            match job {
                ReadJob::Find { key, names, reply } => {
                    let found = self.read(|connection| find(connection, key, &names));
                    // The caller may have stopped waiting.
                    let _ = reply.send(found.flatten());
                }
                ReadJob::Names { names, reply } => {
                    let all = self.read(|connection| notes::all_names(connection, &names));
                    let _ = reply.send(all.unwrap_or_default());
                }
            }
        }
    }

    /// Reads from the file that is open at present, and reports a failure.
    fn read<T>(&mut self, read: impl FnOnce(&Connection) -> Result<T, DiskError>) -> Option<T> {
        let generation = self.state.health.generation()?;
        let result = self.connection(generation).and_then(read);
        match result {
            Ok(found) => Some(found),
            Err(error) => {
                if matches!(error, DiskError::Damaged(_)) {
                    // The writer sets the file aside.
                    self.state.health.report_damage(generation);
                }
                self.open = None;
                self.state.fail(&error);
                None
            }
        }
    }

    fn connection(&mut self, generation: u64) -> Result<&Connection, DiskError> {
        let connection = match self.open.take() {
            Some((known, connection)) if known == generation => connection,
            _ => file::open_to_read(&self.state.dir)?,
        };
        Ok(&self.open.insert((generation, connection)).1)
    }
}

/// Finds an answer, and the last writes at the same moment.
///
/// One transaction for all statements: each of its own would take and release the locks again.
fn find(
    connection: &Connection,
    key: DiskKey,
    names: &[ObjectName],
) -> Result<Option<DiskFound>, DiskError> {
    const ANSWER: &str = "SELECT e.asked, e.used, e.mark, b.bytes
        FROM entries e JOIN bodies b ON b.id = e.body WHERE e.key = ?1";
    let _snapshot = connection.unchecked_transaction()?;
    let mut answer = connection.prepare_cached(ANSWER)?;
    let row = answer.query_row([key.row], |row| {
        let bytes = row.get_ref(3)?.as_blob()?;
        let is_sound = checksum(key.seed, bytes) == row.get::<_, i64>(2)?;
        let bytes = is_sound.then(|| Bytes::copy_from_slice(bytes));
        Ok((row.get(0)?, row.get(1)?, bytes))
    });
    let Some((asked, used, bytes)) = row.optional()? else {
        return Ok(None);
    };
    // Another request has the same number, or the disk has changed the bytes.
    let Some(stored) = bytes.and_then(|bytes| StoredAnswer::read(&bytes)) else {
        return Ok(None);
    };
    let last = notes::last_changes(connection, names)?;
    Ok(Some(DiskFound {
        stored,
        asked,
        used,
        last,
    }))
}
