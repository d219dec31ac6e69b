//! Strings of JSON text.

use std::borrow::Cow;

use super::Lexer;

/// A string token, including its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a> {
    pub(super) raw: &'a str,
    pub(super) has_escapes: bool,
    pub(super) has_broken_pairs: bool,
}

impl<'a> Quoted<'a> {
    /// Wraps a string constant, including its quotes, that contains no escapes.
    pub(crate) fn literal(raw: &'a str) -> Self {
        Self {
            raw,
            has_escapes: false,
            has_broken_pairs: false,
        }
    }

    /// Wraps the JSON text of a string, including its quotes, that was written by this program.
    pub(crate) fn encoded(raw: &'a str) -> Self {
        Self {
            raw,
            has_escapes: raw.contains('\\'),
            has_broken_pairs: false,
        }
    }

    /// Returns whether the string begins with this text, which must need no escapes.
    pub(crate) fn begins_with(self, text: &str) -> bool {
        self.raw[1..].starts_with(text)
    }

    /// Returns whether the JSON text has escapes.
    pub(crate) fn has_escapes(self) -> bool {
        self.has_escapes
    }

    /// Returns the length of the JSON text without its quotes, in bytes.
    pub(crate) fn length(self) -> usize {
        self.raw.len() - 2
    }

    /// Returns the JSON text of the string, including its quotes.
    #[inline]
    pub(crate) fn written(self) -> Cow<'a, str> {
        if self.has_broken_pairs {
            Cow::Owned(self.mended())
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    fn mended(self) -> String {
        let mut mended = String::with_capacity(self.raw.len());
        let mut lexer = Lexer::new(self.raw);
        while let Some(letter) = self.raw[lexer.at..].chars().next() {
            let start = lexer.at;
            if letter != '\\' {
                lexer.at += letter.len_utf8();
            } else if lexer.escape() == Ok(true) {
                mended.push_str("\\ufffd");
                continue;
            }
            mended.push_str(&self.raw[start..lexer.at]);
        }
        mended
    }

    /// Returns the decoded string.
    #[inline]
    pub(crate) fn meant(self) -> Cow<'a, str> {
        if self.has_escapes {
            return self.decoded();
        }
        Cow::Borrowed(&self.raw[1..self.raw.len() - 1])
    }

    #[cold]
    fn decoded(self) -> Cow<'a, str> {
        // The text is valid and has no unpaired surrogates, so decoding succeeds.
        serde_json::from_str(&self.written()).map_or(Cow::Borrowed(""), Cow::Owned)
    }
}
