//! The file with the usage of each caller by day: `usage.db` beside the cache on disk.
//!
//! It is a file of its own, so that usage outlives answers that are removed to make room, and a cache
//! that is begun anew. Several processes may add to one file. It holds names of clients and digests
//! of keys, no key and nothing of what was asked.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig};
use thiserror::Error;
use time::Date;

use super::UsageQuery;
use crate::{
    access::{
        CallerNumbers, MAX_USAGE_CALLERS, USAGE_DAYS, UsageCaller, UsageCounts, UsageRow, first_day,
    },
    clock::Now,
};

/// The file's name.
const NAME: &str = "usage.db";

/// The name of a damaged file, without the second at which it was set aside.
const DAMAGED: &str = "usage.db.damaged-";

/// The access rights of the file.
const MODE: u32 = 0o600;

/// The version of the schema, in `PRAGMA user_version`.
const VERSION: i32 = 1;

/// The mark of the file, in `PRAGMA application_id`: `VT4U`.
const APPLICATION: i32 = 0x5654_3455;

/// The time to wait for another process that writes.
const BUSY_LIMIT: Duration = Duration::from_secs(1);

/// The largest number of rows that are read.
#[expect(clippy::cast_possible_wrap, reason = "about 200,000")]
const MAX_ROWS: i64 = (MAX_USAGE_CALLERS * USAGE_DAYS as usize) as i64;

const COUNT_CALLERS: &str = "SELECT count(DISTINCT CASE WHEN caller LIKE 'client:%' THEN caller END), \
    count(DISTINCT CASE WHEN caller LIKE 'key:%' THEN caller END) FROM usage";

/// Days are Julian day numbers.
const SCHEMA: &str = "CREATE TABLE usage (
    caller TEXT NOT NULL, day INTEGER NOT NULL, requests INTEGER NOT NULL, units INTEGER NOT NULL,
    saved_units INTEGER NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (caller, day)
) STRICT, WITHOUT ROWID";

const ADD: &str = "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (caller, day) DO UPDATE SET requests = requests + excluded.requests, \
    units = units + excluded.units, saved_units = saved_units + excluded.saved_units, \
    tokens = tokens + excluded.tokens";

const READ_ALL: &str = "SELECT caller, day, requests, units, saved_units, tokens FROM usage \
    WHERE day BETWEEN ?1 AND ?2 LIMIT ?3";

const READ_ONE: &str = "SELECT caller, day, requests, units, saved_units, tokens FROM usage \
    WHERE day BETWEEN ?1 AND ?2 AND caller = ?3";

/// The file, open to read and write.
#[derive(Debug)]
pub(super) struct UsageFile {
    connection: Connection,
    id: [u64; 2],
    /// The number of callers, without those that other processes have added since the purge.
    callers: CallerNumbers,
    /// The day on which old rows were last removed.
    purged: Option<Date>,
}

/// The reason why the file can't be used. It contains no path.
#[derive(Debug, Error)]
pub(super) enum UsageFileError {
    /// The file is not one of usage, or damaged.
    #[error("the file of usage is damaged: {0}")]
    Damaged(String),
    /// The system refuses an operation.
    #[error("{0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for UsageFileError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(failure) = error.sqlite_error() else {
            // Columns have the wrong type, or rows are missing.
            return Self::Damaged(error.to_string());
        };
        match failure.code {
            // A count that is as large as an integer can be can't be added to.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::TypeMismatch
            | ErrorCode::ConstraintViolation => Self::Damaged(failure.to_string()),
            // Messages of SQLite may contain the path.
            _ => Self::Unusable(failure.to_string()),
        }
    }
}

