//! Why a lookup gave no answer, and what can be made of that.

use std::time::Duration;

use thiserror::Error;

use super::{Origin, Seen};
use crate::{
    answer::{AnswerError, MalformedAnswer},
    quota::Exhausted,
    spend::NotNow,
    vt::{Reason, Refusal, VtError},
};

/// Why a lookup gave no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// The key's allowance has run out; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal knows no such object, now or when it was last asked.
    #[error("VirusTotal does not know it")]
    Unknown(Refusal, Seen),
    /// VirusTotal gave none.
    #[error(transparent)]
    Upstream(#[from] VtError),
    /// VirusTotal gave something else.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// VirusTotal's answer is sound, but a document of it would be too large.
    #[error("{}", AnswerError::TooLarge)]
    TooLarge,
    /// The task that asked broke down.
    #[error("the task that asked VirusTotal broke down")]
    Lost,
}

impl LookupError {
    /// How long until there is quota again, the gateway's count of it or VirusTotal's; none
    /// where that is not what is missing.
    pub(super) fn until_quota(&self) -> Option<Duration> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted.retry_after),
            Self::Upstream(VtError::Refused(refusal)) => refusal
                .wait()
                .filter(|_| refusal.reason == Reason::TooManyRequests),
            _ => None,
        }
    }

    /// Whether VirusTotal failed, rather than said no.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::Upstream(error) => error.is_trouble(),
            Self::Malformed(_) => true,
            Self::Exhausted(_) | Self::Unknown(..) | Self::TooLarge | Self::Lost => false,
        }
    }

    /// As what something old is given in its place; none, where the error stands.
    pub(super) fn excuse(&self) -> Option<Origin> {
        if self.until_quota().is_some() {
            return Some(Origin::StaleForQuota);
        }
        self.is_trouble().then_some(Origin::StaleForUpstream)
    }
}

impl From<AnswerError> for LookupError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Malformed(error) => error.into(),
            AnswerError::TooLarge => Self::TooLarge,
        }
    }
}

impl From<NotNow> for LookupError {
    fn from(error: NotNow) -> Self {
        match error {
            NotNow::Exhausted(exhausted) => exhausted.into(),
            NotNow::Closed(refusal) => VtError::Refused(refusal).into(),
        }
    }
}
