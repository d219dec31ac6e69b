//! Escapes of JSON strings (RFC 8259, section 7).

use super::scan::plain_length;

/// Writes a part of a string, escaping the characters that JSON requires to be escaped.
pub(in crate::render::format) fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else {
            return;
        };
        let letter = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\t' => b't',
            b'\r' => b'r',
            0x8 => b'b',
            0xc => b'f',
            _ => b'u',
        };
        out.extend_from_slice(&[b'\\', letter]);
        if letter == b'u' {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let low = DIGITS[usize::from(byte & 0xf)];
            out.extend_from_slice(&[b'0', b'0', DIGITS[usize::from(byte >> 4 & 1)], low]);
        }
        rest = after;
    }
}
