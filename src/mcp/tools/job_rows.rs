//! The rows of a `lookup` of several indicators, as a result within its budget.

use std::{fmt::Write as _, time::Duration};

use super::{
    ToolRun, row,
    shown_rows::{Naming, ShownRows},
    table,
};
use crate::{
    clock::Now,
    http::{
        bulk::{Ended, FinishedRow, Summary},
        error::ApiError,
    },
    mcp::{
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, json_of},
    },
    quota::accounts::Report,
    render::estimated_tokens,
};

/// The tokens of a sentence about rows that have no room, and of the members beside the rows.
const REST: usize = 45;
const ENVELOPE: usize = 20;

/// The rows of a job that is over.
#[derive(Debug)]
pub(super) struct JobRows {
    pub(super) rows: Vec<FinishedRow>,
    pub(super) summary: Summary,
    pub(super) naming: Naming,
    /// The indicators of a text beyond the first 50.
    pub(super) left_out: usize,
    /// The time that was over before the job was.
    pub(super) late: Option<Duration>,
}

/// Returns the summary of a job that has not ended.
pub(super) fn summary_of(rows: &[FinishedRow], texts: &[String]) -> Summary {
    let mut summary = Summary {
        rows: texts.len(),
        ..Summary::default()
    };
    for (text, number) in texts.iter().zip(1..) {
        match rows.iter().find(|row| row.number == number) {
            Some(row) => {
                summary.units += row.cost;
                summary.failed += usize::from(row.error.is_some());
            }
            None => summary.remaining.push(text.clone()),
        }
    }
    summary
}

impl JobRows {
    /// Returns the result, or the error of a job without a row.
    pub(super) fn result(self, call: &ToolRun<'_>, budget: Budget) -> Result<ToolResult, ApiError> {
        let quota = call.visit.gateway.quota.report(call.context.key.hash());
        if self.rows.is_empty() {
            return Err(self.failure(&quota));
        }
        let last = self.last_line(&quota);
        let planned = budget.planned();
        let room = planned.saturating_sub(estimated_tokens(&last) + REST + ENVELOPE);
        let within = |room| ShownRows::within(&self.rows, self.naming, room, table::shortest);
        let mut rows = within(room);
        if rows.left_out > 0 {
            // Some of the room is for the structured content.
            rows = within(room * 3 / 5);
        }
        let mut text = table::of(&rows, budget);
        text.push('\n');
        text.push_str(&last);
        if rows.left_out > 0 {
            // Writing to a `String` does not fail.
            let _ = write!(
                text,
                " No room for {} of them: ask again with a larger `max_tokens`.",
                rows.left_out
            );
        }
        // The structured content gets what the text leaves.
        let room = planned.saturating_sub(estimated_tokens(&text) + ENVELOPE);
        let rows = ShownRows::within(&self.rows, self.naming, room, row::shortest);
        let json = row::of_rows(&rows, room, budget);
        let mut members = vec![StructuredMember::new("rows", json)];
        if rows.left_out > 0 {
            members.push(StructuredMember::new("omitted", rows.left_out.to_string()));
        }
        let remaining = &self.summary.remaining;
        if rows.left_out > 0 || !remaining.is_empty() {
            members.push(StructuredMember::new("complete", "false"));
        }
        if !remaining.is_empty() {
            members.push(StructuredMember::optional("remaining", json_of(remaining)));
        }
        Ok(ToolResult::new(
            ResultDraft {
                text: vec![text],
                members,
                rendered: None,
            },
            budget,
        ))
    }

    /// Returns the error of a job that has no row.
    fn failure(&self, quota: &Report) -> ApiError {
        match (self.late, &self.summary.ended) {
            (Some(time), _) => ApiError::too_slow(time).saying(format!(
                "no row was ready within {} s: call again, with fewer indicators",
                time.as_secs()
            )),
            (None, Some(Ended::Stopping)) => ApiError::stopping(),
            _ => ApiError::quota_exceeded(self.rest(quota)),
        }
    }

    fn last_line(&self, quota: &Report) -> String {
        let Summary {
            rows,
            units,
            failed,
            remaining,
            ..
        } = &self.summary;
        let mut text = format!(
            "{}, {} spent",
            counted(*rows as u64, "row"),
            counted(*units, "lookup")
        );
        // Writing to a `String` does not fail.
        if *failed > 0 {
            let _ = write!(text, ", {failed} failed");
        }
        if self.left_out > 0 {
            let _ = write!(
                text,
                ". The text has {} more: look them up in another call",
                self.left_out
            );
        }
        if !remaining.is_empty() {
            let _ = write!(text, ". {}", self.rest(quota));
        }
        text.push('.');
        text
    }

    /// Returns a sentence about the rows that were not looked up, without its full stop.
    fn rest(&self, quota: &Report) -> String {
        let count = self.summary.remaining.len();
        let why = match self.summary.ended {
            _ if self.late.is_some() => "the time was over",
            Some(Ended::Allowance) => "this client's allowance is used up",
            Some(Ended::Stopping) => "the gateway is stopping",
            Some(Ended::Quota | Ended::MaxUnits) | None => "the quota is used up",
        };
        let when = match until_quota(quota) {
            _ if self.late.is_some() => "now".to_owned(),
            Some(seconds) => format!("in {seconds} s"),
            None => "later".to_owned(),
        };
        let (rows, were, them) = match count {
            1 => ("row", "was", "it"),
            _ => ("rows", "were", "them"),
        };
        format!("{count} {rows} {were} not looked up, since {why}: call again with {them} {when}")
    }
}

/// Returns a number with its noun.
fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Returns the seconds until the longest window that is used up has quota again.
fn until_quota(report: &Report) -> Option<i64> {
    let now = Now::read().utc.unix_timestamp();
    for window in [report.month, report.day, report.minute] {
        if window.remaining == Some(0) {
            return Some((window.reset - now).max(1));
        }
    }
    None
}
