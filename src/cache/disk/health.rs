//! The state of the cache on disk, for health checks, and the warnings about it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tracing::{info, warn};

use super::DiskError;
use crate::telemetry::Repeated;

/// Whether the file is open, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct DiskHealth {
    is_open: AtomicBool,
    /// The number of files that were opened so far. Readers reopen when it changes.
    generation: AtomicU64,
    /// The number of the last file in which a reader found damage.
    damaged: AtomicU64,
    trouble: Mutex<Trouble>,
}

/// The present trouble, and the throttle of the warning about it.
#[derive(Debug, Default)]
struct Trouble {
    text: Option<String>,
    repeated: Repeated,
    /// The text that was last warned about.
    warned: Option<String>,
}

impl DiskHealth {
    /// Returns the number of the file that is open, or `None` if none is.
    pub(super) fn generation(&self) -> Option<u64> {
        let is_open = self.is_open.load(Ordering::Acquire);
        is_open.then(|| self.generation.load(Ordering::Acquire))
    }

    /// Notes that a file was opened.
    pub(super) fn open(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.is_open.store(true, Ordering::Release);
    }

    /// Notes that no file is open.
    pub(super) fn close(&self) {
        self.is_open.store(false, Ordering::Release);
    }

    /// Notes that a reader found damage in the file of this number.
    pub(super) fn report_damage(&self, generation: u64) {
        self.damaged.fetch_max(generation, Ordering::AcqRel);
    }

    /// Whether a reader found damage in the file that is open.
    pub(super) fn is_damaged(&self) -> bool {
        let damaged = self.damaged.load(Ordering::Acquire);
        self.generation().is_some_and(|open| damaged >= open)
    }

    /// Returns the reason why answers are not kept at present.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().text.clone()
    }

    /// Notes a failure. A warning is logged if the reason is another one, else once a minute.
    pub(super) fn fail(&self, error: &DiskError) {
        let text = error.to_string();
        let mut trouble = self.trouble.lock();
        let is_new = trouble.warned.as_ref() != Some(&text);
        if is_new {
            trouble.repeated = Repeated::default();
            trouble.warned = Some(text.clone());
        }
        if let Some(count) = trouble.repeated.note() {
            warn!(
                error.message = text,
                repeated = count - 1,
                "disk cache failed, requests are served without it"
            );
        }
        trouble.text = Some(text);
    }

    /// Notes that a write succeeded.
    pub(super) fn recover(&self) {
        if self.trouble.lock().text.take().is_some() {
            info!("disk cache works again");
        }
    }
}
