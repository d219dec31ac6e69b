//! VirusTotal's bodies: bounded, unpacked at once.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use libdeflater::{DecompressionError, Decompressor};
use reqwest::{Response, header};

use super::VtError;

/// By how much a report shrinks: room for it is made at once, rather than by doubling.
const USUAL_RATIO: usize = 8;

/// Reads a body of up to `limit` bytes, before and after decompression.
///
/// It is unpacked at once when it is all there: to unpack it chunk by chunk as it comes
/// costs a third more, and a report is small.
pub(super) async fn read(mut response: Response, limit: usize) -> Result<Bytes, VtError> {
    let packed = response
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| coding == "gzip");
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| VtError::of_transport(&error))?
    {
        if body.len() + chunk.len() > limit {
            return Err(VtError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    if packed {
        gunzip(&body, limit)
    } else {
        Ok(body.freeze())
    }
}

/// Unpacks up to `limit` bytes; more than that is a bomb, or might as well be.
///
/// How much room it takes is found by trying: the length that gzip ends with is its
/// sender's word.
fn gunzip(packed: &[u8], limit: usize) -> Result<Bytes, VtError> {
    let mut unpacker = Decompressor::new();
    let mut room = packed.len().saturating_mul(USUAL_RATIO).min(limit);
    loop {
        let mut body = vec![0; room];
        match unpacker.gzip_decompress(packed, &mut body) {
            Ok(length) => {
                body.truncate(length);
                return Ok(body.into());
            }
            Err(DecompressionError::InsufficientSpace) if room < limit => {
                room = room.saturating_mul(4).min(limit);
            }
            Err(DecompressionError::InsufficientSpace) => return Err(VtError::TooLarge),
            Err(DecompressionError::BadData) => return Err(VtError::Broken),
        }
    }
}

/// `Retry-After` in either form, seconds or a date.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response
        .headers()
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    Some(then.duration_since(SystemTime::now()).unwrap_or_default())
}
