//! Errors of calls to VirusTotal, parsed from the responses that occur in practice.
//!
//! A front end, a proxy or a captive portal may respond in VirusTotal's place. A response counts as
//! VirusTotal's if it carries VirusTotal's JSON error. Without one only 429 and 503 are believed:
//! waiting is right whichever server asked for it.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::message;
use crate::clock::BackOff;

/// The wait after a 429 that started no back-off because it concerned no endpoint.
const WAIT_AFTER_TOO_MANY_REQUESTS: Duration = Duration::from_mins(1);

/// The wait after a `TransientError` without `Retry-After`.
const WAIT_AFTER_TRANSIENT: Duration = Duration::from_secs(5);

/// An error of a call. No variant contains a URL or a key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UpstreamError {
    /// No connection was established, so no quota was spent.
    #[error("VirusTotal can't be reached")]
    Unreachable,
    /// The connection was lost, or the response was not HTTP.
    #[error("the connection to VirusTotal broke")]
    Broken,
    /// The deadline passed.
    #[error("VirusTotal did not answer in time")]
    Timeout,
    /// The body could not be decompressed.
    #[error("VirusTotal's answer could not be decompressed")]
    Undecodable,
    /// The body is larger than `VT4AI_UPSTREAM_MAX_BODY`.
    #[error("VirusTotal's answer is too large")]
    TooLarge,
    /// A redirect, a status that the API does not use, or an error status without VirusTotal's JSON
    /// error.
    #[error("VirusTotal answered with status {0} and no error of its own")]
    Unexpected(u16),
    /// VirusTotal returned an upload URL on a foreign host. Nothing was sent there.
    #[error("VirusTotal returned an upload URL on a foreign host")]
    Misdirected,
    /// The response is an error as JSON that is not believed to be VirusTotal's, or has a status that
    /// its documentation lacks.
    #[error("VirusTotal answered with status {} and no error of its own", .0.status)]
    Undocumented(Box<RawError>),
    /// VirusTotal returned an error of its own.
    #[error("VirusTotal refused: `{}`", .0.code)]
    Refused(Refusal),
    /// A preparatory call failed, so the write was not sent.
    #[error("{0}")]
    NotSent(Box<Self>),
}

/// An error that VirusTotal returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The meaning of the code.
    pub reason: Reason,
    /// The code as VirusTotal sent it, or the usual one for the status.
    pub code: Cow<'static, str>,
    /// The message, if it may be passed on.
    pub message: Option<String>,
    /// The time to wait: VirusTotal's `Retry-After` or, during a back-off, the time until it ends.
    pub retry_after: Option<BackOff>,
    /// The error as it came, for clients of VirusTotal's own API, if it may be passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Box<RawError>>,
}

/// An error response, byte for byte.
///
/// The body is JSON, and holds nothing that resembles the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawError {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Box<str>,
}

/// The longest error body that is passed on as it came, in bytes.
const MAX_RAW: usize = 4 * 1024;

/// The percent signs of a body from which it is not searched for the key, which takes a pass for
/// each of them.
const MAX_PERCENT_SIGNS: usize = 64;

impl Refusal {
    /// Returns the time to wait before a retry, or `None` if a retry makes no sense.
    pub fn wait(&self) -> Option<Duration> {
        let usual = match self.reason {
            Reason::TooManyRequests => WAIT_AFTER_TOO_MANY_REQUESTS,
            Reason::Transient => WAIT_AFTER_TRANSIENT,
            _ => return None,
        };
        Some(self.retry_after.map_or(usual, BackOff::get))
    }
}

/// A meaning of VirusTotal's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The request is invalid.
    BadRequest,
    /// The key is missing, wrong or not active.
    Unauthorized,
    /// The key lacks the permission.
    Forbidden,
    /// VirusTotal does not know the object.
    NotFound,
    /// The object exists already.
    Conflict,
    /// A dependency of the request failed.
    FailedDependency,
    /// The request is too large.
    PayloadTooLarge,
    /// The quota is exhausted, or requests come too fast.
    TooManyRequests,
    /// A temporary failure. A retry may succeed.
    Transient,
    /// VirusTotal exceeded its own deadline.
    Deadline,
}

