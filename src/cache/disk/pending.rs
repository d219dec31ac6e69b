//! Notes for the writer that must not be lost while it is busy.

use super::super::{Certainty, ObjectName};

/// The number of notes that may wait.
const MAX_NOTES: usize = 50_000;

/// Something to record beside answers.
#[derive(Clone, Debug)]
pub(super) enum DiskNote {
    /// A write to the object with these names.
    Change {
        names: Box<[ObjectName]>,
        certainty: Certainty,
        /// The wall clock's time in microseconds.
        at: i64,
    },
    /// These names belong to one object.
    Join(Box<[ObjectName]>),
    /// VirusTotal has refused the key of this owner.
    Forget(i64),
}

/// The notes that wait for the writer, in order.
#[derive(Debug, Default)]
pub(super) struct Pending {
    notes: Vec<DiskNote>,
    count: u64,
    /// Whether a write could not be noted. Nothing in the file can be trusted then.
    is_overrun: bool,
}

impl Pending {
    /// Adds a note.
    pub(super) fn add(&mut self, note: DiskNote) {
        if self.notes.len() < MAX_NOTES {
            self.count += 1;
            self.notes.push(note);
        } else if !matches!(note, DiskNote::Join(_)) {
            self.is_overrun = true;
        }
    }

    /// Returns the number of notes that were added since the start.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes all notes.
    pub(super) fn take(&mut self) -> Vec<DiskNote> {
        std::mem::take(&mut self.notes)
    }

    /// Puts notes back that could not be recorded, before later ones.
    pub(super) fn put_back(&mut self, mut notes: Vec<DiskNote>) {
        notes.append(&mut self.notes);
        self.notes = notes;
    }

    /// Returns whether a write could not be noted, and forgets that.
    pub(super) fn take_overrun(&mut self) -> bool {
        std::mem::take(&mut self.is_overrun)
    }
}
