//! Texts encoded within a text: base64 and hexadecimal.

/// The least number of digits of an encoded text.
const LEAST: usize = 16;

/// The greatest length of the decoded texts in bytes. A longer text is decoded in part.
const MOST: usize = 16 * 1024;

/// Returns the texts encoded within a text, one a line. Nothing is decoded twice.
///
/// Each place at which letters or digits begin is tried. What is decoded there ends with the first
/// byte that is of no text, and after a few digits almost everywhere.
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::new();
    let bytes = text.as_bytes();
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        if !byte.is_ascii_alphanumeric() {
            index += 1;
            continue;
        }
        let rest = bytes.get(index..).unwrap_or_default();
        let room = MOST.saturating_sub(out.len());
        if room == 0 {
            break;
        }
        let used =
            decode(rest, room, HEX, &mut out).or_else(|| decode(rest, room, BASE64, &mut out));
        // `/`, `+`, `-` and `_` are of base64, too, and in a path they are separators.
        let word = rest.iter().position(|it| !it.is_ascii_alphanumeric());
        index += used.unwrap_or(word.unwrap_or(rest.len()));
    }
    out
}

/// An encoding by groups of digits.
#[derive(Clone, Copy)]
struct Encoding {
    /// The number of digits of a group.
    group: usize,
    /// The number of bits of a digit.
    bits: u32,
    digit: fn(u8) -> Option<u8>,
}

const HEX: Encoding = Encoding {
    group: 2,
    bits: 4,
    digit: |byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    },
};

const BASE64: Encoding = Encoding {
    group: 4,
    bits: 6,
    digit: |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    },
};

/// Adds the text encoded at the start of `bytes`. Returns the number of bytes that it takes, or `None`
/// if nothing matches.
fn decode(bytes: &[u8], room: usize, encoding: Encoding, out: &mut String) -> Option<usize> {
    let mut text = Decoded::default();
    let mut group = 0_u32;
    let mut digits = 0;
    let mut end = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let Some(digit) = (encoding.digit)(*byte) else {
            // A single space may divide the digits of a text in ASCII.
            let next = bytes.get(index + 1).copied().and_then(encoding.digit);
            let may_go_on = digits >= encoding.group && text.is_ascii() && next.is_some();
            if byte.is_ascii_whitespace() && may_go_on {
                continue;
            }
            break;
        };
        digits += 1;
        group = group << encoding.bits | u32::from(digit);
        if digits % encoding.group == 0 {
            let size = encoding.group * encoding.bits as usize / 8;
            if text.bytes.len() >= room || !text.push_all(group, size) {
                break;
            }
            group = 0;
            end = index + 1;
        }
    }
    // A group that is cut holds a byte less for each digit that is missing.
    let rest = digits % encoding.group;
    if encoding.group == BASE64.group && rest > 1 && digits / encoding.group * 3 == text.pushed {
        let missing = u32::try_from(encoding.group - rest).unwrap_or_default();
        text.push_all(
            group << (encoding.bits * missing) >> (8 * missing),
            rest - 1,
        );
    }
    if digits < LEAST {
        return None;
    }
    text.write(out).then_some(end)
}

/// A text as it is decoded, in UTF-8 or UTF-16.
#[derive(Default)]
struct Decoded {
    bytes: Vec<u8>,
    /// The number of bytes with those that are zero.
    pushed: usize,
    /// The number of bytes by which the last character goes on.
    pending: u8,
    has_other: bool,
}

impl Decoded {
    fn is_ascii(&self) -> bool {
        !self.has_other
    }

    /// Adds the last bytes of a number. Returns whether all of them are of a text.
    fn push_all(&mut self, group: u32, size: usize) -> bool {
        let [_, bytes @ ..] = group.to_be_bytes();
        let mut last = bytes.into_iter().skip(bytes.len() - size.min(bytes.len()));
        last.all(|byte| self.push(byte))
    }

    fn push(&mut self, byte: u8) -> bool {
        self.pushed += 1;
        if byte == 0 {
            // Every other byte of Latin letters in UTF-16.
            return self.pushed <= 2 * self.bytes.len() + 2;
        }
        self.pending = match (self.pending, byte) {
            (0, b' '..=b'~' | b'\t' | b'\r' | b'\n') => 0,
            (0, 0xc2..=0xdf) => 1,
            (0, 0xe0..=0xef) => 2,
            (0, 0xf0..=0xf4) => 3,
            (1.., 0x80..=0xbf) => self.pending - 1,
            _ => return false,
        };
        self.has_other |= !byte.is_ascii();
        self.bytes.push(byte);
        true
    }

    /// Adds the text to others as a line. Returns whether it is long enough.
    fn write(&self, out: &mut String) -> bool {
        let text = match str::from_utf8(&self.bytes) {
            Ok(text) => text,
            // The last character is cut.
            Err(error) => {
                let valid = self.bytes.get(..error.valid_up_to()).unwrap_or_default();
                str::from_utf8(valid).unwrap_or_default()
            }
        };
        if text.len() < LEAST / 2 {
            return false;
        }
        out.push_str(text);
        out.push('\n');
        true
    }
}
