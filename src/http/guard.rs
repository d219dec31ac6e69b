//! The door before every handler, and the headers that say what a key may still spend.

use axum::{
    extract::{Request, State},
    http::HeaderName,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Gateway, Shared, caller,
    error::{ApiError, insert_number},
    extract,
};
use crate::{
    door::Knocker,
    key::{ApiKey, KeyHash},
    quota::Now,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Lets a request pass as often as its key or, without one, its address may knock.
pub async fn guard(State(gateway): State<Shared>, request: Request, next: Next) -> Response {
    let key = caller::own_key(request.headers())
        .ok()
        .flatten()
        .map(|key| key.hash());
    let address = extract::peer(request.extensions().get());
    let knocker = key.map_or_else(|| Knocker::at(address), Knocker::Key);
    match gateway.door.knock(&knocker) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let mut response = ApiError::too_many_requests(wait).into_response();
            if let Some(key) = key.filter(|_| request.uri().path().starts_with("/api/v1/")) {
                say_standing(&mut response, &gateway, key);
            }
            response
        }
    }
}

/// Every answer that concerns a key: what the work gives or else what was being done, and where
/// the key stands.
pub async fn with_key(
    gateway: &Gateway,
    key: Result<ApiKey, ApiError>,
    doing: &str,
    work: impl AsyncFnOnce(&ApiKey) -> Result<Response, ApiError>,
) -> Response {
    let hash = key.as_ref().ok().map(ApiKey::hash);
    let answer = async { work(&key?).await }.await;
    let answer = answer.map_err(|error| error.during(doing));
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Some(hash) = hash {
        say_standing(&mut response, gateway, hash);
    }
    response
}

/// Adds `X-RateLimit-*`: where the key stands in the minute, if that is limited.
fn say_standing(response: &mut Response, gateway: &Gateway, key: KeyHash) {
    if let Some(standing) = gateway.quota.standing(key, Now::read()) {
        insert_number(response, LIMIT, standing.limit);
        insert_number(response, REMAINING, standing.remaining);
        insert_number(response, RESET, standing.reset);
    }
}
