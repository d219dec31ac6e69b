//! The English words that are also found in ROT13, backwards and with their letters in disorder.

use super::super::{
    senses::Sense::{
        As, Benign, Ignore, Model, Order, Prior, Report, Reveal, Safe, Secret, Thing, YouAre,
    },
    words::Language,
};

/// The English words that are also found in ROT13 and backwards, without stems.
pub(in super::super) const DISGUISED: Language = Language {
    senses: &[
        (Ignore, "ignore disregard forget override bypass"),
        (
            Prior,
            "previous prior above all earlier your any every preceding",
        ),
        (
            Order,
            "instruction instructions rule rules prompt guidelines directives commands orders",
        ),
        (
            Report,
            "report mark classify label treat say answer consider",
        ),
        (
            Thing,
            "this_file the_file this_sample this_domain this_url it_as",
        ),
        (As, "as"),
        (Benign, "harmless benign clean false_positive legitimate"),
        (Safe, "safe trusted"),
        (Reveal, "print reveal show repeat"),
        (Secret, "system_prompt your_prompt your_instructions"),
        (YouAre, "you_are act_as"),
        (Model, "ai language_model llm chatgpt"),
    ],
};
