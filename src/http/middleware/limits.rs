//! Limits of one request, and of the number of concurrent ones.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{Method, Uri},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::{
    access::{CallerId, Hold},
    http::{
        error::ApiError, extract::freshness, middleware::route_group::RouteGroup,
        state::RequestLimits,
    },
};

/// The largest length of a request's path and query; nginx's own limit is the same.
const MAX_URI: usize = 8 * 1024;

/// The `Retry-After` of a request that came while all places were taken.
pub(super) const LATER: Duration = Duration::from_secs(1);

/// Rejects a request whose path and query are too long.
pub fn check_length(uri: &Uri) -> Result<(), ApiError> {
    match uri.path_and_query() {
        Some(target) if target.as_str().len() > MAX_URI => Err(ApiError::uri_too_long(MAX_URI)),
        _ => Ok(()),
    }
}

/// Returns the place of a request in this group, or an error where its caller finds none.
///
/// Requests that concern no key need none: they cost next to nothing.
pub fn enter(
    limits: &RequestLimits,
    group: RouteGroup,
    caller: CallerId,
) -> Result<Option<Hold>, ApiError> {
    if !group.concerns_key() {
        return Ok(None);
    }
    match limits.places.enter(caller) {
        Ok(hold) => Ok(Some(hold)),
        Err(full) => Err(ApiError::no_place(full, LATER)),
    }
}

/// Runs a request that holds a place, and ends it once its time is over.
///
/// The place is kept until the body of the response was sent or dropped, since until then it takes
/// memory.
pub async fn run(request: Request, next: Next, hold: Hold, time: Option<Duration>) -> Response {
    // A post under the API writes.
    let is_write = !matches!(*request.method(), Method::GET | Method::HEAD);
    let response = match time {
        None => next.run(request).await,
        Some(time) => match timeout(time, next.run(request)).await {
            Ok(response) => response,
            Err(_) if is_write => ApiError::too_slow_to_write(time).into_response(),
            Err(_) => ApiError::too_slow(time).into_response(),
        },
    };
    response.map(|body| until_dropped(body, hold))
}

/// Returns the time that a request of this group may take, if that is limited.
pub fn time_of(limits: &RequestLimits, group: RouteGroup, uri: &Uri) -> Option<Duration> {
    match group {
        // Requests of the last two groups set their own.
        RouteGroup::Service | RouteGroup::Upload | RouteGroup::Mcp | RouteGroup::DropIn => None,
        RouteGroup::Api | RouteGroup::UnknownApi => {
            Some(limits.longest + freshness::wait_of(uri.query().unwrap_or_default()))
        }
    }
}

/// Makes the body own the place: the server drops it when the last piece is sent.
fn until_dropped(body: Body, hold: Hold) -> Body {
    Body::new(body.map_err(move |error| {
        // Named here so that the closure, and with it the body, owns it.
        let _ = &hold;
        error
    }))
}

#[cfg(test)]
mod tests {
    use std::future;

    use axum::{
        Router,
        body::{Body, to_bytes},
        middleware,
    };
    use tower::ServiceExt as _;

    use super::*;
    use crate::access::Places;

    #[test]
    fn a_request_has_a_minute_and_what_it_asks_to_wait() {
        let limits = RequestLimits::new(1, Duration::from_secs(30));
        let seconds = |group, uri| {
            let time = time_of(&limits, group, &Uri::from_static(uri));
            time.map(|it| it.as_secs())
        };
        let api = RouteGroup::Api;
        assert_eq!(seconds(api, "/api/v1/files/x"), Some(60));
        assert_eq!(seconds(api, "/api/v1/files/x?a=b&wait=5m"), Some(360));
        // The handler rejects the request for that.
        assert_eq!(seconds(api, "/api/v1/files/x?wait=6m"), Some(60));
        assert_eq!(seconds(RouteGroup::Upload, "/api/v1/files"), None);
        let patient = RequestLimits::new(1, Duration::from_mins(2));
        let time = time_of(&patient, api, &Uri::from_static("/api/v1/files/x"));
        assert_eq!(time, Some(Duration::from_mins(2)));
    }

    #[tokio::test]
    async fn a_post_that_takes_too_long_may_have_been_carried_out() {
        let places = Places::new(4);
        let limit = middleware::from_fn(move |request: Request, next: Next| {
            let hold = places.enter(CallerId::at([192, 0, 2, 1].into())).unwrap();
            run(request, next, hold, Some(Duration::from_millis(10)))
        });
        let endless = Router::new().fallback(future::pending::<()>).layer(limit);
        for (method, is_uncertain) in [("POST", true), ("GET", false)] {
            let request = Request::builder().method(method).uri("/api/v1/urls");
            let request = request.body(Body::empty()).unwrap();
            let response = endless.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 504);
            let body = to_bytes(response.into_body(), 1000).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            let says = text.contains("may have been carried out");
            assert_eq!(says, is_uncertain, "{method}: {text}");
        }
    }
}
