//! Response bodies: bounded in size and decompressed at once.

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response,
    header::{self, HeaderMap},
};

use super::{Body, LargeAnswers, UpstreamError, large::LARGE};
use crate::access::cost;

/// A supported content coding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// Reads the body of a successful response, which is always a JSON object.
///
/// Any other body comes from an intermediary, so only its status is reported.
pub(super) async fn read_success(
    response: Response,
    limit: usize,
    large: &LargeAnswers,
) -> Result<Body, UpstreamError> {
    let status = response.status().as_u16();
    let body = read(response, limit, large).await?;
    if body.plain.trim_ascii_start().starts_with(b"{") {
        Ok(body)
    } else {
        Err(UpstreamError::Unexpected(status))
    }
}

/// Reads a body of at most `limit` bytes, before and after decompression.
///
/// The body is decompressed when it is complete. Decompressing each chunk as it arrives costs a
/// third more, and a report is small.
pub(super) async fn read(
    mut response: Response,
    limit: usize,
    large: &LargeAnswers,
) -> Result<Body, UpstreamError> {
    let coding = coding(response.headers())?;
    let mut body = BytesMut::new();
    while let Some(chunk) = cost::waiting(response.chunk())
        .await
        .map_err(|error| UpstreamError::of_transport(&error))?
    {
        // Checked before the chunk is stored, so that memory stays within the limit.
        if body.len() + chunk.len() > limit {
            return Err(UpstreamError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    match coding {
        Coding::Gzip => unpack(body.freeze(), limit, large).await,
        Coding::Identity => Ok(Body::plain(body.freeze())),
    }
}

/// Decompresses a body, which holds a permit from then on if it turns out to be large.
///
/// The length in the trailer is the sender's claim, so it is only tried: after the size that needs
/// no permit, and before the limit.
async fn unpack(packed: Bytes, limit: usize, large: &LargeAnswers) -> Result<Body, UpstreamError> {
    let claimed = claimed_length(&packed);
    for size in [LARGE, claimed.max(LARGE), limit] {
        let size = size.min(limit);
        let permit = large.permit(size).await;
        match LargeAnswers::run_now(size, || Body::gunzip(packed.clone(), size)) {
            Err(UpstreamError::TooLarge) if size < limit => {}
            unpacked => return Ok(unpacked?.with_permit(permit)),
        }
    }
    Err(UpstreamError::TooLarge)
}

/// Returns the uncompressed length that the last gzip member claims (RFC 1952, section 2.3.1).
fn claimed_length(packed: &[u8]) -> usize {
    match packed.last_chunk() {
        Some(length) => u32::from_le_bytes(*length) as usize,
        None => 0,
    }
}

/// Parses `Content-Encoding`, a list that may span several header lines.
///
/// Names are case-insensitive, and `x-gzip` is an old name for gzip (RFC 9110, section 8.4.1). The
/// client accepts only gzip, so any other coding, or gzip applied twice, is an error.
fn coding(headers: &HeaderMap) -> Result<Coding, UpstreamError> {
    let mut found = Coding::Identity;
    for line in headers.get_all(header::CONTENT_ENCODING) {
        for name in line.as_bytes().split(|byte| *byte == b',') {
            let name = name.trim_ascii().to_ascii_lowercase();
            match (&*name, found) {
                (b"" | b"identity", _) => {}
                (b"gzip" | b"x-gzip", Coding::Identity) => found = Coding::Gzip,
                _ => return Err(UpstreamError::Undecodable),
            }
        }
    }
    Ok(found)
}
