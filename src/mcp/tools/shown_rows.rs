//! The rows of `lookup` that there is room for.

use crate::{http::bulk::FinishedRow, render::estimated_tokens};

/// The levels of verdicts in the order in which rows are worth their room. A row that failed comes
/// behind the first two.
const LEVELS: [&str; 2] = ["malicious", "suspicious"];

/// The way in which a caller can tell the indicator of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By the row's number: the caller gave a list.
    ByNumber,
    /// By name only: the indicators were found in a text.
    ByName,
}

/// The rows that the text or the structured content of a result shows, in the order of their numbers.
#[derive(Debug)]
pub(super) struct ShownRows<'a> {
    pub(super) shown: Vec<&'a FinishedRow>,
    pub(super) naming: Naming,
    /// The number of rows that there is no room for.
    pub(super) left_out: usize,
}

impl<'a> ShownRows<'a> {
    /// Chooses the rows that have room in this many tokens, each in the fewest words. Rows that speak
    /// against an indicator go last.
    pub(super) fn within(
        rows: &'a [FinishedRow],
        naming: Naming,
        room: usize,
        shortest: impl Fn(&FinishedRow, Naming) -> String,
    ) -> Self {
        let mut by_worth: Vec<_> = rows.iter().collect();
        by_worth.sort_by_key(|row| (worth(row), row.number));
        let mut left = room;
        let mut shown = Vec::with_capacity(rows.len());
        for row in by_worth {
            let tokens = estimated_tokens(&shortest(row, naming)) + 1;
            if tokens <= left {
                left -= tokens;
                shown.push(row);
            }
        }
        shown.sort_by_key(|row| row.number);
        Self {
            left_out: rows.len() - shown.len(),
            shown,
            naming,
        }
    }
}

/// Returns the place of a row among those that are worth their room, the first ones the most.
fn worth(row: &FinishedRow) -> usize {
    let Some(verdict) = &row.finding.verdict else {
        return LEVELS.len();
    };
    let level = LEVELS.iter().position(|level| *level == verdict.level);
    level.unwrap_or(LEVELS.len() + 1)
}
