//! Hexadecimal SHA-256 digests, from which ids are made.

use sha2::{Digest, Sha256};

/// Returns the SHA-256 of `text` in hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Returns the first `digits` hexadecimal digits of the SHA-256 of `label`.
pub(super) fn digest(label: &str, digits: usize) -> String {
    let mut hex = sha256(label);
    hex.truncate(digits);
    hex
}
