//! Detection of invisible characters, in which text can be hidden.

use std::{borrow::Cow, fmt::Write as _};

/// Returns whether a character is a control character or default-ignorable in Unicode: zero-width,
/// bidi, tag or variation selector.
pub fn is_hidden(letter: char) -> bool {
    // Printable ASCII is excluded first, by far the most common case.
    !matches!(letter, ' '..='~') && (letter.is_control() || is_ignorable(letter))
}

/// Returns a text with invisible characters as `\u{…}`, except for tabs and line feeds, as they stand
/// in Markdown.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_shown = |letter: char| matches!(letter, '\t' | '\n') || !is_hidden(letter);
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        // A carriage return and a line feed are one line break.
        if letter == '\r' && letters.peek() == Some(&'\n') {
            continue;
        }
        if is_shown(letter) {
            shown.push(letter);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
        }
    }
    Cow::Owned(shown)
}

fn is_ignorable(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped_and_line_breaks_stay() {
        assert_eq!(escaped("a\tb\nc"), "a\tb\nc");
        assert_eq!(escaped("a\r\nb\rc"), "a\nb\\u{d}c");
        assert_eq!(
            escaped("a\u{202e}\u{1b}\u{e0041}"),
            "a\\u{202e}\\u{1b}\\u{e0041}"
        );
    }
}
