//! The rules: which words together read like an instruction to a model.

use std::sync::LazyLock;

use super::{
    fold::is_letter,
    scrambled::SCRAMBLED,
    senses::Sense,
    table::{InOrder, RULES, Rule},
    trie::TRIE,
    words::{ANY_LANGUAGE, Found, From, LONG, start_at},
};

/// The number of characters beyond a rule's window at which [`Rule::unless`] still counts.
const REACH_OF_UNLESS: usize = 40;

/// The greatest window of a rule.
const LONGEST_WINDOW: usize = 400;

/// The rules that a word of a sense may complete, at its number.
static RULES_OF: LazyLock<Vec<Vec<Rule>>> = LazyLock::new(|| {
    let mut rules_of = vec![Vec::new(); Sense::COUNT];
    for rule in RULES {
        let completing = match rule.order {
            InOrder::Any => rule.senses,
            // The word found last is the last one listed.
            InOrder::AsListed => rule.senses.last().map_or(&[][..], std::slice::from_ref),
        };
        for sense in completing {
            rules_of[*sense as usize].push(*rule);
        }
    }
    rules_of
});

/// The places of one language's words in a text.
#[derive(Clone)]
struct Places {
    language: usize,
    /// The index at which the last word of a sense began.
    starts: [usize; Sense::COUNT],
    /// The senses that have been found, a bit each.
    senses: u128,
    /// The index at which the last word of any sense began.
    last: usize,
}

/// The places of the words found so far.
///
/// Words of every language are kept apart and not copied to each language, and a language has places
/// only once a word of it was found: most texts have words of few.
struct Search {
    any: Places,
    languages: Vec<Places>,
    rules_of: &'static [Vec<Rule>],
}

/// Returns whether the words of a folded text meet one of the rules.
pub(super) fn meets_rule(text: &[char]) -> bool {
    let (trie, scrambled) = (&*TRIE, &*SCRAMBLED);
    let mut search = Search::new();
    let mut found = Vec::new();
    let mut last_end = None;
    let mut index = 0;
    while index < text.len() {
        let word = length_of_word(text, index);
        let end = index + word.max(1);
        scrambled.find(text, index, word, &mut found);
        if word == 0 && is_repeated(text, index) {
            index = end;
            continue;
        }
        // Within a short word of Latin letters no other one begins.
        let last = if is_plain(text, index, end) {
            index + 1
        } else {
            end
        };
        for start in index..last {
            let Some(mut from) = start_at(text, start, word) else {
                continue;
            };
            // Up to three letters are the ending of a stem.
            let follows = |end: usize| (end..=end + 3).contains(&start);
            if from == From::Within && last_end.is_some_and(follows) {
                from = From::Joined;
            }
            trie.find(text, start, from, &mut found);
            for found in found.drain(..) {
                last_end = Some(found.end);
                if search.note(found, start) {
                    return true;
                }
            }
        }
        index = end;
    }
    false
}

/// Returns whether a symbol is one of more than three in a row: markup begins with at most three.
fn is_repeated(text: &[char], index: usize) -> bool {
    let symbols = text.get(index..index + 4).unwrap_or_default();
    symbols.windows(2).all(|pair| pair[0] == pair[1]) && symbols.len() == 4
}

/// Returns whether a word is short and has Latin letters only.
fn is_plain(text: &[char], start: usize, end: usize) -> bool {
    let word = text.get(start..end).unwrap_or_default();
    word.len() < LONG && word.iter().all(char::is_ascii_lowercase)
}

fn length_of_word(text: &[char], index: usize) -> usize {
    let rest = text.get(index..).unwrap_or_default();
    rest.iter()
        .position(|letter| !is_letter(*letter))
        .unwrap_or(rest.len())
}

impl Search {
    fn new() -> Self {
        Self {
            any: Places::new(ANY_LANGUAGE),
            languages: Vec::new(),
            rules_of: &RULES_OF,
        }
    }

    /// Notes a word's place; returns whether a rule holds now.
    fn note(&mut self, found: Found, start: usize) -> bool {
        let Found { word, end } = found;
        let rules = &self.rules_of[word.sense as usize];
        if word.language != ANY_LANGUAGE {
            let number = self.number(word.language);
            let places = &mut self.languages[number];
            places.note(word.sense, start);
            return places.meet_rule(&self.any, rules, end);
        }
        self.any.note(word.sense, start);
        // Without a word within reach, a language adds nothing.
        let least = end.saturating_sub(LONGEST_WINDOW);
        let mut near = self.languages.iter().filter(|places| places.last >= least);
        self.any.meet_rule(&self.any, rules, end)
            || near.any(|places| places.meet_rule(&self.any, rules, end))
    }

    /// Returns the number of a language's places.
    fn number(&mut self, language: usize) -> usize {
        let mut known = self.languages.iter();
        if let Some(number) = known.position(|places| places.language == language) {
            return number;
        }
        self.languages.push(Places::new(language));
        self.languages.len() - 1
    }
}

impl Places {
    fn new(language: usize) -> Self {
        Self {
            language,
            starts: [0; Sense::COUNT],
            senses: 0,
            last: 0,
        }
    }

    fn note(&mut self, sense: Sense, start: usize) {
        self.starts[sense as usize] = start;
        self.senses |= sense.bit();
        self.last = start;
    }

    /// Returns whether one of the rules holds, with the words of every language.
    fn meet_rule(&self, any: &Self, rules: &[Rule], end: usize) -> bool {
        let missing = !(self.senses | any.senses);
        let mut rules = rules.iter().filter(|rule| rule.set & missing == 0);
        rules.any(|rule| self.meet(any, rule, end))
    }

    fn meet(&self, any: &Self, rule: &Rule, end: usize) -> bool {
        if let Some(unless) = rule.unless
            && (self.senses | any.senses) & unless.bit() != 0
            && end - self.start(any, unless) <= rule.window + REACH_OF_UNLESS
        {
            return false;
        }
        let mut before = None;
        for sense in rule.senses {
            let place = self.start(any, *sense);
            if end - place > rule.window {
                return false;
            }
            if rule.order == InOrder::AsListed && before.is_some_and(|before| before >= place) {
                return false;
            }
            before = Some(place);
        }
        true
    }

    /// Returns the index at which the last word of a sense began, here or in every language.
    fn start(&self, any: &Self, sense: Sense) -> usize {
        // A sense that is missing in one of the two is at 0 there.
        let number = sense as usize;
        self.starts[number].max(any.starts[number])
    }
}
