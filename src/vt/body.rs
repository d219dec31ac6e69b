//! VirusTotal's bodies: bounded, unpacked at once.

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response,
    header::{self, HeaderMap},
};

use super::{Body, LargeAnswers, VtError, large::LARGE};
use crate::bill;

/// The coding in which a body is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// Reads the body of a success, which VirusTotal always gives as a JSON object.
///
/// Anything else comes from something between, and is no more than its status.
pub(super) async fn read_success(
    response: Response,
    limit: usize,
    large: &LargeAnswers,
) -> Result<Body, VtError> {
    let status = response.status().as_u16();
    let body = read(response, limit, large).await?;
    if body.plain.trim_ascii_start().starts_with(b"{") {
        Ok(body)
    } else {
        Err(VtError::Unexpected(status))
    }
}

/// Reads a body of up to `limit` bytes, before and after decompression.
///
/// It is unpacked at once when it is all there: to unpack it chunk by chunk as it comes
/// costs a third more, and a report is small.
pub(super) async fn read(
    mut response: Response,
    limit: usize,
    large: &LargeAnswers,
) -> Result<Body, VtError> {
    let coding = coding(response.headers())?;
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
    match coding {
        Coding::Gzip => unpack(body.freeze(), limit, large).await,
        Coding::Identity => Ok(Body::plain(body.freeze())),
    }
}

/// Unpacks a body, which has a permit from then on if it turns out to be large.
///
/// Its length is the sender's word, so that is only tried: before it what needs no permit, and
/// after it the most that is allowed.
async fn unpack(packed: Bytes, limit: usize, large: &LargeAnswers) -> Result<Body, VtError> {
    let said = said_length(&packed);
    for size in [LARGE, said.max(LARGE), limit] {
        let size = size.min(limit);
        let permit = large.permit(size).await;
        match LargeAnswers::run_now(size, || Body::gunzip(packed.clone(), size)) {
            Err(VtError::TooLarge) if size < limit => {}
            unpacked => return unpacked.map(|body| body.with_permit(permit)),
        }
    }
    Err(VtError::TooLarge)
}

/// Returns the length that the last gzip member says it unpacks to (RFC 1952, 2.3.1).
fn said_length(packed: &[u8]) -> usize {
    let length = packed.last_chunk().copied().map(u32::from_le_bytes);
    length.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// Reads `Content-Encoding`, a list that may stand in several lines.
///
/// Codings are named in any case, and gzip has an old name, too (RFC 9110, 8.4.1). Only gzip
/// was asked for, and only once is it accepted.
fn coding(headers: &HeaderMap) -> Result<Coding, VtError> {
    let mut found = Coding::Identity;
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    for name in lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')) {
        let name = name.trim_ascii().to_ascii_lowercase();
        match (&*name, found) {
            (b"" | b"identity", _) => {}
            (b"gzip" | b"x-gzip", Coding::Identity) => found = Coding::Gzip,
            _ => return Err(VtError::Undecodable),
        }
    }
    Ok(found)
}
