//! Searches of JSON text in steps of 32 bytes.
//!
//! Most strings and most indentations end within one step, so few jumps depend on the text.

use wide::u8x16;

/// The number of bytes that are examined at a time.
const STEP: usize = 32;

/// Returns the number of bytes before the first quote, backslash or control character.
#[inline]
pub(in crate::render::format) fn plain_length(text: &[u8]) -> usize {
    length_before(text, |bytes| {
        let quote = bytes.simd_eq(u8x16::splat(b'"'));
        let backslash = bytes.simd_eq(u8x16::splat(b'\\'));
        quote | backslash | bytes.simd_le(u8x16::splat(0x1f))
    })
}

/// Returns the number of bytes of white space at the start of a text.
#[inline]
pub(super) fn space_length(text: &[u8]) -> usize {
    length_before(text, |bytes| {
        let blank = bytes.simd_eq(u8x16::splat(b' ')) | bytes.simd_eq(u8x16::splat(b'\n'));
        let rare = bytes.simd_eq(u8x16::splat(b'\r')) | bytes.simd_eq(u8x16::splat(b'\t'));
        !(blank | rare)
    })
}

/// Returns the number of bytes before the first one that `marks` marks. It has to mark a zero.
#[inline]
fn length_before(text: &[u8], marks: impl Fn(u8x16) -> u8x16) -> usize {
    let first_of = |bytes: &[u8; STEP]| {
        let (halves, _) = bytes.as_chunks();
        let [low, high] = [0, 1].map(|half| marks(u8x16::new(halves[half])).to_bitmask());
        (low | high << 16).trailing_zeros() as usize
    };
    let mut length = 0;
    let (steps, rest) = text.as_chunks();
    for bytes in steps {
        let first = first_of(bytes);
        length += first;
        if first < STEP {
            return length;
        }
    }
    let mut padded = [0; STEP];
    padded[..rest.len()].copy_from_slice(rest);
    length + first_of(&padded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lengths_are_those_of_a_search_byte_by_byte(
            plain in "[ -~é]{0,100}",
            space in "[ \n\r\t]{0,100}",
            rest in any::<Vec<u8>>(),
        ) {
            let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
            let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
            for text in [[plain.as_bytes(), &rest].concat(), [space.as_bytes(), &rest].concat()] {
                let count = |is_in: &dyn Fn(&u8) -> bool| text.iter().take_while(|byte| is_in(byte)).count();
                prop_assert_eq!(plain_length(&text), count(&is_plain));
                prop_assert_eq!(space_length(&text), count(&is_space));
            }
        }
    }
}