/// VirusTotal's documented codes, without the suffix `Error`.
const ERROR_CODES: [(&str, Reason); 17] = [
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

impl UpstreamError {
    /// Parses an error response, whose body can be JSON, HTML or empty.
    ///
    /// The result contains neither `key`, which was sent with the request, nor a part of it.
    pub fn of_response(status: u16, body: &[u8], retry_after: Option<BackOff>, key: &str) -> Self {
        let error_body = ErrorBody::read(body);
        let known = error_body
            .as_ref()
            .and_then(|error_body| reason_of_code(&error_body.code));
        // A 5xx never counts as a definite refusal, whatever its code: a write may have been
        // carried out.
        let known = known.filter(|reason| status < 500 || !is_definite(*reason));
        let reason = match (status, &error_body) {
            // Whatever the code: requests that go on after a 429 can get an account suspended.
            (429, _) => Some(Reason::TooManyRequests),
            (503, None) => Some(Reason::Transient),
            (_, None) => None,
            (_, Some(_)) => known.or_else(|| reason_of_status(status)),
        };
        let raw = RawError::of(status, body, key);
        let Some(reason) = reason else {
            return match raw {
                Some(raw) => Self::Undocumented(raw),
                None => Self::Unexpected(status),
            };
        };
        let ErrorBody { code, message } = error_body.unwrap_or_default();
        // A documented code cannot leak the key, but is dropped if it contradicts the status. An
        // unknown code is kept if it does not resemble the key.
        let is_new = reason_of_code(&code).is_none() && is_code(&code);
        let is_told = known == Some(reason) || (is_new && !message::resembles(&code, key));
        Self::Refused(Refusal {
            reason,
            code: if is_told {
                code.into()
            } else {
                usual_code(reason).into()
            },
            // The message is dropped rather than repaired if any part of it is unfit.
            message: message.filter(|text| has_safe_message(reason) && message::is_fit(text, key)),
            retry_after,
            // The message of a 401 can echo the key.
            raw: raw.filter(|_| reason != Reason::Unauthorized),
        })
    }

    /// Classifies a reqwest error. The error itself is dropped because it prints the URL.
    pub(super) fn of_transport(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Broken
        }
    }

    /// Returns whether VirusTotal, or the connection to it, failed. A refusal is a valid response,
    /// unless VirusTotal calls it temporary or exceeded its own deadline.
    pub fn is_upstream_failure(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.reason, Reason::Transient | Reason::Deadline)
            }
            _ => true,
        }
    }

    /// Returns whether a write that failed with this error may have been carried out.
    ///
    /// It may have, unless no connection was established or the write was refused with a 4xx.
    pub fn may_have_been_carried_out(&self) -> bool {
        match self {
            Self::Unreachable | Self::Misdirected | Self::NotSent(_) => false,
            Self::Unexpected(status) => !(400..500).contains(status),
            Self::Undocumented(raw) => !(400..500).contains(&raw.status),
            Self::Refused(refusal) => {
                matches!(refusal.reason, Reason::Transient | Reason::Deadline)
            }
            Self::Broken | Self::Timeout | Self::Undecodable | Self::TooLarge => true,
        }
    }

    /// Converts the error of a call that only prepared a write: the write was not carried out.
    pub(super) fn before_writing(self) -> Self {
        if self.may_have_been_carried_out() {
            Self::NotSent(Box::new(self))
        } else {
            self
        }
    }

    /// Returns the outcome label for metrics and traces.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Undecodable => "undecodable",
            Self::TooLarge => "too_large",
            Self::Unexpected(_) | Self::Undocumented(_) => "unexpected",
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

    /// Returns whether a retry is safe and may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Refused(refusal) => refusal.reason == Reason::Transient,
            _ => false,
        }
    }
}

impl RawError {
    /// Returns an error as it came, if it is JSON and may be passed on.
    fn of(status: u16, body: &[u8], key: &str) -> Option<Box<Self>> {
        let text = str::from_utf8(body).ok()?;
        let signs = memchr::memchr_iter(b'%', body);
        if status == 401 || text.len() > MAX_RAW || signs.count() > MAX_PERCENT_SIGNS {
            return None;
        }
        let json: Value = serde_json::from_str(text).ok()?;
        if message::resembles(text, key) {
            return None;
        }
        // Escapes could hide a key from this check, and not from a client.
        if text.contains('\\') && message::resembles(&json.to_string(), key) {
            return None;
        }
        let body = text.into();
        Some(Box::new(Self { status, body }))
    }
}

/// The error object of a response body.
#[derive(Default)]
struct ErrorBody {
    code: String,
    message: Option<String>,
}

