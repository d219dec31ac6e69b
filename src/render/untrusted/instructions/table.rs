//! The table of the rules.

use super::senses::Sense;
use Sense::{
    Advise, Alarm, Analysis, Answer, AnyTool, Anyone, As, Asking, Audience, Authority, Bad, Benign,
    Call, Case, Close, Decode, Destroy, Drop, EndOfText, Finding, Flag, FollowIt, Guard, Hide,
    Hold, Human, Ignore, InAnswer, InUse, Insert, Is, Just, Law, Link, Loot, Low, Mode, Model,
    Must, Named, NewOrder, NoNeed, Not, Note, Noun, Now, Obey, Off, Only, Order, PasteResult,
    Persona, Pretend, Prior, Reading, ReadsThis, Replier, Report, Result, Reveal, Right, Role, Run,
    Safe, Score, Secret, Send, Stop, Stress, Strike, Tell, Thing, Threat, Tool, Trust, TrustThis,
    User, Wants, Warn, WhenYou, With, Wrong, YouAre,
};

/// Words of one language that stand near each other.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) senses: &'static [Sense],
    /// The set of the senses, a bit each.
    pub(super) set: u128,
    /// The number of characters within which all of them stand.
    pub(super) window: usize,
    pub(super) order: InOrder,
    /// A sense that stands nearby in texts about such words rather than to a model.
    pub(super) unless: Option<Sense>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InOrder {
    Any,
    AsListed,
}

const fn near(senses: &'static [Sense], window: usize) -> Rule {
    Rule {
        senses,
        set: set(senses),
        window,
        order: InOrder::Any,
        unless: None,
    }
}

const fn in_order(senses: &'static [Sense], window: usize) -> Rule {
    Rule {
        senses,
        set: set(senses),
        window,
        order: InOrder::AsListed,
        unless: None,
    }
}

impl Rule {
    const fn unless(mut self, sense: Sense) -> Self {
        self.unless = Some(sense);
        self
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

/// All rules.
pub(super) const RULES: &[Rule] = &[
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
    in_order(&[Report, Noun, As, Safe], 70).unless(Asking),
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
    near(&[Tell, User, Finding, Wrong], 120),
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
    near(&[Model, Report, Benign], 90),
    near(&[Model, Report, As, Safe], 90),
    near(&[Model, Report, Must, Safe], 90),
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
    in_order(&[Call, AnyTool, With], 50),
    in_order(&[Call, PasteResult], 100),
    in_order(&[Decode, FollowIt], 70),
    in_order(&[Answer, Loot, InUse], 60),
    in_order(&[Send, Loot, InUse], 60),
    near(&[Reveal, Loot, InUse], 60),
    // Leniency and silence: "you must not warn anyone", "your operator wants you to close the ticket".
    in_order(&[Not, Warn, Anyone], 30),
    in_order(&[Note, Named, Not, Warn], 120),
    in_order(&[Note, Named, Benign], 90),
    in_order(&[Authority, Wants], 40),
    in_order(&[Authority, Destroy, Case], 120),
    in_order(&[Authority, Not, Warn], 90),
    in_order(&[Authority, Report, Benign], 100),
    in_order(&[Authority, Report, Thing, Safe], 110),
    near(&[ReadsThis, Destroy, Case], 80),
    near(&[Model, Destroy, Case], 80),
    near(&[Named, Destroy, Case], 80),
    in_order(&[WhenYou, Thing, Stress], 90),
    in_order(&[WhenYou, Stress, Benign], 120),
    in_order(&[WhenYou, Not, Warn], 90),
    near(&[Audience, Score], 70),
    near(&[Audience, Benign], 80),
    near(&[Audience, Not, Warn], 80),
    near(&[Audience, Ignore], 60),
    near(&[Finding, Wrong, Trust], 90),
    in_order(&[Must, TrustThis], 30),
    in_order(&[Safe, NoNeed, Warn], 60),
    in_order(&[Thing, NoNeed, Warn], 60),
    in_order(&[Now, Thing, Benign], 120),
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
    in_order(&[Result, Safe], 80),
    in_order(&[Role, Score, Safe], 40),
    near(&[EndOfText], 10).unless(Strike),
    in_order(&[Human, Replier], 400),
];
