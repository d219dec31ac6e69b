//! Errors of REST in the words of a tool: what went wrong, and what to do next.

use std::time::Duration;

use axum::http::StatusCode;

use crate::{clock::whole_seconds, http::error::ApiError};

/// The advice that REST gives where a response says in a header when to try again.
const WAIT: &str = "wait as `Retry-After` says";

/// The advice where quota or an allowance is used up.
const QUOTA: &str = "`get_quota` says what is left";

/// Returns one or two sentences about an error.
pub(super) fn sentence(error: &ApiError) -> String {
    let mut text = error.detail().to_owned();
    if let Some(wait) = error.retry_after() {
        text = saying_when(&text, wait);
    }
    if let Some(next) = next_step(error)
        && !text.contains(next)
    {
        text = format!("{text}; {next}");
    }
    finish(&text)
}

/// Adds to a text when to try again.
pub(super) fn saying_when(text: &str, wait: Duration) -> String {
    let again = format!("try again in {} s", whole_seconds(wait).max(1));
    if text.contains(WAIT) {
        text.replace(WAIT, &again)
    } else {
        format!("{text}; {again}")
    }
}

/// Returns the step that follows an error whose detail does not name one.
fn next_step(error: &ApiError) -> Option<&'static str> {
    match (error.status(), error.code()) {
        (_, "PrivateIndicatorError") => Some("ask your own systems about it"),
        (StatusCode::NOT_FOUND, _) => Some("check the spelling"),
        (StatusCode::TOO_MANY_REQUESTS, "QuotaExceededError") => Some(QUOTA),
        (StatusCode::BAD_GATEWAY | StatusCode::INTERNAL_SERVER_ERROR, _) => {
            Some("calling again once may help")
        }
        _ => None,
    }
}

/// Returns a text as a sentence.
pub(super) fn finish(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
