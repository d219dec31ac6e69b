//! Views of VirusTotal's answers: a template and a format applied to the bytes.
//!
//! An answer is kept as bytes, so another view of it costs no lookup. The bytes come from outside;
//! nothing is assumed about them beyond what parses.

use std::str::Utf8Error;

use thiserror::Error;

use crate::{
    format::{
        Format,
        json::{self, Meta},
        sink::{Text, WriteError},
    },
    indicator::Kind,
    template::{Template, Templates, filter::Unreadable, pattern::Filter},
};

pub use self::{
    large::RenderPermits,
    list::{Extent, extent, list},
    listed::{Listed, listed},
    object::{id, is_completed, object, report},
    subject::Subject,
};

mod item;
mod large;
mod list;
mod listed;
mod object;
mod subject;

/// The view of an answer that a caller asked for.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The format of the data.
    pub format: Format,
    /// Whether Markdown and XML are the whole body, without a JSON envelope.
    pub bare: bool,
    /// The template requested by name. It applies to objects of its own kind.
    pub template: Option<&'a Template>,
    /// The templates, whose defaults apply to all other objects.
    pub templates: &'a Templates,
    /// Whether objects in a list are reduced to their types and ids.
    pub descriptors_only: bool,
    /// The cursor from which the caller's list starts. An answer whose cursor leads back there is
    /// the last.
    pub cursor: Option<&'a str>,
}

/// A rendered answer.
#[derive(Debug)]
pub struct Answer {
    /// The envelope, or the bare document.
    pub body: Vec<u8>,
    /// The cursor of the next page of a list; `None` for a single object and on the last page.
    pub cursor: Option<String>,
    /// The names that a report contains of its object: `data.id`, a file's digests and a URL's
    /// text.
    pub names: Vec<String>,
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

/// The reasons for which an answer cannot be rendered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AnswerError {
    /// VirusTotal's answer is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// The answer is well-formed, but the document would be too large. It is available as JSON.
    #[error("the document would be larger than {} MB", MAX_DOCUMENT / 1_000_000)]
    TooLarge,
}

/// The size that the document of any answer may reach.
///
/// A document may also be four times as large as its answer. The limit bounds the memory that the
/// largest answer takes, and leaves room for the document. Both sizes are counted before JSON
/// escapes.
const MAX_DOCUMENT: usize = 64_000_000;

/// Returns the largest size of the document of an answer of `size` bytes.
fn most(size: usize) -> usize {
    MAX_DOCUMENT.max(size.saturating_mul(4))
}

impl From<Utf8Error> for MalformedAnswer {
    fn from(_: Utf8Error) -> Self {
        Self::NotUtf8
    }
}

impl From<Unreadable> for AnswerError {
    fn from(error: Unreadable) -> Self {
        Self::Malformed(error.into())
    }
}

impl From<Utf8Error> for AnswerError {
    fn from(error: Utf8Error) -> Self {
        Self::Malformed(error.into())
    }
}

impl From<WriteError> for AnswerError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Unreadable(error) => error.into(),
            WriteError::TooLarge => Self::TooLarge,
        }
    }
}

impl<'a> View<'a> {
    /// Returns the filter for an object of this type, or `None` if no template applies to it.
    fn filter(&self, object_type: &str) -> Option<&'a Filter> {
        let kind = Kind::of_object_type(object_type).filter(|_| self.format != Format::Raw)?;
        let named = self.template.filter(|template| template.object == kind);
        named
            .map(|template| &template.filter)
            .or_else(|| self.templates.default_filter(kind))
    }

    /// Writes a document made from an answer of `size` bytes, in an envelope unless it is bare.
    fn document(
        &self,
        size: usize,
        meta: Option<&Meta<'_>>,
        write: impl FnOnce(Text<'_>) -> Result<(), WriteError>,
    ) -> Result<Vec<u8>, AnswerError> {
        let limit = most(size);
        if self.bare {
            let mut out = Vec::with_capacity(size / 2);
            write(Text::bare(&mut out, limit))?;
            return Ok(out);
        }
        json::envelope(self.format, meta, size / 2, |out| {
            out.push(b'"');
            write(Text::quoted(out, limit))?;
            out.push(b'"');
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
