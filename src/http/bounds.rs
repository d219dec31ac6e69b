//! What one request may take, and how many may be under way.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{Method, Uri},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::{sync::Semaphore, time::timeout};

use super::{error::ApiError, extract, freshness};

/// The bytes of a request's path and query at most; nginx's own bound is the same.
const MAX_URI: usize = 8 * 1024;

/// How long a request may take that neither waits by its own wish nor uploads.
const LONGEST: Duration = Duration::from_mins(1);

/// When to come back who came while all places were taken.
pub(super) const LATER: Duration = Duration::from_secs(1);

/// The bounds of requests under `/api/v1`: others cost next to nothing, and tell how it is.
#[derive(Debug)]
pub struct Bounds {
    places: Semaphore,
    longest: Duration,
}

impl Bounds {
    /// So many at once; each a minute, or as long as one call to VirusTotal may take.
    pub fn new(at_once: usize, call: Duration) -> Self {
        Self {
            places: Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)),
            longest: LONGEST.max(call),
        }
    }

    /// Refuses what is too long or too much, and ends what takes too long.
    pub async fn run(&self, request: Request, next: Next) -> Response {
        if length(request.uri()) > MAX_URI {
            return ApiError::uri_too_long(MAX_URI).into_response();
        }
        if !extract::is_under_api(request.uri()) {
            return next.run(request).await;
        }
        let Ok(_place) = self.places.try_acquire() else {
            return ApiError::overloaded(LATER).into_response();
        };
        let Some(time) = self.time_of(&request) else {
            return next.run(request).await;
        };
        let answer = timeout(time, next.run(request)).await;
        answer.unwrap_or_else(|_| ApiError::too_slow(time).into_response())
    }

    /// How long this may take; an upload as long as it goes on.
    fn time_of(&self, request: &Request) -> Option<Duration> {
        let uri = request.uri();
        let is_upload = request.method() == Method::POST && uri.path() == "/api/v1/files";
        (!is_upload).then(|| self.longest + freshness::wait_of(uri.query().unwrap_or_default()))
    }
}

fn length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |it| it.as_str().len())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

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
}
