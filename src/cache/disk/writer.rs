//! The thread that writes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    DiskError, DiskKey, DiskNote, DiskState, WriteJob,
    database::{Change, Database, NewEntry},
    file,
    queue::Batch,
};

/// The interval of the work beside writing.
const TICK: Duration = Duration::from_secs(1);

/// The interval between attempts to open a file that could not be opened.
const RETRY: Duration = Duration::from_secs(5);

/// The interval at which entries that are too old are removed.
const PURGE: Duration = Duration::from_hours(1);

/// The thread's state.
#[derive(Debug)]
pub(super) struct DiskWriter {
    state: Arc<DiskState>,
    database: Option<Database>,
    ticked: Instant,
    tried: Instant,
    purged: Instant,
    /// Whether a batch was written since memory was given back.
    is_warm: bool,
    /// The number of notes that are recorded.
    recorded: u64,
}

/// A change with the bytes that it owns.
#[derive(Debug)]
enum Packed {
    Store(DiskKey, i64, Bytes),
    Remove(i64),
    Use(i64),
}

impl DiskWriter {
    pub(super) fn new(state: Arc<DiskState>) -> Self {
        let now = Instant::now();
        Self {
            state,
            database: None,
            ticked: now,
            tried: now,
            purged: now,
            is_warm: false,
            recorded: 0,
        }
    }

    /// Writes until all handles are dropped. Drops `opening` once the file was opened.
    pub(super) fn run(mut self, opening: oneshot::Sender<()>) {
        self.open();
        drop(opening);
        loop {
            let most = self.database.as_ref().map_or(0, Database::batch_bytes);
            let batch = self.state.queue.take(TICK, most);
            let is_last = batch.is_last;
            self.write(batch);
            if is_last {
                return;
            }
            if self.ticked.elapsed() >= TICK {
                self.tick();
                self.ticked = Instant::now();
            }
        }
    }

    fn open(&mut self) {
        self.tried = Instant::now();
        match Database::open(&self.state) {
            Ok(database) => {
                self.database = Some(database);
                self.state.health.open();
                self.state.health.recover();
                self.measure();
                self.count();
            }
            Err(error) => self.state.fail(&error),
        }
    }

    fn close(&mut self) {
        self.state.health.close();
        self.database = None;
        self.state.filter.clear();
    }

    /// Writes a batch, with all notes that wait.
    fn write(&mut self, batch: Batch) {
        let notes = batch.notes;
        if batch.is_overrun {
            self.start_over(None);
        }
        let mut changes = self.pack(batch.jobs);
        if !changes.is_empty() && !self.has_room_in_log() {
            self.state.drop_writes(count_stores(&changes));
            changes.clear();
        }
        if changes.is_empty() && notes.is_empty() {
            return;
        }
        match self.apply(&changes, &notes) {
            Ok(()) => {
                self.recorded += u64::try_from(notes.len()).unwrap_or_default();
                self.state.recorded.send_replace(self.recorded);
            }
            Err(error) => {
                self.state.drop_writes(count_stores(&changes));
                let has_writes = notes.iter().any(|note| !matches!(note, DiskNote::Join(_)));
                self.state.queue.put_back(notes);
                self.give_way(&error, has_writes);
            }
        }
    }

    /// Serializes the answers of a batch. Those that are too large are left out.
    fn pack(&self, jobs: Vec<WriteJob>) -> Vec<Packed> {
        let mut changes = Vec::with_capacity(jobs.len());
        let largest = self.database.as_ref().map_or(0, Database::largest);
        for job in jobs {
            match job {
                WriteJob::Store { key, answer, asked } => {
                    let asked_before = u64::try_from(asked).unwrap_or_default();
                    match answer.to_bytes(asked_before) {
                        Some(bytes) if bytes.len() <= largest => {
                            changes.push(Packed::Store(key, asked, bytes));
                        }
                        _ => self.state.drop_writes(1),
                    }
                }
                WriteJob::Remove(row) => changes.push(Packed::Remove(row)),
                WriteJob::Use(row) => changes.push(Packed::Use(row)),
            }
        }
        changes
    }

    fn apply(&mut self, changes: &[Packed], notes: &[DiskNote]) -> Result<(), DiskError> {
        let Some(database) = &mut self.database else {
            // Notes are kept until a file can be opened, in which older answers may be.
            return Err(DiskError::Unusable("no file is open".to_owned()));
        };
        let mut to_apply: Vec<_> = changes.iter().map(Packed::as_change).collect();
        // Neighbours share pages. Changes of one entry stay in order.
        to_apply.sort_by_key(Change::row);
        self.is_warm |= !to_apply.is_empty();
        let applied = database.apply(&to_apply, notes)?;
        for change in &to_apply {
            if let Change::Store(entry) = change {
                self.state.filter.add(entry.key.row);
            }
        }
        let counts = &self.state.counts;
        counts
            .evictions
            .fetch_add(applied.evicted, Ordering::Relaxed);
        self.state.drop_writes(applied.dropped);
        let entries = counts.entries.load(Ordering::Relaxed);
        let entries = entries.saturating_add_signed(applied.added);
        counts.entries.store(entries, Ordering::Relaxed);
        self.state.health.recover();
        self.measure();
        Ok(())
    }

