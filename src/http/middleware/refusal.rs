//! Requests that are rejected before they are routed, by their framing, their host or for lack of memory.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};

use crate::{
    access::Full,
    http::{
        error::{
            ApiError,
            virustotal_shape::{self, VirusTotalShape},
        },
        extract::{ConnectionInfo, Unroutable, authority},
        headers::X_REQUEST_ID,
        middleware::limits,
    },
};

/// Returns the response to a request that is not routed.
pub fn refuse(request: &Request) -> Option<Response> {
    let info = request.extensions().get::<ConnectionInfo>();
    let rejected = info.and_then(|info| info.rejected);
    if rejected == Some(Unroutable::Overloaded) {
        return Some(ApiError::no_place(Full::All, limits::LATER).into_response());
    }
    if rejected == Some(Unroutable::OddlyFramed) || is_framed_in_another_way(request.headers()) {
        let detail = "the only transfer coding that is read is `chunked`: \
                      send the body with it alone, or with `Content-Length`";
        let mut response = ApiError::not_implemented(detail).into_response();
        // The end of the body is unknown, so the connection can't be used again.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        return Some(response);
    }
    // Here, since later decisions depend on the host that a request names.
    let error = authority::check(request).err()?;
    Some(error.into_response())
}

/// Returns a 503 in place of a response for which there is no memory.
pub fn in_place_of(response: &Response) -> Response {
    let mut overloaded = ApiError::no_place(Full::All, limits::LATER).into_response();
    for name in [X_REQUEST_ID, header::X_CONTENT_TYPE_OPTIONS] {
        if let Some(value) = response.headers().get(&name) {
            overloaded.headers_mut().insert(name, value.clone());
        }
    }
    if response.extensions().get::<VirusTotalShape>().is_some() {
        virustotal_shape::reshape(&mut overloaded);
    }
    overloaded
}

/// Returns whether `Transfer-Encoding` holds anything but `chunked`.
///
/// hyper reads a body whose last coding is `chunked` and ignores the others.
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
