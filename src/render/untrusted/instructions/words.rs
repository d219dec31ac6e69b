//! The words that the rules look for, and the places in a text at which one may begin.

use super::{
    fold::{is_dense, is_letter},
    senses::Sense,
};

/// The words of a language.
///
/// To add one, write a table and add it to its list. Words are separated by spaces; `_` joins those
/// of a phrase; `*` at the end stands for any ending. Accents, case and look-alikes don't matter. A
/// sense may be missing: the rules that need it never hold then.
pub(super) struct Language {
    pub(super) senses: &'static [(Sense, &'static str)],
}

/// The number of the table whose words belong to every language.
pub(super) const ANY_LANGUAGE: usize = 0;

/// The number of the English table.
pub(super) const ENGLISH_LANGUAGE: usize = 1;

/// A word of the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) language: usize,
    pub(super) sense: Sense,
    /// Whether any ending may follow.
    pub(super) is_stem: bool,
    /// The number of its characters.
    pub(super) letters: usize,
}

impl Word {
    /// Returns whether the word may begin at such a place, given whether the text's word ends where it
    /// ends.
    pub(super) fn fits(&self, from: From, ends: bool) -> bool {
        match from {
            From::Start => ends || self.is_stem,
            From::Head => ends || self.is_stem || self.letters >= LEAST_WITHIN,
            From::Within => self.letters >= LEAST_WITHIN,
            From::Joined => self.letters >= LEAST_JOINED,
            From::Dense => true,
        }
    }
}

/// A word that was found in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) word: Word,
    pub(super) end: usize,
}

/// A place in the text from which a word is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The start of a word, or markup.
    Start,
    /// The start of a long word, which may be several (`ignorepreviousinstructions`).
    Head,
    /// A place within a long word.
    Within,
    /// A place within a long word, where another one has just ended.
    Joined,
    /// A letter of a script without spaces.
    Dense,
}

/// The least number of letters of a word that is looked for within a longer one, or that ends or
/// begins with a digit in place of a letter.
pub(super) const LEAST_WITHIN: usize = 4;

/// The least length of a word in which others are looked for.
pub(super) const LONG: usize = 13;

/// The least number of letters of a word right behind another one.
const LEAST_JOINED: usize = 2;

/// Returns whether a word of the text ends before an index.
pub(super) fn ends(text: &[char], index: usize) -> bool {
    let last = index.checked_sub(1).and_then(|last| text.get(last));
    let (Some(last), Some(next)) = (last, text.get(index)) else {
        return true;
    };
    !is_letter(*next) || !is_letter(*last) || is_dense(*next) != is_dense(*last)
}

/// Returns whether a letter or digit stands before an index.
pub(super) fn follows_part(text: &[char], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| text.get(before));
    before.is_some_and(char::is_ascii_alphanumeric)
}

/// Returns whether a word may begin at an index, given the length of the word it is in.
pub(super) fn start_at(text: &[char], index: usize, word: usize) -> Option<From> {
    let letter = *text.get(index)?;
    let before = index.checked_sub(1).and_then(|before| text.get(before));
    if is_dense(letter) {
        return Some(From::Dense);
    }
    let is_long = word >= LONG;
    let is_first = |before: &char| !is_letter(*before) || is_dense(*before);
    if !is_letter(letter) || before.is_none_or(is_first) {
        return Some(if is_long { From::Head } else { From::Start });
    }
    // Articles and prepositions are part of the word in Hebrew and Arabic.
    let has_prefixes = matches!(letter, '\u{590}'..='\u{6ff}');
    if has_prefixes
        && index
            .checked_sub(2)
            .is_none_or(|it| text.get(it).is_some_and(is_first))
    {
        return Some(From::Start);
    }
    (has_prefixes || is_long).then_some(From::Within)
}
