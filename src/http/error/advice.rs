//! Advice in the details of errors.

use std::{borrow::Cow, time::Duration};

use axum::http::StatusCode;

use super::ApiError;
use crate::http::outcome::Failure;

/// The advice where VirusTotal forbids something to a key.
const SEND_ANOTHER_KEY: &str = "send a key whose account has this privilege in `X-API-Key` (for \
    some things a premium key), or ask for something else";

impl ApiError {
    /// 405: a method that the path does not take; the detail lists those it takes.
    pub fn method_not_allowed(methods: &[&str]) -> Self {
        let named = if methods.is_empty() {
            "the header `Allow` names those it takes".to_owned()
        } else {
            format!("it takes `{}`", methods.join("`, `"))
        };
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowedError",
            format!("this path does not take this method; {named}"),
        )
    }

    /// 429: quota that ran out before anything was found, in the words of the caller.
    pub fn quota_exceeded(detail: String) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "QuotaExceededError", detail)
    }

    /// Returns the code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the detail.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the time after which to try again, which every 429 and 503 has.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the failure as the request log shows it.
    pub fn into_failure(self) -> Failure {
        Failure {
            code: self.code,
            detail: self.detail,
            cause: self.cause.map(String::from),
            raw: self.raw,
        }
    }

    /// Replaces the detail.
    #[must_use]
    pub fn saying(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// Adds to the detail what the caller can do.
    #[must_use]
    pub fn with_advice(self, advice: &str) -> Self {
        let detail = format!("{}; {advice}", self.detail);
        self.saying(detail)
    }
}

/// Adds advice to VirusTotal's message of a 403 that only says that this is forbidden.
pub(super) fn on_forbidden(message: String) -> String {
    let words = message.to_lowercase();
    let is_stock = ["not authorized", "not allowed", "forbidden", "permission"]
        .into_iter()
        .any(|stock| words.contains(stock));
    if is_stock {
        format!("{message}; {SEND_ANOTHER_KEY}")
    } else {
        message
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("You are not authorized to perform the requested operation", true)]
    #[case("Forbidden", true)]
    #[case("Only for members of the group; ask its administrator", false)]
    fn a_message_that_only_forbids_gets_advice(#[case] message: &str, #[case] advised: bool) {
        let text = on_forbidden(message.to_owned());
        assert!(text.starts_with(message));
        assert_eq!(text.contains("`X-API-Key`"), advised, "{text}");
    }
}
