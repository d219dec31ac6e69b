//! A filter that tells which answers are not on disk.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The number of bits, as a power of two: 1 MiB.
const BITS: u32 = 23;

/// A set of keys that may report a key which was never added, and never misses one that was.
///
/// Most lookups that reach the disk cache are for answers that are not there. The filter answers
/// these without a read, that is without a switch to another thread.
#[derive(Debug)]
pub(super) struct KeyFilter {
    words: Box<[AtomicU64]>,
    /// Whether all keys of the file were added. Before, every key may be there.
    is_complete: AtomicBool,
}

impl KeyFilter {
    pub(super) fn new() -> Self {
        let words = 1 << (BITS - u64::BITS.trailing_zeros());
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            is_complete: AtomicBool::new(false),
        }
    }

    /// Whether the key may have been added.
    pub(super) fn may_have(&self, key: i64) -> bool {
        !self.is_complete.load(Ordering::Acquire)
            || probes(key).iter().all(|(word, bit)| {
                let word = self.words.get(*word);
                word.is_none_or(|word| word.load(Ordering::Relaxed) & bit != 0)
            })
    }

    /// Adds a key.
    pub(super) fn add(&self, key: i64) {
        for (word, bit) in probes(key) {
            if let Some(word) = self.words.get(word) {
                word.fetch_or(bit, Ordering::Relaxed);
            }
        }
    }

    /// Removes all keys. Until [`complete`](Self::complete) every key may be there.
    pub(super) fn clear(&self) {
        self.is_complete.store(false, Ordering::Release);
        for word in &self.words {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Notes that all keys were added.
    pub(super) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

/// Returns the word and the bit of each of two positions. Keys are digests.
fn probes(key: i64) -> [(usize, u64); 2] {
    [0, BITS].map(|shift| {
        let position = (key >> shift) & ((1 << BITS) - 1);
        let position = usize::try_from(position).unwrap_or_default();
        (position / 64, 1 << (position % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_were_added_are_there_once_it_is_complete() {
        let filter = KeyFilter::new();
        assert!(filter.may_have(7));
        filter.add(i64::MIN + 5);
        filter.complete();
        assert!(filter.may_have(i64::MIN + 5) && !filter.may_have(7));
        filter.clear();
        filter.complete();
        assert!(!filter.may_have(i64::MIN + 5));
    }
}
