//! Detection of invisible characters, in which text can be hidden.

/// Returns whether a character is a control character or default-ignorable in Unicode: zero-width,
/// bidi, tag or variation selector.
pub fn is_hidden(letter: char) -> bool {
    // Printable ASCII is excluded first, by far the most common case.
    !matches!(letter, ' '..='~') && (letter.is_control() || is_ignorable(letter))
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
