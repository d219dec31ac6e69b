//! What the targets have in common: the properties that documents have.

use serde::de::IgnoredAny;

/// That these bytes are JSON, whatever its numbers.
pub fn is_json(bytes: &[u8]) {
    let read = serde_json::from_slice::<IgnoredAny>(bytes);
    assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(bytes));
}

/// That this is a well-formed XML document.
pub fn is_xml(document: &str) {
    let read = roxmltree::Document::parse(document);
    assert!(read.is_ok(), "{read:?}: {document}");
}

/// That nothing in this Markdown is invisible or steers a terminal.
pub fn is_printable(document: &str) {
    let unsound = |letter: char| {
        (letter.is_control() && !matches!(letter, '\n' | '\t'))
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
    };
    assert!(!document.contains(unsound), "{document:?}");
}
