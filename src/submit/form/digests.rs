//! The digests of a file that passes in a form: they are its names at VirusTotal.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The size in bytes up to which the MD5 is computed, too.
///
/// It is the slowest of the three, and VirusTotal's answer names it for every file: it is
/// needed only where that answer can't be read.
const MAX_MD5: u64 = 32 * 1024 * 1024;

/// The digests of a file so far.
#[derive(Debug, Default)]
pub(super) struct Digests {
    sha256: Sha256,
    sha1: Sha1,
    md5: Md5,
    /// Bytes that may turn out to be the beginning of the boundary behind the file.
    held: Vec<u8>,
    length: u64,
}

impl Digests {
    /// Takes a piece of the file of which the last `overlap` bytes may not belong to it.
    pub(super) fn push(&mut self, piece: &[u8], overlap: usize) {
        if piece.len() >= overlap {
            let held = std::mem::take(&mut self.held);
            self.update(&held);
            let (sure, rest) = piece.split_at(piece.len() - overlap);
            self.update(sure);
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

    /// Takes the last piece, whose last bytes, or all, are the boundary: so many of them.
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