    /// Whether the write-ahead log is within its bound. Another process can keep it from that.
    fn has_room_in_log(&self) -> bool {
        let Some(database) = &self.database else {
            return true;
        };
        match database.has_room_in_log(&self.state.dir) {
            Ok(true) => return true,
            Ok(false) => self.state.fail(&DiskError::LogPinned),
            Err(error) => self.state.fail(&error),
        }
        false
    }

    /// Reacts to a failed batch.
    ///
    /// A write that can't be recorded must not leave older answers on disk, where a restart would
    /// find them: then the file is removed, which needs no room.
    fn give_way(&mut self, error: &DiskError, has_writes: bool) {
        if self.database.is_none() {
            return;
        }
        self.state.fail(error);
        match error {
            DiskError::Damaged(why) => self.start_over(Some(why)),
            DiskError::Busy | DiskError::Slow | DiskError::LogPinned => {}
            DiskError::Full | DiskError::Unusable(_) => {
                let relieved = self.database.as_mut().map(Database::relieve);
                let is_relieved = matches!(relieved, Some(Ok(_)));
                if has_writes && !is_relieved {
                    self.start_over(None);
                }
            }
        }
    }

    /// Begins a new file. A damaged one is set aside, another one removed.
    fn start_over(&mut self, damage: Option<&str>) {
        self.close();
        let dir = &self.state.dir;
        let gone = match damage {
            Some(why) => file::replace_damaged(dir, why),
            None => file::remove(dir),
        };
        match gone {
            Ok(()) => self.open(),
            Err(error) => self.state.fail(&error),
        }
    }

    /// Does the work beside writing: other processes' writes, another file, old entries.
    fn tick(&mut self) {
        if self.state.health.is_damaged() {
            self.start_over(Some("a lookup found damage"));
        }
        let Some(database) = &mut self.database else {
            if self.tried.elapsed() >= RETRY {
                self.open();
            }
            return;
        };
        match database.is_in_place(&self.state.dir) {
            Ok(true) => {}
            // Another process has set it aside, or it was deleted.
            Ok(false) => {
                self.close();
                return self.open();
            }
            Err(error) => return self.state.fail(&error.into()),
        }
        if !std::mem::take(&mut self.is_warm) {
            database.release_memory();
        }
        let caught_up = database.catch_up(&self.state);
        if self.purged.elapsed() >= PURGE {
            self.purged = Instant::now();
            let purged = database.purge();
            self.count();
            self.note(purged);
        }
        self.note(caught_up.map(|new| {
            let entries = &self.state.counts.entries;
            entries.fetch_add(new, Ordering::Relaxed);
        }));
        // Without answers to write, only a try shows that the disk can be written to again.
        if self.state.health.trouble().is_some() && self.tried.elapsed() >= RETRY {
            self.tried = Instant::now();
            let tried = self.apply(&[], &[]);
            self.note(tried);
        }
    }

    /// Reports a failure of the work beside writing.
    fn note(&mut self, result: Result<(), DiskError>) {
        match result {
            Ok(()) => {}
            Err(DiskError::Damaged(why)) => {
                self.state.fail(&DiskError::Damaged(why.clone()));
                self.start_over(Some(&why));
            }
            Err(error) => self.state.fail(&error),
        }
    }

    /// Counts the entries, and fills the filter anew.
    fn count(&mut self) {
        let Some(database) = &mut self.database else {
            return;
        };
        match database.read_all_keys(&self.state) {
            Ok(entries) => self.state.counts.entries.store(entries, Ordering::Relaxed),
            Err(error) => self.state.fail(&error),
        }
    }

    fn measure(&self) {
        let bytes = file::bytes(&self.state.dir);
        self.state.counts.bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Packed {
    fn as_change(&self) -> Change<'_> {
        match self {
            Self::Store(key, asked, bytes) => Change::Store(NewEntry {
                key: *key,
                asked: *asked,
                bytes,
            }),
            Self::Remove(row) => Change::Remove(*row),
            Self::Use(row) => Change::Use(*row),
        }
    }
}

fn count_stores(changes: &[Packed]) -> u64 {
    let stores = changes
        .iter()
        .filter(|change| matches!(change, Packed::Store(..)));
    u64::try_from(stores.count()).unwrap_or_default()
}
