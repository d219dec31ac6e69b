//! Response bodies: bounded in size and decompressed at once.

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response,
    header::{self, HeaderMap},
};

use super::{Body, LargeAnswers, UpstreamError, large::MAX_SMALL_BYTES, packed::claimed_length};
use crate::access::CostCounter;

/// A supported content coding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// A reader of bodies.
#[derive(Debug)]
pub(super) struct BodyReader<'a> {
    /// The maximum length in bytes, before and after decompression.
    pub(super) max_length: usize,
    pub(super) large: &'a LargeAnswers,
    /// The cost of the request, to which waiting for the body is added.
    pub(super) cost: &'a CostCounter,
}

impl BodyReader<'_> {
    /// Reads the body of a successful response, which is always a JSON object.
    ///
    /// Any other body comes from an intermediary, so only its status is reported.
    pub(super) async fn read_success(&self, response: Response) -> Result<Body, UpstreamError> {
        let status = response.status().as_u16();
        let body = self.read(response).await?;
        if body.plain.trim_ascii_start().starts_with(b"{") {
            Ok(body)
        } else {
            Err(UpstreamError::Unexpected(status))
        }
    }

    /// Reads a body.
    ///
    /// The body is decompressed when it is complete. Decompressing each chunk as it arrives costs a
    /// third more, and a report is small.
    pub(super) async fn read(&self, mut response: Response) -> Result<Body, UpstreamError> {
        let coding = coding(response.headers())?;
        let mut body = BytesMut::new();
        loop {
            let chunk = self.cost.waiting(response.chunk()).await;
            let chunk = chunk.map_err(|error| UpstreamError::of_transport(&error))?;
            let Some(chunk) = chunk else { break };
            // Checked before the chunk is stored, so that memory stays within the limit.
            if body.len() + chunk.len() > self.max_length {
                return Err(UpstreamError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        match coding {
            Coding::Gzip => self.unpack(body.freeze()).await,
            Coding::Identity => Ok(Body::plain(body.freeze())),
        }
    }

    /// Decompresses a body, which holds a slot from then on if it turns out to be large.
    ///
    /// The length in the trailer is the sender's claim, so it is only tried: after the size that
    /// needs no slot, and before the limit.
    async fn unpack(&self, packed: Bytes) -> Result<Body, UpstreamError> {
        let limit = self.max_length;
        let mut tried = 0;
        for size in [
            MAX_SMALL_BYTES,
            claimed_length(&packed).max(MAX_SMALL_BYTES),
            limit,
        ] {
            let size = size.min(limit);
            if size == tried {
                continue;
            }
            tried = size;
            let slot = self.large.slot(size).await;
            match LargeAnswers::run_now(size, || Body::gunzip(packed.clone(), size)) {
                Err(UpstreamError::TooLarge) if size < limit => {}
                unpacked => return unpacked.map(|body| body.with_slot(slot)),
            }
        }
        Err(UpstreamError::TooLarge)
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
