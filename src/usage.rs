//! The usage of each caller by day, kept across restarts.
//!
//! Requests count in memory ([`UsageBook`]). Once a second what is new there is added to the counts
//! in Redis, where replicas share them, or else to a file in the directory of the disk cache
//! (`disk`). Without either, usage lasts as long as the process. A report is what is kept and what
//! is still to be kept; if that can't be read, what this process has counted.

use std::{path::PathBuf, sync::Arc, time::Duration};

use time::Date;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use self::disk::UsageDisk;
use crate::{
    access::{AcceptedKeys, KeyHash, UsageBook, UsageCaller, UsageRow},
    redis::Redis,
};

mod disk;
mod file;

/// The interval at which usage is kept, which is the most that a crash can lose.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// The number of rows that are kept at once, at the least, if there are as many.
const BATCH: usize = 500;

/// The time within which kept usage has to be read.
const READ_LIMIT: Duration = Duration::from_secs(3);

/// A handle to the usage. The task that keeps it ends once all handles are dropped.
#[derive(Clone, Debug)]
pub struct UsageKeeper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keeping: Arc<Keeping>,
    /// Ends the task when it is dropped.
    _open: Option<DropGuard>,
}

/// The parts that the handles and the task share.
#[derive(Debug)]
struct Keeping {
    book: UsageBook,
    store: UsageStore,
    writing: Mutex<Writing>,
}

/// The place where usage is kept.
#[derive(Debug)]
enum UsageStore {
    Memory,
    Disk(UsageDisk),
    Redis(Redis),
}

/// The state of writing to the store.
#[derive(Debug, Default)]
struct Writing {
    /// The number of the last batch.
    number: u64,
    /// A batch that may have been added or not. The same one is sent again.
    unsure: Option<UsageBatch>,
}

/// Rows to be added to what is kept. Clones share the rows.
#[derive(Clone, Debug)]
struct UsageBatch {
    number: u64,
    rows: Arc<[UsageRow]>,
}

/// The outcome of an attempt to add a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Added {
    Yes,
    No,
    /// The reply is missing.
    Unsure,
}

/// The settings of a [`UsageKeeper`].
#[derive(Debug)]
pub struct Parts {
    /// The server's key, by which requests without a credential are told.
    pub servers_key: Option<KeyHash>,
    /// The keys that count as callers.
    pub accepted: AcceptedKeys,
    /// The connection to Redis. If it is configured, usage is kept there.
    pub redis: Redis,
    /// The directory of the disk cache, where usage is kept without Redis.
    pub dir: Option<PathBuf>,
    /// The tracker of the task that keeps usage; shutdown waits for it.
    pub tasks: TaskTracker,
}

/// The usage that a report is about.
#[derive(Clone, Debug)]
pub struct UsageQuery {
    /// The caller; `None` for all.
    pub caller: Option<UsageCaller>,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// The place from which a report comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptIn {
    /// Redis: the usage of all replicas.
    Redis,
    /// The directory of the disk cache: the usage of all processes with the same directory.
    Disk,
    /// Memory: the usage of this process since its start.
    Memory,
}

impl UsageKeeper {
    /// Starts the task that keeps usage, if there is a place for it.
    pub fn start(parts: Parts) -> Self {
        let Parts {
            servers_key,
            accepted,
            redis,
            dir,
            tasks,
        } = parts;
        let store = match dir {
            _ if redis.health().is_some() => UsageStore::Redis(redis),
            Some(dir) => UsageStore::Disk(UsageDisk::start(dir)),
            None => UsageStore::Memory,
        };
        let is_kept = !matches!(store, UsageStore::Memory);
        let keeping = Arc::new(Keeping {
            book: UsageBook::new(servers_key, accepted, is_kept),
            store,
            writing: Mutex::default(),
        });
        let mut open = None;
        if is_kept {
            let closed = CancellationToken::new();
            tasks.spawn(Arc::clone(&keeping).keep_until(closed.clone()));
            open = Some(closed.drop_guard());
        }
        Self(Arc::new(Inner {
            keeping,
            _open: open,
        }))
    }

