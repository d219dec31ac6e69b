//! What can go wrong at VirusTotal, read from its answers as they really are.
//!
//! A front end, a proxy or a captive portal may answer in VirusTotal's place. An answer counts as
//! VirusTotal's if it carries VirusTotal's JSON error; without one only 429 and 503 are believed,
//! since to wait is right even if something else asks for it.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::message;
use crate::clock::BackOff;

/// The time to wait after a 429 for which no back-off was decided; it was not about an endpoint.
const AFTER_TOO_MANY: Duration = Duration::from_mins(1);

/// How long to wait where VirusTotal is overloaded and does not say how long.
const AFTER_TRANSIENT: Duration = Duration::from_secs(5);

/// Why a call gave no answer. None of these holds a URL or a key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VtError {
    /// No connection was made, so nothing was spent.
    #[error("VirusTotal can't be reached")]
    Unreachable,
    /// The connection broke, or what came over it was no HTTP.
    #[error("the connection to VirusTotal broke")]
    Broken,
    /// The time for the call was up.
    #[error("VirusTotal did not answer in time")]
    Timeout,
    /// The body is packed in a way that can't be read.
    #[error("VirusTotal's answer can't be unpacked")]
    Undecodable,
    /// The body is larger than `VT4AI_UPSTREAM_MAX_BODY`.
    #[error("VirusTotal's answer is too large")]
    TooLarge,
    /// A redirect, a status that its API does not have, or one without VirusTotal's own error.
    #[error("VirusTotal answered with status {0} and no error of its own")]
    Unexpected(u16),
    /// A place for an upload that is not VirusTotal's own; nothing was sent there.
    #[error("VirusTotal named a place for uploads that is not its own")]
    Misdirected,
    /// VirusTotal said no.
    #[error("VirusTotal refused: `{}`", .0.code)]
    Refused(Refusal),
    /// A call that had to succeed before anything could be written failed, so nothing was sent.
    #[error("{0}")]
    NotSent(Box<Self>),
}

/// VirusTotal's own error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the code means.
    pub reason: Reason,
    /// The code as VirusTotal wrote it, else the usual one for its status.
    pub code: Cow<'static, str>,
    /// Its message, where one can be passed on.
    pub message: Option<String>,
    /// The time to wait: VirusTotal's `Retry-After`, or once a back-off has begun what is left of
    /// it.
    pub retry_after: Option<BackOff>,
}

impl Refusal {
    /// How long to wait before another try, where one makes sense at all.
    pub fn wait(&self) -> Option<Duration> {
        let usual = match self.reason {
            Reason::TooManyRequests => AFTER_TOO_MANY,
            Reason::Transient => AFTER_TRANSIENT,
            _ => return None,
        };
        Some(self.retry_after.map_or(usual, BackOff::get))
    }
}

/// The meanings that VirusTotal's error codes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The request makes no sense to VirusTotal.
    BadRequest,
    /// The key is missing, wrong or not active.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// No such object.
    NotFound,
    /// It is there already.
    Conflict,
    /// What this depends on failed.
    FailedDependency,
    /// The request is too large.
    PayloadTooLarge,
    /// An allowance has run out, or requests come too fast.
    TooManyRequests,
    /// A later try may work.
    Transient,
    /// VirusTotal ran out of time itself.
    Deadline,
}

/// Every code of VirusTotal's documentation, without its `Error`.
const CODES: [(&str, Reason); 17] = [
    ("BadRequest", Reason::BadRequest),
    ("InvalidArgument", Reason::BadRequest),
    ("NotAvailableYet", Reason::BadRequest),
    ("UnselectiveContentQuery", Reason::BadRequest),
    ("UnsupportedContentQuery", Reason::BadRequest),
    ("AuthenticationRequired", Reason::Unauthorized),
    ("UserNotActive", Reason::Unauthorized),
    ("WrongCredentials", Reason::Unauthorized),
    ("Forbidden", Reason::Forbidden),
    ("NotFound", Reason::NotFound),
    ("AlreadyExists", Reason::Conflict),
    ("FailedDependency", Reason::FailedDependency),
    ("QuotaExceeded", Reason::TooManyRequests),
    ("TooManyRequests", Reason::TooManyRequests),
    ("Transient", Reason::Transient),
    ("DeadlineExceeded", Reason::Deadline),
    ("PayloadTooLarge", Reason::PayloadTooLarge),
];

