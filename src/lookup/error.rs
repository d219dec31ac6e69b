//! Errors of a lookup, and which of them a stale answer may replace.

use std::time::Duration;

use thiserror::Error;

use super::{Origin, Seen};
use crate::{
    quota::{AcquireError, accounts::Exhausted},
    render::{MalformedAnswer, RenderError},
    virustotal::{Reason, Refusal, UpstreamError},
};

/// The reasons for which a lookup has no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// The key's quota is exhausted; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal does not know the object, now or when it was last asked.
    #[error("VirusTotal does not know the object")]
    Unknown(Refusal, Seen),
    /// The call to VirusTotal failed.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// VirusTotal's answer is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// VirusTotal's answer is well-formed, but the rendered document would be too large.
    #[error("{}", RenderError::TooLarge)]
    TooLarge,
    /// The task that made the call panicked.
    #[error("the task that called VirusTotal ended without an answer")]
    Lost,
}

impl LookupError {
    /// Returns the time until there is quota again, by the gateway's count or VirusTotal's; `None`
    /// if the error has another cause.
    pub(super) fn until_quota(&self) -> Option<Duration> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted.retry_after),
            Self::Upstream(UpstreamError::Refused(refusal)) => refusal
                .wait()
                .filter(|_| refusal.reason == Reason::TooManyRequests),
            _ => None,
        }
    }

    /// Whether VirusTotal failed, as opposed to refusing the request.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::Upstream(error) => error.is_trouble(),
            Self::Malformed(_) => true,
            Self::Exhausted(_) | Self::Unknown(..) | Self::TooLarge | Self::Lost => false,
        }
    }

    /// Returns the origin of a stale answer that is served instead of this error, or `None` if the
    /// error must be returned.
    pub(super) fn excuse(&self) -> Option<Origin> {
        if self.until_quota().is_some() {
            return Some(Origin::StaleForQuota);
        }
        self.is_trouble().then_some(Origin::StaleForUpstream)
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

impl From<AcquireError> for LookupError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Exhausted(exhausted) => exhausted.into(),
            AcquireError::Backoffs(refusal) => UpstreamError::Refused(refusal).into(),
        }
    }
}
