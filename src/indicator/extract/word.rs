//! Words of a text: letters, digits, dots, hyphens and defanged dots.

use crate::indicator::refang;

/// A word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    /// The text as it is written.
    pub(super) text: &'a str,
    /// The offset of its first byte.
    pub(super) start: usize,
    /// The offset behind its last byte.
    pub(super) end: usize,
    /// Whether it has a defanged dot.
    pub(super) is_defanged: bool,
}

impl Word<'_> {
    /// Returns whether the word has digits, dots and hyphens only.
    pub(super) fn is_numeric(&self) -> bool {
        let text = refang::host(self.text);
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    }
}

/// Reads the word at this place of a text.
///
/// A word ends before two dots in a row. Two digits behind a `%` are an escape and no part of it.
pub(super) fn read(text: &str, from: usize) -> Option<Word<'_>> {
    let start = from + escape_length(text, from);
    let (mut end, mut is_defanged) = (start, false);
    while let Some(letter) = text[end..].chars().next() {
        if letter == '.' && text[end + 1..].starts_with('.') {
            break;
        }
        if is_of_word(letter) {
            end += letter.len_utf8();
        } else if let Some(('.', length)) = refang::separator(&text[end..]) {
            // A word can't begin with a defanged dot.
            if end == start {
                break;
            }
            end += length;
            is_defanged = true;
        } else {
            break;
        }
    }
    (end > start).then(|| Word {
        text: &text[start..end],
        start,
        end,
        is_defanged,
    })
}

/// Returns whether a word may have this character.
pub(super) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_')
}

/// Returns the length of the digits of an escape such as `%2F` here.
fn escape_length(text: &str, from: usize) -> usize {
    let digits = text.as_bytes().get(from..from + 2);
    let is_escape = text[..from].ends_with('%')
        && digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if is_escape { 2 } else { 0 }
}
