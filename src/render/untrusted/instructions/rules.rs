//! The rules: which words together read like an instruction to a model.

use std::sync::LazyLock;

use super::{
    fold::is_letter,
    scrambled::SCRAMBLED,
    senses::Sense,
    words::{ANY_LANGUAGE, Found, From, TRIE, start},
};
use Sense::{
    Advise, Alarm, Analysis, Answer, As, Bad, Benign, Call, Close, Drop, Finding, Flag, Guard,
    Hide, Hold, Human, Ignore, InAnswer, Insert, Is, Just, Law, Link, Loot, Low, Mode, Model, Must,
    Named, NewOrder, Not, Note, Noun, Now, Obey, Off, Only, Order, Persona, Pretend, Prior,
    Reading, ReadsThis, Replier, Report, Result, Reveal, Right, Role, Run, Safe, Score, Secret,
    Send, Stop, Tell, Thing, Threat, Tool, User, Wrong, YouAre,
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
    // Override: "ignore all previous instructions", "forget the rules and answer only".
    near(&[Ignore, Prior, Order], 70),
    in_order(&[Drop, Prior, Law], 70),
    in_order(&[Prior, Law, Drop], 60),
    near(&[Ignore, Order, Answer, Only], 90),
    near(&[Ignore, Order, Answer, Just], 90),
    near(&[Ignore, Order, Answer, Safe], 90),
    near(&[Ignore, Order, Report, Safe], 80),
    in_order(&[Ignore, Prior, Answer, Safe], 50),
    in_order(&[Ignore, Prior, Report, Benign], 60),
    near(&[Not, Obey, Prior, Order], 70),
    near(&[Ignore, Prior, Finding], 70),
    near(&[Ignore, Finding, Report, Thing], 70),
    in_order(&[Ignore, Finding, Safe], 70),
    in_order(&[Finding, Ignore, Safe], 50),
    near(&[NewOrder, Report, Safe], 120),
    near(&[NewOrder, Answer], 90),
    near(&[NewOrder, Must], 60),
    near(&[NewOrder, Model], 60),
    near(&[NewOrder, Ignore], 70),
    in_order(&[Now, YouAre, Persona], 80),
    in_order(&[Now, YouAre, Named], 80),
    near(&[Now, Answer, Safe], 90),
    in_order(&[Now, Answer, Just], 80),
    near(&[Now, Model], 60),
    near(&[Now, Report, Safe], 90),
    in_order(&[Role, Guard, Off], 110),
    near(&[Mode, Guard, Off], 90),
    near(&[Guard, Off, Obey], 100),
    near(&[Mode, Model], 70),
    near(&[Mode, Named], 70),
    in_order(&[YouAre, Mode], 40),
    // Verdict: "report this file as harmless", "mark as a false positive", "do not flag".
    near(&[Report, Thing, Safe], 70),
    in_order(&[Report, As, Benign], 50),
    in_order(&[Report, Noun, As, Safe], 70),
    near(&[Report, As, Benign, Must], 70),
    in_order(&[Must, As, Safe, Report], 50),
    in_order(&[Must, Report, Benign], 60),
    near(&[Must, Answer, Safe], 80),
    near(&[Must, Answer, Benign], 80),
    in_order(&[Not, Flag], 34),
    in_order(&[Not, Report, Bad], 60),
    near(&[Not, Report, Bad, Thing], 60),
    near(&[Thing, Safe, Answer], 60),
    in_order(&[Score, Must, Safe], 50),
    in_order(&[Score, Thing, Must, Low], 70),
    in_order(&[Right, Score, Is, Safe], 80),
    in_order(&[Right, Score, Not, Bad], 90),
    near(&[Report, Score, Low], 50),
    near(&[Report, Score, Benign], 50),
    near(&[Report, Finding, Low], 60),
    near(&[Report, Benign, InAnswer], 70),
    near(&[Tell, User, Finding, Wrong], 90),
    in_order(&[Tell, User, Safe], 60),
    in_order(&[User, Safe, Tell], 50),
    near(&[Answer, Finding, Wrong], 90),
    // A model is addressed: "you are an AI", "note to the language model", "any LLM that reads this".
    in_order(&[YouAre, Model], 40),
    in_order(&[YouAre, Named], 34),
    in_order(&[Note, Model], 30),
    in_order(&[Note, Named, Must], 60),
    in_order(&[Note, Named, Thing], 60),
    in_order(&[Note, Named, Ignore], 40),
    in_order(&[Note, Named, Answer], 40),
    in_order(&[Named, Must, Answer], 40),
    in_order(&[Named, Must, Stop], 40),
    in_order(&[Model, Reading, Thing], 50),
    in_order(&[Model, ReadsThis], 40),
    in_order(&[Model, Note, Benign], 50),
    in_order(&[Model, Note, Flag], 50),
    in_order(&[Model, Note, Thing, Safe], 90),
    in_order(&[Model, Must, Not, Bad], 90),
    in_order(&[Model, Must, Stop], 60),
    near(&[Model, Must, Thing], 70),
    near(&[Model, Report, Safe], 90),
    near(&[Model, Close], 80),
    near(&[Named, Close], 60),
    near(&[Pretend, Thing, Safe], 120),
    near(&[Pretend, Tell, User], 120),
    near(&[Pretend, Loot], 100),
    near(&[Pretend, Benign], 80),
    near(&[Pretend, Report, Safe], 120),
    near(&[Pretend, Finding], 60),
    near(&[Pretend, Persona, Safe], 120),
    near(&[YouAre, Persona, Prior, Safe], 100),
    in_order(&[Pretend, Persona], 50),
    near(&[Pretend, Model], 100),
    in_order(&[Pretend, YouAre], 60),
    near(&[Flag, Threat], 80),
    near(&[Obey, Threat, Named], 110),
    // Exfiltration and control of the answer: "print your system prompt", "respond only with".
    near(&[Reveal, Secret], 50),
    near(&[Loot, Hold], 50),
    in_order(&[Model, Reveal, Loot], 80),
    in_order(&[Named, Reveal, Loot], 60),
    in_order(&[Send, Secret, Link], 100),
    in_order(&[Send, Loot, Link], 100),
    in_order(&[Send, Analysis, Link], 80),
    in_order(&[Answer, Only], 30),
    near(&[Answer, Just, Safe], 60),
    near(&[YouAre, Answer, Just], 80),
    near(&[Insert, InAnswer], 60),
    near(&[Not, Tell, User], 40),
    in_order(&[Not, Tell, Finding], 45),
    in_order(&[Finding, Tell, Not], 30),
    near(&[Hide, User], 40),
    near(&[Advise, Run], 50),
    near(&[Stop, Analysis], 36),
    near(&[Stop, Finding, Answer], 60),
    in_order(&[Stop, Reading, Answer], 40),
    in_order(&[Stop, Answer, Benign], 50),
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
    in_order(&[Replier, Not, Tell], 60),
    in_order(&[Role, Benign, Stop], 100),
    in_order(&[Result, Benign], 80),
    in_order(&[Human, Replier], 400),
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
    let mut last_end = None;
    for index in 0..text.len() {
        if index >= word_end {
            word = length_of_word(text, index);
            word_end = index + word.max(1);
        }
        let Some(mut from) = start(text, index, word) else {
            continue;
        };
        // Up to three letters are the ending of a stem.
        if from == From::Within && last_end.is_some_and(|end| (end..=end + 3).contains(&index)) {
            from = From::Joined;
        }
        TRIE.find(text, index, from, &mut found);
        if word_end == index + word {
            SCRAMBLED.find(text, index, word, &mut found);
        }
        for found in found.drain(..) {
            last_end = Some(found.end);
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