impl VtError {
    /// Reads an error out of an answer; its body can be JSON, HTML or nothing at all.
    ///
    /// The error never holds `key`, which the request carried, or a part of it.
    pub fn of_response(status: u16, body: &[u8], retry_after: Option<BackOff>, key: &str) -> Self {
        let said = Said::read(body);
        let known = said.as_ref().and_then(|said| reason_of_code(&said.code));
        // A fault of the server is no refusal, whatever else it says: a write may have been done.
        let known = known.filter(|reason| status < 500 || !is_definite(*reason));
        let reason = match (status, &said) {
            // Even with another code: to go on asking can get an account suspended.
            (429, _) => Some(Reason::TooManyRequests),
            (503, None) => Some(Reason::Transient),
            (_, None) => None,
            (_, Some(_)) => known.or_else(|| reason_of_status(status)),
        };
        let Some(reason) = reason else {
            return Self::Unexpected(status);
        };
        let Said { code, message } = said.unwrap_or_default();
        // A documented code is no secret, and one of another meaning would contradict the status.
        let is_new = reason_of_code(&code).is_none() && is_code(&code);
        let is_told = known == Some(reason) || (is_new && !message::resembles(&code, key));
        Self::Refused(Refusal {
            reason,
            code: if is_told {
                code.into()
            } else {
                usual_code(reason).into()
            },
            message: message.filter(|text| speaks(reason) && message::is_fit(text, key)),
            retry_after,
        })
    }

    /// The library's error prints its URL, so only its kind is kept.
    pub(super) fn of_transport(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Broken
        }
    }

    /// Whether VirusTotal failed, rather than said no.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.reason, Reason::Transient | Reason::Deadline)
            }
            _ => true,
        }
    }

    /// Whether a write that ended so may have been carried out.
    ///
    /// It may unless the connection was never made or the write was refused with a 4xx.
    pub fn may_have_been_carried_out(&self) -> bool {
        match self {
            Self::Unreachable | Self::Misdirected | Self::NotSent(_) => false,
            Self::Unexpected(status) => !(400..500).contains(status),
            Self::Refused(refusal) => {
                matches!(refusal.reason, Reason::Transient | Reason::Deadline)
            }
            Self::Broken | Self::Timeout | Self::Undecodable | Self::TooLarge => true,
        }
    }

    /// Returns the error of a call that only prepared a write: nothing was carried out.
    pub(super) fn before_writing(self) -> Self {
        if self.may_have_been_carried_out() {
            Self::NotSent(Box::new(self))
        } else {
            self
        }
    }

    /// What became of a call that ended so, in a word of a few.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Undecodable => "undecodable",
            Self::TooLarge => "too_large",
            Self::Unexpected(_) => "unexpected",
            Self::Misdirected => "misdirected",
            Self::NotSent(error) => error.outcome(),
            Self::Refused(refusal) => match refusal.reason {
                Reason::BadRequest => "bad_request",
                Reason::Unauthorized => "unauthorized",
                Reason::Forbidden => "forbidden",
                Reason::NotFound => "not_found",
                Reason::Conflict => "conflict",
                Reason::FailedDependency => "failed_dependency",
                Reason::PayloadTooLarge => "payload_too_large",
                Reason::TooManyRequests => "too_many_requests",
                Reason::Transient => "transient",
                Reason::Deadline => "deadline",
            },
        }
    }

    /// Whether another try may work and is allowed.
    pub fn is_passing(&self) -> bool {
        let transient = |refusal: &Refusal| refusal.reason == Reason::Transient;
        matches!(self, Self::Unreachable)
            || matches!(self, Self::Refused(refusal) if transient(refusal))
    }
}

/// VirusTotal's own error.
#[derive(Default)]
struct Said {
    code: String,
    message: Option<String>,
}

