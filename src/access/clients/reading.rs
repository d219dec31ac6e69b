//! Readings of the clients' file, each on its own thread and with a time limit.
//!
//! Reading a file can block: on a file server that is gone, under a lease, or on a pipe in place of
//! the file. A thread that is blocked in the kernel cannot be ended, and the process would wait for
//! one of the runtime's threads when it exits. So a reading uses a thread of its own; if it takes
//! too long, the thread is abandoned and its result is dropped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Client,
    file::{self, Mistake},
};
use crate::access::{ApiKey, FileState};

/// The time limit for one reading.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum number of threads that may be blocked at once. Beyond that, readings are refused
/// until one ends.
const MAX_BLOCKED_THREADS: usize = 16;

/// The delay after which a missing or empty file is read again, because some programs empty or
/// delete a file before they replace it.
const REREAD_DELAY: Duration = Duration::from_millis(200);

/// A request to read the file.
#[derive(Clone, Debug)]
pub(super) struct ReadJob {
    /// The file.
    pub path: PathBuf,
    /// The key for clients that have none of their own.
    pub servers_key: Option<ApiKey>,
    /// The state in which the file need not be read again.
    pub unless: Option<FileState>,
    /// Whether the gateway is starting. A missing or blank file is then a mistake.
    pub is_first: bool,
}

/// The result of a reading.
#[derive(Debug)]
pub(super) struct Reading {
    /// The state of the file just before it was read.
    pub state: FileState,
    /// The clients, or all mistakes.
    pub clients: Result<Vec<Client>, Vec<Mistake>>,
}

/// The error for a reading that is blocked.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadBlocked;

/// The readings under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings(Arc<Mutex<ReadingThreads>>);

#[derive(Debug, Default)]
struct ReadingThreads {
    next: u64,
    /// The state of the file that each thread reads, once it is known.
    files: BTreeMap<u64, Option<FileState>>,
}

/// A thread's slot among the readings, released when dropped.
struct ThreadSlot {
    readings: Readings,
    number: u64,
}

impl Readings {
    /// Reads the file. Returns `None` if the file is in the state in which it need not be read.
    pub(super) async fn read(&self, job: ReadJob) -> Result<Option<Reading>, ReadBlocked> {
        let slot = self.enter().ok_or(ReadBlocked)?;
        let (sender, receiver) = oneshot::channel();
        let run = move || {
            let reading = job.run(&slot);
            // Released first, so that the next reading does not take this one for a blocked one.
            drop(slot);
            // The receiver is gone if the reading took too long.
            let _ = sender.send(reading);
        };
        let thread = thread::Builder::new().name("clients-file".to_owned());
        thread.spawn(run).map_err(|_| ReadBlocked)?;
        match timeout(READ_TIMEOUT, receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(ReadBlocked),
        }
    }

    fn enter(&self) -> Option<ThreadSlot> {
        let mut threads = self.0.lock();
        if threads.files.len() >= MAX_BLOCKED_THREADS {
            return None;
        }
        let number = threads.next;
        threads.next += 1;
        threads.files.insert(number, None);
        Some(ThreadSlot {
            readings: self.clone(),
            number,
        })
    }
}

impl ThreadSlot {
    /// Records the state of the file that is read. Fails if another thread is blocked on the same
    /// file.
    fn begin(&self, state: FileState) -> Result<(), ReadBlocked> {
        let files = &mut self.readings.0.lock().files;
        for other in files.values() {
            if *other == Some(state) {
                return Err(ReadBlocked);
            }
        }
        files.insert(self.number, Some(state));
        Ok(())
    }
}

impl Drop for ThreadSlot {
    fn drop(&mut self) {
        self.readings.0.lock().files.remove(&self.number);
    }
}

impl ReadJob {
    fn run(&self, slot: &ThreadSlot) -> Result<Option<Reading>, ReadBlocked> {
        let state = FileState::of(&self.path);
        if self.unless == Some(state) {
            return Ok(None);
        }
        slot.begin(state)?;
        let reading = self.read(state);
        if let Ok(clients) = &reading.clients
            && clients.is_empty()
            && !self.is_first
        {
            // An empty file may be about to be replaced.
            thread::sleep(REREAD_DELAY);
            return Ok(Some(self.read(FileState::of(&self.path))));
        }
        Ok(Some(reading))
    }

    fn read(&self, state: FileState) -> Reading {
        let clients = if state == FileState::Missing && !self.is_first {
            Ok(Vec::new())
        } else {
            self.clients()
        };
        Reading { state, clients }
    }

    fn clients(&self) -> Result<Vec<Client>, Vec<Mistake>> {
        match file::read(&self.path, self.servers_key.as_ref())? {
            Some(clients) => Ok(clients),
            None if self.is_first => Err(vec![Mistake::of_file(
                &self.path,
                "expected tables `[[client]]`, or `client = []` for no clients",
            )]),
            None => Ok(Vec::new()),
        }
    }
}

impl ReadBlocked {
    /// Returns the mistake that reports a blocked file.
    pub(super) fn mistake(path: &Path) -> Mistake {
        let seconds = READ_TIMEOUT.as_secs();
        Mistake::of_file(path, format!("it could not be read within {seconds} s"))
    }
}
