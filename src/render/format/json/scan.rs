//! Searches of JSON text in steps of 64 bytes; of single texts in steps of 32.
//!
//! A few comparisons tell for all bytes of a step which ones end white space and which ones end the
//! plain part of a string, as in "Parsing Gigabytes of JSON per Second" (Langdale, Lemire, 2019). The next
//! of either is then found by counting bits, without waiting for bytes to be compared.

use wide::u8x16;

/// The number of bytes that are examined at a time: the bits of a word.
pub(super) const STEP: usize = 64;

/// A step of a text, with a bit for each of its bytes.
///
/// The bits behind the end of the text are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    begin: usize,
    solid: u64,
    stops: u64,
}

impl Window {
    /// A window over no byte of any text.
    pub(super) const NONE: Self = Self {
        begin: usize::MAX - STEP,
        solid: 0,
        stops: 0,
    };

    /// Returns the offset of the first byte from `at` that is no white space, or of the end of the
    /// text.
    #[inline]
    pub(super) fn solid(&mut self, text: &[u8], at: usize) -> usize {
        self.first(text, at, |window| window.solid)
    }

    /// Returns the offset of the first quote, backslash or control character from `at`, or of the end
    /// of the text.
    #[inline]
    pub(super) fn stop(&mut self, text: &[u8], at: usize) -> usize {
        self.first(text, at, |window| window.stops)
    }

    #[inline]
    fn first(&mut self, text: &[u8], mut at: usize, bits: impl Fn(&Self) -> u64) -> usize {
        loop {
            let offset = at.wrapping_sub(self.begin);
            if offset < STEP {
                let ahead = bits(self) >> offset;
                if ahead != 0 {
                    return at + ahead.trailing_zeros() as usize;
                }
                at = self.begin + STEP;
            }
            self.load(text, at);
        }
    }

    /// Examines the bytes from an offset.
    // In place: a window that is returned is copied, which takes longer than to make it.
    #[inline(never)]
    fn load(&mut self, text: &[u8], begin: usize) {
        let rest = text.get(begin..).unwrap_or_default();
        self.begin = begin;
        if let Some(bytes) = rest.first_chunk::<STEP>() {
            self.solid = !mask(bytes, is_space);
            self.stops = mask(bytes, is_stop);
        } else {
            let mut padded = [0; STEP];
            padded[..rest.len()].copy_from_slice(rest);
            self.solid = !mask(&padded, is_space);
            self.stops = mask(&padded, is_stop);
        }
    }
}

/// Returns the number of bytes before the first quote, backslash or control character.
#[inline]
pub(in crate::render::format) fn plain_length(text: &[u8]) -> usize {
    // Most texts are short.
    const SHORT: usize = 32;
    let first_of = |bytes: &[u8; SHORT]| mask(bytes, is_stop).trailing_zeros() as usize;
    let mut length = 0;
    let (steps, rest) = text.as_chunks();
    for bytes in steps {
        let first = first_of(bytes);
        if first < SHORT {
            return length + first;
        }
        length += SHORT;
    }
    let mut padded = [0; SHORT];
    padded[..rest.len()].copy_from_slice(rest);
    length + first_of(&padded)
}

fn is_space(bytes: u8x16) -> u8x16 {
    let blank = bytes.simd_eq(u8x16::splat(b' ')) | bytes.simd_eq(u8x16::splat(b'\n'));
    let rare = bytes.simd_eq(u8x16::splat(b'\r')) | bytes.simd_eq(u8x16::splat(b'\t'));
    blank | rare
}

fn is_stop(bytes: u8x16) -> u8x16 {
    let quote = bytes.simd_eq(u8x16::splat(b'"'));
    let backslash = bytes.simd_eq(u8x16::splat(b'\\'));
    quote | backslash | bytes.simd_le(u8x16::splat(0x1f))
}

/// Returns a bit for each byte that is marked, of 16, 32, 48 or 64.
#[inline]
pub(super) fn mask<const BYTES: usize>(bytes: &[u8; BYTES], marks: impl Fn(u8x16) -> u8x16) -> u64 {
    const { assert!(BYTES <= 64 && BYTES.is_multiple_of(16)) };
    let (parts, _) = bytes.as_chunks();
    let mut bits = 0;
    for (at, part) in parts.iter().enumerate() {
        bits |= u64::from(marks(u8x16::new(*part)).to_bitmask()) << (16 * at);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_texts_end_where_a_search_byte_by_byte_ends_them(plain in "[ -~é]{0,100}", rest in any::<Vec<u8>>()) {
            let text = [plain.as_bytes(), &rest].concat();
            prop_assert_eq!(plain_length(&text), ahead(&text, is_plain));
        }

        #[test]
        fn a_window_finds_what_a_search_byte_by_byte_finds(
            parts in prop::collection::vec("[ \n\r\t]{0,90}|[ -~é]{0,90}|[\"\\\\\\x01]", 0..6),
            offsets in prop::collection::vec(0_usize..400, 1..20),
        ) {
            let text = parts.concat().into_bytes();
            let mut window = Window::NONE;
            for at in offsets.into_iter().map(|at| at.min(text.len())) {
                let rest = &text[at..];
                prop_assert_eq!(window.stop(&text, at), at + ahead(rest, is_plain));
                prop_assert_eq!(window.solid(&text, at), at + ahead(rest, is_blank));
            }
        }
    }

    fn ahead(text: &[u8], is_in: impl Fn(u8) -> bool) -> usize {
        text.iter().take_while(|byte| is_in(**byte)).count()
    }

    fn is_plain(byte: u8) -> bool {
        !matches!(byte, b'"' | b'\\' | 0..0x20)
    }

    fn is_blank(byte: u8) -> bool {
        matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
    }
}
