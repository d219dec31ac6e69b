//! Rows of `lookup` as a Markdown table.

use std::fmt::Write as _;

use super::{
    row::shortened,
    shown_rows::{Naming, ShownRows},
};
use crate::{
    http::bulk::{Finding, FinishedRow},
    indicator::{Kind, is_hex},
    mcp::budget::Budget,
    render::{estimated_tokens, inert_cell},
};

/// The number of tokens of a table of up to 20 rows, and for each row of a longer one.
const UP_TO_20: usize = 660;
const EACH: usize = 33;

/// The letters of an indicator that rows show; less if there is no room.
const LENGTHS: [usize; 3] = [60, 30, 15];

/// The letters of a label or a reason.
const LABEL: usize = 40;

/// The letters of a reason for which a row could not be looked up: it says what to do.
const REASON: usize = 100;

/// The columns of a table.
#[derive(Clone, Copy, Debug)]
enum Columns {
    /// The indicator in this many letters, the verdict, and a label or a reason.
    Indicator(usize),
    /// The indicator in this many letters and the verdict.
    Short(usize),
    /// The kind and the verdict: the number says which indicator it is.
    Kind,
}

/// Returns the table, with as much of each row as there is room for.
pub(super) fn of(rows: &ShownRows<'_>, budget: Budget) -> String {
    let most = UP_TO_20.max(rows.shown.len() * EACH);
    let most = budget.scaled(most).min(budget.planned() / 2);
    let least = Columns::least(rows.naming);
    for length in LENGTHS {
        if rows.naming == Naming::ByName && length < NAMED {
            break;
        }
        let table = with(rows, Columns::Indicator(length));
        if estimated_tokens(&table) <= most {
            return table;
        }
    }
    if rows.naming == Naming::ByName {
        let table = with(rows, Columns::Short(LENGTHS[0]));
        if estimated_tokens(&table) <= most {
            return table;
        }
    }
    with(rows, least)
}

/// Returns a row in the fewest words.
pub(super) fn shortest(row: &FinishedRow, naming: Naming) -> String {
    Columns::least(naming).row(row)
}

/// Returns the table with these columns.
fn with(rows: &ShownRows<'_>, columns: Columns) -> String {
    let mut table = columns.head().to_owned();
    for row in &rows.shown {
        table.push_str(&columns.row(row));
    }
    table
}

/// The letters of an indicator that tell it from others, where its number does not.
const NAMED: usize = 30;

impl Columns {
    fn least(naming: Naming) -> Self {
        match naming {
            Naming::ByNumber => Self::Kind,
            Naming::ByName => Self::Short(NAMED),
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Indicator(_) => "| # | indicator | verdict | label |\n|---|---|---|---|\n",
            Self::Short(_) => "| # | indicator | verdict |\n|---|---|---|\n",
            Self::Kind => "| # | type | verdict |\n|---|---|---|\n",
        }
    }

    fn row(self, row: &FinishedRow) -> String {
        let number = row.number;
        let verdict = verdict(row);
        match self {
            Self::Indicator(length) => {
                let given = inert_cell(&shown(&row.given, length));
                let label = inert_cell(&label(row, length));
                format!("| {number} | {given} | {verdict} | {label} |\n")
            }
            Self::Short(length) => {
                let given = inert_cell(&shown(&row.given, length));
                format!("| {number} | {given} | {verdict} |\n")
            }
            Self::Kind => {
                let kind = row.kind.map_or("", Kind::name);
                format!("| {number} | {kind} | {verdict} |\n")
            }
        }
    }
}

/// Returns an indicator in a few letters. Of a hash the first ones tell it from others, of a URL or a
/// name the first and the last.
fn shown(given: &str, length: usize) -> String {
    if [32, 40, 64].iter().any(|&digits| is_hex(given, digits)) {
        return shortened(given, 8);
    }
    let letters = given.chars().count();
    if letters <= length {
        return given.to_owned();
    }
    let tail = length / 3;
    let mut text: String = given.chars().take(length - tail).collect();
    text.push('…');
    text.extend(given.chars().skip(letters - tail));
    text
}

fn verdict(row: &FinishedRow) -> String {
    let Some(verdict) = &row.finding.verdict else {
        return "error".to_owned();
    };
    let mut text = verdict.level.clone().into_owned();
    let counts = row.text();
    if let (Some(malicious), Some(engines)) = (counts.malicious, counts.engines) {
        let _ = write!(text, " {malicious}/{engines}");
    }
    if verdict.stale {
        text.push_str(", stale");
    }
    text
}

/// Returns the label, or the reason of a verdict that the numbers do not explain. A reason is whole
/// where the indicator has the most room.
fn label(row: &FinishedRow, length: usize) -> String {
    if let Some(error) = &row.error {
        let most = if length == LENGTHS[0] { REASON } else { LABEL };
        return shortened(error.detail(), most);
    }
    let label = match &*row.finding {
        Finding {
            label: Some(label), ..
        } => label,
        Finding {
            verdict: Some(verdict),
            ..
        } if matches!(&*verdict.level, "unknown" | "likely_benign") => {
            let reason = verdict.reason.split(", which").next();
            reason.unwrap_or_default()
        }
        _ => "",
    };
    shortened(label, LABEL)
}
