//! `lookup`: a verdict for each of some indicators.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{ToolRun, budget, max_tokens, row, table};
use crate::{
    clock::Now,
    http::{
        bulk::{BulkRequest, Ended, Event, FinishedRow, GivenText, Job, JobCaller, Summary},
        error::ApiError,
    },
    lookup::{FetchError, Freshness, LookupError, ReportQuery},
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, schema, string},
        views::{Limits, ModelView, TwoForms},
    },
    quota::accounts::Report,
};

/// The largest number of indicators.
pub(super) const MOST: usize = 50;

/// The limits of the views of one indicator.
const ONE: Limits = Limits {
    data: 420,
    text: 300,
    reserve: 90,
};

/// The part of the time limit of a call that is left to write the answer.
const TO_ANSWER: Duration = Duration::from_secs(5);

const NAMES: [&str; 3] = ["indicators", "text", "max_tokens"];

pub(super) fn definition() -> Value {
    let levels = [
        "malicious",
        "suspicious",
        "likely_benign",
        "no_detections",
        "unknown",
    ];
    let verdict = schema(
        &json!({
            "level": {"enum": levels},
            "reason": {"type": "string"},
            "stale": {"type": "boolean"},
        }),
        &["level"],
    );
    let row = schema(
        &json!({
            "row": {"type": "integer"},
            "given": {"type": "string"},
            "type": {"enum": ["file", "url", "domain", "ip", null]},
            "verdict": verdict,
            "error": {"type": "object"},
        }),
        &["row"],
    );
    json!({
        "title": "Look up indicators",
        "description": "Start here: a verdict for each hash, URL, domain or IP address (defanged or \
            not) in `indicators`, or found in `text`. One row each, numbered as given. Each that is \
            not cached costs one VirusTotal lookup.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "indicators": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": MOST,
                    "examples": [["evil[.]example", "8.8.8.8"]],
                },
                "text": {"type": "string", "description": "Instead: a mail, log, report"},
                "max_tokens": max_tokens(),
            },
            "additionalProperties": false,
        },
        "outputSchema": schema(
            &json!({
                "rows": {"type": "array", "items": row},
                "remaining": {"type": "array", "items": {"type": "string"}},
            }),
            &["rows"],
        ),
    })
}

/// The rows of a job that is over.
struct JobRows {
    rows: Vec<FinishedRow>,
    summary: Summary,
    /// The indicators of a text beyond the first 50.
    left_out: usize,
    /// Whether the time was over before the job was.
    is_late: bool,
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &NAMES)?;
    let budget = budget(&arguments)?;
    let list = arguments.list("indicators")?;
    let text = arguments.text("text")?;
    let given = match (&list, text) {
        (Some(list), None) => GivenText::List(list),
        (None, Some(text)) => GivenText::Text(text),
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request(
                "`indicators` and `text` contradict each other: leave one of them out",
            ));
        }
        (None, None) => {
            return Err(ApiError::bad_request(
                "nothing to look up: give `indicators`, a list of hashes, URLs, domains or IP \
                 addresses, or `text` that holds some",
            ));
        }
    };
    let (request, left_out) = BulkRequest::interactive(&call.visit.gateway, given, MOST)?;
    match request.rows() {
        0 => Err(ApiError::bad_request(
            "nothing to look up: there is no hash, URL, domain or IP address in it",
        )),
        1 => one(call, &request.texts().concat(), budget).await,
        2..=MOST => many(call, request, left_out, budget).await,
        rows => Err(ApiError::bad_request(format!(
            "{rows} indicators are too many: give at most {MOST} in one call"
        ))),
    }
}

