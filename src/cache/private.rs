//! Private indicators, which are never sent to VirusTotal.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use thiserror::Error;

use super::{About, Question};
use crate::{
    access::FileState,
    indicator::{Indicator, PrivateIndicators, PrivateListError, PrivateReason},
};

/// The largest file of private indicators, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The rule that keeps private indicators from VirusTotal. A handle: clones share the list.
///
/// Every read asks it in [`Cache::get_or_fetch`](super::Cache::get_or_fetch), and every write in the
/// submit pipeline, before anything is spent.
#[derive(Clone, Debug, Default)]
pub struct PrivateGuard(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The operator's file, if there is one.
    path: Option<PathBuf>,
    list: RwLock<PrivateIndicators>,
    /// The state of the file when it was last read.
    seen: Mutex<Option<FileState>>,
}

/// The reason why the file of private indicators can't be used.
#[derive(Debug, Error)]
pub enum PrivateFileError {
    /// The file can't be read.
    #[error("{}: {error}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The file is larger than 64 MiB.
    #[error("{}: more than 64 MiB", .0.display())]
    TooLarge(PathBuf),
    /// A line is not understood.
    #[error("{}: {error}", .path.display())]
    Line {
        /// The path.
        path: PathBuf,
        /// The line and the reason.
        error: PrivateListError,
    },
}

impl PrivateGuard {
    /// Reads the operator's file, if there is one.
    pub fn load(path: Option<PathBuf>) -> Result<Self, PrivateFileError> {
        let guard = Self(Arc::new(Inner {
            path,
            ..Inner::default()
        }));
        guard.refresh()?;
        Ok(guard)
    }

    /// Whether there is a file to reload.
    pub fn has_file(&self) -> bool {
        self.0.path.is_some()
    }

    /// Reads the file again if it has changed, and returns the number of entries then.
    ///
    /// With a mistake the former list stays in effect, and the mistake is reported once for each
    /// version of the file.
    pub fn refresh(&self) -> Result<Option<usize>, PrivateFileError> {
        let Some(path) = &self.0.path else {
            return Ok(None);
        };
        let state = FileState::of(path);
        let former = self.0.seen.lock().replace(state);
        if let FileState::Present(stamp) = state {
            if former == Some(state) {
                return Ok(None);
            }
            if stamp.bytes > MAX_FILE {
                return Err(PrivateFileError::TooLarge(path.clone()));
            }
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        let list = match PrivateIndicators::parse(&text) {
            Ok(list) => list,
            Err(error) => {
                let path = path.clone();
                return Err(PrivateFileError::Line { path, error });
            }
        };
        let count = list.len();
        *self.0.list.write() = list;
        Ok(Some(count))
    }

    /// Returns why an indicator must not be sent, or `None` if it may be.
    pub fn reason(&self, indicator: &Indicator) -> Option<PrivateReason> {
        self.0.list.read().reason(indicator, None)
    }

    /// Returns why a search must not be sent, or `None` if it may be.
    pub fn reason_in_query(&self, query: &str) -> Option<PrivateReason> {
        self.0.list.read().reason_in_query(query)
    }

    /// Returns why a question must not be sent, or `None` if it may be.
    ///
    /// Of an analysis nothing is known: its id was made by VirusTotal.
    pub(super) fn reason_for(&self, question: &Question) -> Option<PrivateReason> {
        match &question.about {
            About::Object(indicator) => self.reason(indicator),
            About::Search(text) => self.0.list.read().reason_in_query(text),
            About::Analysis(_) | About::Other(_) => None,
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> PrivateFileError {
    let path = path.to_owned();
    PrivateFileError::Unreadable { path, error }
}
