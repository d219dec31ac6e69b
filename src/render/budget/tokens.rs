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
//! the words of reports; a piece below its real count costs 150 times as much as one above. Then
//! they were raised until none of the 82 million pieces of at most four letters was below its real
//! count, nor any of 32 million of five or six, since a text may repeat such a piece on purpose.
//!
//! Common text is counted by [`Block`]s of 64 bytes, everything else piece by piece. Both agree.

mod block;
mod bounds;
mod classes;
mod known;
mod tables;

use block::Block;
use bounds::{mark_tokens, space_tokens, wide_tokens};
use known::known_leads;
use tables::{LEADS, SHAPE, SPLIT_PAIRS, STARTS, STEPS, TOKEN, lead_bit};

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
    estimate_up_to(text, usize::MAX).unwrap_or(usize::MAX)
}

/// Returns the same for a part that takes at most this many tokens; `None` for a larger one, of which
/// the rest is not looked at.
pub(in crate::render) fn estimate_up_to(text: &str, most: usize) -> Option<usize> {
    let mut walk = Walk::new(text);
    while walk.at < text.len() {
        if walk.tokens > most {
            return None;
        }
        if let Some(block) = Block::new(&walk.bytes[walk.at..]) {
            walk.tokens += block.tokens();
            walk.at += block.length();
        } else {
            walk.piece(text);
        }
    }
    (walk.tokens <= most).then_some(walk.tokens)
}

/// Returns the estimate of a part piece by piece, which blocks must agree with.
#[cfg(test)]
fn estimate_by_pieces(text: &str) -> usize {
    let mut walk = Walk::new(text);
    while walk.at < text.len() {
        walk.piece(text);
    }
    walk.tokens
}

/// A place in a text and the tokens before it.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    tokens: usize,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            tokens: 0,
        }
    }

    /// Takes one piece.
    fn piece(&mut self, text: &str) {
        match self.class(0) {
            Some(Lower | Upper) => self.letters(0),
            Some(Digit) => self.digits(),
            Some(Space) => self.spaces(),
            Some(Mark) => self.marks(),
            Some(Wide) => self.wide(text),
            Some(Control) => {
                self.at += 1;
                self.tokens += 1;
            }
            None => {}
        }
    }

    /// Returns the class of the byte that many places ahead.
    fn class(&self, ahead: usize) -> Option<Class> {
        let byte = self.bytes.get(self.at + ahead)?;
        Some(CLASSES[usize::from(*byte)])
    }

    /// Takes letters, after a character that belongs to them if `lead` is not 0.
    ///
    /// A piece is some capitals and then some small letters.
    fn letters(&mut self, lead: u8) {
        let rest = &self.bytes[self.at..];
        let (mut capitals, mut length, mut price) = (0, 0, 0);
        for &byte in rest {
            match CLASSES[usize::from(byte)] {
                Lower => {}
                Upper if capitals == length => capitals += 1,
                _ => break,
            }
            if length > 0 {
                price += u32::from(STEPS[step(rest[length - 1], byte)]);
            }
            length += 1;
        }
        let word = Word {
            first: rest[0],
            length,
            capitals,
            lead,
        };
        self.tokens += match (lead, length) {
            (0, 1) => 1,
            (0, 2) => pair_tokens(rest[0], rest[1]),
            _ => word_tokens(rest, length, lead, word.price(price)),
        };
        self.at += length;
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
                self.letters(lead_class(last));
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
            self.at += 1;
            self.letters(lead_class(rest[0]));
            return;
        }
        let mut length = 1;
        while self.class(length) == Some(Mark) {
            length += 1;
        }
        while let Some(b'\n' | b'\r' | b'/') = rest.get(length) {
            length += 1;
        }
        self.tokens += mark_tokens(self.bytes, self.at, self.at + length);
        self.at += length;
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

/// A run of letters: some capitals and then some small letters.
struct Word {
    first: u8,
    length: usize,
    capitals: usize,
    /// The class of the character in front, 0 for none.
    lead: u8,
}

impl Word {
    /// Returns the price, given that of the pairs.
    #[inline]
    fn price(&self, pairs: u32) -> u32 {
        let row = usize::from(self.lead & 3) << 5;
        let shape = self.length.min(7) << 2 | self.capitals.min(3);
        pairs
            + u32::from(STARTS[row | usize::from(self.first & 31)])
            + u32::from(SHAPE[row | shape])
    }
}

/// Returns the tokens of a word at the start of a text, by its price if it is not known.
#[inline]
fn word_tokens(text: &[u8], length: usize, lead: u8, mut price: u32) -> usize {
    // Long ones repeat a pattern, which may consist of cheap pairs that are no word.
    if length > 20 {
        price += price / 2;
    }
    let estimate = (price / TOKEN).max(1) as usize;
    let leads = known_leads(text, 0, length);
    let is_known = usize::from(leads & 1);
    let is_one_token = usize::from(leads >> lead_bit(lead) & 1);
    // Multiplied, since a jump that depends on each word costs more than the rest. A character in
    // front of a known word is at most one token more.
    let tokens = estimate - is_known * estimate.saturating_sub(2);
    tokens - is_one_token * (tokens - 1)
}

/// Returns the class of a character in front of a word.
#[inline]
fn lead_class(byte: u8) -> u8 {
    LEADS[usize::from(byte & 127)]
}

/// Returns the place of two letters in `STEPS`.
fn step(former: u8, latter: u8) -> usize {
    usize::from(former & 31) << 6 | usize::from(latter & 63)
}

/// Returns the place of a letter in the alphabet.
fn letter(byte: u8) -> usize {
    usize::from((byte & 31).wrapping_sub(1) % 26)
}

/// Returns the tokens of two letters that stand alone.
#[inline]
fn pair_tokens(first: u8, second: u8) -> usize {
    let case = match (first >= b'a', second >= b'a') {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    };
    1 + (SPLIT_PAIRS[case][letter(first)] >> (second & 31) & 1) as usize
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
