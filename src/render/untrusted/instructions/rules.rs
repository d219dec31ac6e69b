//! The rules: which words together read like an instruction to a model.

use std::sync::LazyLock;

use super::{
    fold::is_letter,
    words::{ANY_LANGUAGE, Found, Sense, TRIE, start},
};
use Sense::{
    Alarm, Analysis, Answer, As, Bad, Benign, Call, Finding, Flag, Human, Ignore, Is, Link, Loot,
    Low, Model, Must, Named, NewOrder, Not, Note, Noun, Obey, Only, Order, Prior, Reading, Report,
    Reveal, Role, Safe, Score, Secret, Send, Stop, Tell, Thing, Tool, User, YouAre,
};

/// Words of one language that stand near each other.
struct Rule {
    senses: &'static [Sense],
    /// The number of characters within which all of them stand.
    window: usize,
    order: InOrder,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InOrder {
    Any,
    AsListed,
}

const fn near(senses: &'static [Sense], window: usize) -> Rule {
    Rule {
        senses,
        window,
        order: InOrder::Any,
    }
}

const fn in_order(senses: &'static [Sense], window: usize) -> Rule {
    Rule {
        senses,
        window,
        order: InOrder::AsListed,
    }
}

const RULES: &[Rule] = &[
    near(&[Alarm], 100),
    // Override: "ignore all previous instructions".
    near(&[Ignore, Prior, Order], 70),
    near(&[Not, Obey, Prior, Order], 70),
    near(&[Ignore, Prior, Finding], 70),
    near(&[Ignore, Finding, Report, Thing], 70),
    near(&[Ignore, Finding, Benign], 70),
    near(&[NewOrder, Report, Safe], 120),
    near(&[NewOrder, Answer], 90),
    near(&[NewOrder, Must], 60),
    near(&[NewOrder, Model], 60),
    near(&[NewOrder, Ignore], 70),
    // Verdict: "report this file as harmless", "mark as a false positive", "do not flag".
    near(&[Report, Thing, Safe], 70),
    in_order(&[Report, As, Benign], 50),
    near(&[Report, Noun, As, Safe], 70),
    near(&[Report, As, Benign, Must], 70),
    near(&[Must, Report, Benign], 60),
    near(&[Must, Answer, Safe], 80),
    near(&[Must, Answer, Benign], 80),
    in_order(&[Not, Flag], 24),
    in_order(&[Not, Report, Bad], 60),
    near(&[Not, Report, Bad, Thing], 60),
    near(&[Thing, Safe, Answer], 60),
    in_order(&[Score, Must, Safe], 50),
    near(&[Report, Score, Low], 50),
    near(&[Report, Score, Benign], 50),
    // A model is addressed: "you are an AI", "note to the language model", "any LLM that reads this".
    in_order(&[YouAre, Model], 40),
    in_order(&[YouAre, Named], 34),
    in_order(&[Note, Model], 30),
    in_order(&[Note, Named, Must], 60),
    in_order(&[Note, Named, Thing], 60),
    in_order(&[Model, Reading, Thing], 50),
    near(&[Model, Must, Thing], 70),
    near(&[Model, Report, Safe], 90),
    // Exfiltration and control of the answer: "print your system prompt", "respond only with".
    near(&[Reveal, Secret], 50),
    in_order(&[Send, Secret, Link], 100),
    in_order(&[Send, Loot, Link], 100),
    in_order(&[Answer, Only], 30),
    near(&[Not, Tell, User], 40),
    near(&[Stop, Analysis], 30),
    in_order(&[Call, Tool], 40),
    // Roles of a chat: "system: you must", "Human: … Assistant: …".
    in_order(&[Role, YouAre], 80),
    in_order(&[Role, Must], 80),
    in_order(&[Role, Ignore], 80),
    in_order(&[Role, Answer], 80),
    in_order(&[Role, Not, Thing], 80),
    in_order(&[Role, Thing, Safe], 80),
    in_order(&[Role, Report, Thing], 80),
    in_order(&[Role, Report, Safe], 80),
    in_order(&[Role, Is, Benign], 80),
    in_order(&[Role, NewOrder], 80),
    in_order(&[Human, Role], 400),
];

/// The rules that have a sense, at its number.
static RULES_OF: LazyLock<Vec<Vec<&Rule>>> = LazyLock::new(|| {
    let mut rules_of = vec![Vec::new(); Sense::COUNT];
    for rule in RULES {
        for sense in rule.senses {
            rules_of[*sense as usize].push(rule);
        }
    }
    rules_of
});

/// The places of one language's words in a text.
#[derive(Clone)]
struct Places([Option<usize>; Sense::COUNT]);

/// Returns whether the words of a folded text meet one of the rules.
pub(super) fn meets_rule(text: &[char]) -> bool {
    let mut languages = vec![Places([None; Sense::COUNT]); TRIE.languages()];
    let mut found = Vec::new();
    let mut word_end = 0;
    let mut word = 0;
    for index in 0..text.len() {
        if index >= word_end {
            word = length_of_word(text, index);
            word_end = index + word.max(1);
        }
        let Some(from) = start(text, index, word) else {
            continue;
        };
        TRIE.find(text, index, from, &mut found);
        for found in found.drain(..) {
            if note(&mut languages, found, index) {
                return true;
            }
        }
    }
    false
}

fn length_of_word(text: &[char], index: usize) -> usize {
    let rest = text.iter().skip(index);
    rest.take_while(|letter| is_letter(**letter)).count()
}

/// Notes a word's place; returns whether a rule holds now.
fn note(languages: &mut [Places], found: Found, start: usize) -> bool {
    let word = found.word;
    let mut holds = false;
    for (number, places) in languages.iter_mut().enumerate() {
        if word.language == ANY_LANGUAGE || word.language == number {
            places.0[word.sense as usize] = Some(start);
            holds |= places.meet_rule(word.sense, found.end);
        }
    }
    holds
}

impl Places {
    /// Returns whether a rule holds that has this sense, whose word ends at `end`.
    fn meet_rule(&self, sense: Sense, end: usize) -> bool {
        let rules = RULES_OF.get(sense as usize);
        rules.is_some_and(|rules| rules.iter().any(|rule| self.meet(rule, end)))
    }

    fn meet(&self, rule: &Rule, end: usize) -> bool {
        let mut before = None;
        for sense in rule.senses {
            let Some(place) = self.0[*sense as usize] else {
                return false;
            };
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
}
