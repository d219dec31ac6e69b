//! Callers, who are told apart by their keys.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
};
use sha2::{Digest, Sha256};

use super::answer::DemoError;

/// A key that is always rejected.
const WRONG_KEY: &str = "wrong-key";
/// The beginning, in any case, of other keys that are always rejected.
const WRONG_KEY_PREFIX: &str = "bad";
/// The key of a free account.
const PUBLIC_KEY: &str = "public-key";

/// The caller, by the `x-apikey` header.
#[derive(Clone, Copy)]
pub(super) struct KeyHolder {
    /// The account of the key.
    pub(super) tier: AccountTier,
    /// The key.
    pub(super) key: KeyDigest,
}

/// The kind of account that a key belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountTier {
    /// A free account.
    Public,
    /// An account with every privilege.
    Premium,
}

/// The SHA-256 of a key, which identifies a key without storing it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Hashes a key.
    pub(super) fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Returns the hash in hexadecimal.
    pub(super) fn hex(self) -> String {
        hex::encode(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for KeyHolder {
    type Rejection = DemoError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, DemoError> {
        let Some(Ok(key)) = parts.headers.get("x-apikey").map(HeaderValue::to_str) else {
            return Err(DemoError::without_key());
        };
        if key.is_empty() {
            return Err(DemoError::without_key());
        }
        if is_wrong(key) {
            return Err(DemoError::wrong_key(key));
        }
        let tier = match key {
            PUBLIC_KEY => AccountTier::Public,
            _ => AccountTier::Premium,
        };
        let key = KeyDigest::of(key);
        Ok(Self { tier, key })
    }
}

fn is_wrong(key: &str) -> bool {
    let Some(beginning) = key.get(..WRONG_KEY_PREFIX.len()) else {
        return false;
    };
    key == WRONG_KEY || beginning.eq_ignore_ascii_case(WRONG_KEY_PREFIX)
}
