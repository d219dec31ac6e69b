//! The classes of 64 bytes as sets of bits.

/// The most bytes of a block.
pub(super) const SIZE: usize = 64;

/// The classes of 64 bytes.
pub(super) struct Classes {
    pub(super) letters: u64,
    pub(super) capitals: u64,
    pub(super) digits: u64,
    pub(super) spaces: u64,
    pub(super) breaks: u64,
    /// Bytes that no block holds: other control characters and all outside ASCII.
    pub(super) others: u64,
}

impl Classes {
    /// Numbers the classes of the bytes and takes each bit of the numbers apart.
    #[inline]
    pub(super) fn new(bytes: &[u8; SIZE]) -> Self {
        let (low, middle, high) = planes(&bytes.map(class_number));
        Self {
            letters: low & !middle,
            capitals: low & !middle & high,
            digits: !low & middle & !high,
            spaces: low & middle & !high,
            breaks: !low & middle & high,
            others: low & middle & high,
        }
    }
}

/// Returns 0 for a mark, 1 for a small letter, 5 for a capital, 2 for a digit, 3 for a space, 6 for
/// a line break, 7 for any other. The compiler makes a few instructions of it for 16 bytes.
#[inline]
fn class_number(byte: u8) -> u8 {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    let is_other = !(b' '..0x7f).contains(&byte);
    let mut number = 0;
    number |= u8::from(is_letter);
    number |= if is_letter && byte < b'a' { 4 } else { 0 };
    number |= if is_digit { 2 } else { 0 };
    number |= if byte == b' ' { 3 } else { 0 };
    number |= if is_other { 7 } else { 0 };
    number & if byte == b'\n' { 6 } else { 7 }
}

/// Returns the lowest three bits of each byte as sets.
#[inline]
fn planes(numbers: &[u8; SIZE]) -> (u64, u64, u64) {
    let (words, _) = numbers.as_chunks::<8>();
    let (mut low, mut middle, mut high) = (0, 0, 0);
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        low |= gather(word) << (8 * at);
        middle |= gather(word >> 1) << (8 * at);
        high |= gather(word >> 2) << (8 * at);
    }
    (low, middle, high)
}

/// Returns the lowest bit of each byte.
#[inline]
const fn gather(word: u64) -> u64 {
    (word & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
