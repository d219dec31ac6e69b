//! Readings of the file of clients, each on a thread of its own and with a time limit.
//!
//! A file can hang: on a file server that is gone, under a lease, as a pipe that took its
//! place. A thread that hangs in the system can't be ended. So a reading does not run on the
//! runtime's threads, for which the end of the process waits: one that takes too long is left
//! behind, and its result is dropped.

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use tokio::{sync::oneshot, time::timeout};

use super::{
    Client,
    file::{self, Mistake},
};
use crate::key::ApiKey;

/// The time that one reading may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Threads that may hang at once; with more, a reading is refused until one has ended.
const MOST_THREADS: usize = 16;

/// The time after which a file that seems missing or empty is looked at again: some programs
/// replace a file by emptying or deleting it first.
const SETTLE: Duration = Duration::from_millis(200);

/// The file as its system describes it; another description means that it may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    /// There is no such file.
    Missing,
    /// The system does not describe it.
    Unreadable(io::ErrorKind),
    /// The file that is there.
    Present(Stamp),
}

/// The description of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: Option<SystemTime>,
}

/// A reading to be done.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The file.
    pub path: PathBuf,
    /// The key for clients that have none of their own.
    pub servers_key: Option<ApiKey>,
    /// The state in which the file need not be read.
    pub unless: Option<FileState>,
    /// Whether the gateway starts: then a file that is missing or blank is a mistake.
    pub is_first: bool,
}

/// The result of a reading.
#[derive(Debug)]
pub(super) struct Reading {
    /// The state that the file was in just before.
    pub state: FileState,
    /// The clients in it, or every mistake.
    pub clients: Result<Vec<Arc<Client>>, Vec<Mistake>>,
}

/// A reading that hangs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hangs;

/// The readings that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings(Arc<Mutex<UnderWay>>);

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// For each thread the state of the file that it reads, once it knows that.
    threads: BTreeMap<u64, Option<FileState>>,
}

/// A thread's place among the readings; given up when dropped.
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
    /// Reads the file; gives `None` where it is in the state in which it need not be read.
    pub(super) async fn read(&self, order: Order) -> Result<Option<Reading>, Hangs> {
        let place = self.enter().ok_or(Hangs)?;
        let (sender, result) = oneshot::channel();
        let run = move || {
            let reading = order.run(&place);
            // First, so that the next reading does not take this one for one that hangs.
            drop(place);
            // It may have been given up meanwhile.
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
        let mut under_way = self.lock();
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

    /// A panic elsewhere leaves a map behind that is still true.
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes which file is read; refuses one that hangs already.
    fn begin(&self, state: FileState) -> Result<(), Hangs> {
        let threads = &mut self.readings.lock().threads;
        if threads.values().any(|it| *it == Some(state)) {
            return Err(Hangs);
        }
        threads.insert(self.number, Some(state));
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.readings.lock().threads.remove(&self.number);
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
    /// Returns the mistake of a file that hangs.
    pub(super) fn mistake(path: &Path) -> Mistake {
        let seconds = LIMIT.as_secs();
        Mistake::of_file(path, format!("it could not be read within {seconds} s"))
    }
}
