//! The state of a file, by which a change of it is noticed.

use std::{io, os::unix::fs::MetadataExt as _, path::Path, time::SystemTime};

/// A file's metadata; a difference means that the file may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// The file does not exist.
    Missing,
    /// The metadata cannot be read.
    Unreadable(io::ErrorKind),
    /// The file exists.
    Present(Stamp),
}

/// The metadata of a file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: (u64, u64),
    /// The length.
    pub bytes: u64,
    modified: Option<SystemTime>,
}

impl FileState {
    /// Reads the metadata of a file. Follows links.
    pub fn of(path: &Path) -> Self {
        match path.metadata() {
            Ok(metadata) => Self::Present(Stamp {
                file: (metadata.dev(), metadata.ino()),
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}
