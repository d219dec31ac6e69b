//! `get_analysis`: the state of an analysis, and its result.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Tool, ToolRun};
use crate::{
    http::error::ApiError,
    lookup::{AnalysisId, Freshness},
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, schema},
        views::{Limits, ModelView, TwoForms},
    },
};

const NAMES: [&str; 2] = ["id", "wait"];

/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

const LIMITS: Limits = Limits {
    data: 600,
    text: 400,
    reserve: 60,
    cursor: 0,
};

pub(super) fn definition() -> Value {
    json!({
        "title": "Get analysis",
        "description": "The state of an analysis that `submit` started, and its result. Waits up to \
            `wait` seconds for it. Each poll costs a lookup.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "maxLength": 256, "examples": ["u-1db0…-1760000000"]},
                "wait": {"type": "integer", "minimum": 0, "maximum": LONGEST.as_secs(), "default": 0},
            },
            "required": ["id"],
            "additionalProperties": false,
        },
        "outputSchema": schema(
            &json!({
                "status": {"enum": ["queued", "in-progress", "completed"]},
                "analysis": {"type": "object"},
            }),
            &["status", "analysis"],
        ),
    })
}

/// Returns the time that a call asks to wait.
pub(super) fn wait_of(tool: Tool, arguments: &Map<String, Value>) -> Duration {
    if tool != Tool::GetAnalysis {
        return Duration::ZERO;
    }
    let arguments = Arguments::of(arguments, &NAMES);
    let wait = arguments.and_then(|arguments| arguments.duration("wait", LONGEST));
    wait.ok().flatten().unwrap_or_default()
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &NAMES)?;
    let wait = arguments.duration("wait", LONGEST)?.unwrap_or_default();
    let given = arguments
        .required("id", "the id that `submit` returned")?
        .trim();
    let id: AnalysisId = given.parse()?;
    let (gateway, budget) = (&call.visit.gateway, Budget::of(None));
    call.visit.access.note_subject(gateway, "analysis", given);
    if !wait.is_zero() {
        call.visit.progress.waits(wait);
    }
    let templates = gateway.templates.current();
    let shown = ModelView::brief(gateway, &templates);
    let freshness = Freshness {
        wait,
        ..Freshness::default()
    };
    let shape = shown
        .shape(budget, LIMITS, async |views| {
            let lookup = &gateway.lookup;
            lookup
                .analysis_twice(&call.context, &id, views, &freshness)
                .await
        })
        .await?;
    let TwoForms {
        data,
        mut text,
        origin,
        size,
        ..
    } = shape;
    let status = status(&data);
    if status != "completed" {
        text.push_str("\n\nNot completed yet: call again with `wait` 60.");
    }
    let members = vec![
        StructuredMember::new("status", format!("\"{status}\"")),
        StructuredMember::new("analysis", data),
    ];
    Ok(ToolResult::new(
        ResultDraft {
            text: vec![text],
            members,
            rendered: Some(size),
        },
        budget,
    )
    .from(origin))
}

/// Returns the status that a brief of an analysis has.
fn status(data: &str) -> &'static str {
    let analysis: Value = serde_json::from_str(data).unwrap_or_default();
    let status = analysis.get("status").and_then(Value::as_str);
    let all = ["completed", "in-progress", "queued"];
    all.into_iter()
        .find(|known| Some(*known) == status)
        .unwrap_or("queued")
}
