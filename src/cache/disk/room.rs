//! The bound in bytes, and the eviction of what was used least recently.
//!
//! The bound covers the file and its write-ahead log. The file's part is enforced by `SQLite`, too
//! (`max_page_count`). Rows are removed before a new answer needs their room, a sixty-fourth of the
//! file at a time. As in memory, no owner loses answers while it holds less than its share.

use rusqlite::Connection;

use super::{DiskError, database, database::Applied, file};

/// The largest part of the bound that is left to the log.
const MAX_WAL: u64 = 64 * 1024 * 1024;

/// The largest answer that is kept.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;

/// The bytes of the files beside the file and its log: the index of the log.
const BESIDE: u64 = 128 * 1024;

/// The number of rows that are removed before the room is measured again.
const ROWS: usize = 256;

/// The number of passes after which an answer for which there is no room is left out.
const PASSES: usize = 8;

/// The bounds of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    max_bytes: u64,
}

/// The bytes of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holding {
    owner: i64,
    bytes: u64,
}

impl Room {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { max_bytes }
    }

    /// Returns the bound of the write-ahead log.
    pub(super) fn wal_bytes(self) -> u64 {
        (self.max_bytes / 4).min(MAX_WAL)
    }

    /// Returns the bound of the file.
    fn file_bytes(self) -> u64 {
        self.max_bytes
            .saturating_sub(self.wal_bytes())
            .saturating_sub(BESIDE)
    }

    /// Returns the bytes of answers that one batch may have: the log takes several times as many.
    pub(super) fn batch_bytes(self) -> usize {
        usize::try_from(self.wal_bytes() / 8).unwrap_or(usize::MAX)
    }

    /// Returns the bytes of the largest answer that is kept.
    pub(super) fn largest(self) -> usize {
        usize::try_from((self.max_bytes / 32).min(MAX_ANSWER)).unwrap_or(usize::MAX)
    }

    /// Has `SQLite` enforce the bound of the file.
    pub(super) fn limit(self, connection: &Connection) -> Result<(), DiskError> {
        let pages =
            i64::try_from(self.file_bytes() / file::page_bytes(connection)?).unwrap_or(i64::MAX);
        let set = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        connection.pragma_update_and_check(None, "max_page_count", pages, set)?;
        Ok(())
    }

    /// Makes room for an answer of this many bytes. Returns whether there is room.
    pub(super) fn make(
        self,
        connection: &Connection,
        bytes: usize,
        applied: &mut Applied,
    ) -> Result<bool, DiskError> {
        let need = u64::try_from(bytes).unwrap_or(u64::MAX / 2);
        let need = need + 4 * file::page_bytes(connection)?;
        // A sixty-fourth stays free, for pages that are only partly filled and for notes.
        let bound = self.file_bytes() - self.file_bytes() / 64;
        for _ in 0..PASSES {
            let held = held_bytes(connection)? + need;
            if held <= bound {
                return Ok(true);
            }
            let excess = (held - bound).saturating_add(bound / 64);
            let evicted = evict(connection, usize::try_from(excess).unwrap_or(usize::MAX))?;
            applied.evicted += evicted;
            applied.added -= i64::try_from(evicted).unwrap_or(i64::MAX);
            if evicted == 0 {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Gives room back to the system if the file is larger than its bound, which was lowered.
    pub(super) fn shrink(self, connection: &Connection) -> Result<(), DiskError> {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        if u64::try_from(pages).unwrap_or_default() * file::page_bytes(connection)?
            <= self.file_bytes()
        {
            return Ok(());
        }
        // In steps: the pages that move pass through the log.
        let mut vacuum = connection.prepare("PRAGMA incremental_vacuum(1000)")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}

/// Evicts answers of this many bytes: of the owners that hold most, those used least recently.
/// Returns their number.
pub(super) fn evict(connection: &Connection, bytes: usize) -> Result<u64, DiskError> {
    let holdings = holdings(connection)?;
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let level = level(&holdings, bytes);
    let mut evicted = 0;
    for holding in holdings {
        let excess = holding.bytes.saturating_sub(level);
        if excess > 0 {
            evicted += evict_of(connection, holding.owner, excess)?;
        }
    }
    Ok(evicted)
}

/// Returns the bytes of the pages in use.
fn held_bytes(connection: &Connection) -> Result<u64, DiskError> {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = read("page_count")? - read("freelist_count")?;
    Ok(u64::try_from(used).unwrap_or_default() * file::page_bytes(connection)?)
}

/// Returns the bytes of each owner, the largest first.
fn holdings(connection: &Connection) -> Result<Vec<Holding>, DiskError> {
    const ALL: &str = "SELECT owner, sum(size) FROM entries INDEXED BY entries_by_use
        GROUP BY owner ORDER BY 2 DESC";
    let mut statement = connection.prepare_cached(ALL)?;
    let rows = statement.query_map([], |row| {
        Ok(Holding {
            owner: row.get(0)?,
            bytes: u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the bytes to which the largest owners are cut, so that `bytes` are freed in all.
fn level(holdings: &[Holding], bytes: u64) -> u64 {
    let mut sum = 0_u64;
    for (at, holding) in holdings.iter().enumerate() {
        sum = sum.saturating_add(holding.bytes);
        let count = u64::try_from(at + 1).unwrap_or(u64::MAX);
        let level = sum.saturating_sub(bytes) / count;
        // Enough is freed without touching the next owner.
        if holdings.get(at + 1).is_none_or(|next| next.bytes <= level) {
            return level;
        }
    }
    0
}

/// Evicts an owner's least recently used answers of this many bytes. Returns their number.
fn evict_of(connection: &Connection, owner: i64, bytes: u64) -> Result<u64, DiskError> {
    const OLDEST: &str = "SELECT key, size FROM entries INDEXED BY entries_by_use
        WHERE owner = ?1 ORDER BY used LIMIT ?2";
    let (mut freed, mut evicted) = (0_u64, 0);
    while freed < bytes {
        let mut statement = connection.prepare_cached(OLDEST)?;
        let rows = statement.query_map((owner, i64::try_from(ROWS).unwrap_or(1)), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let oldest = rows.collect::<Result<Vec<_>, _>>()?;
        if oldest.is_empty() {
            break;
        }
        for (key, size) in oldest {
            if freed >= bytes {
                break;
            }
            database::remove(connection, key)?;
            freed = freed.saturating_add(u64::try_from(size).unwrap_or_default());
            evicted += 1;
        }
    }
    Ok(evicted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of(bytes: &[u64], freed: u64) -> u64 {
        let mut holdings = Vec::new();
        for (owner, bytes) in bytes.iter().enumerate() {
            holdings.push(Holding {
                owner: i64::try_from(owner).unwrap(),
                bytes: *bytes,
            });
        }
        level(&holdings, freed)
    }

    #[test]
    fn the_largest_owners_are_cut_to_one_level() {
        assert_eq!(level_of(&[100], 30), 70);
        assert_eq!(level_of(&[100, 60, 10], 30), 70);
        assert_eq!(level_of(&[100, 60, 10], 60), 50);
        assert_eq!(level_of(&[100, 60, 10], 500), 0);
        assert_eq!(level_of(&[], 5), 0);
    }
}
