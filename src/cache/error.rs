//! Errors of a fetch, and which of them a stale answer may replace.

use std::time::Duration;

use thiserror::Error;

use super::{Origin, Provenance};
use crate::{
    indicator::PrivateReason,
    quota::{AcquireError, Exhausted},
    virustotal::{Reason, Refusal, UpstreamError},
};

/// The reason why there is no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FetchError {
    /// The key's quota is exhausted; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal does not know the object, now or when it was last asked.
    #[error("VirusTotal does not know the object")]
    NotFound(Refusal, Provenance),
    /// The call to VirusTotal failed, or its endpoint is in back-off.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The object is private; VirusTotal is never asked about it.
    #[error("private: {0}")]
    Private(PrivateReason),
    /// No answer is kept that is fresh enough, and VirusTotal was not to be asked.
    #[error("no answer is kept")]
    NotKept,
    /// The call ended without an outcome: its task panicked, or all callers had left.
    #[error("the task that called VirusTotal ended without an answer")]
    Lost,
}

impl FetchError {
    /// Returns the time until there is quota again, by the gateway's count or VirusTotal's; `None`
    /// if the error has another cause.
    pub fn until_quota(&self) -> Option<Duration> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted.retry_after),
            Self::Upstream(UpstreamError::Refused(refusal))
                if refusal.reason == Reason::TooManyRequests =>
            {
                refusal.wait()
            }
            _ => None,
        }
    }

    /// Whether VirusTotal failed, as opposed to refusing the request.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Upstream(error) => error.is_upstream_failure(),
            Self::Exhausted(_)
            | Self::NotFound(..)
            | Self::Private(_)
            | Self::NotKept
            | Self::Lost => false,
        }
    }

    /// Returns the origin of a stale answer that is served instead of this error, or `None` if the
    /// error must be returned.
    pub(super) fn stale_origin(&self) -> Option<Origin> {
        if self.until_quota().is_some() {
            return Some(Origin::StaleForQuota);
        }
        self.is_trouble().then_some(Origin::StaleForUpstream)
    }
}

impl From<AcquireError> for FetchError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Exhausted(exhausted) => exhausted.into(),
            AcquireError::BackedOff(refusal) => UpstreamError::Refused(refusal).into(),
        }
    }
}
