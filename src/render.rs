//! Views of VirusTotal's answers: a template and a format applied to the bytes.
//!
//! An answer is kept as bytes, so another view of it costs no lookup. The bytes come from outside;
//! nothing is assumed about them beyond what parses.

use std::str::Utf8Error;

use thiserror::Error;

use crate::render::{
    format::{
        Format,
        json::{self, Meta},
        sink::{DocumentText, WriteError},
    },
    template::filter::Unreadable,
};

pub use self::{
    brief::popularity,
    list::{Extent, extent, list},
    object::{check, checked_names, id, is_completed, object, report},
    object_names::{ListedObject, listed},
    title::Title,
    view::{Detail, View},
};

mod bounded;
pub mod brief;
mod briefs;
mod budget;
mod compose;
mod defang;
pub mod format;
pub mod hidden;
pub mod interop;
pub mod links;
mod list;
mod measure;
mod object;
mod object_names;
mod parts;
mod raw_object;
mod related_ids;
pub mod rows;
mod selection;
pub mod spelling;
pub mod template;
mod title;
pub mod untrusted;
pub mod verdict;
mod view;

/// A rendered answer.
#[derive(Debug)]
pub struct Document {
    /// The envelope, or the bare document.
    pub body: Vec<u8>,
    /// The cursor of the next page of a list; `None` for a single object and on the last page.
    pub cursor: Option<String>,
    /// The names that a report contains of its object: `data.id`, a file's digests and a URL's
    /// text.
    pub names: Vec<String>,
    /// The size of the view.
    pub size: ViewSize,
}

/// The size of a view, in approximate tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewSize {
    /// The tokens of the view.
    pub tokens: usize,
    /// The tokens of the whole answer as JSON.
    pub full: usize,
    /// The number of texts from strangers that were withheld.
    pub withheld: usize,
    /// Whether something was left out for size.
    pub is_cut: bool,
}

/// The error for an answer from VirusTotal that does not have the expected form.
///
/// It holds no part of the answer, which could contain anything, even a key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MalformedAnswer {
    /// The answer is not JSON, is nested too deeply, or lacks an expected member.
    #[error("VirusTotal's answer can't be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// The answer is JSON, but of another shape.
    #[error("VirusTotal's answer has an unexpected shape")]
    Shape,
    /// The answer is not UTF-8.
    #[error("VirusTotal's answer is not UTF-8")]
    NotUtf8,
}

/// Returns an estimate of the number of o200k tokens of a text, never below it.
pub fn estimated_tokens(text: &str) -> usize {
    budget::tokens::estimate(text)
}

/// Returns any text as it stands in the cell of a Markdown table, inert.
pub fn inert_cell(text: &str) -> String {
    format::markdown::inert_line(&brief::without_bars(text))
}

/// Returns the approximate number of tokens of this many bytes of compact JSON.
///
/// Reports have about 2.7 bytes to a token. Sizes of what is not shown need not be exact.
pub fn rough_tokens(bytes: usize) -> usize {
    bytes.saturating_mul(10).div_ceil(27)
}

/// The reasons for which an answer cannot be rendered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RenderError {
    /// VirusTotal's answer is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// The answer is well-formed, but the document would be too large. It is available as JSON.
    #[error("the document would be larger than {} MB", MAX_DOCUMENT / 1_000_000)]
    TooLarge,
}

/// The size of an answer from which a document of it is measured before it is written.
const MEASURED: usize = 1_000_000;

/// The size that a document may have as it is sent.
const MAX_DOCUMENT: usize = 64_000_000;

impl From<Utf8Error> for MalformedAnswer {
    fn from(_: Utf8Error) -> Self {
        Self::NotUtf8
    }
}

impl From<Unreadable> for RenderError {
    fn from(error: Unreadable) -> Self {
        Self::Malformed(error.into())
    }
}

impl From<Utf8Error> for RenderError {
    fn from(error: Utf8Error) -> Self {
        Self::Malformed(error.into())
    }
}

impl From<WriteError> for RenderError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Unreadable(error) => error.into(),
            WriteError::TooLarge => Self::TooLarge,
        }
    }
}

impl View<'_> {
    /// Returns the text of a document in this view, to be written to a buffer.
    fn text<'o>(&self, out: &'o mut Vec<u8>) -> DocumentText<'o> {
        DocumentText::bare(out, MAX_DOCUMENT).defanged(self.defang)
    }

    /// Writes a document made from an answer of `size` bytes, without an envelope if it is bare;
    /// otherwise the envelope is left open.
    ///
    /// A large document is measured first, because a buffer that grows exists twice while its
    /// contents are copied.
    fn document(
        &self,
        size: usize,
        write: impl Fn(DocumentText<'_>) -> Result<(), WriteError>,
    ) -> Result<Vec<u8>, RenderError> {
        let write = |text: DocumentText<'_>| write(text.defanged(self.defang));
        let mut room = size / 2;
        if size > MEASURED {
            room = DocumentText::measure(!self.bare, MAX_DOCUMENT, write)?;
        }
        if self.bare {
            let mut out = Vec::with_capacity(room);
            write(DocumentText::bare(&mut out, MAX_DOCUMENT))?;
            return Ok(out);
        }
        let mut out = json::open_envelope(room);
        out.push(b'"');
        write(DocumentText::quoted(&mut out, MAX_DOCUMENT))?;
        out.push(b'"');
        Ok(out)
    }

    /// Returns the document of which the data was written. `answer` is the length of the answer
    /// without white space.
    fn finish(&self, mut out: Vec<u8>, meta: Meta<'_>, is_list: bool, answer: usize) -> Document {
        let is_bare = self.bare && matches!(self.format, Format::Markdown | Format::Xml);
        if !is_bare {
            json::close_envelope(&mut out, self.format.name(), &meta, is_list);
        }
        let size = ViewSize {
            tokens: meta.tokens.unwrap_or_else(|| rough_tokens(out.len())),
            full: rough_tokens(answer),
            withheld: meta.untrusted.map_or(0, |texts| texts.withheld),
            is_cut: meta.complete == Some(false),
        };
        Document {
            body: out,
            cursor: meta.cursor,
            names: Vec::new(),
            size,
        }
    }
}

#[cfg(test)]
mod tests;
