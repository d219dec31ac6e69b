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
    list::{Extent, extent, list},
    listed::{Listed, listed},
    object::{id, is_completed, object, report},
    subject::Subject,
};

mod item;
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

/// The size of an answer from which a document of it is measured before it is written.
const MEASURED: usize = 1_000_000;

/// The size that a document may have as it is sent.
const MAX_DOCUMENT: usize = 64_000_000;

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
    ///
    /// A large one is measured first, so that no more memory is taken than it needs: a buffer that
    /// grows is there twice while it is copied.
    fn document(
        &self,
        size: usize,
        meta: Option<&Meta<'_>>,
        write: impl Fn(Text<'_>) -> Result<(), WriteError>,
    ) -> Result<Vec<u8>, AnswerError> {
        let mut room = size / 2;
        if size > MEASURED {
            room = Text::measure(!self.bare, MAX_DOCUMENT, &write)?;
        }
        if self.bare {
            let mut out = Vec::with_capacity(room);
            write(Text::bare(&mut out, MAX_DOCUMENT))?;
            return Ok(out);
        }
        json::envelope(self.format, meta, room, |out| {
            out.push(b'"');
            write(Text::quoted(out, MAX_DOCUMENT))?;
            out.push(b'"');
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
