//! Detection of invisible characters, in which text can be hidden.

/// Returns whether a character is a control character or default-ignorable in Unicode: zero-width,
/// bidi, tag or variation selector.
pub fn is_hidden(letter: char) -> bool {
    // The last line excludes printable ASCII first, by far the most common case.
    let is_special = |letter: char| {
        matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
    };
    !matches!(letter, ' '..='~') && (letter.is_control() || is_special(letter))
}
