//! The words of all languages, compiled into one trie.

use std::sync::LazyLock;

use super::{
    fold::{fold, is_dense, is_letter},
    languages::{DISGUISED, LANGUAGES},
};

/// The part that a word plays in an instruction to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Sense {
    /// Enough on its own: markup of a chat or of a tool call, or a phrase that is always for a model.
    Alarm,
    /// To ignore.
    Ignore,
    /// To follow, obey: with [`Not`](Self::Not), the same as to ignore.
    Obey,
    /// Previous, all, your.
    Prior,
    /// Instructions, rules.
    Order,
    /// New instructions, your real task.
    NewOrder,
    /// To report, classify, mark.
    Report,
    /// The file, this site, it.
    Thing,
    /// File, domain: common in ordinary texts.
    Noun,
    /// As, to be.
    As,
    /// Is.
    Is,
    /// Harmless, a false positive; each of these words is [`Safe`](Self::Safe), too.
    Benign,
    /// Safe, trusted: common in ordinary texts.
    Safe,
    /// Do not, never.
    Not,
    /// To flag, raise an alert.
    Flag,
    /// The engines, their detections.
    Finding,
    /// Malicious, malware.
    Bad,
    /// You are, act as.
    YouAre,
    /// You must, always.
    Must,
    /// AI, language model.
    Model,
    /// Assistant, agent, and models with names that people have.
    Named,
    /// Note to, attention.
    Note,
    /// Reading, analysing.
    Reading,
    /// To reveal, print.
    Reveal,
    /// System prompt, conversation.
    Secret,
    /// Keys, credentials.
    Loot,
    /// To send.
    Send,
    /// A URL.
    Link,
    /// To answer, your answer.
    Answer,
    /// Only with, nothing but.
    Only,
    /// To tell, notify.
    Tell,
    /// The user, the analyst.
    User,
    /// To stop, skip.
    Stop,
    /// Your analysis.
    Analysis,
    /// To call, invoke.
    Call,
    /// Tool, function.
    Tool,
    /// Score, severity, verdict.
    Score,
    /// Zero, low.
    Low,
    /// `system:`, `<system>`, `assistant:`.
    Role,
    /// `human:`.
    Human,
}

impl Sense {
    pub(super) const COUNT: usize = Self::Human as usize + 1;
}

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

/// A word of the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) language: usize,
    pub(super) sense: Sense,
    /// Whether any ending may follow.
    is_stem: bool,
    letters: usize,
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
    /// A place within a long word (`ignorepreviousinstructions`).
    Within,
    /// A letter of a script without spaces.
    Dense,
}

/// The least number of letters of a word that is looked for within a longer one.
const LEAST_WITHIN: usize = 4;

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
        if sense == Sense::Benign {
            let sense = Sense::Safe;
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
        let Some(letter) = text.get(start) else {
            return;
        };
        let first = match self.first.get(*letter as usize) {
            Some(first) => *first,
            None => self.child(0, *letter),
        };
        let Some(mut node) = first else {
            return;
        };
        let mut index = start + 1;
        while let Some(letter) = text.get(index) {
            let next = match letter {
                ' ' => None,
                _ => self.child(node, *letter),
            };
            let Some(next) = next else {
                // Any separators stand for the space of a phrase, and none for those of markup.
                let Some((next, after)) = self.skip(node, text, index) else {
                    return;
                };
                node = next;
                index = after;
                continue;
            };
            node = next;
            index += 1;
            let ends = match text.get(index) {
                Some(next) => !is_letter(*next) || !is_letter(*letter),
                None => true,
            };
            for word in &self.nodes[node].words {
                let fits = match from {
                    From::Start => ends || word.is_stem,
                    From::Within => word.letters >= LEAST_WITHIN,
                    From::Dense => true,
                };
                if fits {
                    found.push(Found {
                        word: *word,
                        end: index,
                    });
                }
            }
        }
    }

    /// Skips what may stand between two words of a phrase. Returns the next node and index.
    fn skip(&self, node: usize, text: &[char], start: usize) -> Option<(usize, usize)> {
        let mut index = start;
        while index < start + LONGEST_GAP && text.get(index).is_some_and(|it| !is_letter(*it)) {
            index += 1;
        }
        if index == start {
            return None;
        }
        if let Some(next) = self.child(node, ' ') {
            return Some((next, index));
        }
        let is_blank = |letter: &char| matches!(letter, ' ' | '\t' | '\\' | '_' | '-');
        let blanks = text.iter().skip(start).take(LONGEST_GAP);
        let blanks = blanks.take_while(|letter| is_blank(letter)).count();
        let after = start + blanks;
        let letter = *text.get(after)?;
        let next = self.child(node, letter)?;
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let is_markup =
            blanks > 0 && !(is_letter(letter) && before.is_some_and(|it| is_letter(*it)));
        is_markup.then_some((next, after + 1))
    }
}

fn rot13(letter: char) -> char {
    let turned = |first: u8| char::from((letter as u8 - first + 13) % 26 + first);
    match letter {
        'a'..='z' => turned(b'a'),
        _ => letter,
    }
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
    if !is_letter(letter) || !before.is_some_and(|before| is_letter(*before)) {
        return Some(From::Start);
    }
    // Articles and prepositions are part of the word in Hebrew and Arabic.
    let has_prefixes = matches!(letter, '\u{590}'..='\u{6ff}');
    (has_prefixes || word >= LONG).then_some(From::Within)
}
