//! The pieces whose tokens are known, in a hash table that the compiler builds.

use super::tables::{LEADS, MARKS, MARKS_OF_TWO, WORDS, lead_bit};

/// The places in the table of known pieces.
const PLACES: usize = 1024;

/// The places in the table of shifts.
const SHIFTS: usize = 256;

/// A hash table without collisions.
struct Known {
    /// The pieces with their values; zero is a free place.
    pieces: [Key; PLACES],
    /// The shift that gives the pieces of one part of the hash places of their own.
    shifts: [u8; SHIFTS],
}

/// `WORDS`, `MARKS` and `MARKS_OF_TWO` with their tokens.
static KNOWN: Known = known();

/// Returns the number of tokens of known marks, or 0.
#[inline]
pub(super) fn known_tokens(text: &[u8], from: usize, to: usize) -> usize {
    usize::from(look_up(text, from, to))
}

/// Returns the characters in front, as bits by `lead_bit`, with which a word is one token; the
/// lowest is set if the word is one token by itself.
#[inline]
pub(super) fn known_leads(text: &[u8], from: usize, to: usize) -> u8 {
    look_up(text, from, to)
}

/// Returns the value of a known piece of at most 15 bytes, or 0.
#[inline]
fn look_up(text: &[u8], from: usize, to: usize) -> u8 {
    let length = to - from;
    if length > 15 {
        return 0;
    }
    let key = match text[from..].first_chunk::<16>() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => key(text, from, to),
    };
    let key = Key::new(key, length);
    let entry = &KNOWN.pieces[key.place(KNOWN.shifts[key.part()])];
    let difference = entry.low ^ key.low | (entry.high ^ key.high) << 8;
    // Multiplied, since a jump that depends on each piece costs more than the rest.
    (entry.high >> 56) as u8 * u8::from(difference == 0)
}

/// A piece of at most 15 bytes, the first byte lowest, and in the top byte its value.
#[derive(Clone, Copy)]
struct Key {
    low: u64,
    high: u64,
}

impl Key {
    const NONE: Self = Self { low: 0, high: 0 };

    /// Returns the key of the first bytes of a number.
    #[inline]
    const fn new(bytes: u128, length: usize) -> Self {
        let first = FIRST[length];
        Self {
            low: low_half(bytes) & first.low,
            high: low_half(bytes >> 64) & first.high,
        }
    }

    #[inline]
    const fn hash(self) -> u64 {
        let folded = self.low ^ (self.high << 8).wrapping_mul(0xff51_afd7_ed55_8ccd);
        folded.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Returns the part of the table of shifts.
    #[inline]
    const fn part(self) -> usize {
        (self.hash() >> 56) as usize
    }

    #[inline]
    const fn place(self, shift: u8) -> usize {
        let hash = self.hash();
        let shifted = (hash >> 40).wrapping_add((hash >> 30 | 1).wrapping_mul(shift as u64));
        shifted as usize % PLACES
    }

    const fn is_same(self, other: Self) -> bool {
        self.low == other.low && self.high << 8 == other.high << 8
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "takes half of the number")]
const fn low_half(number: u128) -> u64 {
    number as u64
}

/// The bits of the first bytes of a key.
static FIRST: [Key; 16] = {
    let mut first = [Key::NONE; 16];
    let mut length = 1;
    while length < 16 {
        let bits = u128::MAX >> (128 - 8 * length);
        first[length] = Key {
            low: low_half(bits),
            high: low_half(bits >> 64),
        };
        length += 1;
    }
    first
};

/// Returns the bytes of a piece as a number, the first byte lowest.
const fn key(text: &[u8], from: usize, to: usize) -> u128 {
    let (mut key, mut at) = (0, to);
    while at > from {
        at -= 1;
        key = key << 8 | text[at] as u128;
    }
    key
}

/// The most pieces with the same part of the hash.
const MOST_ALIKE: usize = 12;

/// Pieces by the part of their hash.
struct Parts {
    entries: [[Key; MOST_ALIKE]; SHIFTS],
    lengths: [usize; SHIFTS],
}

impl Parts {
    /// Adds a value to a piece.
    const fn insert(&mut self, text: &[u8], from: usize, to: usize, value: u8) {
        let mut entry = Key::new(key(text, from, to), to - from);
        let part = entry.part();
        let mut at = 0;
        while at < self.lengths[part] && !entry.is_same(self.entries[part][at]) {
            at += 1;
        }
        if at == self.lengths[part] {
            self.lengths[part] += 1;
        } else {
            entry = self.entries[part][at];
        }
        entry.high |= (value as u64) << 56;
        self.entries[part][at] = entry;
    }
}

/// Returns all known pieces by the part of their hash.
#[expect(clippy::large_stack_arrays, reason = "only the compiler runs this")]
const fn parts() -> Parts {
    let mut parts = Parts {
        entries: [[Key::NONE; MOST_ALIKE]; SHIFTS],
        lengths: [0; SHIFTS],
    };
    let mut at = 0;
    while at < MARKS.len() {
        let mark = MARKS[at].as_bytes();
        parts.insert(mark, 0, mark.len(), 1);
        at += 1;
    }
    at = 0;
    while at < MARKS_OF_TWO.len() {
        let mark = MARKS_OF_TWO[at].as_bytes();
        parts.insert(mark, 0, mark.len(), 2);
        at += 1;
    }
    let words = WORDS.as_bytes();
    let mut from = 1;
    at = 1;
    while at <= words.len() {
        if at == words.len() || words[at] == b'|' {
            if words[from].is_ascii_alphabetic() {
                parts.insert(words, from, at, 1);
            } else {
                let bit = lead_bit(LEADS[words[from] as usize]);
                parts.insert(words, from + 1, at, 1 << bit);
            }
            from = at + 1;
        }
        at += 1;
    }
    parts
}

/// Places the largest parts first, each with the first shift that finds free places for all.
const fn known() -> Known {
    let parts = parts();
    let mut known = Known {
        pieces: [Key::NONE; PLACES],
        shifts: [0; SHIFTS],
    };
    let mut length = MOST_ALIKE;
    while length > 0 {
        let mut part = 0;
        while part < SHIFTS {
            if parts.lengths[part] == length {
                known.insert(part, &parts.entries[part], length);
            }
            part += 1;
        }
        length -= 1;
    }
    known
}

impl Known {
    /// Inserts pieces with the same part of the hash. Does not compile if no shift fits.
    const fn insert(&mut self, part: usize, entries: &[Key; MOST_ALIKE], length: usize) {
        loop {
            let mut placed = 0;
            while placed < length {
                let place = entries[placed].place(self.shifts[part]);
                if self.pieces[place].low != 0 {
                    break;
                }
                self.pieces[place] = entries[placed];
                placed += 1;
            }
            if placed == length {
                return;
            }
            while placed > 0 {
                placed -= 1;
                self.pieces[entries[placed].place(self.shifts[part])] = Key::NONE;
            }
            self.shifts[part] += 1;
        }
    }
}
