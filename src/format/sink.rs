//! The writers' side of reading: a JSON value goes to a writer piece by piece.
//!
//! No tree is built of an answer. What a writer holds is what it needs to go on, and what it
//! has written is bounded while it writes: a few bytes of an answer can stand for hundreds in
//! a document.

use std::cell::Cell;

use thiserror::Error;

use super::json::{self, Quoted, Unreadable};

/// A writer that a JSON value is fed to, in the order in which it stands in the text.
pub trait Sink {
    /// The reason why a writer stops.
    type Error: From<Unreadable>;

    /// Begins an object; its keys and values follow.
    fn begin_object(&mut self) -> Result<(), Self::Error>;

    /// Takes a key; its value follows.
    fn key(&mut self, key: Quoted<'_>) -> Result<(), Self::Error>;

    /// Ends an object.
    fn end_object(&mut self) -> Result<(), Self::Error>;

    /// Begins an array; `is_plain` looks ahead and tells that nothing is nested in it.
    fn begin_array(&mut self, is_plain: impl FnOnce() -> bool) -> Result<(), Self::Error>;

    /// Ends an array.
    fn end_array(&mut self) -> Result<(), Self::Error>;

    /// Takes a string.
    fn string(&mut self, text: Quoted<'_>) -> Result<(), Self::Error>;

    /// Takes `null`, `true`, `false` or a number, as it stands.
    fn word(&mut self, word: &str) -> Result<(), Self::Error>;
}

/// The reasons why a document can't be written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WriteError {
    /// Its source is not the JSON that belongs there.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It would be larger than a document may be.
    #[error("the document would be too large")]
    TooLarge,
}

/// The text of a document on its way into a body.
#[derive(Debug)]
pub struct Text<'o> {
    out: &'o mut Vec<u8>,
    /// The number of bytes that were counted instead of written, where the text is measured.
    measured: Option<&'o Cell<usize>>,
    /// Whether it stands in a JSON string.
    is_quoted: bool,
    /// Bytes that may still be written.
    room: usize,
}

impl<'o> Text<'o> {
    /// Creates a text of at most `limit` bytes, written as it is.
    pub fn bare(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self {
            out,
            measured: None,
            is_quoted: false,
            room: limit,
        }
    }

    /// Creates a text of at most `limit` bytes, escaped as it stands in a JSON string.
    pub fn quoted(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self {
            is_quoted: true,
            ..Self::bare(out, limit)
        }
    }

    /// Returns the number of bytes of what `write` writes, quoted or not, without keeping it.
    pub fn measure(
        is_quoted: bool,
        limit: usize,
        write: impl FnOnce(Text<'_>) -> Result<(), WriteError>,
    ) -> Result<usize, WriteError> {
        let (mut out, count) = (Vec::new(), Cell::new(0));
        write(Text {
            out: &mut out,
            measured: Some(&count),
            is_quoted,
            room: limit,
        })?;
        Ok(count.get())
    }

    /// Writes more of it.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<(), WriteError> {
        // Nothing is shorter once it is escaped.
        if text.len() > self.room {
            return Err(WriteError::TooLarge);
        }
        let before = self.out.len();
        if self.is_quoted {
            json::escape(self.out, text);
        } else {
            self.out.extend_from_slice(text.as_bytes());
        }
        let written = self.out.len() - before;
        self.room = self.room.checked_sub(written).ok_or(WriteError::TooLarge)?;
        if let Some(count) = self.measured {
            count.set(count.get() + written);
            self.out.clear();
        }
        Ok(())
    }

    /// Writes so many spaces.
    #[inline]
    pub(super) fn spaces(&mut self, count: usize) -> Result<(), WriteError> {
        const SPACES: &str = "                                ";
        let mut left = count;
        while left > SPACES.len() {
            self.push(SPACES)?;
            left -= SPACES.len();
        }
        self.push(&SPACES[..left])
    }
}
