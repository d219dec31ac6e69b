//! Readings of the clients' file, each on its own thread and with a time limit.
//!
//! Reading a file can block: on a file server that is gone, under a lease, or on a pipe in place of
//! the file. A thread that is blocked in the kernel cannot be ended, and the process would wait for
//! one of the runtime's threads when it exits. So a reading uses a thread of its own; if it takes
//! too long, the thread is abandoned and its result is dropped.

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Client,
    file::{self, Mistake},
};
use crate::access::ApiKey;

/// The time limit for one reading.
const LIMIT: Duration = Duration::from_secs(5);

/// The maximum number of threads that may be blocked at once. Beyond that, readings are refused
/// until one ends.
const MOST_THREADS: usize = 16;

/// The delay after which a missing or empty file is read again, because some programs empty or
/// delete a file before they replace it.
const SETTLE: Duration = Duration::from_millis(200);

/// The file's metadata; a difference means that the file may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    /// The file does not exist.
    Missing,
    /// The metadata cannot be read.
    Unreadable(io::ErrorKind),
    /// The file exists.
    Present(Stamp),
}

/// The metadata of a file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: Option<SystemTime>,
}

/// A request to read the file.
#[derive(Clone, Debug)]
pub(super) struct Order {
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
    pub clients: Result<Vec<Arc<Client>>, Vec<Mistake>>,
}

/// The error for a reading that is blocked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hangs;

/// The readings under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings(Arc<Mutex<UnderWay>>);

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// The state of the file that each thread reads, once it is known.
    threads: BTreeMap<u64, Option<FileState>>,
}

/// A thread's place among the readings, released when dropped.
struct Place {
    readings: Readings,
    number: u64,
}

impl FileState {
    fn of(path: &Path) -> Self {
        match path.metadata() {
            Ok(metadata) => Self::Present(Stamp {
                file: (metadata.dev(), metadata.ino()),
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

impl Readings {
    /// Reads the file. Returns `None` if the file is in the state in which it need not be read.
    pub(super) async fn read(&self, order: Order) -> Result<Option<Reading>, Hangs> {
        let place = self.enter().ok_or(Hangs)?;
        let (sender, result) = oneshot::channel();
        let run = move || {
            let reading = order.run(&place);
            // Released first, so that the next reading does not take this one for a blocked one.
            drop(place);
            // The receiver is gone if the reading took too long.
            let _ = sender.send(reading);
        };
        let thread = thread::Builder::new().name("clients-file".to_owned());
        thread.spawn(run).map_err(|_| Hangs)?;
        match timeout(LIMIT, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(Hangs),
        }
    }

    fn enter(&self) -> Option<Place> {
        let mut under_way = self.0.lock();
        if under_way.threads.len() >= MOST_THREADS {
            return None;
        }
        let number = under_way.next;
        under_way.next += 1;
        under_way.threads.insert(number, None);
        Some(Place {
            readings: self.clone(),
            number,
        })
    }
}

impl Place {
    /// Records the state of the file that is read. Fails if another thread is blocked on the same
    /// file.
    fn begin(&self, state: FileState) -> Result<(), Hangs> {
        let threads = &mut self.readings.0.lock().threads;
        // Another thread on the same file would block, too.
        if threads.values().any(|it| *it == Some(state)) {
            return Err(Hangs);
        }
        threads.insert(self.number, Some(state));
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.readings.0.lock().threads.remove(&self.number);
    }
}

impl Order {
    fn run(&self, place: &Place) -> Result<Option<Reading>, Hangs> {
        let state = FileState::of(&self.path);
        if self.unless == Some(state) {
            return Ok(None);
        }
        place.begin(state)?;
        let reading = self.read(state);
        let is_empty = reading.clients.as_ref().is_ok_and(Vec::is_empty);
        if !is_empty || self.is_first {
            return Ok(Some(reading));
        }
        // An empty file may be about to be replaced.
        thread::sleep(SETTLE);
        Ok(Some(self.read(FileState::of(&self.path))))
    }

    fn read(&self, state: FileState) -> Reading {
        let clients = if state == FileState::Missing && !self.is_first {
            Ok(Vec::new())
        } else {
            self.clients()
        };
        Reading { state, clients }
    }

    fn clients(&self) -> Result<Vec<Arc<Client>>, Vec<Mistake>> {
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

impl Hangs {
    /// Returns the mistake that reports a blocked file.
    pub(super) fn mistake(path: &Path) -> Mistake {
        let seconds = LIMIT.as_secs();
        Mistake::of_file(path, format!("it could not be read within {seconds} s"))
    }
}
