//! Around every request: its id, its line in the log, the headers that all answers have.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, Span, info, info_span, warn};

use super::error::Failure;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No proxy may hand one key's answer to another (CONTRACT 6).
const VARY: HeaderValue = HeaderValue::from_static("Accept, X-API-Key, x-apikey, Authorization");

/// Names the request, runs it, and writes one line about it.
///
/// Indicators stand in paths and can be confidential: the line has the route instead.
pub async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let span = info_span!("request", request.id = id.to_str().unwrap_or_default());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let under_api = request.uri().path().starts_with("/api/v1/");
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if under_api {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        // Compression has put its own there.
        if let Some(encoding) = headers.insert(header::VARY, VARY) {
            headers.append(header::VARY, encoding);
        }
    }
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    write_line(&span, method.as_str(), route, &response, started);
    response
}

fn write_line(span: &Span, method: &str, route: &str, response: &Response, started: Instant) {
    let _within = span.enter();
    let status = response.status().as_u16();
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let failure = response.extensions().get::<Failure>();
    let code = failure.map(|failure| failure.code.as_ref());
    let cause = failure.and_then(|failure| failure.cause.as_deref());
    if response.status().is_server_error() {
        warn!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            error.code = code,
            error.cause = cause,
            "failed"
        );
    } else {
        info!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            error.code = code,
            error.cause = cause,
            "answered"
        );
    }
}

/// The caller's id where it is a sane token: 1 to 128 letters, digits, `-`, `_`, `.`.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=128).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    headers
        .get(X_REQUEST_ID)
        .filter(sane)
        .cloned()
        .unwrap_or_else(new_id)
}

fn new_id() -> HeaderValue {
    let id = format!("{:032x}", fastrand::u128(..));
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"))
}
