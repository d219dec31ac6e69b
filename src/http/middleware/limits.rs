//! What one request may take, and how many may be under way.

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

use crate::access::{CallerId, Hold, Places};
use crate::http::{error::ApiError, extract, extract::freshness};

/// The bytes of a request's path and query at most; nginx's own bound is the same.
const MAX_URI: usize = 8 * 1024;

/// How long a request may take that neither waits by its own wish nor uploads.
const LONGEST: Duration = Duration::from_mins(1);

/// When to come back who came while all places were taken.
pub(in crate::http) const LATER: Duration = Duration::from_secs(1);

/// The bounds of requests under `/api/v1`: others cost next to nothing, and tell how it is.
#[derive(Debug)]
pub struct Bounds {
    places: Places,
    longest: Duration,
}

impl Bounds {
    /// Creates bounds of `at_once` requests, a quarter of them of one caller, and as many again
    /// that only wait. Each may take a minute, or as long as one `call` to VirusTotal.
    pub fn new(at_once: usize, call: Duration) -> Self {
        Self {
            places: Places::new(at_once),
            longest: LONGEST.max(call),
        }
    }

    /// Returns the place of a request under `/api/v1`; or an error where it is too long, or
    /// there is no place for its caller.
    pub fn admit(&self, request: &Request, caller: CallerId) -> Result<Option<Hold>, ApiError> {
        if length(request.uri()) > MAX_URI {
            return Err(ApiError::uri_too_long(MAX_URI));
        }
        if !extract::is_under_api(request.uri()) {
            return Ok(None);
        }
        let hold = self.places.enter(caller);
        hold.map(Some)
            .map_err(|full| ApiError::no_place(full, LATER))
    }

    /// Runs a request, and ends what takes too long.
    ///
    /// It holds its place until its body was sent or given up, since until then it takes memory.
    pub async fn run(&self, request: Request, next: Next, hold: Option<Hold>) -> Response {
        let Some(hold) = hold else {
            return next.run(request).await;
        };
        // A post under the API writes.
        let too_slow = if request.method() == Method::POST {
            ApiError::too_slow_to_write
        } else {
            ApiError::too_slow
        };
        let response = match self.time_of(&request) {
            None => next.run(request).await,
            Some(time) => timeout(time, next.run(request))
                .await
                .unwrap_or_else(|_| too_slow(time).into_response()),
        };
        response.map(|body| until_dropped(body, hold))
    }

    /// How long this may take; an upload as long as it goes on.
    fn time_of(&self, request: &Request) -> Option<Duration> {
        let uri = request.uri();
        let is_upload = request.method() == Method::POST && uri.path() == "/api/v1/files";
        (!is_upload).then(|| self.longest + freshness::wait_of(uri.query().unwrap_or_default()))
    }
}

/// Makes a body that owns the place: the server drops it when the last piece is sent.
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

    fn request(method: &str, uri: &str) -> Request {
        let request = Request::builder().method(method).uri(uri);
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_request_has_a_minute_and_what_it_asks_to_wait() {
        let bounds = Bounds::new(1, Duration::from_secs(30));
        let seconds = |method, uri| Some(bounds.time_of(&request(method, uri))?.as_secs());
        assert_eq!(seconds("GET", "/api/v1/files/x"), Some(60));
        assert_eq!(seconds("GET", "/api/v1/files/x?a=b&wait=5m"), Some(360));
        // It is refused for that later on.
        assert_eq!(seconds("GET", "/api/v1/files/x?wait=6m"), Some(60));
        assert_eq!(seconds("GET", "/api/v1/files"), Some(60));
        assert_eq!(seconds("POST", "/api/v1/files"), None);
        let patient = Bounds::new(1, Duration::from_mins(2));
        let time = patient.time_of(&request("GET", "/api/v1/files/x"));
        assert_eq!(time, Some(Duration::from_mins(2)));
    }

    #[tokio::test]
    async fn a_post_that_takes_too_long_may_have_been_carried_out() {
        let bounds = Bounds {
            places: Places::new(4),
            longest: Duration::from_millis(10),
        };
        let bounds = Arc::new(bounds);
        let bound = middleware::from_fn(move |request: Request, next: Next| {
            let bounds = Arc::clone(&bounds);
            async move {
                let caller = CallerId::at([192, 0, 2, 1].into());
                let hold = bounds.admit(&request, caller).unwrap();
                bounds.run(request, next, hold).await
            }
        });
        let endless = Router::new().fallback(future::pending::<()>).layer(bound);
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
