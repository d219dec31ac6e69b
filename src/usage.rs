//! The usage of each caller by day, kept across restarts.
//!
//! Requests count in memory ([`UsageBook`]). Once a second what is new there is added to the counts
//! in Redis, where replicas share them, or else to a file in the directory of the disk cache
//! (`disk`). Without either, usage lasts as long as the process. A report is what is kept and what
//! is still to be kept; if that can't be read, what this process has counted.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

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
    access::{AcceptedKeys, KeyHash, UsageBook, UsageCaller, UsageRow, UsageTable, days_between},
    redis::Redis,
};

mod disk;
mod file;

/// The interval at which usage is kept, which is the most that a crash can lose.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// The largest number of rows that are kept at once.
const BATCH: usize = 500;

/// The time within which kept usage has to be read. Readers of a full file wait for one another.
const READ_LIMIT: Duration = Duration::from_secs(10);

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
    /// The batches to add. The first may have been added already: it is sent again as it is.
    batches: VecDeque<UsageBatch>,
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

    /// Returns the usage of some days, and where it comes from.
    pub async fn read(&self, query: &UsageQuery) -> (UsageTable, KeptIn) {
        let keeping = &self.0.keeping;
        let kept_in = match keeping.store {
            UsageStore::Memory => KeptIn::Memory,
            UsageStore::Disk(_) => KeptIn::Disk,
            UsageStore::Redis(_) => KeptIn::Redis,
        };
        if let Ok(Some(table)) = timeout(READ_LIMIT, keeping.read(query)).await {
            return (table, kept_in);
        }
        let UsageQuery { caller, from, to } = query;
        let counted = keeping.book.counted(caller.as_ref(), *from, *to);
        (counted.into_iter().collect(), KeptIn::Memory)
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

    /// Adds what is left of an earlier attempt to the store, and then what was new when this
    /// began: more may come without end. Returns whether nothing is left in doubt.
    async fn flush(&self, writing: &mut Writing) -> bool {
        if !self.add_batches(writing).await {
            return false;
        }
        for rows in self.book.take_unkept().chunks(BATCH) {
            writing.number += 1;
            writing.batches.push_back(UsageBatch {
                number: writing.number,
                rows: rows.into(),
            });
        }
        self.add_batches(writing).await
    }

    /// Adds the batches that are taken out of the book, or puts them back. Returns whether nothing
    /// is left in doubt.
    async fn add_batches(&self, writing: &mut Writing) -> bool {
        while let Some(batch) = writing.batches.front() {
            match self.store.add(batch.clone()).await {
                Added::Yes => {
                    writing.batches.pop_front();
                }
                Added::No => {
                    for batch in writing.batches.drain(..) {
                        self.book.put_back(&batch.rows);
                    }
                }
                Added::Unsure => return false,
            }
        }
        true
    }

    /// Returns what is kept and what is still to be kept; `None` if that can't be told now.
    async fn read(&self, query: &UsageQuery) -> Option<UsageTable> {
        // Until this ends, nothing moves from the book to the store.
        let mut writing = self.writing.lock().await;
        if !self.flush(&mut writing).await {
            return None;
        }
        let mut table = self.store.read(query).await?;
        let UsageQuery { caller, from, to } = query;
        table.extend(self.book.unkept(caller.as_ref(), *from, *to));
        Some(table)
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

    async fn read(&self, query: &UsageQuery) -> Option<UsageTable> {
        match self {
            Self::Memory => None,
            Self::Disk(disk) => disk.read(query.clone()).await.map(UsageTable::from_iter),
            Self::Redis(redis) => read_shared(redis, query).await,
        }
    }
}

async fn read_shared(redis: &Redis, query: &UsageQuery) -> Option<UsageTable> {
    let days: Vec<_> = days_between(query.from, query.to).collect();
    let mut table = UsageTable::default();
    if let Some(caller) = &query.caller {
        table.extend(redis.usage_of(caller, &days).await?);
        return Some(table);
    }
    for day in days {
        table.extend(redis.usage_on(day).await?);
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use tokio::task::yield_now;

    use super::*;
    use crate::{
        clock::Now,
        testing::{client, usage_row},
    };

    #[tokio::test]
    async fn keeping_usage_ends_while_more_is_counted() {
        let dir = env::temp_dir().join(format!("vt4ai-usage-{:032x}", fastrand::u128(..)));
        let keeping = Keeping {
            book: UsageBook::new(None, AcceptedKeys::new(), true),
            store: UsageStore::Disk(UsageDisk::start(dir.clone())),
            writing: Mutex::default(),
        };
        let row = |number| usage_row(client(&format!("client{number}")), Now::read().day(), 1);
        for number in 0..2 * BATCH {
            keeping.book.add(&row(number));
        }
        let traffic = async {
            loop {
                keeping.book.add(&row(0));
                yield_now().await;
            }
        };
        let mut writing = Writing::default();
        let kept = timeout(Duration::from_mins(1), keeping.flush(&mut writing));
        tokio::select! {
            kept = kept => assert_eq!(kept, Ok(true)),
            () = traffic => {}
        }
        assert_eq!(writing.number, 2);
        fs::remove_dir_all(dir).unwrap();
    }
}
