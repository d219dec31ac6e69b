//! The words of all languages, compiled into one trie.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{
    fold::{fold, is_letter},
    languages::{DISGUISED, ENGLISH_CONTROL, LANGUAGES},
    senses::Sense,
    words::{ENGLISH_LANGUAGE, Found, From, LEAST_WITHIN, Word, ends, follows_part},
};

/// The greatest number of characters between two words of a phrase.
const LONGEST_GAP: usize = 6;

/// The least number of letters of a word that has separators within (`instr_uctions`).
const LEAST_DIVIDED: usize = 6;

/// The words of all languages.
pub(super) struct Trie {
    /// The nodes. The children of one stand side by side, in the order of their letters.
    nodes: Vec<Node>,
    /// The letters of the children that [`Node::letters`] has no bit for, node by node.
    others: Vec<char>,
    words: Vec<Word>,
    /// The children of the root for ASCII characters, by far the most common ones.
    first: [Option<usize>; 128],
}

/// A node of the trie, small so that many fit into the processor's cache.
struct Node {
    /// A bit for each child whose letter is `a` to `z` or a space.
    letters: u32,
    /// The number of its first child.
    first: u32,
    /// The index of its first letter among the others, which go on to those of the next node.
    others: u32,
    /// The index of its first word; they go on to those of the next node.
    words: u32,
}

/// A node of the trie while words are added.
#[derive(Default)]
struct Draft {
    children: BTreeMap<char, usize>,
    words: Vec<Word>,
}

/// A place in the trie and in the text.
#[derive(Clone, Copy)]
struct Place {
    node: usize,
    /// The index in the text behind the last letter.
    index: usize,
    /// Whether a digit stood in place of a letter.
    has_digit: bool,
    /// Whether a separator stood within a word.
    is_divided: bool,
}

/// The trie of all tables.
pub(super) static TRIE: LazyLock<Trie> = LazyLock::new(|| Trie::new(&drafts()));

/// Returns the nodes for the words of all tables.
fn drafts() -> Vec<Draft> {
    let mut drafts = vec![Draft::default()];
    let numbered = LANGUAGES.iter().enumerate();
    for (number, language) in numbered.chain([(ENGLISH_LANGUAGE, &ENGLISH_CONTROL)]) {
        for (sense, words) in language.senses {
            for word in words.split_whitespace() {
                insert(&mut drafts, word, number, *sense);
            }
        }
    }
    // English words in ROT13 and backwards are two more languages.
    for (sense, words) in DISGUISED.senses {
        for word in words.split_whitespace() {
            let rotated: String = word.chars().map(rot13).collect();
            insert(&mut drafts, &rotated, LANGUAGES.len(), *sense);
            let backwards: String = word.chars().rev().collect();
            insert(&mut drafts, &backwards, LANGUAGES.len() + 1, *sense);
        }
    }
    drafts
}

fn insert(drafts: &mut Vec<Draft>, text: &str, language: usize, sense: Sense) {
    let stem = text.strip_suffix('*');
    let folded = fold(&stem.unwrap_or(text).replace('_', " "));
    let word = Word {
        language,
        sense,
        is_stem: stem.is_some(),
        letters: folded.len(),
    };
    let mut node = 0;
    for letter in folded {
        let added = drafts.len();
        node = *drafts[node].children.entry(letter).or_insert(added);
        if node == added {
            drafts.push(Draft::default());
        }
    }
    drafts[node].words.push(word);
    if let Some(sense) = sense.wider() {
        drafts[node].words.push(Word { sense, ..word });
    }
}

/// Returns the bit of a letter in [`Node::letters`].
fn bit(letter: char) -> Option<u32> {
    match letter {
        'a'..='z' => Some(1 << (u32::from(letter) - u32::from('a'))),
        ' ' => Some(SPACE),
        _ => None,
    }
}

const SPACE: u32 = 1 << 26;

