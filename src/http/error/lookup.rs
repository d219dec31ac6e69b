//! Errors of lookups as statuses.

use axum::http::StatusCode;

use super::ApiError;
use crate::lookup::{FetchError, LookupError};

impl From<LookupError> for ApiError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Fetch(error) => error.into(),
            LookupError::Malformed(error) => error.into(),
            LookupError::TooLarge => Self::document_too_large(),
        }
    }
}

impl From<FetchError> for ApiError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Exhausted(error) => error.into(),
            FetchError::NotFound(refusal, provenance) => Self {
                provenance: Some(provenance),
                ..refusal.into()
            },
            FetchError::Upstream(error) => error.into(),
            FetchError::Private(reason) => Self::private(StatusCode::NOT_FOUND, reason),
            FetchError::NotKept => {
                let detail = "no answer is kept, and VirusTotal was not to be asked";
                Self::new(StatusCode::GATEWAY_TIMEOUT, "NotKeptError", detail)
            }
            FetchError::Lost => Self::internal(error.to_string()),
        }
    }
}
