//! Rows of `lookup` as a Markdown table.

use std::fmt::Write as _;

use super::row::shortened;
use crate::{
    http::bulk::FinishedRow,
    indicator::is_hex,
    mcp::budget::Budget,
    render::{estimated_tokens, inert_cell},
};

/// The number of tokens of a table of up to 20 rows, and for each row of a longer one.
const UP_TO_20: usize = 660;
const EACH: usize = 33;

/// The letters of an indicator that rows show; less if there is no room. The row's number says which
/// one it is.
const LENGTHS: [usize; 4] = [60, 30, 15, 0];

/// The letters of a label or a reason.
const LABEL: usize = 40;

/// Returns the table, with as much of each row as there is room for.
pub(super) fn of(rows: &[FinishedRow], budget: Budget) -> String {
    let most = UP_TO_20.max(rows.len() * EACH);
    let most = budget.scaled(most).min(budget.planned() / 2);
    let mut table = String::new();
    for length in LENGTHS {
        table = with(rows, length);
        if estimated_tokens(&table) <= most {
            break;
        }
    }
    table
}

/// Returns the table with this many letters of each indicator.
fn with(rows: &[FinishedRow], length: usize) -> String {
    let mut table = String::from("| # | indicator | verdict | label |\n|---|---|---|---|\n");
    if length == 0 {
        table = String::from("| # | type | verdict |\n|---|---|---|\n");
    }
    for row in rows {
        let number = row.number;
        let verdict = verdict(row);
        if length == 0 {
            let kind = row.kind.map_or("", crate::indicator::Kind::name);
            // Writing to a `String` does not fail.
            let _ = writeln!(table, "| {number} | {kind} | {verdict} |");
            continue;
        }
        let given = inert_cell(&shown(&row.given, length));
        let label = inert_cell(&shortened(&label(row), LABEL));
        let _ = writeln!(table, "| {number} | {given} | {verdict} | {label} |");
    }
    table
}

/// Returns an indicator in a few letters. Of a hash the first ones tell it from others.
fn shown(given: &str, length: usize) -> String {
    let is_hash = [32, 40, 64].iter().any(|&digits| is_hex(given, digits));
    shortened(given, if is_hash { 8 } else { length })
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

/// Returns the label, or the reason of a verdict that the numbers do not explain.
fn label(row: &FinishedRow) -> String {
    if let Some(error) = &row.error {
        return error.detail().to_owned();
    }
    if let Some(label) = &row.finding.label {
        return label.clone();
    }
    match &row.finding.verdict {
        Some(verdict) if matches!(&*verdict.level, "unknown" | "likely_benign") => {
            let reason = verdict.reason.split(", which").next();
            reason.unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}
