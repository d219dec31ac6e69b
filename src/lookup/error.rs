//! Errors of a lookup.

use std::time::Duration;

use thiserror::Error;

use super::FetchError;
use crate::render::{MalformedAnswer, RenderError};

/// The reason why a lookup has no document to return.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// There is no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// VirusTotal's answer is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// VirusTotal's answer is well-formed, but the rendered document would be too large.
    #[error("{}", RenderError::TooLarge)]
    TooLarge,
}

impl LookupError {
    /// Returns the time until there is quota again, or `None` if the error has another cause.
    pub(super) fn until_quota(&self) -> Option<Duration> {
        match self {
            Self::Fetch(error) => error.until_quota(),
            Self::Malformed(_) | Self::TooLarge => None,
        }
    }

    /// Whether VirusTotal failed, as opposed to refusing the request.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_trouble(),
            Self::Malformed(_) => true,
            Self::TooLarge => false,
        }
    }
}

impl From<RenderError> for LookupError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Malformed(error) => error.into(),
            RenderError::TooLarge => Self::TooLarge,
        }
    }
}