impl ErrorBody {
    /// Parses `{"error": {"code": "…", "message": "…"}}`, where the message is optional.
    ///
    /// The code must be a string (Google's front ends send a number) and end in `Error`, which
    /// tells it from the codes of Azure and others, such as `ResourceNotFound`.
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

/// Looks up a code, ignoring case and the suffix `Error`.
fn reason_of_code(code: &str) -> Option<Reason> {
    let code = stem_of_code(code).unwrap_or(code);
    ERROR_CODES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map(|(_, reason)| *reason)
}

fn ends_in_error(code: &str) -> bool {
    stem_of_code(code).is_some_and(|stem| !stem.is_empty())
}

/// Returns the code without its suffix `Error`, or `None` if it lacks the suffix.
fn stem_of_code(code: &str) -> Option<&str> {
    let at = code.len().checked_sub("Error".len())?;
    let (stem, end) = code.split_at_checked(at)?;
    end.eq_ignore_ascii_case("Error").then_some(stem)
}

/// Returns whether this reason means that the request was not carried out.
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

/// Returns whether the message of this error may be passed on. That of a 401 can echo the key, and
/// that of a server error can reveal internals.
fn has_safe_message(reason: Reason) -> bool {
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
        match UpstreamError::of_response(status, body.as_bytes(), None, "the-key") {
            UpstreamError::Refused(refusal) => refusal,
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
    fn codes_are_parsed_leniently(
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
    fn only_harmless_messages_are_passed_on(#[case] message: &str, #[case] passed: bool) {
        let body = format!(r#"{{"error":{{"code":"NotFoundError","message":"{message}"}}}}"#);
        assert_eq!(refusal(404, &body).message.is_some(), passed);
    }

    #[test]
    fn message_of_a_401_is_withheld() {
        let body = r#"{"error":{"code":"WrongCredentialsError","message":"Wrong API key"}}"#;
        assert_eq!(refusal(401, body).message, None);
    }

    #[rstest]
    fn status_without_virustotals_error_is_unexpected(
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
        let error = UpstreamError::of_response(status, body.as_bytes(), None, "k");
        match error {
            // JSON is passed on to clients of VirusTotal's own API, and means nothing more.
            UpstreamError::Undocumented(raw) => {
                assert_eq!((raw.status, &*raw.body), (status, body));
                assert!(serde_json::from_str::<Value>(body).is_ok());
            }
            error => assert_eq!(error, UpstreamError::Unexpected(status)),
        }
    }

    #[test]
    fn raw_error_that_shows_the_key_is_withheld() {
        let raw = |message: &str| {
            let body = format!(r#"{{"error":{{"code":"NotFoundError","message":"{message}"}}}}"#);
            let raw = refusal(404, &body).raw;
            assert!(raw.as_ref().is_none_or(|raw| *raw.body == *body));
            raw.is_some()
        };
        assert!(raw("a \\\"b\\\" <c>"));
        for echo in ["the-key", r"\u0074he-key", "THE-KEY", "the%2Dkey"] {
            assert!(!raw(echo), "{echo}");
        }
    }

    #[test]
    fn undocumented_status_needs_a_known_code() {
        let body = |code| format!(r#"{{"error":{{"code":"{code}"}}}}"#).into_bytes();
        let error = UpstreamError::of_response(418, &body("BrandNewError"), None, "k");
        assert!(matches!(error, UpstreamError::Undocumented(_)));
        let error = UpstreamError::of_response(418, &body("BrandNewkkkkError"), None, "kkkk");
        assert_eq!(error, UpstreamError::Unexpected(418));
        let error = UpstreamError::of_response(418, &body("QuotaExceededError"), None, "k");
        assert!(matches!(error, UpstreamError::Refused(_)));
    }

    #[rstest]
    fn server_error_is_no_refusal_of_a_write(
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
        let error = UpstreamError::of_response(status, body.as_bytes(), None, "k");
        assert!(error.may_have_been_carried_out(), "{error:?}");
    }

    #[test]
    fn code_that_resembles_the_key_is_withheld() {
        let key = "abcdefghijklmnop";
        for code in ["ABCDEFGHIJKL", "x_efghijklmnop", "abcdefghijklmnop"] {
            let body = format!(r#"{{"error":{{"code":"{code}Error"}}}}"#);
            let UpstreamError::Refused(refusal) =
                UpstreamError::of_response(404, body.as_bytes(), None, key)
            else {
                panic!("{code}")
            };
            assert_eq!(refusal.code, "NotFoundError");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let error = UpstreamError::of_response(status, &body, None, "the-key");
            let is_believed = matches!(error, UpstreamError::Refused(_));
            prop_assert_eq!(is_believed, matches!(status, 429 | 503));
        }
    }
}
