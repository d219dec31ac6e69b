//! The parts that a document leaves out: the list in `meta.omitted` and the last line of Markdown.

use std::{cmp::Reverse, fmt::Write as _};

use super::Composition;
use crate::render::{
    format::{json::Omitted, markdown::inert_line},
    parts::Ledger,
    rough_tokens,
};

/// The number of attributes that `meta.omitted` lists.
const MOST_OMITTED: usize = 20;

/// The number of attributes that the last line of Markdown names.
const MOST_NAMED: usize = 3;

impl Composition<'_> {
    /// Returns the attributes that were left out, the largest first.
    pub(super) fn omitted(&self, ledger: Ledger) -> Vec<Omitted> {
        let sizes = if self.are_briefs() {
            self.unused.clone()
        } else {
            ledger.omitted()
        };
        let mut omitted = Vec::with_capacity(sizes.len());
        for (path, bytes) in sizes {
            let tokens = rough_tokens(bytes);
            omitted.push(Omitted { path, tokens });
        }
        omitted.sort_by_key(|omitted| Reverse(omitted.tokens));
        omitted.truncate(MOST_OMITTED);
        omitted
    }

    /// Adds the line at the end of Markdown that says what was left out.
    pub(super) fn add_left_out(&self, text: &mut String, omitted: &[Omitted]) {
        if omitted.is_empty() || !self.has_last_line {
            return;
        }
        while text.ends_with('\n') {
            text.pop();
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str("Left out:");
        let named = if self.is_tight { 1 } else { MOST_NAMED };
        for (at, Omitted { path, tokens }) in omitted.iter().take(named).enumerate() {
            text.push_str(if at > 0 { ", " } else { " " });
            text.push_str(&inert_line(path));
            if !self.is_tight {
                // Writing to a `String` does not fail.
                let _ = write!(text, " ({tokens} tokens)");
            }
        }
        if omitted.len() > named {
            text.push_str(", …");
        }
        text.push('\n');
    }
}