    /// Returns the book to which requests add.
    pub fn book(&self) -> &UsageBook {
        &self.0.keeping.book
    }

    /// Returns the rows of some days, in no order and several for a caller and day, and where they
    /// come from.
    pub async fn read(&self, query: &UsageQuery) -> (Vec<UsageRow>, KeptIn) {
        let keeping = &self.0.keeping;
        let kept_in = match keeping.store {
            UsageStore::Memory => KeptIn::Memory,
            UsageStore::Disk(_) => KeptIn::Disk,
            UsageStore::Redis(_) => KeptIn::Redis,
        };
        if let Ok(Some(rows)) = timeout(READ_LIMIT, keeping.read(query)).await {
            return (rows, kept_in);
        }
        let UsageQuery { caller, from, to } = query;
        let counted = keeping.book.counted(caller.as_ref(), *from, *to);
        (counted, KeptIn::Memory)
    }
}

impl Keeping {
    /// Keeps usage regularly, and a last time once there are no more handles.
    async fn keep_until(self: Arc<Self>, closed: CancellationToken) {
        loop {
            let waited = closed.run_until_cancelled(sleep(KEEP_EVERY)).await;
            self.flush(&mut *self.writing.lock().await).await;
            if waited.is_none() {
                return;
            }
        }
    }

    /// Adds what is new to the store. Returns whether nothing is left in doubt.
    async fn flush(&self, writing: &mut Writing) -> bool {
        loop {
            // Set until the outcome is known, also if this is cancelled meanwhile.
            if writing.unsure.is_none() {
                writing.unsure = self.next_batch(&mut writing.number);
            }
            let Some(batch) = writing.unsure.clone() else {
                return true;
            };
            match self.store.add(batch.clone()).await {
                Added::Yes => writing.unsure = None,
                Added::No => {
                    writing.unsure = None;
                    self.book.put_back(&batch.rows);
                    return true;
                }
                Added::Unsure => return false,
            }
        }
    }

    /// Takes what is new, if anything is.
    fn next_batch(&self, number: &mut u64) -> Option<UsageBatch> {
        let rows = self.book.take_unkept(BATCH);
        if rows.is_empty() {
            return None;
        }
        *number += 1;
        Some(UsageBatch {
            number: *number,
            rows: rows.into(),
        })
    }

    /// Returns what is kept and what is still to be kept; `None` if that can't be told now.
    async fn read(&self, query: &UsageQuery) -> Option<Vec<UsageRow>> {
        // Until this ends, nothing moves from the book to the store.
        let mut writing = self.writing.lock().await;
        if !self.flush(&mut writing).await {
            return None;
        }
        let mut rows = self.store.read(query).await?;
        let UsageQuery { caller, from, to } = query;
        rows.extend(self.book.unkept(caller.as_ref(), *from, *to));
        Some(rows)
    }
}

impl UsageStore {
    async fn add(&self, batch: UsageBatch) -> Added {
        match self {
            Self::Memory => Added::Yes,
            Self::Disk(disk) => disk.add(batch).await,
            // A batch that is in doubt stays so until Redis is back.
            Self::Redis(redis) => match redis.add_usage(batch.number, &batch.rows).await {
                Some(()) => Added::Yes,
                None => Added::Unsure,
            },
        }
    }

    async fn read(&self, query: &UsageQuery) -> Option<Vec<UsageRow>> {
        match self {
            Self::Memory => None,
            Self::Disk(disk) => disk.read(query.clone()).await,
            Self::Redis(redis) => read_shared(redis, query).await,
        }
    }
}

async fn read_shared(redis: &Redis, query: &UsageQuery) -> Option<Vec<UsageRow>> {
    let mut days = Vec::new();
    let mut day = Some(query.from);
    while let Some(next) = day.filter(|day| *day <= query.to) {
        days.push(next);
        day = next.next_day();
    }
    if let Some(caller) = &query.caller {
        return redis.usage_of(caller, &days).await;
    }
    let mut rows = Vec::new();
    for day in days {
        rows.extend(redis.usage_on(day).await?);
    }
    Some(rows)
}
