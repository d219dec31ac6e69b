//! Gzip: response bodies as VirusTotal sends them, and bodies as the cache keeps them.

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor, crc32};
use memchr::memmem;

use super::{UpstreamError, large::LargeSlot};

/// The largest compression ratio by which the first output buffer is sized. Reports reach 10, lists
/// of similar objects 20.
const MAX_USUAL_RATIO: usize = 32;

/// The length of a gzip member's trailer: CRC-32 and length of the uncompressed data.
const TRAILER_BYTES: usize = 8;

/// The number of false matches of a member's trailer after which the body counts as corrupt.
///
/// In honest data a second match is a coincidence, except in empty members. The bound keeps crafted
/// data with many matches from costing quadratic time.
const MAX_TRAILER_MATCHES: usize = 16;

/// A response body: uncompressed, and compressed if it came that way.
#[derive(Clone, Debug)]
pub struct Body {
    /// The uncompressed bytes.
    pub plain: Bytes,
    /// The gzip member that VirusTotal sent, if the body was a single one.
    packed: Option<Bytes>,
    /// The slot that it holds, if it is large.
    _slot: Option<LargeSlot>,
}

/// A compressed body, as the cache keeps it.
#[derive(Clone, Debug)]
pub struct Packed {
    gzip: Bytes,
    /// The uncompressed length.
    length: usize,
}

impl Body {
    /// Creates a body that was not compressed.
    pub(super) fn plain(plain: Bytes) -> Self {
        Self {
            plain,
            packed: None,
            _slot: None,
        }
    }

    /// Decompresses a body of one or more gzip members, up to `limit` bytes.
    ///
    /// Zeros after the last member are padding. Any other trailing data is an error.
    pub(super) fn gunzip(packed: Bytes, limit: usize) -> Result<Self, UpstreamError> {
        let mut unpacker = Decompressor::new();
        let first = unpack_member(&mut unpacker, &packed, limit)?;
        if is_whole(&packed, &first) {
            return Ok(Self {
                plain: first.into(),
                packed: Some(packed),
                _slot: None,
            });
        }
        // Several members are rare. They are compressed again as one, which decompresses fastest.
        let plain = unpack_members(&mut unpacker, &packed, first, limit)?;
        Ok(Self::plain(plain.into()))
    }

    /// Returns the body with the slot that it holds.
    pub(super) fn with_slot(self, slot: Option<LargeSlot>) -> Self {
        Self {
            _slot: slot,
            ..self
        }
    }

    /// Returns the body compressed: by VirusTotal if it was, else at the fastest level.
    pub fn pack(&self) -> Packed {
        let gzip = match &self.packed {
            // Copied, because the receive buffer has spare capacity that would stay allocated.
            Some(packed) => Bytes::copy_from_slice(packed),
            None => gzip(&self.plain),
        };
        Packed {
            gzip,
            length: self.plain.len(),
        }
    }
}

impl Packed {
    /// Creates a compressed body from its [`bytes`](Self::bytes) and [`length`](Self::length),
    /// which are verified when it is decompressed.
    pub fn restore(gzip: Bytes, length: usize) -> Self {
        Self { gzip, length }
    }

    /// Compresses a text at the fastest level.
    pub fn of(plain: &[u8]) -> Self {
        Self {
            gzip: gzip(plain),
            length: plain.len(),
        }
    }

    /// Returns the compressed bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.gzip
    }

    /// Returns the uncompressed length.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns the compressed length.
    pub fn size(&self) -> usize {
        self.gzip.len()
    }

    /// Decompresses the body.
    pub fn unpack(&self) -> Result<Bytes, UpstreamError> {
        let mut unpacker = Decompressor::new();
        let plain = unpack_member(&mut unpacker, &self.gzip, self.length.max(1))?;
        Ok(plain.into())
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let level = CompressionLvl::new(1).unwrap_or_default();
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(plain.len())];
    // Can't fail: the buffer has the size that `gzip_compress_bound` asks for.
    let length = compressor.gzip_compress(plain, &mut packed);
    let length = length.unwrap_or_default();
    packed.truncate(length);
    packed.shrink_to_fit();
    packed.into()
}

/// Decompresses the first member, up to `limit` bytes. More counts as a decompression bomb.
///
/// The length in the trailer is the sender's claim. A buffer of that size, within the usual ratio, is
/// tried first, and then larger ones.
fn unpack_member(
    unpacker: &mut Decompressor,
    packed: &[u8],
    limit: usize,
) -> Result<Vec<u8>, UpstreamError> {
    let usual = packed.len().saturating_mul(MAX_USUAL_RATIO);
    let claimed = claimed_length(packed).clamp(packed.len(), usual);
    let mut room = claimed.min(limit).max(1);
    loop {
        let mut body = vec![0; room];
        match unpacker.gzip_decompress(packed, &mut body) {
            Ok(length) => {
                body.truncate(length);
                return Ok(body);
            }
            Err(DecompressionError::InsufficientSpace) if room < limit => {
                room = room.saturating_mul(4).min(limit);
            }
            Err(DecompressionError::InsufficientSpace) => return Err(UpstreamError::TooLarge),
            Err(DecompressionError::BadData) => return Err(UpstreamError::Undecodable),
        }
    }
}

