//! An estimate of the number of o200k tokens in a text, without the tokenizer's 200,000 entries.
//!
//! The text is cut into the pieces that the tokenizer's pre-tokenizer makes: runs of letters with
//! one character in front, groups of three digits, runs of punctuation, white space. Pieces of
//! digits have an exact price. A run of letters is priced by its pairs of letters, because common
//! pairs stand in words, which are one token, and rare ones stand in digests and base64, which are
//! many. Everything else has an upper bound.
//!
//! The prices of letters were fitted offline by gradient descent over 900,000 pieces: the words of
//! reports, of documentation and source code, words cut and joined at random, all pieces of three
//! letters, random letters, digests, base64 and repeated patterns. They minimize the estimate for
//! the words of reports; a piece below its real count costs 150 times as much as one above.

mod tables;

use tables::{CAPITAL, PAIRED_BLOCKS, SPLIT_PAIRS, START, STEPS, TOKEN, known_tokens};

/// Tokens added to every text, since the price of a rare piece is one too low.
const MARGIN: usize = 2;

/// The class of a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Space,
    /// Punctuation.
    Mark,
    Control,
    /// A byte of a character outside ASCII.
    Wide,
}

use Class::{Control, Digit, Lower, Mark, Space, Upper, Wide};

static CLASSES: [Class; 256] = classes();

/// Returns an estimate of the number of o200k tokens of a text.
///
/// It is never below the real count for the texts that the tests try, and at most 1.35 times that
/// in the median over reports. Linear in the length of the text; does not allocate.
pub(in crate::render) fn estimate(text: &str) -> usize {
    if text.is_empty() {
        return 0;
    }
    estimate_part(text) + MARGIN
}

/// Returns the same without the margin that a whole text has, for a part of one.
pub(in crate::render) fn estimate_part(text: &str) -> usize {
    let mut walk = Walk {
        bytes: text.as_bytes(),
        at: 0,
        tokens: 0,
    };
    while let Some(class) = walk.class(0) {
        match class {
            Lower | Upper => walk.letters(0),
            Digit => walk.digits(),
            Space => walk.spaces(),
            Mark => walk.marks(),
            Control => {
                walk.at += 1;
                walk.tokens += 1;
            }
            Wide => walk.wide(text),
        }
    }
    walk.tokens
}

/// A place in a text and the tokens before it.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    tokens: usize,
}

impl Walk<'_> {
    /// Returns the class of the byte that many places ahead.
    fn class(&self, ahead: usize) -> Option<Class> {
        let byte = self.bytes.get(self.at + ahead)?;
        Some(CLASSES[usize::from(*byte)])
    }

    /// Takes letters, after a character that belongs to them if `row` of `START` is not 0.
    ///
    /// A piece is some capitals and then some small letters.
    fn letters(&mut self, row: usize) {
        let rest = &self.bytes[self.at..];
        let Some(&first) = rest.first() else {
            return;
        };
        let mut is_lower = first >= b'a';
        let mut price = u32::from(START[row * 26 + letter(first)]);
        let (mut last, mut length) = (first, 1);
        for &byte in &rest[1..] {
            match CLASSES[usize::from(byte)] {
                Lower => is_lower = true,
                Upper if !is_lower => {}
                _ => break,
            }
            price += u32::from(STEPS[usize::from(last & 31) << 6 | usize::from(byte & 63)]);
            last = byte;
            length += 1;
        }
        if first < b'a' && rest.get(1).is_none_or(|byte| !byte.is_ascii_uppercase()) {
            price += CAPITAL;
        }
        // Long ones repeat a pattern, which may consist of cheap pairs that are no word.
        if length > 20 {
            price += price / 4;
        }
        self.tokens += match (row, length) {
            (0..=2, 1) => 1,
            // These join no more than a few letters.
            (3, 1) if matches!(self.bytes[self.at - 1], b'"' | b'#' | b'>' | b'@' | b'`'..) => 2,
            (0, 2) => 1 + usize::from(is_split_pair(first, last)),
            _ => self.word_tokens(row, length, (price / TOKEN).max(1) as usize),
        };
        self.at += length;
    }

    /// Returns the tokens of a word here, which are `tokens` if it is not known.
    fn word_tokens(&self, row: usize, length: usize, tokens: usize) -> usize {
        if tokens == 1 || length < 3 {
            return tokens;
        }
        let (front, from, to) = (usize::from(row > 0), self.at, self.at + length);
        if known_tokens(self.bytes, from - front, to).is_some() {
            return 1;
        }
        // A character in front of a word is at most one token more.
        if front == 1 && tokens > 2 && known_tokens(self.bytes, from, to).is_some() {
            return 2;
        }
        tokens
    }

    fn digits(&mut self) {
        let rest = &self.bytes[self.at..];
        let mut length = 1;
        while rest.get(length).is_some_and(u8::is_ascii_digit) {
            length += 1;
        }
        self.at += length;
        self.tokens += length.div_ceil(3);
    }

    /// Takes white space. The last one belongs to the letters or marks behind it, a line break
    /// does not.
    fn spaces(&mut self) {
        let rest = &self.bytes[self.at..];
        let mut length = 1;
        while rest
            .get(length)
            .is_some_and(|byte| CLASSES[usize::from(*byte)] == Space)
        {
            length += 1;
        }
        let last = rest[length - 1];
        let next = rest.get(length).map(|byte| CLASSES[usize::from(*byte)]);
        let joins = match next {
            Some(Lower | Upper) => matches!(last, b' ' | b'\t'),
            Some(Mark) => last == b' ',
            _ => false,
        };
        // The last of several stands alone if nothing joins it.
        let is_apart = next.is_some() && !matches!(last, b'\n' | b'\r');
        let together = length - usize::from(is_apart);
        self.tokens += space_tokens(&rest[..together]);
        self.at += together;
        match next {
            Some(Mark) if joins => self.marks(),
            Some(_) if joins => {
                self.at += 1;
                self.letters(if last == b' ' { 1 } else { 2 });
            }
            _ => {
                self.at += length - together;
                self.tokens += length - together;
            }
        }
    }

    /// Takes marks with a space in front and line breaks behind, or one mark with letters.
    fn marks(&mut self) {
        let rest = &self.bytes[self.at..];
        if let Some(Lower | Upper) = self.class(1) {
            let row = match rest[0] {
                b'_' | b'.' | b'-' | b'/' | b'(' => 2,
                _ => 3,
            };
            self.at += 1;
            self.letters(row);
            return;
        }
        let mut length = 1;
        while self.class(length) == Some(Mark) {
            length += 1;
        }
        while let Some(b'\n' | b'\r' | b'/') = rest.get(length) {
            length += 1;
        }
        self.tokens += self.mark_tokens(length);
        self.at += length;
    }

    /// Returns the tokens of that many marks here: known ones have their number, others one for
    /// each two alike.
    fn mark_tokens(&self, length: usize) -> usize {
        if length == 1 {
            return 1;
        }
        let to = self.at + length;
        if let Some(tokens) = known_tokens(self.bytes, self.at, to) {
            return tokens;
        }
        let breaks = self.bytes[self.at..to]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'));
        let (tail, to) = (to, breaks.map_or(to, |length| self.at + length));
        let (mut at, mut tokens) = (self.at, space_tokens(&self.bytes[to..tail]));
        // Longer runs are lines or noise, which need no close bound.
        while at < to && at < self.at + 64 {
            let mut end = to.min(at + 4);
            while end > at + 1 && known_tokens(self.bytes, at, end) != Some(1) {
                end -= 1;
            }
            tokens += 1;
            at = end;
        }
        let run = &self.bytes[at..to];
        tokens + unknown_mark_tokens(run.strip_prefix(b" ").unwrap_or(run))
    }

    /// Takes a character outside ASCII.
    fn wide(&mut self, text: &str) {
        let Some(character) = text[self.at..].chars().next() else {
            return;
        };
        self.at += character.len_utf8();
        self.tokens += wide_tokens(character);
    }
}