impl From<io::Error> for UsageFileError {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl UsageFile {
    /// Whether there is no file in this directory.
    pub(super) fn is_missing(dir: &Path) -> bool {
        matches!(fs::metadata(dir.join(NAME)), Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Opens the file, and creates it and its directory if they do not exist.
    pub(super) fn open(dir: &Path) -> Result<Self, UsageFileError> {
        if !dir.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let path = dir.join(NAME);
        create(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY_LIMIT)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        // A crash of the process loses nothing that was committed; one of the system may.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "wal_autocheckpoint", 64)?;
        connection.pragma_update(None, "journal_size_limit", 1024 * 1024)?;
        connection.pragma_update(None, "cache_size", -256)?;
        prepare(&mut connection)?;
        Ok(Self {
            connection,
            id: id_of(&path)?,
            callers: CallerNumbers::default(),
            purged: None,
        })
    }

    /// Whether the file is still the one in the directory.
    pub(super) fn is_in_place(&self, dir: &Path) -> bool {
        matches!(id_of(&dir.join(NAME)), Ok(id) if id == self.id)
    }

    /// Renames the file, in place of one that was set aside before. Returns its new name.
    pub(super) fn set_aside(dir: &Path) -> io::Result<String> {
        for suffix in ["-shm", "-wal"] {
            remove_if_there(&dir.join(format!("{NAME}{suffix}")))?;
        }
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(DAMAGED) {
                remove_if_there(&entry.path())?;
            }
        }
        let name = format!("{DAMAGED}{}", Now::read().utc.unix_timestamp());
        fs::rename(dir.join(NAME), dir.join(&name))?;
        Ok(name)
    }

    /// Adds to the counts in one transaction.
    pub(super) fn add(&mut self, rows: &[UsageRow]) -> Result<(), UsageFileError> {
        let today = Now::read().day();
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let mut callers = self.callers;
        if self.purged != Some(today) {
            let first = first_day(today, USAGE_DAYS).to_julian_day();
            transaction.execute("DELETE FROM usage WHERE day < ?1", [first])?;
            callers = transaction.query_row(COUNT_CALLERS, [], |row| {
                Ok(CallerNumbers {
                    clients: row.get::<_, u32>(0)? as usize,
                    keys: row.get::<_, u32>(1)? as usize,
                })
            })?;
        }
        {
            let mut is_there =
                transaction.prepare_cached("SELECT 1 FROM usage WHERE caller = ?1 LIMIT 1")?;
            let mut add = transaction.prepare_cached(ADD)?;
            for row in rows {
                let mut caller = row.caller.to_string();
                if !is_there.exists([&caller])? && !callers.admit(&row.caller) {
                    caller = UsageCaller::Others.to_string();
                }
                let UsageCounts {
                    requests,
                    units,
                    saved_units,
                    tokens,
                } = row.counts;
                let day = row.day.to_julian_day();
                add.execute((&caller, day, requests, units, saved_units, tokens))?;
            }
        }
        transaction.commit()?;
        self.callers = callers;
        self.purged = Some(today);
        Ok(())
    }

    /// Returns the rows of a query. Those that the gateway did not write are left out.
    pub(super) fn read(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, UsageFileError> {
        let UsageQuery { caller, from, to } = query;
        let (from, to) = (from.to_julian_day(), to.to_julian_day());
        let sql = if caller.is_some() { READ_ONE } else { READ_ALL };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = match caller {
            Some(caller) => statement.query((from, to, caller.to_string()))?,
            None => statement.query((from, to, MAX_ROWS))?,
        };
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let text: String = row.get(0)?;
            let day = Date::from_julian_day(row.get(1)?);
            let (Some(caller), Ok(day)) = (UsageCaller::parse(&text), day) else {
                continue;
            };
            rows.push(UsageRow {
                caller,
                day,
                counts: UsageCounts {
                    requests: row.get(2)?,
                    units: row.get(3)?,
                    saved_units: row.get(4)?,
                    tokens: row.get(5)?,
                },
            });
        }
        Ok(rows)
    }
}

/// Creates the file if it is not there, for its user alone. `SQLite` gives those beside it the same
/// access rights.
fn create(path: &PathBuf) -> Result<(), UsageFileError> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path);
    if let Err(error) = created
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error.into());
    }
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(UsageFileError::Unusable("not a regular file".to_owned()));
    }
    if found.permissions().mode() & 0o777 != MODE {
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
    }
    Ok(())
}

/// Creates the table of a new file, and checks an old one.
fn prepare(connection: &mut Connection) -> Result<(), UsageFileError> {
    // Another process may create the table at the same time.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if schema_of(&transaction)?.is_empty() {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION && version != VERSION {
        let why = format!("another version of the gateway wrote usage.db (schema {version})");
        return Err(UsageFileError::Unusable(why));
    }
    if application != APPLICATION || schema_of(connection)? != [SCHEMA] {
        let why = "it is not the gateway's";
        return Err(UsageFileError::Damaged(why.to_owned()));
    }
    Ok(())
}

fn schema_of(connection: &Connection) -> Result<Vec<String>, UsageFileError> {
    const ALL: &str = "SELECT coalesce(sql, '') FROM sqlite_schema LIMIT 9";
    let mut all = connection.prepare(ALL)?;
    let rows = all.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn id_of(path: &Path) -> io::Result<[u64; 2]> {
    let found = fs::metadata(path)?;
    Ok([found.dev(), found.ino()])
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
