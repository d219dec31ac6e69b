//! Blocks of text that are counted together, with sets of bits instead of a branch for each byte.

use super::bounds::mark_tokens;
use super::classes::{Classes, SIZE};
use super::tables::{STEPS, TOKEN};
use super::{Word, lead_class, pair_tokens, word_tokens};

/// Whole pieces of ASCII without control characters. A set has a bit for each byte, the lowest for
/// the first.
pub(super) struct Block<'a> {
    bytes: &'a [u8],
    /// The first bytes, with zeros behind the end of the text.
    ahead: [u8; SIZE],
    length: usize,
    letters: u64,
    capitals: u64,
    digits: u64,
    marks: u64,
    /// Spaces that belong to the white space before them.
    spaces: u64,
    /// The last space before anything else.
    last_spaces: u64,
    /// Line breaks that don't belong to marks.
    breaks: u64,
    /// Line breaks that belong to the marks before them.
    mark_breaks: u64,
    /// The first letters of words.
    words: u64,
    /// Marks and spaces that belong to the word behind them.
    leads: u64,
}

impl<'a> Block<'a> {
    /// Returns the pieces at the start of a text, or `None` if the first one needs more care.
    #[inline]
    pub(super) fn new(text: &'a [u8]) -> Option<Self> {
        // Most text in other scripts needs more care; a block would be wasted on it.
        if text
            .first_chunk::<16>()
            .is_some_and(|bytes| !bytes.is_ascii())
        {
            return None;
        }
        let bytes = padded(text);
        let classes = Classes::new(&bytes);
        let length = classes.others.trailing_zeros() as usize;
        if length < 16 && length < text.len() {
            return None;
        }
        let mut block = Self::with_classes(text, bytes, &classes, first(length));
        // Longer runs may be several tokens.
        if has_run(block.spaces, 49) || has_run(block.breaks, 15) {
            return None;
        }
        if length == text.len() && block.slash_after_break().is_none() {
            block.length = length;
            return Some(block);
        }
        // The last piece may go on behind the block.
        let open = first(block.slash_after_break().unwrap_or(length));
        let last_piece = (block.pieces() & open).checked_ilog2()?;
        block.limit_to(last_piece as usize);
        (block.length > 0).then_some(block)
    }

    #[inline]
    fn with_classes(text: &'a [u8], ahead: [u8; SIZE], classes: &Classes, within: u64) -> Self {
        let letters = classes.letters & within;
        let capitals = classes.capitals & within;
        let digits = classes.digits & within;
        let spaces = classes.spaces & within;
        let breaks = classes.breaks & within;
        let marks = within & !(letters | digits | spaces | breaks);
        let small = letters & !capitals;
        let words = letters & !(letters << 1) | capitals & (small << 1);
        let behind = within >> 1;
        let last_spaces = spaces & behind & !((spaces | breaks) >> 1);
        let single = marks & !(marks << 1 | marks >> 1 | spaces << 1);
        // The sum carries through the breaks behind a mark.
        let mark_breaks = breaks & !breaks.wrapping_add(breaks & (marks << 1));
        Self {
            bytes: text,
            ahead,
            length: 0,
            letters,
            capitals,
            digits,
            marks,
            spaces: spaces & !last_spaces,
            last_spaces,
            breaks: breaks & !mark_breaks,
            mark_breaks,
            words,
            leads: (single | last_spaces) & (words >> 1),
        }
    }

    /// Returns the number of bytes.
    #[inline]
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Returns the place of a slash behind a line break that belongs to marks, which it joins.
    #[inline]
    fn slash_after_break(&self) -> Option<usize> {
        let mut behind = self.marks & (self.mark_breaks << 1);
        while behind != 0 {
            let at = take_first(&mut behind);
            if self.bytes[at] == b'/' {
                return Some(at);
            }
        }
        None
    }

    /// Returns the first bytes of pieces.
    #[inline]
    fn pieces(&self) -> u64 {
        let blank = self.spaces | self.breaks;
        let joined = (self.leads | self.last_spaces) << 1;
        let words_and_marks = (self.words | self.marks & !(self.marks << 1)) & !joined;
        words_and_marks
            | self.leads
            | self.last_spaces
            | self.digits & !(self.digits << 1 | joined)
            | blank & !(blank << 1)
    }

    /// Leaves only that many bytes.
    #[inline]
    fn limit_to(&mut self, length: usize) {
        let within = first(length);
        self.length = length;
        for set in [
            &mut self.letters,
            &mut self.capitals,
            &mut self.digits,
            &mut self.marks,
            &mut self.spaces,
            &mut self.last_spaces,
            &mut self.breaks,
            &mut self.mark_breaks,
            &mut self.words,
            &mut self.leads,
        ] {
            *set &= within;
        }
    }

    /// Returns the tokens of all pieces.
    #[inline]
    pub(super) fn tokens(&self) -> usize {
        let marks = self.mark_runs();
        let words = self.word_runs();
        let ones = self.digit_groups() | self.white_space() | marks.ones | words.ones;
        count(ones) + self.mark_tokens(&marks) + self.word_tokens(&words)
    }

    /// Returns the first of each three digits.
    #[inline]
    fn digit_groups(&self) -> u64 {
        let digits = self.digits;
        let fourth = digits & digits << 1 & digits << 2 & digits << 3;
        let mut next = digits & !(digits << 1);
        let mut groups = 0;
        while next != 0 {
            groups |= next;
            next = next << 3 & fourth;
        }
        groups
    }

    /// Returns the first of each run of spaces or line breaks.
    #[inline]
    fn white_space(&self) -> u64 {
        self.spaces & !(self.spaces << 1)
            | self.breaks & !(self.breaks << 1)
            | self.last_spaces & self.digits >> 1
    }

