//! The writer's connection: batches of writes, and what other processes have written.

use std::{collections::HashSet, io, path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{
    DiskError, DiskKey, DiskNote, DiskState,
    file::{self, FileId},
    key::{checksum, wall_now},
    notes::{self, Progress},
    room::{self, Room},
};

/// The approximate bytes of an entry beside those of the answer.
const OVERHEAD: i64 = 128;

/// An entry to be written.
#[derive(Debug)]
pub(super) struct NewEntry<'a> {
    pub(super) key: DiskKey,
    pub(super) asked: i64,
    pub(super) bytes: &'a [u8],
}

/// A change of the file, beside those in [`DiskNote`].
#[derive(Debug)]
pub(super) enum Change<'a> {
    Store(NewEntry<'a>),
    Remove(i64),
    Use(i64),
}

impl Change<'_> {
    /// Returns the entry that it concerns.
    pub(super) fn row(&self) -> i64 {
        match self {
            Self::Store(entry) => entry.key.row,
            Self::Remove(row) | Self::Use(row) => *row,
        }
    }
}

/// The outcome of a batch.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The entries that are new, less those that were removed.
    pub(super) added: i64,
    pub(super) evicted: u64,
    /// The answers that were left out.
    pub(super) dropped: u64,
}

/// The file, open to write.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    id: FileId,
    room: Room,
    /// The digests of names that are recorded as belonging together.
    joined: HashSet<i64>,
    /// The number of the last write that is known in memory.
    seq: i64,
    /// The number of the last answer that is in the filter.
    body: i64,
    /// The number by which `SQLite` tells that another process has written.
    version: i64,
    life: Duration,
}

impl Database {
    /// Opens the file, and learns the last writes.
    pub(super) fn open(state: &DiskState) -> Result<Self, DiskError> {
        let room = Room::new(state.max_bytes);
        let connection = file::open_to_write(&state.dir, room.wal_bytes())?;
        room.limit(&connection)?;
        let id = FileId::in_directory(&state.dir)?;
        let mut database = Self {
            connection,
            id,
            room,
            joined: HashSet::new(),
            seq: 0,
            body: 0,
            version: 0,
            life: state.longest,
        };
        database.seq = notes::learn(&database.connection, &state.changes, 0)?;
        database.joined = notes::read_joined(&database.connection)?;
        Ok(database)
    }

