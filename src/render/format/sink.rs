//! The interface of the writers, to which a JSON value is fed token by token.
//!
//! No tree is built of an answer. A writer holds only the state that it needs to continue. The size
//! of a document is checked while it is written, because a few bytes of an answer can become
//! hundreds in a document.

use std::{borrow::Cow, cell::Cell};

use thiserror::Error;

use super::json::{
    escape::escape,
    lexer::{Quoted, Unreadable},
    scan::plain_length,
};
use crate::render::defang::defang;

/// The beginning of links to VirusTotal's own pages.
const PAGES: &str = "https://www.virustotal.com/gui/";

/// A writer that receives the tokens of a JSON value in their order in the text.
pub trait Sink {
    /// The error with which a writer stops.
    type Error: From<Unreadable>;

    /// Starts an object; its keys and values follow.
    fn begin_object(&mut self) -> Result<(), Self::Error>;

    /// Writes a key; its value follows.
    fn key(&mut self, key: Quoted<'_>) -> Result<(), Self::Error>;

    /// Ends an object.
    fn end_object(&mut self) -> Result<(), Self::Error>;

    /// Starts an array. `is_plain` looks ahead and returns whether the array contains no objects or
    /// arrays.
    fn begin_array(&mut self, is_plain: impl FnOnce() -> bool) -> Result<(), Self::Error>;

    /// Ends an array.
    fn end_array(&mut self) -> Result<(), Self::Error>;

    /// Writes a string.
    fn string(&mut self, text: Quoted<'_>) -> Result<(), Self::Error>;

    /// Writes `null`, `true`, `false` or a number, unchanged.
    fn word(&mut self, word: &str) -> Result<(), Self::Error>;
}

/// The reasons for which a document cannot be written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WriteError {
    /// The source is not the expected JSON.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The document would exceed its size limit.
    #[error("the document would be too large")]
    TooLarge,
}

/// The text of a document, written to a body up to a size limit.
#[derive(Debug)]
pub struct DocumentText<'o> {
    out: &'o mut Vec<u8>,
    /// The number of bytes so far, if the text is only measured.
    measured: Option<&'o Cell<usize>>,
    /// Whether the text is part of a JSON string.
    is_quoted: bool,
    /// Whether indicators are written defanged.
    is_defanged: bool,
    /// The bytes that may still be written.
    room: usize,
}

impl<'o> DocumentText<'o> {
    /// Creates a text of at most `limit` bytes, written unchanged.
    pub fn bare(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self {
            out,
            measured: None,
            is_quoted: false,
            is_defanged: false,
            room: limit,
        }
    }

    /// Creates a text of at most `limit` bytes, escaped for a JSON string.
    pub fn quoted(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self {
            is_quoted: true,
            ..Self::bare(out, limit)
        }
    }

    /// Returns the same text, in which indicators are written defanged if this is true.
    #[must_use]
    pub fn defanged(self, is_defanged: bool) -> Self {
        Self {
            is_defanged,
            ..self
        }
    }

    /// Returns a text of an answer as the document shows it. VirusTotal's page of an object stays a
    /// link.
    pub fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.is_defanged || text.starts_with(PAGES) {
            return Cow::Borrowed(text);
        }
        defang(text)
    }

    /// Returns the number of bytes that `write` writes, without keeping them.
    pub fn measure(
        is_quoted: bool,
        limit: usize,
        write: impl FnOnce(DocumentText<'_>) -> Result<(), WriteError>,
    ) -> Result<usize, WriteError> {
        let (mut out, count) = (Vec::new(), Cell::new(0));
        write(DocumentText {
            out: &mut out,
            measured: Some(&count),
            is_quoted,
            is_defanged: false,
            room: limit,
        })?;
        Ok(count.get())
    }

    /// Appends to the text.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<(), WriteError> {
        if !self.is_quoted {
            return self.append(text);
        }
        // Nothing is shorter once it is escaped.
        if text.len() > self.room {
            return Err(WriteError::TooLarge);
        }
        let before = self.out.len();
        escape(self.out, text);
        let written = self.out.len() - before;
        self.room = self.room.checked_sub(written).ok_or(WriteError::TooLarge)?;
        if let Some(count) = self.measured {
            count.set(count.get() + written);
            self.out.clear();
        }
        Ok(())
    }

    /// Appends a text that JSON leaves as it is: without quotes, backslashes or control characters.
    #[inline]
    pub fn push_unescaped(&mut self, text: &str) -> Result<(), WriteError> {
        debug_assert_eq!(plain_length(text.as_bytes()), text.len(), "{text:?}");
        self.append(text)
    }

    /// Ends a line.
    #[inline]
    pub(super) fn end_line(&mut self) -> Result<(), WriteError> {
        self.append(if self.is_quoted { "\\n" } else { "\n" })
    }

    /// Appends what is escaped already, if it has to be.
    #[inline]
    fn append(&mut self, written: &str) -> Result<(), WriteError> {
        let left = self.room.checked_sub(written.len());
        self.room = left.ok_or(WriteError::TooLarge)?;
        match self.measured {
            Some(count) => count.set(count.get() + written.len()),
            None => self.out.extend_from_slice(written.as_bytes()),
        }
        Ok(())
    }

    /// Appends `count` spaces.
    #[inline]
    pub(super) fn spaces(&mut self, count: usize) -> Result<(), WriteError> {
        const SPACES: &str = "                                ";
        let mut left = count;
        while left > SPACES.len() {
            self.append(SPACES)?;
            left -= SPACES.len();
        }
        if left == 0 {
            return Ok(());
        }
        self.append(&SPACES[..left])
    }
}
