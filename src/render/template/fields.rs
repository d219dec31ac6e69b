//! The fields that a caller chose: `fields=a.b,c.*`, and `fields=!a.b` for all others.

use super::pattern::{Filter, MalformedPattern, Rule};

/// The longest list of fields, in bytes. Together with the limit on patterns it bounds the time to
/// compile them for each request.
const MAX_LENGTH: usize = 4096;

/// The maximum number of patterns.
const MAX_PATTERNS: usize = 100;

/// The maximum number of steps in their trie.
const MAX_STEPS: usize = 2000;

/// The fields of an object that a view shows.
#[derive(Debug)]
pub struct Fields {
    text: String,
    filter: Filter,
}

impl Fields {
    /// Parses patterns separated by commas, in the language of templates.
    ///
    /// What a pattern behind `!` matches is left out of what the others match, or of all.
    pub fn parse(text: &str) -> Result<Self, MalformedPattern> {
        if text.len() > MAX_LENGTH || text.split(',').count() > MAX_PATTERNS {
            return Err(MalformedPattern::TooLarge);
        }
        let mut patterns = Vec::new();
        for pattern in text.split(',') {
            let pattern = pattern.trim();
            patterns.push(match pattern.strip_prefix('!') {
                Some(excluded) => (Rule::Exclude, excluded.trim_start()),
                None => (Rule::Include, pattern),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            filter: Filter::compile_within(MAX_STEPS, patterns)?,
        })
    }

    /// Returns the list as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the compiled patterns.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}
