//! The file and its directory: creation, checks, and the setting aside of a damaged file.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};
use tracing::warn;

use super::{
    DiskError,
    key::{MICROS, wall_now},
};

/// The file's name.
const NAME: &str = "answers.db";

/// The name of a damaged file, without the second at which it was set aside.
const DAMAGED: &str = "answers.db.damaged-";

/// The name of the file that is locked while a process opens or sets aside the other one.
const LOCK: &str = "lock";

/// The access rights of the files: they hold what users asked about.
const MODE: u32 = 0o600;

/// The version of the schema, in `PRAGMA user_version`.
const VERSION: i32 = 1;

/// The mark of this cache's files, in `PRAGMA application_id`: `VT4A`.
const APPLICATION: i32 = 0x5654_3441;

/// The size of a page in bytes. `SQLite`'s usual 4096 cost twice the CPU for each answer.
const PAGE: u64 = 32_768;

/// The size of a page if the bound is small.
const SMALL_PAGE: u64 = 4096;

/// The bound of the write-ahead log below which pages are small.
const SMALL_WAL: u64 = 16 * 1024 * 1024;

/// The memory of the writer in KiB for the pages of one batch. It is given back afterwards.
const CACHE_KIB: i64 = 12 * 1024;

/// The longest value in bytes. A longer one was not written by the gateway.
const MAX_VALUE: i32 = 8 * 1024 * 1024;

/// The time that a process waits for another one to open the file.
const LOCK_LIMIT: Duration = Duration::from_secs(2);

/// The time that the writer waits for a writer of another process.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// The time that a reader waits for a lock, which it needs only after a crash.
const READ_BUSY_LIMIT: Duration = Duration::from_millis(200);

/// Answers are in two tables, since an update would write the bytes of a row again. The bytes are
/// appended in the order of arrival, so that new ones share pages. So are the names that belong to
/// one object: they are searched only after a write.
const SCHEMA: &str = "
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE entries (
    key INTEGER PRIMARY KEY, body INTEGER NOT NULL, owner INTEGER NOT NULL,
    asked INTEGER NOT NULL, used INTEGER NOT NULL, size INTEGER NOT NULL, mark INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_by_use ON entries (owner, used, size);
CREATE TABLE joins (id INTEGER PRIMARY KEY, names BLOB NOT NULL) STRICT;
CREATE TABLE changes (
    name BLOB PRIMARY KEY, certain INTEGER NOT NULL, possible INTEGER NOT NULL,
    seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX changes_by_seq ON changes (seq);
CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 1), clock INTEGER NOT NULL, seq INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0, 0);
";

/// The identity of a file, which changes if another one takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Returns the identity of the file in this directory.
    pub(super) fn in_directory(dir: &Path) -> io::Result<Self> {
        let found = fs::metadata(dir.join(NAME))?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
        })
    }
}

/// Opens the file to write, and creates it and its directory if they do not exist.
///
/// A file that is damaged or of a later version is set aside.
pub(super) fn open_to_write(dir: &Path, wal_bytes: u64) -> Result<Connection, DiskError> {
    create_directory(dir)?;
    let _lock = lock(dir)?;
    match try_open(dir, wal_bytes) {
        Err(DiskError::Damaged(why)) => {
            set_aside(dir, &why)?;
            try_open(dir, wal_bytes)
        }
        opened => opened,
    }
}

/// Opens the file to read. The writer has created it.
pub(super) fn open_to_read(dir: &Path) -> Result<Connection, DiskError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(dir.join(NAME), flags)?;
    connection.busy_timeout(READ_BUSY_LIMIT)?;
    restrict(&connection)?;
    // KiB: two readers shall not cost much memory, and the system caches the file.
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}

/// Sets a damaged file aside, in place of an earlier one, so that a new one can be made.
pub(super) fn replace_damaged(dir: &Path, why: &str) -> Result<(), DiskError> {
    let _lock = lock(dir)?;
    set_aside(dir, why)
}

/// Removes the file, which frees its room and takes back all that it holds.
pub(super) fn remove(dir: &Path) -> Result<(), DiskError> {
    let _lock = lock(dir)?;
    remove_logs(dir)?;
    remove_if_there(&dir.join(NAME))?;
    Ok(())
}

/// Returns the size of the file and of those beside it.
pub(super) fn bytes(dir: &Path) -> u64 {
    let size = |name| fs::metadata(dir.join(name)).map_or(0, |found| found.len());
    size(NAME.to_owned()) + wal_bytes(dir) + size(format!("{NAME}-shm"))
}

/// Returns the size of the write-ahead log.
pub(super) fn wal_bytes(dir: &Path) -> u64 {
    fs::metadata(dir.join(format!("{NAME}-wal"))).map_or(0, |found| found.len())
}

