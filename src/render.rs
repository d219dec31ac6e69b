//! Views of VirusTotal's answers: a template and a format applied to the bytes.
//!
//! An answer is kept as bytes, so another view of it costs no lookup. The bytes come from outside;
//! nothing is assumed about them beyond what parses.

use std::{str::Utf8Error, sync::Arc};

use thiserror::Error;

use crate::{
    indicator::Kind,
    render::{
        format::{
            Format,
            json::{self, ListMeta},
            sink::{DocumentText, WriteError},
        },
        template::{Template, Templates, filter::Unreadable, pattern::Filter},
    },
};

pub use self::{
    list::{Extent, extent, list},
    object::{id, is_completed, object, report},
    object_names::{ListedObject, listed},
    title::Title,
};

pub mod format;
pub mod hidden;
mod list;
mod object;
mod object_names;
mod raw_object;
pub mod spelling;
pub mod template;
mod title;

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
pub struct Document {
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

impl<'a> View<'a> {
    /// Returns the filter for an object of this type, or `None` if no template applies to it.
    fn filter(&self, object_type: &str) -> Option<&'a Filter> {
        if self.format == Format::Raw {
            return None;
        }
        let kind = Kind::of_object_type(object_type)?;
        match self.template {
            Some(template) if template.object == kind => Some(&template.filter),
            _ => self.templates.default_filter(kind),
        }
    }

    /// Returns the part of a cached view's key that stands for the templates; `None` for the
    /// defaults that the gateway started with.
    ///
    /// A view of before a reload must not be found after it: the templates may differ.
    pub fn template_key(&self) -> Option<Arc<str>> {
        match (self.template, self.templates.generation()) {
            (None, 0) => None,
            (Some(template), 0) => Some(template.name.as_str().into()),
            (None, reloads) => Some(format!("#{reloads}").into()),
            // No name contains the separator.
            (Some(template), reloads) => Some(format!("{}#{reloads}", template.name).into()),
        }
    }

    /// Writes a document made from an answer of `size` bytes, in an envelope unless it is bare.
    ///
    /// A large document is measured first, because a buffer that grows exists twice while its
    /// contents are copied.
    fn document(
        &self,
        size: usize,
        meta: Option<&ListMeta<'_>>,
        write: impl Fn(DocumentText<'_>) -> Result<(), WriteError>,
    ) -> Result<Vec<u8>, RenderError> {
        let mut room = size / 2;
        if size > MEASURED {
            room = DocumentText::measure(!self.bare, MAX_DOCUMENT, &write)?;
        }
        if self.bare {
            let mut out = Vec::with_capacity(room);
            write(DocumentText::bare(&mut out, MAX_DOCUMENT))?;
            return Ok(out);
        }
        json::envelope(self.format, meta, room, |out| {
            out.push(b'"');
            write(DocumentText::quoted(out, MAX_DOCUMENT))?;
            out.push(b'"');
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
