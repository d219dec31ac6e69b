//! Exit statuses.

use crate::http::bulk::Ended;

/// The outcome of a command, the least bad first. The exit status is that of the worst row.
///
/// A row without an answer outweighs those that say nothing against an indicator, and never hides one
/// that does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// No detections, or likely benign.
    #[default]
    Fine,
    /// The reader of the output has gone away (as if by `SIGPIPE`).
    Closed,
    /// Unknown to VirusTotal, or private.
    Unknown,
    /// The command can't be used as it is (BSD's `EX_USAGE`).
    Usage,
    /// There is no answer (`EX_UNAVAILABLE`).
    Unavailable,
    /// The quota is used up (`EX_TEMPFAIL`).
    Quota,
    /// No key, or one that was refused (`EX_NOPERM`).
    Refused,
    /// Suspicious.
    Suspicious,
    /// Malicious.
    Malicious,
}

impl Status {
    /// Returns the exit status.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Suspicious => 1,
            Self::Malicious => 2,
            Self::Unknown => 3,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::Quota => 75,
            Self::Refused => 77,
            Self::Closed => 141,
        }
    }

    /// Returns the outcome of a row with this level of the verdict.
    pub(super) fn of_level(level: &str) -> Self {
        match level {
            "malicious" => Self::Malicious,
            "suspicious" => Self::Suspicious,
            "likely_benign" | "no_detections" => Self::Fine,
            _ => Self::Unknown,
        }
    }

    /// Returns the outcome of a row, or of a list, whose error has this code.
    pub(super) fn of_code(code: &str) -> Self {
        match code {
            "InvalidArgumentError" | "BadRequestError" => Self::Usage,
            "NotFoundError" | "PrivateIndicatorError" => Self::Unknown,
            "QuotaExceededError" | "TooManyRequestsError" => Self::Quota,
            "AuthenticationRequiredError"
            | "WrongCredentialsError"
            | "UserNotActiveError"
            | "ForbiddenError" => Self::Refused,
            _ => Self::Unavailable,
        }
    }

    /// Returns the outcome of a job that ended before its last row for this reason.
    pub(super) fn of_end(ended: Option<Ended>) -> Self {
        match ended {
            Some(Ended::Quota | Ended::MaxUnits | Ended::Allowance) => Self::Quota,
            Some(Ended::Stopping) | None => Self::Unavailable,
        }
    }
}
