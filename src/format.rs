//! The four forms an answer can take, and their writers.
//!
//! The writers are pure: pieces of JSON in, text out. Which value, and through which template,
//! is decided in [`crate::answer`].

use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

pub mod json;
pub mod markdown;
pub mod sink;
pub mod xml;

/// The form of an answer's `data`; section 4 of the contract says what each holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(description = "The form of `data`")]
pub enum Format {
    /// The filtered attributes as JSON.
    #[default]
    Json,
    /// A Markdown document, inert whatever the data.
    Markdown,
    /// A well-formed XML 1.0 document.
    Xml,
    /// VirusTotal's attributes, unfiltered.
    Raw,
}

/// A word that names no format.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected one of `json`, `markdown`, `xml`, `raw`")]
pub struct UnknownFormat;

impl Format {
    /// Every format, in the order in which they are listed to clients.
    pub const ALL: [Self; 4] = [Self::Json, Self::Markdown, Self::Xml, Self::Raw];

    /// The format's name in queries, settings and answers.
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
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}