/// Looks up a single indicator, with the facts about it.
async fn one(call: &ToolRun<'_>, given: &str, budget: Budget) -> Result<ToolResult, ApiError> {
    let gateway = &call.visit.gateway;
    let query = ReportQuery {
        indicator: call.indicator(given)?,
        relationships: Vec::new(),
    };
    let templates = gateway.templates.current();
    let shown = ModelView::brief(gateway, &templates);
    let freshness = Freshness::default();
    let shape = shown
        .shape(budget, ONE, async |views| {
            let lookup = &gateway.lookup;
            lookup
                .report_twice(&call.context, &query, views, &freshness)
                .await
        })
        .await;
    let kind = query.indicator.kind();
    let mut rendered = None;
    let (text, row, origin) = match shape {
        Ok(TwoForms {
            data,
            text,
            origin,
            size,
            ..
        }) => {
            rendered = Some(size);
            (text, row::of_brief(given, kind, &data), Some(origin))
        }
        Err(LookupError::Fetch(FetchError::NotFound(_, provenance))) => {
            let why = "VirusTotal does not know it";
            let text = format!("{}: unknown, {why}", kind.name());
            (
                text,
                row::unknown(given, kind, why),
                Some(provenance.origin),
            )
        }
        Err(LookupError::Fetch(FetchError::Private(reason))) => {
            let why = reason.to_string();
            let text = format!("{}: unknown, {why}; VirusTotal was not asked", kind.name());
            (text, row::unknown(given, kind, &why), None)
        }
        Err(error) => return Err(error.into()),
    };
    let members = vec![StructuredMember::new("rows", format!("[{row}]"))];
    let draft = ResultDraft {
        text,
        members,
        rendered,
    };
    let result = ToolResult::new(draft, budget);
    Ok(match origin {
        Some(origin) => result.from(origin),
        None => result,
    })
}

/// Looks up several indicators as a job does, one row each.
async fn many(
    call: &ToolRun<'_>,
    request: BulkRequest,
    left_out: usize,
    budget: Budget,
) -> Result<ToolResult, ApiError> {
    let visit = call.visit;
    let texts = request.texts();
    let all = texts.len();
    visit.progress.rows(0, all);
    let client = visit.access.client();
    let caller = JobCaller {
        context: call.context.clone(),
        audit: visit.row_audit(),
        client,
    };
    let job = Job::new(visit.gateway.clone(), caller, request);
    // Dropping the receiver ends the job.
    let mut events = job.start();
    let end = Instant::now() + visit.gateway.limits.longest().saturating_sub(TO_ANSWER);
    let mut rows = Vec::with_capacity(all);
    let mut summary = None;
    while let Ok(Some(event)) = timeout_at(end, events.recv()).await {
        match event {
            Event::Row(row) => {
                rows.push(*row);
                visit.progress.rows(rows.len(), all);
            }
            Event::Progress(_) => {}
            Event::Summary(last) => summary = Some(*last),
        }
    }
    rows.sort_by_key(|row| row.number);
    let is_late = summary.is_none();
    let rows = JobRows {
        summary: summary.unwrap_or_else(|| summary_of(&rows, &texts)),
        rows,
        left_out,
        is_late,
    };
    rows.result(call, budget)
}

/// Returns the summary of a job that has not ended.
fn summary_of(rows: &[FinishedRow], texts: &[String]) -> Summary {
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
    fn result(self, call: &ToolRun<'_>, budget: Budget) -> Result<ToolResult, ApiError> {
        let quota = call.visit.gateway.quota.report(call.context.key.hash());
        if self.rows.is_empty() {
            return Err(ApiError::quota_exceeded(self.rest(&quota)));
        }
        let last = self.last_line(&quota);
        let mut text = table::of(&self.rows, budget);
        text.push('\n');
        text.push_str(&last);
        let (rows, shown) = row::of_rows(&self.rows, budget, &text);
        let mut members = vec![StructuredMember::new("rows", rows)];
        if shown < self.rows.len() {
            let missing = (self.rows.len() - shown).to_string();
            members.push(StructuredMember::optional("omitted", missing));
        }
        let remaining = &self.summary.remaining;
        if !remaining.is_empty() {
            let texts: Vec<_> = remaining.iter().map(|given| string(given)).collect();
            members.push(StructuredMember::optional(
                "remaining",
                format!("[{}]", texts.join(",")),
            ));
        }
        let draft = ResultDraft {
            text,
            members,
            rendered: None,
        };
        Ok(ToolResult::new(draft, budget))
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
            _ if self.is_late => "the time was over",
            Some(Ended::Allowance) => "this client's allowance is used up",
            Some(Ended::Stopping) => "the gateway is stopping",
            Some(Ended::Quota | Ended::MaxUnits) | None => "the quota is used up",
        };
        let when = match until_quota(quota) {
            _ if self.is_late => "now".to_owned(),
            Some(seconds) => format!("in {seconds} s"),
            None => "later (`get_quota` says when)".to_owned(),
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
