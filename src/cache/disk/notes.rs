//! The names that belong to one object, and the last write to each object.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use super::{DiskError, DiskNote, MICROS, wall_now};
use crate::cache::{Certainty, Moment, ObjectName, changes::Changes, changes::MAX_NAMES};

/// The number of writes above which the oldest are forgotten, together with older answers.
const MAX_CHANGES: i64 = 65_536;

/// The part of the time to live after which the use of a name is recorded again.
const NAME_STEPS: u64 = 4;

/// Where the recording of notes stands.
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

/// Records a note. Runs within a transaction.
pub(super) fn record(
    connection: &Connection,
    note: &DiskNote,
    progress: &mut Progress,
    life: Duration,
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
        DiskNote::Join(names) => join(connection, names, progress, life),
        DiskNote::Forget(owner) => forget(connection, *owner),
    }
}

/// Returns these names and those that are recorded for the same object.
pub(super) fn all_names(
    connection: &Connection,
    names: &[ObjectName],
) -> Result<Vec<ObjectName>, DiskError> {
    let mut all = names.to_vec();
    for name in names {
        for other in object_of(connection, *name)?.unwrap_or_default().names {
            if !all.contains(&other) {
                all.push(other);
            }
        }
    }
    Ok(all)
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
    // A name that was used before is recorded again with the next answer.
    connection.execute(
        "DELETE FROM names WHERE used < ?1",
        [oldest / MICROS - life / MICROS],
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

/// The names of one object, as each of them has them.
#[derive(Debug, Default)]
struct NamedObject {
    names: Vec<ObjectName>,
    /// The second of the last use.
    used: i64,
}

fn object_of(connection: &Connection, name: ObjectName) -> Result<Option<NamedObject>, DiskError> {
    const OBJECT: &str = "SELECT object, used FROM names WHERE name = ?1";
    let mut statement = connection.prepare_cached(OBJECT)?;
    let row = statement.query_row([name.bytes()], |row| {
        let bytes = row.get_ref(0)?.as_blob()?;
        let names = bytes.chunks(16).filter_map(ObjectName::from_bytes);
        Ok(NamedObject {
            names: names.take(MAX_NAMES).collect(),
            used: row.get(1)?,
        })
    });
    Ok(row.optional()?)
}

/// Joins names, and lets the writes to one of them count for all.
fn join(
    connection: &Connection,
    names: &[ObjectName],
    progress: &mut Progress,
    life: Duration,
) -> Result<(), DiskError> {
    let now = wall_now() / MICROS;
    let step = i64::try_from(life.as_secs() / NAME_STEPS).unwrap_or(i64::MAX);
    if let Some(first) = names.first()
        && let Some(object) = object_of(connection, *first)?
        && now - object.used < step
        && names.iter().all(|name| object.names.contains(name))
    {
        return Ok(());
    }
    let mut all = all_names(connection, names)?;
    // The names just given stay; older spellings are of less use.
    all.truncate(MAX_NAMES);
    let object: Vec<u8> = all.iter().flat_map(|name| *name.bytes()).collect();
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO names VALUES (?1, ?2, ?3)")?;
    for name in &all {
        put.execute((name.bytes(), &object, now))?;
    }
    let last = last_changes(connection, &all)?;
    if last != LastWrites::default() {
        raise(connection, &all, last, progress)?;
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
