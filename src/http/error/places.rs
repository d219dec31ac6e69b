//! Rejections of requests for which there is no place.

use std::time::Duration;

use axum::http::StatusCode;

use super::ApiError;
use crate::access::Full;

/// The time in which a gateway that stops is usually back.
const UNTIL_RESTARTED: Duration = Duration::from_secs(10);

impl ApiError {
    /// 503: all places are taken; 429: this caller holds as many as it may.
    pub fn no_place(full: Full, wait: Duration) -> Self {
        let (status, code, detail) = match full {
            Full::All => (
                StatusCode::SERVICE_UNAVAILABLE,
                "OverloadedError",
                "the gateway is at its limit of concurrent requests; wait as `Retry-After` says",
            ),
            Full::Caller => (
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsError",
                "this caller (a client, a key or an address) is at its limit of concurrent requests, \
                 a quarter of all; wait as `Retry-After` says",
            ),
        };
        Self::new(status, code, detail).after(wait)
    }

    /// 503: a gateway that is stopping begins nothing more.
    pub fn stopping() -> Self {
        let detail = "the gateway is stopping; wait as `Retry-After` says";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "OverloadedError", detail).after(UNTIL_RESTARTED)
    }
}
