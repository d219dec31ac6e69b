//! Errors of the cache on disk.

use std::io;

use rusqlite::ErrorCode;
use thiserror::Error;

/// The reason why the disk can't be used, or an operation on it failed. It contains no path.
#[derive(Debug, Error)]
pub(super) enum DiskError {
    /// The file is not this cache's, of a later version, or damaged.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Another process holds a lock on the file.
    #[error("another process keeps the file locked")]
    Busy,
    /// The disk or the quota of the user is full.
    #[error("the disk is full")]
    Full,
    /// The disk did not reply in time.
    #[error("the disk is too slow")]
    Slow,
    /// Another process prevents the write-ahead log from being emptied.
    #[error("another process keeps the write-ahead log from being emptied")]
    LogPinned,
    /// The system refuses an operation.
    #[error("{0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for DiskError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(failure) = error.sqlite_error() else {
            // Columns have the wrong type, or rows are missing.
            return Self::Damaged(error.to_string());
        };
        match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch => {
                Self::Damaged(failure.to_string())
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::DiskFull => Self::Full,
            // Messages of SQLite may contain the path.
            _ => Self::Unusable(failure.to_string()),
        }
    }
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Unusable(error.to_string()),
        }
    }
}
