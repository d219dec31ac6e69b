//! Cross-origin requests of web pages (CORS).
//!
//! Pages send a key or a token themselves; browsers are never asked for cookies.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower::util::{Either, option_layer};
use tower_http::cors::CorsLayer;

use crate::http::extract::credential::KEY_HEADERS;

/// The time for which a browser may keep a preflight response.
const REMEMBER: Duration = Duration::from_hours(1);

/// The headers that a page may send, beside those that every page may.
const SENT: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("x-request-id"),
];

/// The headers of a response that a page may read, beside those that every page may.
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

/// Builds the layer that lets pages of these origins call; without origins it does nothing.
pub fn layer(origins: &[String]) -> Either<CorsLayer, tower::layer::util::Identity> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|it| it.parse().ok()).collect();
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(KEY_HEADERS.iter().cloned().chain(SENT).collect::<Vec<_>>())
        .expose_headers(READ)
        .max_age(REMEMBER);
    option_layer((!origins.is_empty()).then(|| layer.allow_origin(origins)))
}
