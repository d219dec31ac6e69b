//! The thread that keeps usage in a file. A disk that hangs must not hold up anything else.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};
use tracing::warn;

use super::{
    Added, UsageBatch, UsageQuery,
    file::{UsageFile, UsageFileError},
};
use crate::{access::UsageRow, telemetry::Repeated};

/// The time that a caller waits for the thread.
const LIMIT: Duration = Duration::from_secs(2);

/// The number of jobs that wait for the thread. Beyond it a job fails.
const WAITING: usize = 4;

/// The time after which a file that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// A handle to the thread, which ends once this is dropped.
#[derive(Debug)]
pub(super) struct UsageDisk(SyncSender<UsageJob>);

#[derive(Debug)]
enum UsageJob {
    Add(UsageBatch, oneshot::Sender<bool>),
    Read(UsageQuery, oneshot::Sender<Option<Vec<UsageRow>>>),
}

/// The thread's state.
struct UsageThread {
    dir: PathBuf,
    file: Option<UsageFile>,
    /// The time of the last attempt to open the file that failed.
    failed: Option<Instant>,
    /// The number of the last batch that was added.
    added: u64,
    failures: Repeated,
}

impl UsageDisk {
    /// Starts the thread. The file is opened when it is needed.
    pub(super) fn start(dir: PathBuf) -> Self {
        let (sender, jobs) = sync_channel(WAITING);
        let thread = UsageThread {
            dir,
            file: None,
            failed: None,
            added: 0,
            failures: Repeated::default(),
        };
        let builder = thread::Builder::new().name("usage-writer".to_owned());
        if let Err(error) = builder.spawn(move || thread.run(&jobs)) {
            // Every job fails then.
            warn!(error.message = %error, "usage is not kept on disk");
        }
        Self(sender)
    }

    /// Adds a batch, once even if it is added again.
    pub(super) async fn add(&self, batch: UsageBatch) -> Added {
        let (reply, replied) = oneshot::channel();
        if self.0.try_send(UsageJob::Add(batch, reply)).is_err() {
            // An earlier attempt may still wait for the disk.
            return Added::Unsure;
        }
        match timeout(LIMIT, replied).await {
            Ok(Ok(true)) => Added::Yes,
            Ok(Ok(false)) => Added::No,
            Ok(Err(_)) | Err(_) => Added::Unsure,
        }
    }

    /// Returns the rows of a query; `None` if they can't be read.
    pub(super) async fn read(&self, query: UsageQuery) -> Option<Vec<UsageRow>> {
        let (reply, replied) = oneshot::channel();
        self.0.try_send(UsageJob::Read(query, reply)).ok()?;
        timeout(LIMIT, replied).await.ok()?.ok()?
    }
}

impl UsageThread {
    fn run(mut self, jobs: &Receiver<UsageJob>) {
        while let Ok(job) = jobs.recv() {
            // The receiver is gone if it has waited too long.
            match job {
                UsageJob::Add(batch, reply) => {
                    let _ = reply.send(self.add(&batch));
                }
                UsageJob::Read(query, reply) => {
                    let _ = reply.send(self.read(&query));
                }
            }
        }
    }

    fn add(&mut self, batch: &UsageBatch) -> bool {
        if batch.number <= self.added {
            return true;
        }
        let added = match self.open() {
            Ok(file) => file.add(&batch.rows),
            Err(Some(error)) => Err(error),
            Err(None) => return false,
        };
        match added {
            Ok(()) => {
                self.added = batch.number;
                true
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn read(&mut self, query: &UsageQuery) -> Option<Vec<UsageRow>> {
        if self.file.is_none() && UsageFile::is_missing(&self.dir) {
            return Some(Vec::new());
        }
        let rows = match self.open() {
            Ok(file) => file.read(query),
            Err(Some(error)) => Err(error),
            Err(None) => return None,
        };
        match rows {
            Ok(rows) => Some(rows),
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// Opens the file if it is not open, or if another one has taken its place. Fails without an
    /// error if that failed a moment ago.
    fn open(&mut self) -> Result<&mut UsageFile, Option<UsageFileError>> {
        self.file.take_if(|file| !file.is_in_place(&self.dir));
        if self.file.is_none() {
            if self.failed.is_some_and(|failed| failed.elapsed() < RETRY) {
                return Err(None);
            }
            self.failed = Some(Instant::now());
            self.file = Some(UsageFile::open(&self.dir).map_err(Some)?);
            self.failed = None;
        }
        self.file.as_mut().ok_or(None)
    }

    /// Reports a failure. A damaged file is set aside.
    fn fail(&mut self, error: &UsageFileError) {
        let mut message = error.to_string();
        if let UsageFileError::Damaged(_) = error {
            self.file = None;
            self.failed = None;
            match UsageFile::set_aside(&self.dir) {
                Ok(name) => message = format!("{message}; set aside as `{name}`"),
                Err(error) => message = format!("{message}; {error}"),
            }
        }
        if let Some(count) = self.failures.note() {
            warn!(
                error.message = message,
                failures = count,
                "usage could not be kept on disk"
            );
        }
    }
}