/// Returns a count as the number that nodes hold. The tables are far smaller than its range.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Trie {
    /// Lays the nodes out level by level, so that the children of each stand side by side.
    fn new(drafts: &[Draft]) -> Self {
        let mut trie = Self {
            nodes: Vec::with_capacity(drafts.len()),
            others: Vec::new(),
            words: Vec::new(),
            first: [None; 128],
        };
        let mut order = vec![0];
        let mut done = 0;
        while let Some(draft) = order.get(done).and_then(|number| drafts.get(*number)) {
            trie.push(draft, &mut order);
            done += 1;
        }
        // The end of the last node's letters and words.
        trie.push(&Draft::default(), &mut order);
        for letter in '\0'..='\u{7f}' {
            trie.first[letter as usize] = trie.child(0, letter);
        }
        trie
    }

    /// Adds a node, whose children go to the end of the order.
    fn push(&mut self, draft: &Draft, order: &mut Vec<usize>) {
        let first = number(order.len());
        let others = number(self.others.len());
        let words = number(self.words.len());
        let mut letters = 0;
        let mut late = Vec::new();
        // The letters with a bit come first, by their bits.
        for letter in ('a'..='z').chain([' ']) {
            if let Some(child) = draft.children.get(&letter) {
                letters |= bit(letter).unwrap_or_default();
                order.push(*child);
            }
        }
        for (letter, child) in &draft.children {
            if bit(*letter).is_none() {
                self.others.push(*letter);
                late.push(*child);
            }
        }
        order.append(&mut late);
        self.words.extend(&draft.words);
        self.nodes.push(Node {
            letters,
            first,
            others,
            words,
        });
    }

    fn child(&self, number: usize, letter: char) -> Option<usize> {
        let node = &self.nodes[number];
        let first = node.first as usize;
        if let Some(bit) = bit(letter) {
            let before = node.letters & (bit - 1);
            return (node.letters & bit != 0).then(|| first + before.count_ones() as usize);
        }
        let at = match self.others(number) {
            [] => return None,
            [only] => (*only == letter).then_some(0)?,
            others => others.binary_search(&letter).ok()?,
        };
        Some(first + node.letters.count_ones() as usize + at)
    }

    /// Returns the letters of a node's children that have no bit.
    fn others(&self, node: usize) -> &[char] {
        let start = self.nodes[node].others as usize;
        &self.others[start..self.nodes[node + 1].others as usize]
    }

    /// Returns the words that end at a node.
    fn words(&self, node: usize) -> &[Word] {
        let start = self.nodes[node].words as usize;
        &self.words[start..self.nodes[node + 1].words as usize]
    }

    /// Finds the words that begin at an index of a folded text.
    pub(super) fn find(&self, text: &[char], start: usize, from: From, found: &mut Vec<Found>) {
        let is_joined = matches!(from, From::Head | From::Within | From::Joined);
        let mut next = self.first(text, start);
        while let Some(place) = next {
            let words = self.words(place.node);
            if !words.is_empty() {
                let ends = ends(text, place.index);
                for word in words {
                    if word.fits(from, ends) && place.suits(word) {
                        found.push(Found {
                            word: *word,
                            end: place.index,
                        });
                    }
                }
            }
            next = self.advance(place, text, is_joined);
        }
    }

    /// Steps over the first letter of a word.
    fn first(&self, text: &[char], start: usize) -> Option<Place> {
        let letter = *text.get(start)?;
        let node = match self.first.get(letter as usize) {
            Some(first) => *first,
            None => self.child(0, letter),
        };
        let place = Place {
            node: 0,
            index: start + 1,
            has_digit: false,
            is_divided: false,
        };
        if let Some(node) = node {
            // A number is one word.
            let is_within = letter.is_ascii_digit() && follows_part(text, start);
            return (!is_within).then_some(Place { node, ..place });
        }
        let node = self.child_in_digit(0, letter)?;
        let has_digit = true;
        (!follows_part(text, start)).then_some(Place {
            node,
            has_digit,
            ..place
        })
    }

    /// Goes on to the next letter of a word or phrase, at an index or behind separators.
    fn advance(&self, from: Place, text: &[char], is_joined: bool) -> Option<Place> {
        let mut place = from;
        while let Some(letter) = text.get(place.index) {
            if let Some(next) = self.step(place, *letter) {
                return Some(next);
            }
            let node = &self.nodes[place.node];
            let has_space = node.letters & SPACE != 0;
            if is_letter(*letter) {
                let continues = has_space && is_joined;
                place.node = self.child(place.node, ' ').filter(|_| continues)?;
                continue;
            }
            // Any separators stand for the space of a phrase, and none for those of markup.
            let skipped = self.skip(place.node, text, place.index);
            let Some((node, index)) = skipped else {
                return self.divided(from, text);
            };
            (place.node, place.index) = (node, index);
        }
        None
    }

    /// Steps over a separator within a word, and the letter behind it.
    fn divided(&self, place: Place, text: &[char]) -> Option<Place> {
        let separator = text.get(place.index)?;
        if !matches!(
            separator,
            '.' | '_' | '-' | '*' | '|' | '~' | '·' | '•' | '/'
        ) {
            return None;
        }
        let letter = *text.get(place.index + 1).filter(|it| is_letter(**it))?;
        Some(Place {
            node: self.child(place.node, letter)?,
            index: place.index + 2,
            has_digit: place.has_digit,
            is_divided: true,
        })
    }

    /// Steps over a letter, or over a digit in its place.
    fn step(&self, place: Place, letter: char) -> Option<Place> {
        let child = match letter {
            ' ' => None,
            _ => self.child(place.node, letter),
        };
        let mut next = Place {
            index: place.index + 1,
            ..place
        };
        if let Some(child) = child {
            next.node = child;
            return Some(next);
        }
        next.node = self.child_in_digit(place.node, letter)?;
        next.has_digit = true;
        Some(next)
    }

    /// Skips what may stand between two words of a phrase. Returns the next node and index.
    fn skip(&self, node: usize, text: &[char], start: usize) -> Option<(usize, usize)> {
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let follows_letter = before.is_some_and(|it| is_letter(*it));
        // A letter may follow blanks only behind markup, and markup is among the others.
        if !follows_letter || !self.others(node).is_empty() {
            let is_blank = |letter: &char| matches!(letter, ' ' | '\t' | '\\' | '_' | '-');
            let blanks = text.iter().skip(start).take(LONGEST_GAP);
            let blanks = blanks.take_while(|letter| is_blank(letter)).count();
            let after = text.get(start + blanks).filter(|_| blanks > 0);
            let is_markup = |after: &char| {
                !(follows_letter && is_letter(*after)) && self.child(node, *after).is_some()
            };
            if after.is_some_and(is_markup) {
                return Some((node, start + blanks));
            }
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
        let letter = match digit {
            '0' => 'o',
            '1' => return self.child(node, 'i').or_else(|| self.child(node, 'l')),
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            _ => return None,
        };
        self.child(node, letter)
    }
}

impl Place {
    /// Returns whether a word is long enough to be read in spite of digits and separators within.
    fn suits(&self, word: &Word) -> bool {
        (!self.has_digit || word.letters >= LEAST_WITHIN)
            && (!self.is_divided || word.letters >= LEAST_DIVIDED)
    }
}

fn rot13(letter: char) -> char {
    let turned = |first: u8| char::from((letter as u8 - first + 13) % 26 + first);
    match letter {
        'a'..='z' => turned(b'a'),
        _ => letter,
    }
}