/// Returns the place of a letter in the alphabet.
fn letter(byte: u8) -> usize {
    usize::from((byte | 32).wrapping_sub(b'a') % 26)
}

/// Returns whether two letters that stand alone are two tokens.
fn is_split_pair(first: u8, second: u8) -> bool {
    let case = match (first >= b'a', second >= b'a') {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    };
    SPLIT_PAIRS[case][letter(first)] >> (second & 31) & 1 == 1
}

/// Returns a bound for white space: groups of one character are few tokens.
fn space_tokens(run: &[u8]) -> usize {
    let (mut tokens, mut last, mut length) = (0, 0, 0);
    for &byte in run {
        if byte != last {
            // A carriage return is one token with the line feed behind it.
            if (last, byte) != (b'\r', b'\n') {
                tokens += 1;
            }
            length = 0;
        }
        length += 1;
        let limit = match byte {
            b' ' => 48,
            b'\n' | b'\t' => 14,
            b'\r' => 2,
            _ => 1,
        };
        if length > limit {
            tokens += 1;
            length = 1;
        }
        last = byte;
    }
    tokens
}

/// Returns a bound for any marks: one token for each two alike, and fewer in long lines.
fn unknown_mark_tokens(run: &[u8]) -> usize {
    let (mut tokens, mut last, mut length) = (0, 0, 0);
    for &byte in run {
        length = if byte == last { length + 1 } else { 0 };
        last = byte;
        let is_counted = match byte {
            b'=' | b'-' | b'*' | b'#' | b'_' if length >= 4 => length % 16 == 4,
            _ => length % 2 == 0,
        };
        tokens += usize::from(is_counted);
    }
    tokens
}

/// Returns a bound for one character outside ASCII; no token is shorter than a byte.
fn wide_tokens(character: char) -> usize {
    let code = character as u32;
    match code {
        0xa0..=0xda
        | 0xdc..=0x109
        | 0x391..=0x3a1
        | 0x3b1..=0x3ce
        | 0x410..=0x44f
        | 0x451..=0x45c
        | 0x561..=0x587
        | 0x5d0..=0x5ea
        | 0x621..=0x63a
        | 0x640..=0x654
        | 0x913..=0x928
        | 0x92a..=0x933
        | 0x2009..=0x2011 => 1,
        0..0x800 => 2,
        0x800..0x1_0000 => {
            let block = (code - 0x800) / 64;
            let is_paired = PAIRED_BLOCKS[(block / 32) as usize] >> (block % 32) & 1;
            3 - is_paired as usize
        }
        0x1_f000..0x2_0000 => 3,
        _ => 4,
    }
}

const fn classes() -> [Class; 256] {
    let mut classes = [Wide; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' => Lower,
            b'A'..=b'Z' => Upper,
            b'0'..=b'9' => Digit,
            b'\t'..=b'\r' | b' ' => Space,
            0..b' ' | 127 => Control,
            _ => Mark,
        };
        byte += 1;
    }
    classes
}

#[cfg(test)]
mod tests;
