//! The beginning of a JSON string, compared with an address.

/// Returns the number of bytes of a string with which its beginning is decided, or `None` if more of
/// the text is needed.
///
/// The string ends at its quote, which is not part of it.
pub(super) fn decided_length(text: &[u8], longest: usize) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in text.iter().take(longest).enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    (text.len() >= longest).then_some(longest)
}

/// Returns the length of an address that a string begins with, as it is written there.
///
/// The string must end behind the address, or go on with a path, a query or a fragment.
pub(super) fn after_prefix(text: &[u8], address: &[u8]) -> Option<usize> {
    let mut rest = text;
    for expected in address {
        let (byte, behind) = first(rest)?;
        if byte != *expected {
            return None;
        }
        rest = behind;
    }
    let is_at_end = match first(rest) {
        Some((byte, _)) => matches!(byte, b'/' | b'?' | b'#'),
        None => rest.is_empty(),
    };
    is_at_end.then_some(text.len() - rest.len())
}

/// Returns the first ASCII character of a string and what follows; `None` for any other.
fn first(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'\\', b'/', rest @ ..] => Some((b'/', rest)),
        [b'\\', b'u', b'0', b'0', digits @ ..] => {
            let (digits, rest) = digits.split_at_checked(2)?;
            let digits = str::from_utf8(digits).ok()?;
            let byte = u8::from_str_radix(digits, 16).ok()?;
            byte.is_ascii().then_some((byte, rest))
        }
        [b'\\', ..] | [] => None,
        [byte, rest @ ..] => byte.is_ascii().then_some((*byte, rest)),
    }
}