fn create_directory(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Takes the lock that orders the opening and setting aside of the file among processes.
fn lock(dir: &Path) -> Result<File, DiskError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(dir.join(LOCK))?;
    let began = Instant::now();
    while file.try_lock().is_err() {
        if began.elapsed() > LOCK_LIMIT {
            return Err(DiskError::Busy);
        }
        sleep(Duration::from_millis(10));
    }
    Ok(file)
}

fn try_open(dir: &Path, wal_bytes: u64) -> Result<Connection, DiskError> {
    let path = dir.join(NAME);
    // `SQLite` gives the files beside it the same access rights.
    if let Err(error) = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&path)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error.into());
    }
    let found = fs::metadata(&path)?;
    if !found.is_file() {
        return Err(DiskError::Unusable("not a regular file".to_owned()));
    }
    if found.permissions().mode() & 0o777 != MODE {
        fs::set_permissions(&path, Permissions::from_mode(MODE))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    restrict(&connection)?;
    prepare(&connection, wal_bytes)?;
    Ok(connection)
}

/// Limits what a file that others have written could do, and has statements prepared once.
fn restrict(connection: &Connection) -> Result<(), DiskError> {
    // Else a statement is prepared anew for each value of its parameters.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(())
}

/// Sets the modes of the file, creates the tables of a new one, and checks those of an old one.
///
/// This reads only the first pages, whatever the size. Damage elsewhere is found when it is read.
fn prepare(connection: &Connection, wal_bytes: u64) -> Result<(), DiskError> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages == 0 {
        let page = if wal_bytes < SMALL_WAL {
            SMALL_PAGE
        } else {
            PAGE
        };
        connection.pragma_update(None, "page_size", i64::try_from(page).unwrap_or(4096))?;
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let message = "the file system has no shared memory".to_owned();
        return Err(DiskError::Unusable(message));
    }
    connection.pragma_update(None, "synchronous", "normal")?;
    // The log is emptied at a quarter of its bound.
    let pages = i64::try_from(wal_bytes / 4 / page_bytes(connection)?).unwrap_or(1);
    let pages = pages.max(1);
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    let bytes = i64::try_from(wal_bytes).unwrap_or(i64::MAX);
    connection.pragma_update(None, "journal_size_limit", bytes)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects == 0 {
        let begin = format!(
            "BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION}; \
             PRAGMA user_version = {VERSION}; COMMIT;"
        );
        return Ok(connection.execute_batch(&begin)?);
    }
    check(connection)
}

/// Checks whether the file is one of this cache, of this version.
fn check(connection: &Connection) -> Result<(), DiskError> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        return Err(DiskError::Damaged("it is not the gateway's".to_owned()));
    }
    if version != VERSION {
        return Err(DiskError::Damaged(format!("its version is {version}")));
    }
    let new = Connection::open_in_memory()?;
    new.execute_batch(SCHEMA)?;
    if schema_of(connection)? != schema_of(&new)? {
        return Err(DiskError::Damaged("its tables are others".to_owned()));
    }
    let clock: i64 = connection.query_row("SELECT clock FROM state", [], |row| row.get(0))?;
    check_clock(clock)
}

/// Checks that the file's times are not far in the future, as they are if the clock was set back.
///
/// Its answers would count as not cached for as long.
pub(super) fn check_clock(clock: i64) -> Result<(), DiskError> {
    if clock > wall_now().saturating_add(3600 * MICROS) {
        return Err(DiskError::Damaged("its times are in the future".to_owned()));
    }
    Ok(())
}

/// Returns the size of a page.
pub(super) fn page_bytes(connection: &Connection) -> Result<u64, DiskError> {
    let bytes = connection.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(bytes).unwrap_or(SMALL_PAGE).max(512))
}

fn schema_of(connection: &Connection) -> Result<Vec<String>, DiskError> {
    const ALL: &str = "SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
    let mut all = connection.prepare(ALL)?;
    let rows = all.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Renames the file. The caller holds the lock.
fn set_aside(dir: &Path, why: &str) -> Result<(), DiskError> {
    // The log goes first: left behind, it would be taken for the log of the new file.
    remove_logs(dir)?;
    for earlier in damaged_files(dir)? {
        remove_if_there(&earlier)?;
    }
    let name = format!("{DAMAGED}{}", wall_now() / MICROS);
    match fs::rename(dir.join(NAME), dir.join(&name)) {
        Ok(()) => {
            warn!(
                error.message = why,
                "disk cache set aside as `{name}`, a new one is begun"
            );
            Ok(())
        }
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn remove_logs(dir: &Path) -> io::Result<()> {
    for suffix in ["-shm", "-wal"] {
        remove_if_there(&dir.join(format!("{NAME}{suffix}")))?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn damaged_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(DAMAGED) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
