//! Bytes packed with gzip: as VirusTotal sends them, and as they are kept.

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

use super::VtError;

/// By how much a report shrinks: room for it is made at once, rather than by doubling.
const USUAL_RATIO: usize = 8;

/// An answer's body: unpacked, and packed if that is how it came.
#[derive(Clone, Debug)]
pub struct Body {
    /// The bytes themselves.
    pub plain: Bytes,
    /// The same, as VirusTotal packed them.
    packed: Option<Bytes>,
}

/// A body as it is kept.
#[derive(Clone, Debug)]
pub struct Packed {
    gzip: Bytes,
    /// How many bytes it unpacks to.
    length: usize,
}

impl Body {
    /// A body that came as it is.
    pub(super) fn plain(plain: Bytes) -> Self {
        Self {
            plain,
            packed: None,
        }
    }

    /// A body that came packed; it may hold up to `limit` bytes.
    pub(super) fn gunzip(packed: Bytes, limit: usize) -> Result<Self, VtError> {
        Ok(Self {
            plain: gunzip(&packed, limit)?,
            packed: Some(packed),
        })
    }

    /// What is kept of it: VirusTotal's own packing, else the fastest there is.
    pub fn pack(&self) -> Packed {
        // Copied: what was read into had room for more, and would be kept with it.
        let packed = self.packed.as_deref().map(Bytes::copy_from_slice);
        let gzip = packed.unwrap_or_else(|| gzip(&self.plain));
        Packed {
            gzip,
            length: self.plain.len(),
        }
    }
}

impl Packed {
    /// What [`bytes`](Self::bytes) and [`length`](Self::length) were of one that was kept
    /// elsewhere; whether that is true shows when it is unpacked.
    pub fn restore(gzip: Bytes, length: usize) -> Self {
        Self { gzip, length }
    }

    /// The packed bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.gzip
    }

    /// How many bytes it unpacks to.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How many bytes it takes to keep.
    pub fn size(&self) -> usize {
        self.gzip.len()
    }

    /// The bytes themselves.
    pub fn unpack(&self) -> Result<Bytes, VtError> {
        gunzip(&self.gzip, self.length.max(1))
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let level = CompressionLvl::new(1).unwrap_or_default();
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(plain.len())];
    // There is room enough: so much the bound says.
    let length = compressor.gzip_compress(plain, &mut packed);
    let length = length.unwrap_or_default();
    packed.truncate(length);
    packed.shrink_to_fit();
    packed.into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_itself() {
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
            Some(VtError::TooLarge)
        );
    }
}
