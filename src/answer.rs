//! VirusTotal's bytes and the views of them: a template and a format applied.
//!
//! The bytes are the answer; a view of them costs no lookup (DESIGN, principle 2). What
//! is read here comes from outside and is believed only as far as it parses.

use std::{borrow::Cow, str::Utf8Error};

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{
    format::{
        Format,
        json::{self, Meta},
        markdown, xml,
    },
    indicator::{Indicator, Kind},
    template::{
        Template, Templates,
        filter::{Filtered, Unreadable},
        pattern::Filter,
    },
};

pub use self::related::{Extent, extent, related};

mod related;

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

/// The report on an indicator: its attributes, filtered.
pub fn report(
    bytes: &[u8],
    indicator: &Indicator,
    view: &View<'_>,
) -> Result<Answer, MalformedAnswer> {
    let json = str::from_utf8(bytes)?;
    let kind = indicator.kind();
    let filter = view.filter(kind.object_type());
    let attributes = Filtered::at(&["data", "attributes"], json, filter);
    let body = match view.format {
        Format::Json | Format::Raw => {
            json::envelope(view.format, None, bytes.len(), |out| attributes.write(out))?
        }
        Format::Markdown => {
            let title = format!("{} Report", kind.title());
            let id = object_id(json)?.unwrap_or(Cow::Borrowed(indicator.id()));
            view.text(markdown::document(&title, &id, &attributes.tree()?), None)?
        }
        Format::Xml => {
            let root = format!("{}_report", kind.name());
            view.text(xml::document(&root, &attributes.tree()?), None)?
        }
    };
    Ok(Answer { body, cursor: None })
}

/// The `id` of the object that an answer holds; all else is passed over.
fn object_id(json: &str) -> Result<Option<Cow<'_, str>>, MalformedAnswer> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        data: Identified<'a>,
    }
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let head: Head<'_> = serde_json::from_str(json)?;
    // Seen once as a number; its text serves as well.
    Ok(head.data.id.map(|id| {
        serde_json::from_str(id.get()).map_or(Cow::Borrowed(id.get()), Cow::<'_, str>::Owned)
    }))
}
