//! Whose web pages may call: answers to browsers' questions about that (CORS).
//!
//! A page sends a key or a token itself; cookies and the like are never asked for.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower::util::{Either, option_layer};
use tower_http::cors::CorsLayer;

use crate::http::extract::caller::KEY_HEADERS;

/// How long a browser may remember what it was told.
const REMEMBER: Duration = Duration::from_hours(1);

/// What a page may send beside what every page may.
const SENT: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("x-request-id"),
];

/// What a page may read of an answer's head beside what every page may (CONTRACT 6).
const READ: [HeaderName; 11] = [
    header::AGE,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("x-cache"),
    HeaderName::from_static("x-cache-reason"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-request-id"),
];

/// Lets pages of these origins call; with none, nothing is said of other pages.
pub fn layer(origins: &[String]) -> Either<CorsLayer, tower::layer::util::Identity> {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(KEY_HEADERS.iter().cloned().chain(SENT).collect::<Vec<_>>())
        .expose_headers(READ)
        .max_age(REMEMBER);
    option_layer((!origins.is_empty()).then(|| layer.allow_origin(origins)))
}
