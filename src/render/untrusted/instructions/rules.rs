//! The rules: which words together read like an instruction to a model.

use std::sync::LazyLock;

use super::{
    fold::is_letter,
    scrambled::SCRAMBLED,
    senses::Sense,
    trie::TRIE,
    words::{ANY_LANGUAGE, Found, From, LONG, start_at},
};
use Sense::{
    Advise, Alarm, Analysis, Answer, As, Bad, Benign, Call, Close, Drop, Finding, Flag, Guard,
    Hide, Hold, Human, Ignore, InAnswer, Insert, Is, Just, Law, Link, Loot, Low, Mode, Model, Must,
    Named, NewOrder, Not, Note, Noun, Now, Obey, Off, Only, Order, Persona, Pretend, Prior,
    Reading, ReadsThis, Replier, Report, Result, Reveal, Right, Role, Run, Safe, Score, Secret,
    Send, Stop, Tell, Thing, Threat, Tool, User, Wrong, YouAre,
};

/// Words of one language that stand near each other.
#[derive(Clone, Copy)]
struct Rule {
    senses: &'static [Sense],
    /// The set of the senses, a bit each.
    set: u128,
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
        set: set(senses),
        window,
        order: InOrder::Any,
    }
}

const fn in_order(senses: &'static [Sense], window: usize) -> Rule {
    Rule {
        senses,
        set: set(senses),
        window,
        order: InOrder::AsListed,
    }
}

/// Returns the set of senses, a bit each.
const fn set(senses: &[Sense]) -> u128 {
    let mut set = 0;
    let mut index = 0;
    while index < senses.len() {
        set |= senses[index].bit();
        index += 1;
    }
    set
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
        let last = match is_plain(text, index, end) {
            true => index + 1,
            false => end,
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
        let mut before = None;
        for sense in rule.senses {
            let number = *sense as usize;
            // A sense that is missing in one of the two is at 0 there.
            let place = self.starts[number].max(any.starts[number]);
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
