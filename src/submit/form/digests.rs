//! Digests of a file within a form; VirusTotal uses them as the file's names.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The size in bytes up to which the MD5 is computed.
///
/// MD5 is the slowest of the three and only needed if VirusTotal's answer, which contains it, is
/// malformed.
const MAX_MD5: u64 = 32 * 1024 * 1024;

/// The digests of a file so far.
#[derive(Debug, Default)]
pub(super) struct Digests {
    sha256: Sha256,
    sha1: Sha1,
    md5: Md5,
    /// The last bytes, which may turn out to be the start of the boundary.
    held: Vec<u8>,
    length: u64,
}

impl Digests {
    /// Adds a piece of the file whose last `overlap` bytes may belong to the boundary.
    pub(super) fn push(&mut self, piece: &[u8], overlap: usize) {
        if piece.len() >= overlap {
            let held = std::mem::take(&mut self.held);
            self.update(&held);
            let (sure, rest) = piece.split_at(piece.len() - overlap);
            self.update(sure);
            // The allocation is reused for the new rest.
            self.held = held;
            self.held.clear();
            self.held.extend_from_slice(rest);
            return;
        }
        self.held.extend_from_slice(piece);
        let surplus = self.held.len().saturating_sub(overlap);
        let sure: Vec<_> = self.held.drain(..surplus).collect();
        self.update(&sure);
    }

    /// Adds the last piece. Together with the bytes held back it ends in the boundary, which is
    /// `boundary` bytes long.
    pub(super) fn finish(&mut self, piece: &[u8], boundary: usize) {
        let mut last = std::mem::take(&mut self.held);
        last.extend_from_slice(piece);
        last.truncate(last.len().saturating_sub(boundary));
        self.update(&last);
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha1.update(bytes);
        self.length += bytes.len() as u64;
        if self.length <= MAX_MD5 {
            self.md5.update(bytes);
        }
    }

    /// Returns the digests in hexadecimal.
    pub(super) fn hex(&self) -> Vec<String> {
        let mut all = vec![
            hex::encode(self.sha256.clone().finalize()),
            hex::encode(self.sha1.clone().finalize()),
        ];
        if self.length <= MAX_MD5 {
            all.push(hex::encode(self.md5.clone().finalize()));
        }
        all
    }
}