/// Returns the uncompressed length that the last gzip member claims (RFC 1952, section 2.3.1).
pub(super) fn claimed_length(packed: &[u8]) -> usize {
    match packed.last_chunk() {
        Some(length) => u32::from_le_bytes(*length) as usize,
        None => 0,
    }
}

/// Returns whether `packed` is exactly one member, which decompresses to `plain`.
///
/// libdeflate does not report where a member ends, but verifies its trailer. If the trailer's bytes
/// occur only at the end of the input, the member ends there.
fn is_whole(packed: &[u8], plain: &[u8]) -> bool {
    // The length field is the trailer's last part and rarely occurs elsewhere, which saves
    // computing the checksum.
    let length = length_field(plain);
    if memmem::find(packed, &length).is_some_and(|at| at + length.len() == packed.len()) {
        return true;
    }
    let first = memmem::find(packed, &trailer(plain));
    first.is_some_and(|at| at + TRAILER_BYTES == packed.len())
}

/// Decompresses all members, up to `limit` bytes in total. `first` is the first one's content.
fn unpack_members(
    unpacker: &mut Decompressor,
    packed: &[u8],
    first: Vec<u8>,
    limit: usize,
) -> Result<Vec<u8>, UpstreamError> {
    let end = member_end(unpacker, packed, &first)?;
    let mut rest = &packed[end..];
    let mut body = first;
    let mut length = body.len();
    while rest.iter().any(|byte| *byte != 0) {
        match unpacker.gzip_decompress(rest, &mut body[length..]) {
            Ok(more) => {
                let end = member_end(unpacker, rest, &body[length..length + more])?;
                rest = &rest[end..];
                length += more;
            }
            // Doubling bounds the cost of all attempts by twice that of the last one.
            Err(DecompressionError::InsufficientSpace) if body.len() < limit => {
                let room = body.len().max(rest.len()).saturating_mul(2);
                body.resize(room.min(limit), 0);
            }
            Err(DecompressionError::InsufficientSpace) => return Err(UpstreamError::TooLarge),
            Err(DecompressionError::BadData) => return Err(UpstreamError::Undecodable),
        }
    }
    body.truncate(length);
    Ok(body)
}

/// Finds the end of the first member, which decompresses to `plain`.
///
/// A truncated member does not decompress, so the end is the first match of the trailer up to which
/// the input decompresses.
fn member_end(
    unpacker: &mut Decompressor,
    packed: &[u8],
    plain: &[u8],
) -> Result<usize, UpstreamError> {
    let trailer = trailer(plain);
    let mut scratch = vec![0; plain.len()];
    let mut from = 0;
    for _ in 0..MAX_TRAILER_MATCHES {
        let Some(at) = memmem::find(&packed[from..], &trailer) else {
            break;
        };
        let end = from + at + TRAILER_BYTES;
        let outcome = unpacker.gzip_decompress(&packed[..end], &mut scratch);
        if outcome.is_ok() {
            return Ok(end);
        }
        from += at + 1;
    }
    Err(UpstreamError::Undecodable)
}

/// Returns the length field of a trailer: the length modulo 2^32 (RFC 1952, section 2.3.1).
fn length_field(plain: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = (plain.len() as u64).to_le_bytes();
    [a, b, c, d]
}

