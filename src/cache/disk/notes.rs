//! The names that belong to one object, and the last write to each object.

use std::{collections::HashSet, time::Duration};

use rusqlite::{Connection, OptionalExtension as _};

use super::{
    DiskError, DiskNote,
    key::{checksum, wall_now},
};
use crate::cache::{Certainty, Moment, ObjectName, changes::Changes, changes::MAX_NAMES};

/// The number of writes above which the oldest are forgotten, together with older answers.
const MAX_CHANGES: i64 = 65_536;

/// The number of rows of joined names that are kept.
const MAX_JOINS: i64 = 65_536;

/// The number of searches for names that belong to those that an earlier search has found.
const PASSES: usize = 3;

/// The progress of the recording of notes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// The latest time in the file.
    pub(super) clock: i64,
    /// The number of the last write.
    pub(super) seq: i64,
}

/// The times of the last writes to an object, or 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LastWrites {
    /// The last write that VirusTotal accepted.
    pub(super) certain: i64,
    /// The last write that may have been carried out.
    pub(super) possible: i64,
}

/// Records a note. Runs within a transaction. `joined` has the digests of the names that are
/// recorded as belonging together.
pub(super) fn record(
    connection: &Connection,
    note: &DiskNote,
    progress: &mut Progress,
    joined: &mut HashSet<i64>,
) -> Result<(), DiskError> {
    match note {
        DiskNote::Change {
            names,
            certainty,
            at,
        } => {
            let names = all_names(connection, names)?;
            // Later than all answers in the file, even if the clock was set back.
            progress.clock = progress.clock.saturating_add(1).max(*at);
            let mut last = LastWrites::default();
            match certainty {
                Certainty::Certain => last.certain = progress.clock,
                Certainty::Possible => last.possible = progress.clock,
            }
            raise(connection, &names, last, progress)
        }
        DiskNote::Join(names) => join(connection, names, progress, joined),
        DiskNote::Forget(owner) => forget(connection, *owner),
    }
}

/// Returns these names and those that are recorded for the same object.
///
/// Searches all that is recorded, which takes milliseconds, since only writes need it.
pub(super) fn all_names(
    connection: &Connection,
    names: &[ObjectName],
) -> Result<Vec<ObjectName>, DiskError> {
    let mut statement = connection.prepare_cached("SELECT names FROM joins")?;
    let mut all = names.to_vec();
    // Names that are found may be recorded with further ones.
    for _ in 0..PASSES {
        let before = all.len();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            let row = bytes.chunks(16).filter_map(ObjectName::from_bytes);
            if row.clone().any(|name| all.contains(&name)) {
                for name in row {
                    if all.len() < MAX_NAMES && !all.contains(&name) {
                        all.push(name);
                    }
                }
            }
        }
        if all.len() == before {
            break;
        }
    }
    Ok(all)
}

/// Reads the digests of all names that are recorded as belonging together.
pub(super) fn read_joined(connection: &Connection) -> Result<HashSet<i64>, DiskError> {
    let mut statement = connection.prepare("SELECT names FROM joins")?;
    let (mut rows, mut joined) = (statement.query([])?, HashSet::new());
    while let Some(row) = rows.next()? {
        joined.insert(checksum(0, row.get_ref(0)?.as_blob().unwrap_or_default()));
    }
    Ok(joined)
}

/// Returns the times of the last writes to the object with these names.
pub(super) fn last_changes(
    connection: &Connection,
    names: &[ObjectName],
) -> Result<LastWrites, DiskError> {
    const LAST: &str = "SELECT certain, possible FROM changes WHERE name = ?1";
    let mut statement = connection.prepare_cached(LAST)?;
    let mut last = LastWrites::default();
    for name in names {
        let row = statement.query_row([name.bytes()], |row| {
            Ok(LastWrites {
                certain: row.get(0)?,
                possible: row.get(1)?,
            })
        });
        if let Some(of_name) = row.optional()? {
            last.certain = last.certain.max(of_name.certain);
            last.possible = last.possible.max(of_name.possible);
        }
    }
    Ok(last)
}

