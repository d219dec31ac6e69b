//! Requests that are refused before they are routed, and what the accept loop has to know.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};

use crate::access::Full;
use crate::http::{error::ApiError, headers::X_REQUEST_ID, middleware::limits};

/// A mark of the accept loop's on a request: its address holds too much memory already.
#[derive(Clone, Copy, Debug)]
pub struct Overloaded;

/// A mark of the accept loop's on a request: its `Transfer-Encoding` does not end in `chunked`.
#[derive(Clone, Copy, Debug)]
pub struct OddlyFramed;

/// Returns the answer to a request that is not routed at all.
pub fn refuse(request: &Request) -> Option<Response> {
    if request.extensions().get::<Overloaded>().is_some() {
        return Some(ApiError::no_place(Full::All, limits::LATER).into_response());
    }
    let is_marked = request.extensions().get::<OddlyFramed>().is_some();
    if is_marked || is_framed_in_another_way(request.headers()) {
        let detail = "the only transfer coding that is read is `chunked`: \
                      send the body with it alone, or with `Content-Length`";
        let mut response = ApiError::not_implemented(detail).into_response();
        // Where the body ends is for others to say.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        return Some(response);
    }
    None
}

/// Returns a 503 in place of an answer for which there is no memory.
pub fn in_place_of(answer: &Response) -> Response {
    let mut response = ApiError::no_place(Full::All, limits::LATER).into_response();
    for name in [X_REQUEST_ID, header::X_CONTENT_TYPE_OPTIONS] {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Whether `Transfer-Encoding` says anything but `chunked`.
///
/// hyper reads a body whose last coding is `chunked`, and passes over the others.
fn is_framed_in_another_way(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return false;
    };
    let is_chunked = coding
        .as_bytes()
        .trim_ascii()
        .eq_ignore_ascii_case(b"chunked");
    !is_chunked || codings.next().is_some()
}
