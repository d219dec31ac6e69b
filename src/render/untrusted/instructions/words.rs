//! The words of all languages, compiled into one trie.

use std::sync::LazyLock;

use super::{
    fold::{fold, is_dense, is_letter},
    languages::{DISGUISED, LANGUAGES},
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
    fn fits(&self, from: From, ends: bool) -> bool {
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
const LEAST_WITHIN: usize = 4;

/// The least number of letters of a word right behind another one.
const LEAST_JOINED: usize = 2;

/// The greatest number of characters between two words of a phrase.
const LONGEST_GAP: usize = 6;

/// The words of all languages.
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// The children of the root for ASCII characters, by far the most common ones.
    first: [Option<usize>; 128],
    languages: usize,
}

#[derive(Default)]
struct Node {
    children: Vec<Child>,
    words: Vec<Word>,
}

struct Child {
    letter: char,
    node: usize,
}

/// A place in the trie and in the text.
#[derive(Clone, Copy)]
struct Place {
    node: usize,
    /// The index in the text behind the last letter.
    index: usize,
    /// Whether a digit stood in place of a letter.
    has_digit: bool,
}

/// The trie of all tables.
pub(super) static TRIE: LazyLock<Trie> = LazyLock::new(Trie::build);

impl Trie {
    fn build() -> Self {
        let mut trie = Self {
            nodes: vec![Node::default()],
            first: [None; 128],
            languages: 0,
        };
        for (number, language) in LANGUAGES.iter().enumerate() {
            for (sense, words) in language.senses {
                for word in words.split_whitespace() {
                    trie.insert(word, number, *sense);
                }
            }
        }
        trie.insert_disguised();
        for child in &trie.nodes[0].children {
            if let Some(first) = trie.first.get_mut(child.letter as usize) {
                *first = Some(child.node);
            }
        }
        trie
    }

    /// Inserts English words in ROT13 and backwards, as two more languages.
    fn insert_disguised(&mut self) {
        for (sense, words) in DISGUISED.senses {
            for word in words.split_whitespace() {
                let rotated: String = word.chars().map(rot13).collect();
                self.insert(&rotated, LANGUAGES.len(), *sense);
                let backwards: String = word.chars().rev().collect();
                self.insert(&backwards, LANGUAGES.len() + 1, *sense);
            }
        }
    }

    /// Returns the number of languages, with those in disguise.
    pub(super) fn languages(&self) -> usize {
        self.languages
    }

    fn insert(&mut self, text: &str, language: usize, sense: Sense) {
        let stem = text.strip_suffix('*');
        let folded = fold(&stem.unwrap_or(text).replace('_', " "));
        let word = Word {
            language,
            sense,
            is_stem: stem.is_some(),
            letters: folded.len(),
        };
        self.languages = self.languages.max(language + 1);
        let node = self.node(&folded);
        self.nodes[node].words.push(word);
        if let Some(sense) = sense.wider() {
            self.nodes[node].words.push(Word { sense, ..word });
        }
    }

    /// Returns the node of a text; adds those that are missing.
    fn node(&mut self, folded: &[char]) -> usize {
        let mut node = 0;
        for letter in folded {
            node = match self.child(node, *letter) {
                Some(child) => child,
                None => self.add(node, *letter),
            };
        }
        node
    }

    fn add(&mut self, node: usize, letter: char) -> usize {
        let added = self.nodes.len();
        self.nodes.push(Node::default());
        let children = &mut self.nodes[node].children;
        let at = children.partition_point(|child| child.letter < letter);
        children.insert(
            at,
            Child {
                letter,
                node: added,
            },
        );
        added
    }

    fn child(&self, node: usize, letter: char) -> Option<usize> {
        let children = &self.nodes[node].children;
        if let [only] = children.as_slice() {
            return (only.letter == letter).then_some(only.node);
        }
        let at = children.binary_search_by_key(&letter, |child| child.letter);
        Some(children[at.ok()?].node)
    }

    /// Finds the words that begin at an index of a folded text.
    pub(super) fn find(&self, text: &[char], start: usize, from: From, found: &mut Vec<Found>) {
        let is_joined = matches!(from, From::Head | From::Within | From::Joined);
        let mut place = self.first(text, start);
        while let Some(Place {
            node,
            index: end,
            has_digit,
        }) = place
        {
            let ends = ends(text, end);
            for word in &self.nodes[node].words {
                if word.fits(from, ends) && (!has_digit || word.letters >= LEAST_WITHIN) {
                    found.push(Found { word: *word, end });
                }
            }
            place = place.and_then(|place| self.advance(place, text, is_joined));
        }
    }

    /// Steps over the first letter of a word.
    fn first(&self, text: &[char], start: usize) -> Option<Place> {
        let letter = text.get(start)?;
        let node = match self.first.get(*letter as usize) {
            Some(first) => *first,
            None => self.child(0, *letter),
        };
        let has_digit = node.is_none();
        if has_digit && follows_part(text, start) {
            return None;
        }
        Some(Place {
            node: node.or_else(|| self.child_in_digit(0, *letter))?,
            index: start + 1,
            has_digit,
        })
    }

    /// Goes on to the next letter of a word or phrase, at an index or behind separators.
    fn advance(&self, from: Place, text: &[char], is_joined: bool) -> Option<Place> {
        let mut place = from;
        while let Some(letter) = text.get(place.index) {
            if let Some(next) = self.step(place, *letter) {
                return Some(next);
            }
            let space = self.child(place.node, ' ');
            (place.node, place.index) = match space.filter(|_| is_joined && is_letter(*letter)) {
                Some(space) => (space, place.index),
                // Any separators stand for the space of a phrase, and none for those of markup.
                None => self.skip(place.node, text, place.index)?,
            };
        }
        None
    }

    /// Steps over a letter, or over a digit in its place.
    fn step(&self, place: Place, letter: char) -> Option<Place> {
        let child = match letter {
            ' ' => None,
            _ => self.child(place.node, letter),
        };
        let in_digit = match child {
            None => self.child_in_digit(place.node, letter),
            Some(_) => None,
        };
        Some(Place {
            node: child.or(in_digit)?,
            index: place.index + 1,
            has_digit: place.has_digit || in_digit.is_some(),
        })
    }

    /// Skips what may stand between two words of a phrase. Returns the next node and index.
    fn skip(&self, node: usize, text: &[char], start: usize) -> Option<(usize, usize)> {
        let is_blank = |letter: &char| matches!(letter, ' ' | '\t' | '\\' | '_' | '-');
        let blanks = text.iter().skip(start).take(LONGEST_GAP);
        let blanks = blanks.take_while(|letter| is_blank(letter)).count();
        let after = text.get(start + blanks).filter(|_| blanks > 0);
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let is_markup = |after: &char| {
            !(is_letter(*after) && before.is_some_and(|it| is_letter(*it)))
                && self.child(node, *after).is_some()
        };
        if after.is_some_and(is_markup) {
            return Some((node, start + blanks));
        }
        let space = self.child(node, ' ')?;
        let continues = |letter| {
            let child = self.child(space, letter);
            child.or(self.child_in_digit(space, letter)).is_some()
        };
        let mut index = start;
        while index < start + LONGEST_GAP
            && let Some(letter) = text.get(index)
            && !is_letter(*letter)
            && (index == start || !continues(*letter))
        {
            index += 1;
        }
        (index > start).then_some((space, index))
    }

    /// Returns the child for the letter that a digit stands for.
    fn child_in_digit(&self, node: usize, digit: char) -> Option<usize> {
        let letters: &[char] = match digit {
            '0' => &['o'],
            '1' => &['i', 'l'],
            '3' => &['e'],
            '4' | '@' => &['a'],
            '5' | '$' => &['s'],
            '7' => &['t'],
            _ => &[],
        };
        letters.iter().find_map(|letter| self.child(node, *letter))
    }
}

fn rot13(letter: char) -> char {
    let turned = |first: u8| char::from((letter as u8 - first + 13) % 26 + first);
    match letter {
        'a'..='z' => turned(b'a'),
        _ => letter,
    }
}

/// Returns whether a word of the text ends before an index.
fn ends(text: &[char], index: usize) -> bool {
    let last = index.checked_sub(1).and_then(|last| text.get(last));
    let (Some(last), Some(next)) = (last, text.get(index)) else {
        return true;
    };
    !is_letter(*next) || !is_letter(*last) || is_dense(*next) != is_dense(*last)
}

/// Returns whether a letter or digit stands before an index.
fn follows_part(text: &[char], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| text.get(before));
    before.is_some_and(|before| before.is_alphanumeric())
}

/// Returns whether a word may begin at an index, given the length of the word it is in.
pub(super) fn start(text: &[char], index: usize, word: usize) -> Option<From> {
    /// The least length of a word in which others are looked for.
    const LONG: usize = 13;
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
