//! Errors of REST in the words of a tool: what went wrong, and what to do next.

use axum::http::StatusCode;

use crate::{clock::whole_seconds, http::error::ApiError};

/// The advice that REST gives where a response says in a header when to try again.
const WAIT: &str = "wait as `Retry-After` says";

/// Returns one or two sentences about an error.
pub(super) fn sentence(error: &ApiError) -> String {
    let mut text = error.detail().to_owned();
    if let Some(wait) = error.retry_after() {
        let again = format!("try again in {} s", whole_seconds(wait).max(1));
        if text.contains(WAIT) {
            text = text.replace(WAIT, &again);
        } else {
            text = format!("{text}; {again}");
        }
    }
    if let Some(next) = next_step(error) {
        text = format!("{text}; {next}");
    }
    finish(&text)
}

/// Returns the step that follows an error whose detail does not name one.
fn next_step(error: &ApiError) -> Option<&'static str> {
    match (error.status(), error.code()) {
        (_, "PrivateIndicatorError") => Some("ask your own systems about it"),
        (StatusCode::NOT_FOUND, _) => Some(
            "check the spelling, or have a URL analysed with `submit`, where that tool is listed",
        ),
        (StatusCode::TOO_MANY_REQUESTS, "QuotaExceededError") => {
            Some("`get_quota` says what is left, and cached answers cost nothing")
        }
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