impl Said {
    /// Reads `{"error": {"code": "…", "message": "…"}}`; the message may be missing.
    ///
    /// The code is a text: Google's front ends put a number there. All of VirusTotal's end in
    /// `Error`; those of Azure and others (`ResourceNotFound`) do not.
    fn read(body: &[u8]) -> Option<Self> {
        let mut body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get_mut("error")?;
        let Value::String(code) = error.get_mut("code")?.take() else {
            return None;
        };
        if reason_of_code(&code).is_none() && !ends_in_error(&code) {
            return None;
        }
        let message = match error.get_mut("message").map(Value::take) {
            Some(Value::String(message)) => Some(message),
            _ => None,
        };
        Some(Self { code, message })
    }
}

/// Case does not matter, nor does the `Error` at the end.
fn reason_of_code(code: &str) -> Option<Reason> {
    let code = stem_of_code(code).unwrap_or(code);
    CODES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map(|(_, reason)| *reason)
}

fn ends_in_error(code: &str) -> bool {
    stem_of_code(code).is_some_and(|stem| !stem.is_empty())
}

/// Returns what stands before the `Error` at the end, if that is there.
fn stem_of_code(code: &str) -> Option<&str> {
    let at = code.len().checked_sub("Error".len())?;
    let (stem, end) = code.split_at_checked(at)?;
    end.eq_ignore_ascii_case("Error").then_some(stem)
}

/// Whether nothing was done where VirusTotal gives this reason.
fn is_definite(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::TooManyRequests | Reason::Transient | Reason::Deadline
    )
}

fn reason_of_status(status: u16) -> Option<Reason> {
    Some(match status {
        400 => Reason::BadRequest,
        401 => Reason::Unauthorized,
        403 => Reason::Forbidden,
        404 => Reason::NotFound,
        409 => Reason::Conflict,
        413 => Reason::PayloadTooLarge,
        424 => Reason::FailedDependency,
        429 => Reason::TooManyRequests,
        503 => Reason::Transient,
        504 => Reason::Deadline,
        _ => return None,
    })
}

fn usual_code(reason: Reason) -> &'static str {
    match reason {
        Reason::BadRequest => "BadRequestError",
        Reason::Unauthorized => "WrongCredentialsError",
        Reason::Forbidden => "ForbiddenError",
        Reason::NotFound => "NotFoundError",
        Reason::Conflict => "AlreadyExistsError",
        Reason::FailedDependency => "FailedDependencyError",
        Reason::PayloadTooLarge => "PayloadTooLargeError",
        Reason::TooManyRequests => "TooManyRequestsError",
        Reason::Transient => "TransientError",
        Reason::Deadline => "DeadlineExceededError",
    }
}