    /// Whether the file is still the one in the directory.
    pub(super) fn is_in_place(&self, dir: &Path) -> io::Result<bool> {
        match FileId::in_directory(dir) {
            Ok(id) => Ok(id == self.id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes of answers that one batch may have.
    pub(super) fn batch_bytes(&self) -> usize {
        self.room.batch_bytes()
    }

    /// Returns the bytes of the largest answer that is kept.
    pub(super) fn largest(&self) -> usize {
        self.room.largest()
    }

    /// Whether the write-ahead log is within its bound. Tries to empty it if it is not.
    pub(super) fn has_room_in_log(&self, dir: &Path) -> Result<bool, DiskError> {
        if file::wal_bytes(dir) <= self.room.wal_bytes() {
            return Ok(true);
        }
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(is_busy == 0 && file::wal_bytes(dir) <= self.room.wal_bytes())
    }

    /// Applies a batch in one transaction.
    pub(super) fn apply(
        &mut self,
        changes: &[Change<'_>],
        to_record: &[DiskNote],
    ) -> Result<Applied, DiskError> {
        let room = &self.room;
        // Taken out, so that after a failure nothing counts as recorded that is not.
        let mut joined = std::mem::take(&mut self.joined);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = transaction.query_row("SELECT clock, seq FROM state", [], |row| {
            Ok(Progress {
                clock: row.get(0)?,
                seq: row.get(1)?,
            })
        })?;
        file::check_clock(before.clock)?;
        let (mut progress, mut applied) = (before, Applied::default());
        let (refusals, others): (Vec<_>, Vec<_>) = to_record
            .iter()
            .partition(|note| matches!(note, DiskNote::Forget(_)));
        // Writes go first: answers of this batch that were asked for after them are not outdated.
        for note in others {
            notes::record(&transaction, note, &mut progress, &mut joined)?;
        }
        for change in changes {
            match change {
                Change::Store(entry) => {
                    if room.make(&transaction, entry.bytes.len(), &mut applied)? {
                        applied.added += i64::from(put(&transaction, entry)?);
                        progress.clock = progress.clock.max(entry.asked);
                    } else {
                        applied.dropped += 1;
                    }
                }
                Change::Remove(row) => applied.added -= i64::from(remove(&transaction, *row)?),
                Change::Use(row) => note_use(&transaction, *row)?,
            }
        }
        for note in refusals {
            notes::record(&transaction, note, &mut progress, &mut joined)?;
        }
        let mut update =
            transaction.prepare_cached("UPDATE state SET clock = max(clock, ?1), seq = ?2")?;
        update.execute([progress.clock, progress.seq])?;
        drop(update);
        transaction.commit()?;
        self.joined = joined;
        if self.seq == before.seq {
            // No other process has recorded a write meanwhile, and this one's own are known.
            self.seq = progress.seq;
        }
        self.room.shrink(&self.connection)?;
        Ok(applied)
    }

    /// Reads what other processes have written since the last time. Returns about how many answers
    /// are new.
    pub(super) fn catch_up(&mut self, state: &DiskState) -> Result<u64, DiskError> {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if version == self.version {
            return Ok(0);
        }
        self.version = version;
        self.seq = notes::learn(&self.connection, &state.changes, self.seq)?;
        let mut later = self
            .connection
            .prepare_cached("SELECT id, key FROM bodies WHERE id > ?1")?;
        let (mut rows, mut count) = (later.query([self.body])?, 0);
        while let Some(row) = rows.next()? {
            let key = row.get(1)?;
            self.body = self.body.max(row.get(0)?);
            count += u64::from(!state.filter.may_have(key));
            state.filter.add(key);
        }
        Ok(count)
    }

    /// Fills the filter anew. Returns the number of entries.
    pub(super) fn read_all_keys(&mut self, state: &DiskState) -> Result<u64, DiskError> {
        self.version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        self.body =
            self.connection
                .query_row("SELECT coalesce(max(id), 0) FROM bodies", [], |row| {
                    row.get(0)
                })?;
        state.filter.clear();
        let mut all = self.connection.prepare("SELECT key FROM entries")?;
        let (mut rows, mut count) = (all.query([])?, 0);
        while let Some(row) = rows.next()? {
            state.filter.add(row.get(0)?);
            count += 1;
        }
        state.filter.complete();
        Ok(count)
    }

    /// Gives back the memory of pages that are kept for the next batch.
    pub(super) fn release_memory(&self) {
        // Nothing depends on it.
        let _ = self.connection.release_memory();
    }

    /// Removes what is too old to be of use.
    pub(super) fn purge(&mut self) -> Result<(), DiskError> {
        let life = self.life;
        let oldest = wall_now().saturating_sub(i64::try_from(life.as_micros()).unwrap_or(i64::MAX));
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "DELETE FROM bodies WHERE id IN (SELECT body FROM entries WHERE asked < ?1)",
            [oldest],
        )?;
        transaction.execute("DELETE FROM entries WHERE asked < ?1", [oldest])?;
        notes::purge(&transaction, life)?;
        transaction.commit()?;
        self.joined = notes::read_joined(&self.connection)?;
        Ok(())
    }

    /// Frees room after the disk was found full.
    pub(super) fn relieve(&mut self) -> Result<u64, DiskError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let evicted = room::evict(&transaction, self.room.batch_bytes())?;
        transaction.commit()?;
        Ok(evicted)
    }
}

/// Puts an entry in place of an older one. Returns whether there was no older one.
fn put(connection: &Connection, entry: &NewEntry<'_>) -> Result<bool, DiskError> {
    const OLD: &str = "SELECT asked, body FROM entries WHERE key = ?1";
    const ADD: &str = "INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let NewEntry { key, asked, bytes } = entry;
    let now = wall_now();
    let mut find_old = connection.prepare_cached(OLD)?;
    let old = find_old.query_row([key.row], |row| Ok([row.get(0)?, row.get(1)?]));
    let old: Option<[i64; 2]> = old.optional()?;
    if let Some([old_asked, body]) = old {
        // Another process has a newer answer. One from the future is from before the clock was
        // set back.
        if old_asked > *asked && old_asked <= now {
            return Ok(false);
        }
        remove_body(connection, body)?;
        let mut remove = connection.prepare_cached("DELETE FROM entries WHERE key = ?1")?;
        remove.execute([key.row])?;
    }
    let mut add = connection.prepare_cached("INSERT INTO bodies (key, bytes) VALUES (?1, ?2)")?;
    let body = add.insert((key.row, bytes))?;
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX - OVERHEAD) + OVERHEAD;
    let mut add = connection.prepare_cached(ADD)?;
    add.execute((
        key.row,
        body,
        key.owner,
        asked,
        now,
        size,
        checksum(key.seed, bytes),
    ))?;
    Ok(old.is_none())
}

/// Removes an entry. Returns whether it was there.
pub(super) fn remove(connection: &Connection, row: i64) -> Result<bool, DiskError> {
    const REMOVE: &str = "DELETE FROM entries WHERE key = ?1 RETURNING body";
    let mut statement = connection.prepare_cached(REMOVE)?;
    let body = statement.query_row([row], |row| row.get(0)).optional()?;
    if let Some(body) = body {
        remove_body(connection, body)?;
    }
    Ok(body.is_some())
}

fn remove_body(connection: &Connection, body: i64) -> Result<(), DiskError> {
    let mut remove = connection.prepare_cached("DELETE FROM bodies WHERE id = ?1")?;
    remove.execute([body])?;
    Ok(())
}

fn note_use(connection: &Connection, row: i64) -> Result<(), DiskError> {
    let mut update = connection.prepare_cached("UPDATE entries SET used = ?2 WHERE key = ?1")?;
    update.execute([row, wall_now()])?;
    Ok(())
}
