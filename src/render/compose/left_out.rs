//! The parts that a document leaves out: the list in `meta.omitted` and the last line of Markdown.

use std::{cmp::Reverse, fmt::Write as _};

use super::Composition;
use crate::render::{
    format::{json::Omitted, markdown::inert_line},
    parts::Ledger,
    rough_tokens,
    selection::Arrangement,
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
    ///
    /// A list says how many of its objects are missing: nothing else would show it.
    pub(super) fn add_left_out(&self, text: &mut String, omitted: &[Omitted], shown: usize) {
        let all = self.rows.len();
        let missing = all - shown;
        let is_list = self.selection.arrangement == Arrangement::List;
        let is_short = is_list && missing > 0;
        if !is_short && (omitted.is_empty() || !self.has_last_line) {
            return;
        }
        while text.ends_with('\n') {
            text.pop();
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str("Left out:");
        if is_short {
            // Writing to a `String` does not fail.
            let _ = write!(text, " {missing} of {all} objects");
        }
        let named = match (self.is_tight, self.has_last_line) {
            (_, false) => 0,
            (true, true) => 1,
            (false, true) => MOST_NAMED,
        };
        for (at, Omitted { path, tokens }) in omitted.iter().take(named).enumerate() {
            text.push_str(if at > 0 || is_short { ", " } else { " " });
            text.push_str(&inert_line(path));
            if !self.is_tight {
                let _ = write!(text, " ({tokens} tokens)");
            }
        }
        if named > 0 && omitted.len() > named {
            text.push_str(", …");
        }
        text.push('\n');
    }
}
