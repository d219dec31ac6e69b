//! VirusTotal's bytes and the views of them: a template and a format applied.
//!
//! The bytes are the answer; a view of them costs no lookup (DESIGN, principle 2). What
//! is read here comes from outside and is believed only as far as it parses.

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

/// How a caller wants to see an answer.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The form of the data.
    pub format: Format,
    /// Whether Markdown and XML come as the document itself, with no JSON around it.
    pub bare: bool,
    /// The template asked for by name; it applies to objects of its own kind.
    pub template: Option<&'a Template>,
    /// Where the defaults are, for everything else.
    pub templates: &'a Templates,
    /// Whether only types and ids are wanted of the objects in a list.
    pub descriptors_only: bool,
    /// The cursor at which the caller's list begins; an answer that leads back there is the last.
    pub cursor: Option<&'a str>,
}

/// An answer as the caller gets it.
#[derive(Debug)]
pub struct Answer {
    /// The envelope, or the bare document.
    pub body: Vec<u8>,
    /// Where the next page of a list begins; none for one object and on the last page.
    pub cursor: Option<String>,
    /// The ids that a report tells of its object: `data.id`, a file's digests, and
    /// a URL's text.
    pub names: Vec<String>,
}

/// VirusTotal's answer is not what it should be.
///
/// Only the place is kept: what stands there could be anything, a key included.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MalformedAnswer {
    /// It is no JSON, or nested too deep, or lacks what belongs there.
    #[error("VirusTotal's answer can't be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// It is JSON of another shape.
    #[error("VirusTotal's answer has another shape")]
    Shape,
    /// It is not even text.
    #[error("VirusTotal's answer is not UTF-8")]
    NotUtf8,
}

/// The reasons why an answer can't be shown.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AnswerError {
    /// VirusTotal's answer is at fault, in every format.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// The answer is sound, but a document of it would be too large; as JSON it can be had.
    #[error("the document would be larger than {} MB", MAX_DOCUMENT / 1_000_000)]
    TooLarge,
}

/// The size of a document that any answer may come to.
///
/// Four times the answer is allowed, too: that bounds what the largest answer takes, and
/// leaves room for a document of it. Both are counted before JSON's escapes.
const MAX_DOCUMENT: usize = 64_000_000;

/// Returns the size that a document of an answer of so many bytes may have.
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
    /// What to leave out of an object of this type: nothing, where it is none of ours.
    fn filter(&self, object_type: &str) -> Option<&'a Filter> {
        let kind = Kind::of_object_type(object_type).filter(|_| self.format != Format::Raw)?;
        let named = self.template.filter(|template| template.object == kind);
        named
            .map(|template| &template.filter)
            .or_else(|| self.templates.default_filter(kind))
    }

    /// Writes a document made of an answer of `size` bytes, with an envelope where one is wanted.
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
