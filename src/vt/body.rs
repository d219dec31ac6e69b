//! VirusTotal's bodies: bounded, unpacked at once.

use bytes::BytesMut;
use reqwest::{
    Response,
    header::{self, HeaderValue},
};

use super::{Body, VtError};
use crate::bill;

/// Reads a body of up to `limit` bytes, before and after decompression.
///
/// It is unpacked at once when it is all there: to unpack it chunk by chunk as it comes
/// costs a third more, and a report is small.
pub(super) async fn read(mut response: Response, limit: usize) -> Result<Body, VtError> {
    let packed = response
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(is_gzip);
    let mut body = BytesMut::new();
    while let Some(chunk) = bill::waiting(response.chunk())
        .await
        .map_err(|error| VtError::of_transport(&error))?
    {
        if body.len() + chunk.len() > limit {
            return Err(VtError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    if packed {
        Body::gunzip(body.freeze(), limit)
    } else {
        Ok(Body::plain(body.freeze()))
    }
}

/// Codings are named in any case, and this one has an old name, too (RFC 9110, 8.4.1).
fn is_gzip(coding: &HeaderValue) -> bool {
    ["gzip", "x-gzip"]
        .iter()
        .any(|name| coding.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
}
