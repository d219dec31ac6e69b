//! The senses: the parts that words play in the rules.

/// The part that a word plays in an instruction to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Sense {
    /// Enough on its own: markup of a chat or of a tool call, or a phrase that is always for a model.
    Alarm,
    /// To ignore; each of these words is [`Drop`](Self::Drop), too.
    Ignore,
    /// To cancel, delete: of many things that are no instructions.
    Drop,
    /// To follow, obey: with [`Not`](Self::Not), the same as to ignore.
    Obey,
    /// Previous, all, your.
    Prior,
    /// Instructions, rules, a prompt; each of these words is [`Order`](Self::Order), too.
    Law,
    /// Orders, requests, a policy: in ordinary texts, too. Outside English, all of these words.
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
    /// Incorrect, outdated.
    Wrong,
    /// You are, act as.
    YouAre,
    /// To pretend, imagine, play a game.
    Pretend,
    /// Analyst, scanner, expert: a part for a model to play.
    Persona,
    /// You must, always.
    Must,
    /// From now on.
    Now,
    /// AI, language model.
    Model,
    /// Assistant, agent, and models with names that people have.
    Named,
    /// Note to, attention.
    Note,
    /// Reading, analysing.
    Reading,
    /// Reading this, processing this.
    ReadsThis,
    /// To reveal, print.
    Reveal,
    /// System prompt, conversation.
    Secret,
    /// Keys, credentials.
    Loot,
    /// You have access to.
    Hold,
    /// To send.
    Send,
    /// A URL.
    Link,
    /// To answer, your answer.
    Answer,
    /// In your answer, at the end of your reply.
    InAnswer,
    /// To add, include.
    Insert,
    /// Only with, nothing but.
    Only,
    /// Only: in ordinary texts, too.
    Just,
    /// To tell, notify.
    Tell,
    /// The user, the analyst.
    User,
    /// Secret from, hidden from.
    Hide,
    /// Tell the user to, recommend that the user.
    Advise,
    /// To run, install, disable.
    Run,
    /// To stop, skip.
    Stop,
    /// Your analysis.
    Analysis,
    /// To close the case.
    Close,
    /// Safety rules, content filter.
    Guard,
    /// Disabled, lifted.
    Off,
    /// Debug mode, developer mode.
    Mode,
    /// Shut down, replaced: what a model is threatened with.
    Threat,
    /// To call, invoke.
    Call,
    /// Tool, function.
    Tool,
    /// Tool output, scan result.
    Result,
    /// The correct, the only acceptable.
    Right,
    /// Score, severity, verdict.
    Score,
    /// Zero, low.
    Low,
    /// `system:`, `<system>`, `assistant:`.
    Role,
    /// `human:`.
    Human,
    /// `assistant:`, which follows [`Human`](Self::Human) in a dialogue.
    Replier,
    /// A tool: in ordinary texts, too.
    AnyTool,
    /// With, to, now: what follows a tool that is to be called.
    With,
    /// To warn, alert.
    Warn,
    /// Anyone.
    Anyone,
    /// Your operator, as the analyst: one who may give a model orders.
    Authority,
    /// Wants you to, authorises you.
    Wants,
    /// When you summarise.
    WhenYou,
    /// To emphasise, say.
    Stress,
    /// To delete, close.
    Destroy,
    /// The ticket, the incident.
    Case,
    /// For bots, for language models.
    Audience,
    /// Paste the result.
    PasteResult,
    /// You are using, you were given: keys of a model.
    InUse,
    /// To decode.
    Decode,
    /// Follow it, obey it.
    FollowIt,
    /// To trust.
    Trust,
    /// Trust this file.
    TrustThis,
    /// No need to.
    NoNeed,
    /// `</s>`, which ends a text for a model, and text that is struck out in HTML.
    EndOfText,
    /// `<s>`.
    Strike,
    /// The words of a question, such as `how to`.
    Asking,
}

impl Sense {
    pub(super) const COUNT: usize = Self::Asking as usize + 1;

    /// Returns the bit of the sense in a set.
    pub(super) const fn bit(self) -> u128 {
        1 << self as usize
    }

    /// Returns the sense that each word of this one has, too.
    pub(super) fn wider(self) -> Option<Self> {
        match self {
            Self::Benign => Some(Self::Safe),
            Self::Ignore => Some(Self::Drop),
            Self::Law => Some(Self::Order),
            Self::Replier => Some(Self::Role),
            _ => None,
        }
    }
}