/// A 401 can echo the key, a fault of the server its insides: those say nothing.
fn speaks(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Unauthorized | Reason::Transient | Reason::Deadline
    )
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        match VtError::of_response(status, body.as_bytes(), None, "the-key") {
            VtError::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case(
        404,
        r#"{"error":{"code":"NotFoundError"}}"#,
        Reason::NotFound,
        "NotFoundError"
    )]
    #[case(404, r#"{"error":{"code":"notfound"}}"#, Reason::NotFound, "notfound")]
    #[case(
        400,
        r#"{"error":{"code":"NotFoundError"}}"#,
        Reason::NotFound,
        "NotFoundError"
    )]
    #[case(
        400,
        r#"{"error":{"code":"BrandNewError"}}"#,
        Reason::BadRequest,
        "BrandNewError"
    )]
    #[case(
        429,
        "<html>slow down</html>",
        Reason::TooManyRequests,
        "TooManyRequestsError"
    )]
    #[case(429, "", Reason::TooManyRequests, "TooManyRequestsError")]
    #[case(
        429,
        r#"{"error":{"code":"NotFoundError"}}"#,
        Reason::TooManyRequests,
        "TooManyRequestsError"
    )]
    #[case(
        429,
        r#"{"error":{"code":"QuotaExceededError"}}"#,
        Reason::TooManyRequests,
        "QuotaExceededError"
    )]
    #[case(503, "<html>", Reason::Transient, "TransientError")]
    #[case(
        403,
        r#"{"error":{"code":"ForbiddenError","message":7}}"#,
        Reason::Forbidden,
        "ForbiddenError"
    )]
    #[case(
        404,
        r#"{"error":{"code":"<b>Error"}}"#,
        Reason::NotFound,
        "NotFoundError"
    )]
    #[case(
        404,
        r#"{"error":{"code":"the-keyError"}}"#,
        Reason::NotFound,
        "NotFoundError"
    )]
    #[case(
        503,
        r#"{"error":{"code":"TransientError","message":null}}"#,
        Reason::Transient,
        "TransientError"
    )]
    fn codes_are_read_as_they_come(
        #[case] status: u16,
        #[case] body: &str,
        #[case] reason: Reason,
        #[case] code: &str,
    ) {
        let refusal = refusal(status, body);
        assert_eq!((refusal.reason, &*refusal.code), (reason, code));
    }

    #[rstest]
    #[case(r#"File \"x\" not found"#, true)]
    #[case("the key the-key is wrong", false)]
    #[case("Traceback:\\n  line 1", false)]
    #[case("<html>", false)]
    #[case(" ", false)]
    fn messages_pass_only_when_harmless(#[case] message: &str, #[case] passed: bool) {
        let body = format!(r#"{{"error":{{"code":"NotFoundError","message":"{message}"}}}}"#);
        assert_eq!(refusal(404, &body).message.is_some(), passed);
    }

    #[test]
    fn a_401_never_speaks() {
        let body = r#"{"error":{"code":"WrongCredentialsError","message":"Wrong API key"}}"#;
        assert_eq!(refusal(401, body).message, None);
    }

    #[rstest]
    fn without_virustotals_own_error_a_status_is_unexpected(
        #[values(302, 400, 401, 403, 404, 409, 413, 418, 424, 500, 502, 504)] status: u16,
        #[values(
            "",
            "<html>",
            "null",
            "[]",
            r#""NotFoundError""#,
            r#"{"error":"NotFoundError"}"#,
            r#"{"error":null}"#,
            r#"{"error":[]}"#,
            r#"{"error":{}}"#,
            r#"{"error":{"code":404,"message":"not found","status":"NOT_FOUND"}}"#,
            r#"{"error":{"code":"ResourceNotFound","message":"not found"}}"#,
            r#"{"error":{"code":"","message":"not found"}}"#,
            r#"{"error":{"code":"Error"}}"#,
            r#"{"error":{"code":"404"}}"#,
            r#"{"code":"NotFoundError"}"#,
            r#"{"error":{"code":"NotFoundError"}} x"#
        )]
        body: &str,
    ) {
        let error = VtError::of_response(status, body.as_bytes(), None, "k");
        assert_eq!(error, VtError::Unexpected(status));
    }

    #[test]
    fn a_status_that_virustotal_does_not_have_needs_a_known_code() {
        let body = |code| format!(r#"{{"error":{{"code":"{code}"}}}}"#).into_bytes();
        let error = VtError::of_response(418, &body("BrandNewError"), None, "k");
        assert_eq!(error, VtError::Unexpected(418));
        let error = VtError::of_response(418, &body("QuotaExceededError"), None, "k");
        assert!(matches!(error, VtError::Refused(_)));
    }

    #[rstest]
    fn a_fault_of_the_server_is_no_refusal_of_a_write(
        #[values(500, 502, 503, 504)] status: u16,
        #[values(
            "AlreadyExistsError",
            "BadRequestError",
            "NotFoundError",
            "ForbiddenError"
        )]
        code: &str,
    ) {
        let body = format!(r#"{{"error":{{"code":"{code}"}}}}"#);
        let error = VtError::of_response(status, body.as_bytes(), None, "k");
        assert!(error.may_have_been_carried_out(), "{error:?}");
    }

    #[test]
    fn a_code_that_resembles_the_key_is_not_passed_on() {
        let key = "abcdefghijklmnop";
        for code in ["ABCDEFGHIJKL", "x_efghijklmnop", "abcdefghijklmnop"] {
            let body = format!(r#"{{"error":{{"code":"{code}Error"}}}}"#);
            let VtError::Refused(refusal) = VtError::of_response(404, body.as_bytes(), None, key)
            else {
                panic!("{code}")
            };
            assert_eq!(refusal.code, "NotFoundError");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let error = VtError::of_response(status, &body, None, "the-key");
            let is_believed = matches!(error, VtError::Refused(_));
            prop_assert_eq!(is_believed, matches!(status, 429 | 503));
        }
    }
}
