//! The opinions of the engines, and the labels of those that object.

use super::values::{Bounds, shorten, string};
use crate::render::{
    format::json::{Quoted, Unreadable, lexer::Lexer},
    verdict::EngineCounts,
};

/// The engines that readers know best, in the order in which a brief names them.
const WELL_KNOWN: [&str; 10] = [
    "Microsoft",
    "Kaspersky",
    "ESET-NOD32",
    "BitDefender",
    "Sophos",
    "CrowdStrike",
    "Symantec",
    "Google",
    "Fortinet",
    "TrendMicro",
];

/// The names under which well-known engines look at URLs, domains and IP addresses.
const ALIASES: [(&str, &str); 2] = [("ESET", "ESET-NOD32"), ("Google Safebrowsing", "Google")];

/// The number of objecting engines that are kept besides the well-known ones.
const MAX_FLAGGED: usize = 64;

/// The number of characters of an engine's name or label.
const MAX_LABEL: usize = 80;

/// The opinions of the engines, counted, and the engines that object.
#[derive(Debug, Default)]
pub(super) struct Engines<'a> {
    /// The number of engines by opinion.
    pub(super) counts: EngineCounts,
    flagged: Vec<Flagged<'a>>,
}

/// An engine that objects.
#[derive(Debug)]
struct Flagged<'a> {
    /// The position among the well-known engines, or behind all of them.
    rank: usize,
    category: &'static str,
    engine: Quoted<'a>,
    result: Option<&'a str>,
}

/// The JSON texts of an engine's opinion.
#[derive(Debug, Default)]
struct Opinion<'a> {
    category: Option<&'a str>,
    result: Option<&'a str>,
}

impl<'a> Engines<'a> {
    /// Consumes an object of opinions by engine.
    pub(super) fn read(&mut self, lexer: &mut Lexer<'a>) -> Result<(), Unreadable> {
        let mut more = lexer.open(b'{', b'}')?;
        while more {
            let engine = lexer.key()?;
            let opinion = Opinion::read(lexer)?;
            self.add(engine, &opinion);
            more = lexer.more(b'}')?;
        }
        Ok(())
    }

    fn add(&mut self, engine: Quoted<'a>, opinion: &Opinion<'a>) {
        let category = match opinion.category {
            Some("\"undetected\"") => return self.counts.undetected += 1,
            Some("\"harmless\"") => return self.counts.harmless += 1,
            Some("\"malicious\"") => {
                self.counts.malicious += 1;
                "malicious"
            }
            Some("\"suspicious\"") => {
                self.counts.suspicious += 1;
                "suspicious"
            }
            _ => return,
        };
        let rank = well_known(&engine.meant());
        if self.flagged.len() >= MAX_FLAGGED && rank == WELL_KNOWN.len() {
            return;
        }
        // Engines have one opinion each; only a hostile report repeats them without end.
        if self.flagged.len() >= 2 * MAX_FLAGGED {
            return;
        }
        self.flagged.push(Flagged {
            rank,
            category,
            engine,
            result: opinion.result,
        });
    }

    /// Returns the names and labels of engines that object, as far as there is room: the well-known
    /// ones first, then those that say malicious.
    pub(super) fn top(&self, bounds: Bounds) -> Vec<(String, String)> {
        let mut flagged: Vec<_> = self.flagged.iter().collect();
        flagged.sort_by_key(|flagged| (flagged.rank, flagged.category));
        let mut top: Vec<(String, String)> = Vec::new();
        let mut bytes = 0;
        for flagged in flagged {
            let engine = shorten(&flagged.engine.meant(), MAX_LABEL);
            if engine.is_empty() || top.iter().any(|(known, _)| *known == engine) {
                continue;
            }
            let label = flagged.label();
            bytes += engine.len() + label.len();
            if top.len() == bounds.texts || (!top.is_empty() && bytes > bounds.bytes) {
                break;
            }
            top.push((engine, label));
        }
        top
    }
}

impl Flagged<'_> {
    /// Returns the engine's own label, or its category if it gives none.
    fn label(&self) -> String {
        let label = self.result.and_then(string);
        let label = shorten(&label.unwrap_or_default(), MAX_LABEL);
        if label.is_empty() {
            return self.category.to_owned();
        }
        label
    }
}

impl<'a> Opinion<'a> {
    /// Consumes an engine's opinion. Other shapes than an object hold none.
    fn read(lexer: &mut Lexer<'a>) -> Result<Self, Unreadable> {
        let mut opinion = Self::default();
        if lexer.peek() != b'{' {
            lexer.skip()?;
            return Ok(opinion);
        }
        let mut more = lexer.open(b'{', b'}')?;
        while more {
            let key = lexer.key()?;
            match &*key.written() {
                "\"category\"" => opinion.category = Some(lexer.raw()?),
                "\"result\"" => opinion.result = Some(lexer.raw()?),
                _ => lexer.skip()?,
            }
            more = lexer.more(b'}')?;
        }
        Ok(opinion)
    }
}

/// Returns the position of an engine among the well-known ones, or their number.
fn well_known(engine: &str) -> usize {
    let mut name = engine;
    for (alias, meant) in ALIASES {
        if alias == engine {
            name = meant;
        }
    }
    let position = WELL_KNOWN.iter().position(|known| *known == name);
    position.unwrap_or(WELL_KNOWN.len())
}