/// Returns the trailer of a member with this content.
fn trailer(plain: &[u8]) -> [u8; TRAILER_BYTES] {
    let mut trailer = [0; TRAILER_BYTES];
    let (checksum, length) = trailer.split_at_mut(TRAILER_BYTES / 2);
    checksum.copy_from_slice(&crc32(plain).to_le_bytes());
    length.copy_from_slice(&length_field(plain));
    trailer
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn gunzip(packed: &[u8]) -> Result<Bytes, UpstreamError> {
        gunzip_up_to(packed, LIMIT)
    }

    /// Decompresses, and checks that the kept body decompresses to the same.
    fn gunzip_up_to(packed: &[u8], limit: usize) -> Result<Bytes, UpstreamError> {
        let body = Body::gunzip(Bytes::copy_from_slice(packed), limit)?;
        assert_eq!(body.pack().unpack().as_ref(), Ok(&body.plain));
        Ok(body.plain)
    }

    /// Builds a member with this extra field in its header.
    fn member_with_extra(extra: &[u8], plain: &[u8]) -> Vec<u8> {
        let length = u16::try_from(extra.len()).unwrap().to_le_bytes();
        let gzip = gzip(plain);
        let mut header = gzip[..10].to_vec();
        header[3] |= 4;
        [&header, &length[..], extra, &gzip[10..]].concat()
    }

    #[test]
    fn packed_body_unpacks_to_itself() {
        for plain in [&b""[..], b"x", &b"a".repeat(100_000), &[7; 3]] {
            let body = Body::plain(Bytes::copy_from_slice(plain));
            let packed = body.pack();
            assert_eq!(packed.unpack(), Ok(body.plain));
        }
        let packed = Body::plain(Bytes::from(vec![b'a'; 100_000])).pack();
        assert!(packed.size() < 2000);
        let again = Body::gunzip(packed.gzip.clone(), 100_000).unwrap();
        assert_eq!(again.pack().gzip, packed.gzip);
        assert_eq!(
            Body::gunzip(packed.gzip, 99_999).err(),
            Some(UpstreamError::TooLarge)
        );
    }
    #[test]
    fn claimed_length_is_no_more_than_a_claim() {
        let plain = b"[1, 2, 3]".repeat(100);
        for claim in [0, 1, 899, 900, 901, u32::MAX] {
            // Padding behind the member, so that its own length stays right.
            let packed = [&gzip(&plain)[..], &claim.to_le_bytes()].concat();
            let whole = unpack_member(&mut Decompressor::new(), &packed, LIMIT);
            assert_eq!(whole.as_deref(), Ok(&*plain), "{claim}");
            let short = unpack_member(&mut Decompressor::new(), &packed, 899);
            assert_eq!(short, Err(UpstreamError::TooLarge), "{claim}");
        }
    }

    #[test]
    fn all_members_are_read() {
        let parts: [&[u8]; 6] = [b"{\"a\":", b"", b"", b"1", b"1", &b" ".repeat(70_000)];
        for count in 1..=parts.len() {
            let plain = parts[..count].concat();
            let packed: Vec<_> = parts[..count].iter().flat_map(|part| gzip(part)).collect();
            assert_eq!(gunzip(&packed).as_deref(), Ok(&*plain), "{count} members");
            let padded = [&packed[..], &[0; 600]].concat();
            assert_eq!(gunzip(&padded).as_deref(), Ok(&*plain), "{count} members");
        }
    }

    #[test]
    fn equal_members_are_all_read() {
        let one = gzip(b"[1, 2, 3]");
        assert_eq!(gunzip(&one.repeat(3)).unwrap(), b"[1, 2, 3]".repeat(3));
        let nothing = gzip(b"");
        let packed = [&nothing[..], &one, &nothing, &nothing].concat();
        assert_eq!(gunzip(&packed).unwrap(), "[1, 2, 3]");
    }

    #[test]
    fn trailer_bytes_within_a_member_do_not_end_it() {
        let plain = b"{\"data\": []}";
        let trailer = trailer(plain);
        for copies in 1..MAX_TRAILER_MATCHES {
            let member = member_with_extra(&trailer.repeat(copies), plain);
            assert_eq!(gunzip(&member).as_deref(), Ok(&plain[..]));
            assert_eq!(gunzip(&member.repeat(2)).unwrap(), plain.repeat(2));
        }
        // No honest sender produces so many.
        let member = member_with_extra(&trailer.repeat(5000), plain);
        assert_eq!(gunzip(&member), Err(UpstreamError::Undecodable));
    }

    #[test]
    fn trailing_garbage_is_an_error() {
        let packed = gzip(b"{}");
        for behind in [
            &b"x"[..],
            b"\0\0x",
            b"\n",
            &packed[..9],
            &packed[..packed.len() - 1],
        ] {
            let packed = [&packed[..], behind].concat();
            assert_eq!(
                gunzip(&packed),
                Err(UpstreamError::Undecodable),
                "{behind:?}"
            );
        }
    }

    #[test]
    fn limit_applies_to_all_members_together() {
        let packed = [gzip(&[7; 600]), gzip(&[8; 400])].concat();
        assert_eq!(gunzip_up_to(&packed, 1000).unwrap().len(), 1000);
        assert_eq!(gunzip_up_to(&packed, 999), Err(UpstreamError::TooLarge));
        let bomb = [gzip(b"x"), gzip(&vec![0; LIMIT])].concat();
        assert_eq!(gunzip(&bomb), Err(UpstreamError::TooLarge));
        let full = [gzip(&vec![0; LIMIT]), gzip(b"").repeat(3).into()].concat();
        assert_eq!(gunzip(&full).unwrap().len(), LIMIT);
    }

    #[test]
    fn many_members_take_linear_time() {
        let started = Instant::now();
        let packed = [gzip(b"").repeat(500_000), gzip(b"{}").to_vec()].concat();
        assert_eq!(gunzip(&packed).unwrap(), "{}");
        let packed = gzip(b"12345678").repeat(100_000);
        assert_eq!(gunzip(&packed).unwrap().len(), 800_000);
        // Quadratic time would take hours.
        assert!(started.elapsed() < Duration::from_mins(1));
    }
}
