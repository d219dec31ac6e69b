//! Identities of entries, checksums, and the time on disk.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_128;

use crate::{access::KeyHash, cache::CacheKey};

/// The identity of an entry.
///
/// `seed` is mixed into the checksum of the entry, so that two requests with the same `row` are
/// never taken for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cache) struct DiskKey {
    pub(super) row: i64,
    pub(super) seed: u64,
    pub(super) owner: i64,
}

impl DiskKey {
    /// Returns the identity of a cached answer, from which neither key nor path can be read.
    pub(super) fn of(key: &CacheKey) -> Self {
        let owner = owner_digest(key.owner);
        let mut hasher = Sha256::new();
        hasher.update(owner);
        hasher.update(key.path.as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let [row, seed, ..] = words(digest);
        Self {
            row: i64::from_ne_bytes(row.to_ne_bytes()),
            seed,
            owner: owner_row(key.owner),
        }
    }
}

/// Hashes the hash of an API key once more, so that it cannot be compared with those elsewhere.
fn owner_digest(owner: Option<KeyHash>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update("vt4ai disk cache:");
    match owner {
        Some(key) => hasher.update(key.hex()),
        None => hasher.update("shared"),
    }
    hasher.finalize().into()
}

fn words(digest: [u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

/// Returns the owner of entries as it stands in the file.
pub(super) fn owner_row(owner: Option<KeyHash>) -> i64 {
    let [owner, ..] = words(owner_digest(owner));
    i64::from_ne_bytes(owner.to_ne_bytes())
}

/// Returns a checksum of bytes. The seed of an entry is a part of its identity.
pub(super) fn checksum(seed: u64, bytes: &[u8]) -> i64 {
    let hash = XxHash3_128::oneshot_with_seed(seed, bytes).to_le_bytes();
    match hash.as_chunks().0 {
        [low, ..] => i64::from_le_bytes(*low),
        [] => 0,
    }
}

/// The microseconds of a second.
pub(super) const MICROS: i64 = 1_000_000;

/// Returns the wall clock's time in microseconds.
pub(super) fn wall_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    micros(now.unwrap_or_default())
}

/// Returns a duration in microseconds.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
