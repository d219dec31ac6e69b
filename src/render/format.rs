//! The four formats of an answer, and their writers.
//!
//! The writers are pure: JSON tokens in, text out. [`crate::render`] decides which value is written
//! through which template.

use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

pub mod json;
pub mod markdown;
pub mod sink;
pub mod xml;

/// The format of an answer's `data`; "Formats" in `docs/http-api.md` describes each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(description = "The form of `data`")]
pub enum Format {
    /// The filtered attributes as JSON.
    #[default]
    Json,
    /// A Markdown document, which is inert whatever the data contains.
    Markdown,
    /// A well-formed XML 1.0 document.
    Xml,
    /// VirusTotal's attributes, unfiltered.
    Raw,
}

/// The error for a name that is not a format.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected one of `json`, `markdown`, `xml`, `raw`")]
pub struct UnknownFormat;

impl Format {
    /// All formats, in the order in which clients see them.
    pub const ALL: [Self; 4] = [Self::Json, Self::Markdown, Self::Xml, Self::Raw];

    /// Returns the name used in queries, settings and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Xml => "xml",
            Self::Raw => "raw",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        for format in Self::ALL {
            if format.name() == name {
                return Ok(format);
            }
        }
        Err(UnknownFormat)
    }
}
