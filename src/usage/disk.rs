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
        // After a failure to create the file there may be usage, which is in memory then.
        let has_failed = self.failed.is_some();
        if self.file.is_none() && !has_failed && UsageFile::is_missing(&self.dir) {
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, sync::Arc};

    use time::Date;

    use super::*;
    use crate::{
        access::{UsageCaller, first_day},
        clock::Now,
        testing::usage_row,
    };

    /// A directory for one test, which does not exist yet.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            let name = format!("vt4ai-usage-{:032x}", fastrand::u128(..));
            Self(std::env::temp_dir().join(name))
        }

        fn disk(&self) -> UsageDisk {
            UsageDisk::start(self.0.clone())
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn batch(number: u64, day: Date, units: i64) -> UsageBatch {
        UsageBatch {
            number,
            rows: [usage_row(UsageCaller::Server, day, units)].into(),
        }
    }

    fn all() -> UsageQuery {
        UsageQuery {
            caller: None,
            from: Date::MIN,
            to: Date::MAX,
        }
    }

    /// Returns the units of each row that is kept.
    async fn kept(disk: &UsageDisk) -> Vec<i64> {
        let rows = disk.read(all()).await.unwrap();
        rows.iter().map(|row| row.counts.units).collect()
    }

    #[tokio::test]
    async fn a_batch_that_is_sent_again_counts_once() {
        let place = Place::new();
        let (disk, today) = (place.disk(), Now::read().day());
        assert!(kept(&disk).await.is_empty());
        assert!(!place.0.exists(), "nothing is created to read");
        for _ in 0..2 {
            assert_eq!(disk.add(batch(1, today, 3)).await, Added::Yes);
        }
        assert_eq!(disk.add(batch(2, today, -1)).await, Added::Yes);
        assert_eq!(kept(&disk).await, [2]);
        // Another process adds to the same counts, and begins with its own numbers.
        let other = place.disk();
        assert_eq!(other.add(batch(1, today, 5)).await, Added::Yes);
        assert_eq!(kept(&disk).await, [7]);
    }

    #[tokio::test]
    async fn old_days_are_removed_and_a_file_that_is_gone_is_begun_anew() {
        let place = Place::new();
        let (disk, today) = (place.disk(), Now::read().day());
        let old = first_day(today, 40);
        assert_eq!(disk.add(batch(1, old, 1)).await, Added::Yes);
        assert_eq!(disk.add(batch(2, today, 1)).await, Added::Yes);
        assert_eq!(kept(&disk).await.len(), 2);
        // As after a restart, or on the next day.
        let next = place.disk();
        assert_eq!(next.add(batch(1, today, 1)).await, Added::Yes);
        assert_eq!(kept(&next).await, [2]);
        fs::remove_dir_all(&place.0).unwrap();
        assert_eq!(next.add(batch(2, today, 4)).await, Added::Yes);
        assert_eq!(kept(&next).await, [4]);
    }

    #[tokio::test]
    async fn counts_that_can_not_grow_any_more_are_damage() {
        let place = Place::new();
        let (disk, today) = (place.disk(), Now::read().day());
        assert_eq!(disk.add(batch(1, today, i64::MAX)).await, Added::Yes);
        assert_eq!(disk.add(batch(2, today, 1)).await, Added::No);
        assert_eq!(disk.add(batch(3, today, 1)).await, Added::Yes);
        assert_eq!(kept(&disk).await, [1]);
    }

    #[tokio::test]
    async fn callers_beyond_the_bound_are_counted_together() {
        let place = Place::new();
        let (disk, today) = (place.disk(), Now::read().day());
        let rows = |first: usize, last: usize| {
            let of = |digest: usize| {
                let caller = UsageCaller::Key(digest.try_into().unwrap());
                usage_row(caller, today, 1)
            };
            (first..last).map(of).collect::<Arc<[_]>>()
        };
        let batch = |number, rows| UsageBatch { number, rows };
        assert_eq!(disk.add(batch(1, rows(0, 900))).await, Added::Yes);
        // After a restart, too.
        let next = place.disk();
        assert_eq!(next.add(batch(1, rows(900, 1_100))).await, Added::Yes);
        assert_eq!(next.add(batch(2, rows(1_100, 1_110))).await, Added::Yes);
        assert_eq!(next.add(batch(3, rows(0, 5))).await, Added::Yes);
        let kept = kept(&next).await;
        assert_eq!(kept.len(), 1_001);
        assert_eq!(kept.iter().max(), Some(&110));
        assert_eq!(kept.iter().filter(|units| **units == 2).count(), 5);
    }

    #[tokio::test]
    async fn a_file_of_another_version_is_left_alone() {
        let place = Place::new();
        let today = Now::read().day();
        assert_eq!(place.disk().add(batch(1, today, 3)).await, Added::Yes);
        let path = place.0.join("usage.db");
        let set_version = |version: i32| {
            let file = rusqlite::Connection::open(&path).unwrap();
            file.pragma_update(None, "user_version", version).unwrap();
        };
        set_version(2);
        let disk = place.disk();
        assert_eq!(disk.add(batch(1, today, 4)).await, Added::No);
        assert!(disk.read(all()).await.is_none());
        set_version(1);
        assert_eq!(kept(&place.disk()).await, [3]);
    }

    #[tokio::test]
    async fn nothing_is_read_where_no_file_can_be_created() {
        let place = Place::new();
        fs::create_dir(&place.0).unwrap();
        symlink("nowhere/usage.db", place.0.join("usage.db")).unwrap();
        let (disk, today) = (place.disk(), Now::read().day());
        assert_eq!(disk.add(batch(1, today, 3)).await, Added::No);
        assert!(disk.read(all()).await.is_none());
    }
}
