//! Errors of writes, each with its effect: a write may have been carried out.

use std::{borrow::Cow, time::Duration};

use axum::http::StatusCode;

use super::{ApiError, NOT_WHAT_IT_SHOULD_BE};
use crate::{
    render::MalformedAnswer,
    submit::SubmitError,
    virustotal::{Reason, UpstreamError},
};

/// The advice after an error where a second try could write twice.
const UNCERTAIN: &str = "the request may have been carried out: check before sending it again";

/// The advice after an error where a second try is safe.
const UNSENT: &str = "nothing was sent: try again later";

impl ApiError {
    /// Returns the error of a write with its known effect.
    pub(super) fn of_write(error: UpstreamError) -> Self {
        let effect = match &error {
            error if error.may_have_been_carried_out() => UNCERTAIN,
            UpstreamError::Unreachable | UpstreamError::NotSent(_) | UpstreamError::Misdirected => {
                UNSENT
            }
            _ => return error.into(),
        };
        let detail = format!("{}; {effect}", failure(&error)).into();
        Self {
            detail,
            ..error.into()
        }
    }

    /// 502: an unreadable answer to a write.
    pub(super) fn of_unreadable_write(error: &MalformedAnswer) -> Self {
        let detail = format!("{NOT_WHAT_IT_SHOULD_BE}; {UNCERTAIN}");
        Self::bad_gateway(detail, error.to_string())
    }

    /// 504: a write that took longer than a request may.
    pub fn too_slow_to_write(time: Duration) -> Self {
        let seconds = time.as_secs();
        let detail = format!("there was no answer within {seconds} s; {UNCERTAIN}");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "DeadlineExceededError", detail)
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Form(error) => error.into(),
            SubmitError::Private(reason) => Self::private(StatusCode::FORBIDDEN, reason),
            SubmitError::Exhausted(error) => error.into(),
            SubmitError::Upstream(error) => Self::of_write(error),
            SubmitError::Malformed(error) => Self::of_unreadable_write(&error),
            SubmitError::Lost => Self::internal(error.to_string()),
            SubmitError::TooLarge => Self::document_too_large(),
        }
    }
}

/// Describes a failure without advice, since a write must not be tried again.
fn failure(error: &UpstreamError) -> Cow<'static, str> {
    match error {
        UpstreamError::NotSent(error) => failure(error),
        UpstreamError::Unreachable | UpstreamError::Broken | UpstreamError::Timeout => {
            error.to_string().into()
        }
        UpstreamError::Refused(refusal) if refusal.reason == Reason::Transient => {
            "VirusTotal can't answer at the moment".into()
        }
        UpstreamError::Refused(refusal) if refusal.reason == Reason::Deadline => {
            "VirusTotal ran out of time".into()
        }
        _ => NOT_WHAT_IT_SHOULD_BE.into(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn refused(status: u16) -> UpstreamError {
        UpstreamError::of_response(status, b"{\"error\": {}}", None, "key")
    }

    #[rstest]
    #[case::unreachable(UpstreamError::Unreachable, "nothing was sent")]
    #[case::misdirected(UpstreamError::Misdirected, "nothing was sent")]
    #[case::no_place(
        UpstreamError::NotSent(Box::new(UpstreamError::Timeout)),
        "nothing was sent"
    )]
    #[case::broken(UpstreamError::Broken, "may have been carried out")]
    #[case::timeout(UpstreamError::Timeout, "may have been carried out")]
    #[case::too_large(UpstreamError::TooLarge, "may have been carried out")]
    #[case::undecodable(UpstreamError::Undecodable, "may have been carried out")]
    #[case::redirect(UpstreamError::Unexpected(302), "may have been carried out")]
    #[case::fault(UpstreamError::Unexpected(500), "may have been carried out")]
    #[case::transient(refused(503), "may have been carried out")]
    #[case::deadline(refused(504), "may have been carried out")]
    fn a_failed_write_says_what_became_of_it(#[case] error: UpstreamError, #[case] says: &str) {
        let status = ApiError::from(error.clone()).status;
        let error = ApiError::of_write(error);
        assert!(error.detail.contains(says), "{}", error.detail);
        let advises = error.detail.contains("try again");
        assert_eq!(advises, says == "nothing was sent", "{}", error.detail);
        assert_eq!(error.status, status);
    }

    #[rstest]
    #[case(400)]
    #[case(401)]
    #[case(403)]
    #[case(404)]
    #[case(409)]
    #[case(413)]
    #[case(418)]
    #[case(429)]
    fn a_refused_write_was_not_carried_out(#[case] status: u16) {
        let error = ApiError::of_write(refused(status));
        assert!(!error.detail.contains("carried out"), "{}", error.detail);
    }
}
