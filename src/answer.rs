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
    },
    indicator::Kind,
    template::{Template, Templates, filter::Unreadable, pattern::Filter},
};

pub use self::{
    list::{Extent, extent, list},
    object::{id, is_completed, object, report},
    subject::Subject,
};

mod item;
mod list;
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
    #[error("VirusTotal's answer has another shape at line {line}, column {column}")]
    Shape {
        /// From 1; 0 where the fault has no place.
        line: usize,
        /// In bytes.
        column: usize,
    },
    /// It is not even text.
    #[error("VirusTotal's answer is not UTF-8")]
    NotUtf8,
}

impl From<serde_json::Error> for MalformedAnswer {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape {
            line: error.line(),
            column: error.column(),
        }
    }
}

impl From<Utf8Error> for MalformedAnswer {
    fn from(_: Utf8Error) -> Self {
        Self::NotUtf8
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

    fn text(&self, text: String, meta: Option<&Meta>) -> Result<Vec<u8>, MalformedAnswer> {
        if self.bare {
            return Ok(text.into_bytes());
        }
        json::envelope(self.format, meta, text.len() + text.len() / 8, |out| {
            json::write(out, &text);
            Ok(())
        })
    }
}