/// Applies the writes after the one of this number in memory. Returns the last number.
pub(super) fn learn(
    connection: &Connection,
    changes: &Changes,
    after: i64,
) -> Result<i64, DiskError> {
    const LATER: &str = "SELECT name, certain, possible, seq FROM changes WHERE seq > ?1";
    let mut statement = connection.prepare_cached(LATER)?;
    let mut rows = statement.query([after])?;
    let (now, wall) = (Moment::now(), wall_now());
    let mut last = after;
    while let Some(row) = rows.next()? {
        last = last.max(row.get(3)?);
        let Some(name) = ObjectName::from_bytes(row.get_ref(0)?.as_blob().unwrap_or_default())
        else {
            continue;
        };
        let times: [i64; 2] = [row.get(1)?, row.get(2)?];
        for (at, certainty) in times
            .into_iter()
            .zip([Certainty::Certain, Certainty::Possible])
        {
            if at > 0 {
                // A time in the future counts as the present.
                let ago = u64::try_from(wall.saturating_sub(at)).unwrap_or_default();
                let at = now.before(Duration::from_micros(ago));
                changes.learn(&[name], at, certainty);
            }
        }
    }
    Ok(last)
}

/// Forgets what is too old to matter. Runs within a transaction.
pub(super) fn purge(connection: &Connection, life: Duration) -> Result<(), DiskError> {
    let life = i64::try_from(life.as_micros()).unwrap_or(i64::MAX);
    let oldest = wall_now().saturating_sub(life);
    connection.execute(
        "DELETE FROM changes WHERE certain < ?1 AND possible < ?1",
        [oldest],
    )?;
    connection.execute(
        "DELETE FROM joins WHERE id <= (SELECT max(id) FROM joins) - ?1",
        [MAX_JOINS],
    )?;
    let count: i64 = connection.query_row("SELECT count(*) FROM changes", [], |row| row.get(0))?;
    if count > MAX_CHANGES {
        // Answers from before a forgotten write must not come back.
        let bound: i64 = connection.query_row(
            "SELECT max(certain, possible) FROM changes ORDER BY 1 LIMIT 1 OFFSET ?1",
            [count - MAX_CHANGES / 2],
            |row| row.get(0),
        )?;
        connection.execute(
            "DELETE FROM bodies WHERE id IN (SELECT body FROM entries WHERE asked <= ?1)",
            [bound],
        )?;
        connection.execute("DELETE FROM entries WHERE asked <= ?1", [bound])?;
        connection.execute(
            "DELETE FROM changes WHERE max(certain, possible) <= ?1",
            [bound],
        )?;
    }
    Ok(())
}

/// Records that names belong to one object, and lets the writes to one of them count for all.
fn join(
    connection: &Connection,
    names: &[ObjectName],
    progress: &mut Progress,
    joined: &mut HashSet<i64>,
) -> Result<(), DiskError> {
    let mut parts: Vec<_> = names.iter().map(|name| *name.bytes()).collect();
    parts.sort_unstable();
    parts.dedup();
    let bytes = parts.concat();
    // After a restart all reports that are read tell their names again.
    if joined.insert(checksum(0, &bytes)) {
        let mut add = connection.prepare_cached("INSERT INTO joins (names) VALUES (?1)")?;
        add.execute([bytes])?;
    }
    // Without any write there is nothing to compare.
    if progress.seq == 0 {
        return Ok(());
    }
    let last = last_changes(connection, names)?;
    for name in names {
        if last_changes(connection, &[*name])? != last {
            let all = all_names(connection, names)?;
            return raise(connection, &all, last, progress);
        }
    }
    Ok(())
}

/// Raises the times of the last certain and possible write of these names.
fn raise(
    connection: &Connection,
    names: &[ObjectName],
    last: LastWrites,
    progress: &mut Progress,
) -> Result<(), DiskError> {
    const RAISE: &str = "INSERT INTO changes VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET certain = max(certain, excluded.certain),
            possible = max(possible, excluded.possible), seq = excluded.seq";
    let mut statement = connection.prepare_cached(RAISE)?;
    for name in names {
        progress.seq += 1;
        statement.execute((name.bytes(), last.certain, last.possible, progress.seq))?;
    }
    Ok(())
}

/// Removes all answers of an owner.
fn forget(connection: &Connection, owner: i64) -> Result<(), DiskError> {
    connection.execute(
        "DELETE FROM bodies WHERE id IN (SELECT body FROM entries WHERE owner = ?1)",
        [owner],
    )?;
    connection.execute("DELETE FROM entries WHERE owner = ?1", [owner])?;
    Ok(())
}
