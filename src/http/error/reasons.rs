//! VirusTotal's reasons as statuses.

use axum::http::StatusCode;

use crate::virustotal::Reason;

/// Returns the status of each of VirusTotal's reasons, and the detail where VirusTotal gives none.
pub(super) fn of_reason(reason: Reason) -> (StatusCode, &'static str) {
    match reason {
        Reason::BadRequest => (
            StatusCode::BAD_REQUEST,
            "VirusTotal can't make sense of this request; check its parameters",
        ),
        Reason::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "VirusTotal refused the API key; check the key sent in `X-API-Key` or set on the server",
        ),
        Reason::Forbidden => (
            StatusCode::FORBIDDEN,
            "VirusTotal does not let this API key do this; send a key whose account has this \
             privilege in `X-API-Key` (for some things a premium key), or ask for something else",
        ),
        Reason::NotFound => (
            StatusCode::NOT_FOUND,
            "VirusTotal does not know this object",
        ),
        Reason::Conflict => (StatusCode::CONFLICT, "VirusTotal has this already"),
        Reason::FailedDependency => (
            StatusCode::FAILED_DEPENDENCY,
            "something that this depends on failed at VirusTotal",
        ),
        Reason::PayloadTooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "the request is too large for VirusTotal",
        ),
        Reason::TooManyRequests => (
            StatusCode::TOO_MANY_REQUESTS,
            "VirusTotal's quota for this key is used up; wait as `Retry-After` says",
        ),
        Reason::Transient => (
            StatusCode::SERVICE_UNAVAILABLE,
            "VirusTotal can't answer at the moment; wait as `Retry-After` says",
        ),
        Reason::Deadline => (
            StatusCode::GATEWAY_TIMEOUT,
            "VirusTotal ran out of time; try again later",
        ),
    }
}