    #[inline]
    fn mark_runs(&self) -> Runs {
        let first = self.marks & !(self.marks << 1) & !self.leads;
        let last = self.marks & !((self.marks | self.mark_breaks) >> 1) & !self.leads
            | self.mark_breaks & !(self.mark_breaks >> 1);
        Runs::new(first, last, !(self.last_spaces << 1))
    }

    #[inline]
    fn word_runs(&self) -> Runs {
        let small = self.letters & !self.capitals;
        let last = self.letters & !(self.letters >> 1) | small & self.capitals >> 1;
        Runs::new(self.words, last, !((self.leads & self.marks) << 1))
    }

    #[inline]
    fn mark_tokens(&self, runs: &Runs) -> usize {
        let (mut firsts, mut lasts) = (runs.first, runs.last);
        let mut tokens = 0;
        while firsts != 0 {
            let from = take_first(&mut firsts);
            let to = take_first(&mut lasts) + 1;
            let space = usize::from(has(self.last_spaces << 1, from));
            tokens += mark_tokens(self.bytes, from - space, to);
        }
        tokens
    }

    #[inline]
    fn word_tokens(&self, runs: &Runs) -> usize {
        let (mut firsts, mut lasts) = (runs.first, runs.last);
        let mut pairs = firsts & lasts >> 1 & !(self.leads << 1);
        firsts &= !pairs;
        lasts &= !(pairs << 1);
        let mut tokens = 0;
        while pairs != 0 {
            let at = take_first(&mut pairs);
            tokens += pair_tokens(self.ahead[at % SIZE], self.ahead[(at + 1) % SIZE]);
        }
        let pair_prices = self.pair_prices();
        let mut prices = [0; SIZE];
        let mut doubtful = 0;
        tokens += count(firsts);
        while firsts != 0 {
            let from = take_first(&mut firsts);
            let last = take_first(&mut lasts);
            let lead = lead_class(self.ahead[from.wrapping_sub(1) % SIZE]);
            let word = Word {
                first: self.ahead[from % SIZE],
                length: last + 1 - from,
                capitals: (!(self.capitals >> from)).trailing_zeros() as usize,
                lead: lead * u8::from(has(self.leads << 1, from)),
            };
            let pairs = pair_prices[last % SIZE] - pair_prices[from % SIZE];
            let price = word.price(u32::from(pairs));
            prices[from % SIZE] = price << 8 | u32::from(word.lead);
            doubtful |= u64::from(price >= 2 * TOKEN) << from;
        }
        // The branches of the former loop would depend on each word; now few do.
        while doubtful != 0 {
            let from = take_first(&mut doubtful);
            let to = from + (runs.last >> from).trailing_zeros() as usize + 1;
            let [lead, ..] = prices[from % SIZE].to_le_bytes();
            let price = prices[from % SIZE] >> 8;
            tokens += word_tokens(&self.bytes[from..], to - from, lead, price) - 1;
        }
        tokens
    }

    /// Returns the price of all pairs of letters up to each byte.
    #[inline]
    fn pair_prices(&self) -> [u16; SIZE] {
        let mut formers = [0; SIZE];
        formers[1..].copy_from_slice(&self.ahead[..SIZE - 1]);
        let mut steps = [0; SIZE];
        for ((step, &former), &latter) in steps.iter_mut().zip(&formers).zip(&self.ahead) {
            *step = u16::from(former & 31) << 6 | u16::from(latter & 63);
        }
        let mut prices = [0; SIZE];
        let mut sum = 0;
        // Eight at a time make one loop of eight without jumps.
        let (price_chunks, _) = prices.as_chunks_mut::<8>();
        let (step_chunks, _) = steps.as_chunks::<8>();
        for (prices, steps) in price_chunks.iter_mut().zip(step_chunks) {
            for (price, &place) in prices.iter_mut().zip(steps) {
                sum += u16::from(STEPS[usize::from(place % 2048)]);
                *price = sum;
            }
        }
        prices
    }
}

/// Returns the first bytes of a text with zeros behind.
#[inline]
fn padded(text: &[u8]) -> [u8; SIZE] {
    if let Some(bytes) = text.first_chunk() {
        return *bytes;
    }
    let mut bytes = [0; SIZE];
    bytes[..text.len()].copy_from_slice(text);
    bytes
}

/// Pieces by their first and last bytes.
struct Runs {
    /// Pieces of one byte and one token.
    ones: u64,
    /// The first bytes of the others.
    first: u64,
    last: u64,
}

impl Runs {
    /// Sets those apart that have one byte, if they stand in a set.
    #[inline]
    fn new(first: u64, last: u64, simple: u64) -> Self {
        let ones = first & last & simple;
        Self {
            ones,
            first: first & !ones,
            last: last & !ones,
        }
    }
}

/// Returns the set of the first bytes.
#[inline]
fn first(length: usize) -> u64 {
    if length < SIZE {
        (1 << length) - 1
    } else {
        u64::MAX
    }
}

#[inline]
fn has(set: u64, at: usize) -> bool {
    set >> at & 1 == 1
}

/// Returns whether a set has that many bytes on end.
#[inline]
fn has_run(mut set: u64, length: usize) -> bool {
    let mut reached = 1;
    while set != 0 && reached < length {
        let more = reached.min(length - reached);
        set &= set >> more;
        reached += more;
    }
    set != 0
}

#[inline]
fn count(set: u64) -> usize {
    set.count_ones() as usize
}

/// Removes the first byte of a set that is not empty, and returns its place.
#[inline]
fn take_first(set: &mut u64) -> usize {
    let at = set.trailing_zeros() as usize;
    *set &= set.wrapping_sub(1);
    at
}
