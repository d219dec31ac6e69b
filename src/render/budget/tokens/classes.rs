//! The classes of 64 bytes as sets of bits.

use wide::u8x16;

/// The most bytes of a block.
pub(super) const SIZE: usize = 64;

/// The classes of 64 bytes.
#[derive(Default)]
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
    /// Finds the class of each byte, sixteen at a time.
    #[inline]
    pub(super) fn new(bytes: &[u8; SIZE]) -> Self {
        let mut classes = Self::default();
        let (parts, _) = bytes.as_chunks();
        for (at, part) in parts.iter().enumerate() {
            let bytes = u8x16::new(*part);
            let set = |bytes: u8x16| u64::from(bytes.to_bitmask()) << (16 * at);
            let breaks = bytes.simd_eq(u8x16::splat(b'\n'));
            let visible = within(bytes, b' ', b'~');
            classes.letters |= set(within(bytes | u8x16::splat(0x20), b'a', b'z'));
            classes.capitals |= set(within(bytes, b'A', b'Z'));
            classes.digits |= set(within(bytes, b'0', b'9'));
            classes.spaces |= set(bytes.simd_eq(u8x16::splat(b' ')));
            classes.breaks |= set(breaks);
            classes.others |= set(!(visible | breaks));
        }
        classes
    }
}

/// Marks the bytes from `first` to `last`.
#[inline]
fn within(bytes: u8x16, first: u8, last: u8) -> u8x16 {
    (bytes - u8x16::splat(first)).simd_le(u8x16::splat(last - first))
}
