//! `lookup`: a verdict for each of some indicators.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    ToolRun, budget,
    job_rows::{JobRows, summary_of},
    max_tokens, row,
    shown_rows::Naming,
};
use crate::{
    http::{
        bulk::{BulkRequest, Event, GivenText, Job, JobCaller},
        error::ApiError,
    },
    lookup::{FetchError, Freshness, LookupError, ReportQuery},
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, schema},
        views::{Limits, ModelView, TwoForms},
    },
};

/// The largest number of indicators.
pub(super) const MOST: usize = 50;

/// The limits of the views of one indicator.
const ONE: Limits = Limits {
    data: 420,
    text: 300,
    reserve: 90,
    cursor: 0,
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
                "omitted": {"type": "integer"},
                "complete": {"type": "boolean"},
                "remaining": {"type": "array", "items": {"type": "string"}},
            }),
            &["rows"],
        ),
    })
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &NAMES)?;
    let budget = budget(&arguments)?;
    // Models fill in both, one of them with nothing.
    let list = arguments.list("indicators")?;
    let list = list.filter(|list| !list.is_empty());
    let text = arguments.text("text")?;
    let (given, naming) = match (&list, text) {
        (Some(list), None) => (GivenText::List(list), Naming::ByNumber),
        (None, Some(text)) => (GivenText::Text(text), Naming::ByName),
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
        2..=MOST => {
            let rows = many(call, request, naming, left_out).await;
            rows.result(call, budget)
        }
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
        text: vec![text],
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
    naming: Naming,
    left_out: usize,
) -> JobRows {
    let visit = call.visit;
    let texts = request.texts();
    let all = texts.len();
    visit.progress.rows(0, all);
    let caller = JobCaller {
        context: call.context.clone(),
        audit: visit.row_audit(),
        client: visit.access.client(),
    };
    let job = Job::new(visit.gateway.clone(), caller, request);
    // Dropping the receiver ends the job.
    let mut events = job.start();
    let time = visit.gateway.limits.longest().saturating_sub(TO_ANSWER);
    let end = Instant::now() + time;
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
    JobRows {
        late: summary.is_none().then_some(time),
        summary: summary.unwrap_or_else(|| summary_of(&rows, &texts)),
        rows,
        naming,
        left_out,
    }
}
