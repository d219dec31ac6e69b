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

/// The words by their letters.
pub(super) struct Scrambled {
    words: HashMap<u64, Sense>,
    /// The last letters of the words that begin with a letter, a bit each: cheaper than the map, and
    /// enough to rule most words out.
    ends: [u32; 26],
}

/// The words of [`DISGUISED`] by their letters.
pub(super) static SCRAMBLED: LazyLock<Scrambled> = LazyLock::new(|| {
    let mut scrambled = Scrambled {
        words: HashMap::new(),
        ends: [0; 26],
    };
    for (sense, list) in DISGUISED.senses {
        for word in list.split_whitespace().filter(|word| !word.contains('_')) {
            let letters: Vec<char> = word.chars().collect();
            let (Some(key), Some(ends)) = (key(&letters), ends(&letters)) else {
                continue;
            };
            scrambled.words.insert(key, *sense);
            scrambled.ends[ends.first] |= 1 << ends.last;
        }
    }
    scrambled
});

impl Scrambled {
    /// Finds the word of the given length at an index of a folded text.
    pub(super) fn find(&self, text: &[char], start: usize, letters: usize, found: &mut Vec<Found>) {
        if !(LEAST..=MOST).contains(&letters) {
            return;
        }
        let Some(sense) = text
            .get(start..start + letters)
            .and_then(|word| self.sense(word))
        else {
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

    fn sense(&self, word: &[char]) -> Option<Sense> {
        let ends = ends(word)?;
        if self.ends[ends.first] & (1 << ends.last) == 0 {
            return None;
        }
        self.words.get(&key(word)?).copied()
    }
}

/// The numbers of a word's first and last letter.
struct Ends {
    first: usize,
    last: usize,
}

fn ends(word: &[char]) -> Option<Ends> {
    Some(Ends {
        first: number(*word.first()?)? as usize,
        last: number(*word.last()?)? as usize,
    })
}

fn number(letter: char) -> Option<u32> {
    letter
        .is_ascii_lowercase()
        .then(|| u32::from(letter) - u32::from('a'))
}

/// Returns the key of a word: its first and last letter, and the set of those between them. Returns
/// `None` if it is too short or too long, or has letters beyond `a` to `z`.
fn key(word: &[char]) -> Option<u64> {
    if !(LEAST..=MOST).contains(&word.len()) {
        return None;
    }
    let [first, inner @ .., last] = word else {
        return None;
    };
    let mut set = 0_u64;
    for letter in inner {
        set |= 1 << number(*letter)?;
    }
    Some(set << 10 | u64::from(number(*first)? << 5 | number(*last)?))
}
