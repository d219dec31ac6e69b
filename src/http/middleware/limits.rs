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
        error::ApiError,
        extract::{freshness, is_under_api},
        state::Limits,
    },
};

/// The largest length of a request's path and query; nginx's own limit is the same.
const MAX_URI: usize = 8 * 1024;

/// The `Retry-After` of a request that came while all places were taken.
pub(super) const LATER: Duration = Duration::from_secs(1);

/// Returns the place of a request under `/api/v1`, or an error where its target is too long or its
/// caller finds no place. Other requests need none: they cost next to nothing.
pub fn admit(
    limits: &Limits,
    request: &Request,
    caller: CallerId,
) -> Result<Option<Hold>, ApiError> {
    if length(request.uri()) > MAX_URI {
        return Err(ApiError::uri_too_long(MAX_URI));
    }
    if !is_under_api(request.uri()) {
        return Ok(None);
    }
    match limits.places.enter(caller) {
        Ok(hold) => Ok(Some(hold)),
        Err(full) => Err(ApiError::no_place(full, LATER)),
    }
}

/// Runs a request, and ends it once its time is over.
///
/// Its place is kept until the body of the response was sent or dropped, since until then it takes
/// memory.
pub async fn run(limits: &Limits, request: Request, next: Next, hold: Option<Hold>) -> Response {
    let Some(hold) = hold else {
        return next.run(request).await;
    };
    // A post under the API writes.
    let too_slow = if request.method() == Method::POST {
        ApiError::too_slow_to_write
    } else {
        ApiError::too_slow
    };
    let response = match time_of(limits, &request) {
        None => next.run(request).await,
        Some(time) => timeout(time, next.run(request))
            .await
            .unwrap_or_else(|_| too_slow(time).into_response()),
    };
    response.map(|body| until_dropped(body, hold))
}

/// Returns the time that a request may take. An upload may take as long as it makes progress.
fn time_of(limits: &Limits, request: &Request) -> Option<Duration> {
    let uri = request.uri();
    let is_upload = request.method() == Method::POST && uri.path() == "/api/v1/files";
    if is_upload {
        return None;
    }
    Some(limits.longest + freshness::wait_of(uri.query().unwrap_or_default()))
}

/// Makes the body own the place: the server drops it when the last piece is sent.
fn until_dropped(body: Body, hold: Hold) -> Body {
    Body::new(body.map_err(move |error| {
        // Named here so that the closure, and with it the body, owns it.
        let _ = &hold;
        error
    }))
}

fn length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |it| it.as_str().len())
}

#[cfg(test)]
mod tests {
    use std::{future, sync::Arc};

    use axum::{
        Router,
        body::{Body, to_bytes},
        middleware,
    };
    use tower::ServiceExt as _;

    use super::*;
    use crate::access::Places;

    fn request(method: &str, uri: &str) -> Request {
        let request = Request::builder().method(method).uri(uri);
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_request_has_a_minute_and_what_it_asks_to_wait() {
        let limits = Limits::new(1, Duration::from_secs(30));
        let seconds = |method, uri| Some(time_of(&limits, &request(method, uri))?.as_secs());
        assert_eq!(seconds("GET", "/api/v1/files/x"), Some(60));
        assert_eq!(seconds("GET", "/api/v1/files/x?a=b&wait=5m"), Some(360));
        // It is refused for that later on.
        assert_eq!(seconds("GET", "/api/v1/files/x?wait=6m"), Some(60));
        assert_eq!(seconds("GET", "/api/v1/files"), Some(60));
        assert_eq!(seconds("POST", "/api/v1/files"), None);
        let patient = Limits::new(1, Duration::from_mins(2));
        let time = time_of(&patient, &request("GET", "/api/v1/files/x"));
        assert_eq!(time, Some(Duration::from_mins(2)));
    }

    #[tokio::test]
    async fn a_post_that_takes_too_long_may_have_been_carried_out() {
        let limits = Limits {
            places: Places::new(4),
            longest: Duration::from_millis(10),
        };
        let limits = Arc::new(limits);
        let limit = middleware::from_fn(move |request: Request, next: Next| {
            let limits = Arc::clone(&limits);
            async move {
                let caller = CallerId::at([192, 0, 2, 1].into());
                let hold = admit(&limits, &request, caller).unwrap();
                run(&limits, request, next, hold).await
            }
        });
        let endless = Router::new().fallback(future::pending::<()>).layer(limit);
        for (method, is_uncertain) in [("POST", true), ("GET", false)] {
            let request = request(method, "/api/v1/urls");
            let response = endless.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 504);
            let body = to_bytes(response.into_body(), 1000).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            let says = text.contains("may have been carried out");
            assert_eq!(says, is_uncertain, "{method}: {text}");
        }
    }
}
