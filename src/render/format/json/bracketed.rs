//! The end of a JSON object or array that is passed over, by its strings and brackets alone.
//!
//! It is found in steps of 64 bytes, for each of which a few comparisons tell where quotes and
//! brackets are, as in "Parsing Gigabytes of JSON per Second" (Langdale, Lemire, 2019). Nothing else
//! of the text is looked at, so this takes less time than reading its tokens.

use wide::u8x16;

use super::scan::{STEP, mask};

/// The state between two steps.
#[derive(Default)]
struct StringState {
    /// Whether the next byte is escaped.
    escapes_next: bool,
    /// All ones within a string, else 0.
    in_string: u64,
}

/// Returns the length of the object or array at the start of a text; `None` if it does not end, or
/// if it is nested more deeply than this.
///
/// A text that is not JSON may have any length.
pub(super) fn bracketed_length(text: &[u8], most: usize) -> Option<usize> {
    let (steps, rest) = text.as_chunks();
    let mut last = [0; STEP];
    last[..rest.len()].copy_from_slice(rest);
    let mut state = StringState::default();
    let mut depth = 0;
    for (step, bytes) in steps.iter().chain([&last]).enumerate() {
        let outside = !state.strings(bytes);
        // Braces and square brackets differ in one bit.
        let [opening, closing] = [b'{', b'}'].map(|bracket| {
            let bits = mask(bytes, |bytes| {
                (bytes | u8x16::splat(0x20)).simd_eq(u8x16::splat(bracket))
            });
            bits & outside
        });
        let (opened, closed) = (opening.count_ones() as usize, closing.count_ones() as usize);
        if closed < depth && depth + opened <= most {
            depth = depth + opened - closed;
            continue;
        }
        // It can end within these bytes, or become too deep.
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            if opening >> at & 1 == 1 {
                depth += 1;
                if depth > most {
                    return None;
                }
            } else {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                return Some(step * STEP + at as usize + 1);
            }
            brackets &= brackets - 1;
        }
    }
    None
}

impl StringState {
    /// Returns a bit for each byte that is in a string, its first quote included.
    fn strings(&mut self, bytes: &[u8; STEP]) -> u64 {
        let escaped = self.escaped(mask(bytes, |bytes| bytes.simd_eq(u8x16::splat(b'\\'))));
        let mut bits = mask(bytes, |bytes| bytes.simd_eq(u8x16::splat(b'"'))) & !escaped;
        // Each bit becomes the parity of the quotes up to it.
        for distance in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << distance;
        }
        bits ^= self.in_string;
        self.in_string = if bits >> (STEP - 1) == 1 { u64::MAX } else { 0 };
        bits
    }

    /// Returns a bit for each byte behind a backslash that is not escaped itself.
    fn escaped(&mut self, mut backslashes: u64) -> u64 {
        let mut escaped = u64::from(std::mem::take(&mut self.escapes_next));
        backslashes &= !escaped;
        while backslashes != 0 {
            let bit = backslashes & backslashes.wrapping_neg();
            let behind = bit << 1;
            escaped |= behind;
            self.escapes_next = behind == 0;
            backslashes &= !(bit | behind);
        }
        escaped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    proptest! {
        #[test]
        fn a_value_ends_where_a_parser_ends_it(
            json in testing::json(),
            pretty in any::<bool>(),
            rest in any::<String>(),
        ) {
            let json = serde_json::Value::from(vec![json]);
            let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
            let text = text.unwrap();
            let length = bracketed_length(format!("{text}{rest}").as_bytes(), 200);
            prop_assert_eq!(length, Some(text.len()));
            prop_assert_eq!(bracketed_length(&text.as_bytes()[..text.len() - 1], 200), None);
        }

        #[test]
        fn escapes_are_those_of_a_search_byte_by_byte(
            strings in prop::collection::vec(r#"([\\"\[\]{}a ]|[ab]{60,70}){0,40}"#, 1..4),
        ) {
            let text = serde_json::to_string(&strings).unwrap();
            prop_assert_eq!(bracketed_length(text.as_bytes(), 1), Some(text.len()));
        }

        #[test]
        fn any_text_has_a_length_within_it(text in any::<Vec<u8>>()) {
            let text = [b"[", &*text].concat();
            prop_assert!(bracketed_length(&text, 9).is_none_or(|length| length <= text.len()));
        }
    }

    #[test]
    fn depth_is_bounded_exactly() {
        for depth in [1, 3, 63, 64, 65, 200] {
            let text = format!("{}{}", "[{".repeat(depth), "}]".repeat(depth));
            let levels = 2 * depth;
            assert_eq!(bracketed_length(text.as_bytes(), levels), Some(text.len()));
            assert_eq!(bracketed_length(text.as_bytes(), levels - 1), None);
        }
    }
}
