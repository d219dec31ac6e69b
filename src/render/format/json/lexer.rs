//! Tokens of JSON text: strings, numbers, words and brackets.
//!
//! The lexer is as strict as RFC 8259, because the text is copied into the gateway's own answers.
//! Only unpaired surrogates are repaired: they become U+FFFD.

use thiserror::Error;

use super::{bracketed::bracketed_length, scan::Window};

pub use self::quoted::Quoted;

mod quoted;

/// The error for text that is not the expected JSON. Only the offset is kept: the text could
/// contain anything, even a key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    /// The text is not JSON.
    #[error("invalid JSON at byte {0}")]
    Syntax(usize),
    /// Objects and arrays are nested too deeply.
    #[error("nested too deeply at byte {0}")]
    TooDeep(usize),
    /// The text is JSON, but has no value under the expected keys.
    #[error("an expected value is missing")]
    Missing,
}

/// The maximum nesting depth of objects and arrays.
const MAX_DEPTH: usize = 120;

/// A position in JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    window: Window,
}

#[expect(
    clippy::inline_always,
    reason = "with the steps of a member in one place its parts stay in registers: the filter takes a third less"
)]
impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            window: Window::NONE,
        }
    }

    /// Returns the offset in the text, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Returns the number of objects and arrays around the position.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the text read since this offset.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn fault<T>(&self) -> Result<T, Unreadable> {
        Err(Unreadable::Syntax(self.at))
    }

    /// Skips white space and returns the next byte without consuming it; 0 at the end of the text.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        let byte = self.byte();
        if byte > b' ' {
            return byte;
        }
        self.at = self.window.solid(self.text.as_bytes(), self.at);
        self.byte()
    }

    /// Skips white space and consumes the next byte if it is `byte`.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        // Not `self.at += usize::from(…)`: rustc 1.95 miscompiles that here with optimisation. The
        // tests fail in release mode if it does.
        if self.peek() != byte {
            return false;
        }
        self.at += 1;
        true
    }

    /// Consumes the next byte after white space, which must be `byte`.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        if self.take(byte) {
            Ok(())
        } else {
            self.fault()
        }
    }

    /// Consumes the key of a member and the colon behind it.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<Quoted<'a>, Unreadable> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Consumes an opening bracket and returns whether the object or array has any members.
    ///
    /// After each member, [`more`](Self::more) returns whether another one follows.
    #[inline]
    pub(crate) fn open(&mut self, bracket: u8, closing: u8) -> Result<bool, Unreadable> {
        if self.depth == MAX_DEPTH {
            return Err(Unreadable::TooDeep(self.at));
        }
        self.expect(bracket)?;
        if self.take(closing) {
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    /// Consumes a comma or the closing bracket, and returns whether another member follows.
    #[inline(always)]
    pub(crate) fn more(&mut self, closing: u8) -> Result<bool, Unreadable> {
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(closing)?;
        self.depth -= 1;
        Ok(false)
    }

    /// Consumes a value and returns its text. An object or array in it can be malformed.
    pub(crate) fn raw(&mut self) -> Result<&'a str, Unreadable> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.since(start))
    }

    /// Consumes a value. Of an object or array only strings, brackets and the depth are looked at: it
    /// can be malformed.
    pub(crate) fn skip(&mut self) -> Result<(), Unreadable> {
        match self.peek() {
            b'{' | b'[' => match bracketed_length(self.rest(), MAX_DEPTH - self.depth) {
                Some(length) => self.at += length,
                None => return self.fault(),
            },
            b'"' => drop(self.string()?),
            _ => drop(self.word()?),
        }
        Ok(())
    }

    /// Consumes a value, and fails if it is malformed anywhere or nested too deeply.
    pub(crate) fn validate(&mut self) -> Result<(), Unreadable> {
        match self.peek() {
            b'{' => {
                let mut more = self.open(b'{', b'}')?;
                while more {
                    self.key()?;
                    self.validate()?;
                    more = self.more(b'}')?;
                }
            }
            b'[' => {
                let mut more = self.open(b'[', b']')?;
                while more {
                    self.validate()?;
                    more = self.more(b']')?;
                }
            }
            b'"' => drop(self.string()?),
            _ => drop(self.word()?),
        }
        Ok(())
    }

    /// Whether no element from here to the end of this array is an object or array.
    ///
    /// Stops at the first one that is. Each element is scanned ahead at most once, for the array
    /// that contains it, so the work stays linear at any depth.
    pub(crate) fn is_plain_to_the_end(&self) -> bool {
        let mut ahead = self.clone();
        loop {
            let taken = match ahead.peek() {
                b'{' | b'[' => return false,
                b'"' => ahead.string().map(drop),
                _ => ahead.word().map(drop),
            };
            // The caller reports malformed text when it reads on.
            if taken.is_err() || !ahead.take(b',') {
                return true;
            }
        }
    }

    /// Fails unless only white space is left.
    pub(crate) fn finish(&mut self) -> Result<(), Unreadable> {
        if self.peek() != 0 || self.at < self.text.len() {
            return self.fault();
        }
        Ok(())
    }

    /// Consumes `null`, `true`, `false` or a number.
    pub(crate) fn word(&mut self) -> Result<&'a str, Unreadable> {
        match self.peek() {
            b'n' => self.literal("null"),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<&'a str, Unreadable> {
        if !self.rest().starts_with(word.as_bytes()) {
            return self.fault();
        }
        self.at += word.len();
        Ok(word)
    }

    /// Consumes a number and returns its text, so that all digits are kept.
    fn number(&mut self) -> Result<&'a str, Unreadable> {
        let start = self.at;
        self.skip_if(|byte| byte == b'-');
        if self.byte() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn skip_if(&mut self, fits: impl FnOnce(u8) -> bool) {
        if fits(self.byte()) {
            self.at += 1;
        }
    }

    fn digits(&mut self) -> Result<(), Unreadable> {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 { self.fault() } else { Ok(()) }
    }

    /// Consumes a string.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Quoted<'a>, Unreadable> {
        if self.peek() != b'"' {
            return self.fault();
        }
        let start = self.at;
        self.at = self.window.stop(self.text.as_bytes(), start + 1);
        if self.byte() != b'"' {
            return self.rest_of_string(start);
        }
        self.at += 1;
        Ok(Quoted {
            raw: self.since(start),
            has_escapes: false,
            has_broken_pairs: false,
        })
    }

    /// Consumes the rest of a string with escapes that began at `start`.
    #[cold]
    fn rest_of_string(&mut self, start: usize) -> Result<Quoted<'a>, Unreadable> {
        let (mut has_escapes, mut has_broken_pairs) = (false, false);
        loop {
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    has_broken_pairs |= self.escape()?;
                }
                _ => return self.fault(),
            }
            self.at = self.window.stop(self.text.as_bytes(), self.at);
        }
        self.at += 1;
        let raw = self.since(start);
        Ok(Quoted {
            raw,
            has_escapes,
            has_broken_pairs,
        })
    }

    /// Consumes an escape, or both escapes of a surrogate pair. Returns whether it is an unpaired
    /// surrogate.
    fn escape(&mut self) -> Result<bool, Unreadable> {
        let escaped = self.rest().get(1).copied().unwrap_or_default();
        if escaped != b'u' {
            self.at += 2;
            let known = matches!(
                escaped,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'
            );
            return if known { Ok(false) } else { self.fault() };
        }
        let Some(unit) = hex_unit(self.rest()) else {
            return self.fault();
        };
        self.at += 6;
        let paired = is_high(unit) && hex_unit(self.rest()).is_some_and(is_low);
        if paired {
            self.at += 6;
        }
        Ok(!paired && (is_high(unit) || is_low(unit)))
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text
            .as_bytes()
            .get(self.at)
            .copied()
            .unwrap_or_default()
    }
}

/// Returns the number in `\uXXXX` at the start of these bytes.
fn hex_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

fn is_high(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

fn is_low(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}
