//! SHA-256 in hexadecimal digits, of which ids are made.

use sha2::{Digest, Sha256};

/// The SHA-256 of `text` in hexadecimal digits.
pub(super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// The first `digits` hexadecimal digits of the SHA-256 of `label`.
pub(super) fn digest(label: &str, digits: usize) -> String {
    let mut hex = sha256(label);
    hex.truncate(digits);
    hex
}
