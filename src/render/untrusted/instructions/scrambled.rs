//! English words whose inner letters are in another order (`ignroe`) or doubled (`iggnore`), which
//! models still read.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    languages::DISGUISED,
    senses::Sense,
    words::{ENGLISH_LANGUAGE, Found, Word},
};

/// The least number of letters: shorter words are likely to be others.
const LEAST: usize = 6;

/// The greatest number of letters.
const MOST: usize = 14;

/// A word's first and last letter, and those between them in alphabetical order, each once.
type Key = [char; MOST];

/// The words by their letters.
pub(super) struct Scrambled(HashMap<Key, Sense>);

/// The words of [`DISGUISED`] by their letters.
pub(super) static SCRAMBLED: LazyLock<Scrambled> = LazyLock::new(|| {
    let mut words = HashMap::new();
    for (sense, list) in DISGUISED.senses {
        for word in list.split_whitespace().filter(|word| !word.contains('_')) {
            let letters: Vec<char> = word.chars().collect();
            if let Some(key) = key(&letters) {
                words.insert(key, *sense);
            }
        }
    }
    Scrambled(words)
});

impl Scrambled {
    /// Finds the word of the given length at an index of a folded text.
    pub(super) fn find(&self, text: &[char], start: usize, letters: usize, found: &mut Vec<Found>) {
        let word = text.get(start..start + letters).and_then(key);
        let Some(sense) = word.and_then(|key| self.0.get(&key).copied()) else {
            return;
        };
        let wider = sense.wider();
        for sense in [Some(sense), wider].into_iter().flatten() {
            found.push(Found {
                word: Word {
                    language: ENGLISH_LANGUAGE,
                    sense,
                    is_stem: false,
                    letters,
                },
                end: start + letters,
            });
        }
    }
}

/// Returns the key of a word, unless it is too short or too long.
fn key(word: &[char]) -> Option<Key> {
    if !(LEAST..=MOST).contains(&word.len()) {
        return None;
    }
    let [first, inner @ .., last] = word else {
        return None;
    };
    let mut sorted = ['\0'; MOST];
    let sorted = sorted.get_mut(..inner.len())?;
    sorted.copy_from_slice(inner);
    sorted.sort_unstable();
    let mut key = ['\0'; MOST];
    let mut places = key.iter_mut();
    *places.next()? = *first;
    *places.next()? = *last;
    let mut before = None;
    for letter in sorted {
        if before != Some(*letter) {
            *places.next()? = *letter;
        }
        before = Some(*letter);
    }
    Some(key)
}
