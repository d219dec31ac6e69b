//! `get_quota`: the lookups that are left.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::ToolRun;
use crate::{
    access::clients::{Usage, UsedRequests},
    clock::Now,
    http::error::ApiError,
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, json_of, schema},
    },
    quota::accounts::Tally,
};

pub(super) fn definition() -> Value {
    let window = schema(
        &json!({
            "allowed": {"type": ["integer", "null"]},
            "used": {"type": "integer"},
            "remaining": {"type": ["integer", "null"]},
            "reset": {"type": "integer"},
        }),
        &["used"],
    );
    json!({
        "title": "Get quota",
        "description": "VirusTotal lookups that are left in this minute, day and month. Free.",
        "inputSchema": {"type": "object", "additionalProperties": false},
        "outputSchema": schema(
            &json!({"minute": window, "day": {"type": "object"}, "month": {"type": "object"}}),
            &["minute", "day", "month"],
        ),
    })
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    Arguments::of(arguments, &[])?;
    let quota = &call.visit.gateway.quota;
    quota.refresh(&call.context).await?;
    let report = quota.report(call.context.key.hash());
    let mut text = String::new();
    for (name, tally) in [
        ("minute", report.minute),
        ("day", report.day),
        ("month", report.month),
    ] {
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "{name}: {}", line(&tally));
    }
    let _ = write!(text, "saved by the cache today: {}", report.saved_today);
    let mut members = vec![
        StructuredMember::new("minute", json_of(&report.minute)),
        StructuredMember::new("day", json_of(&report.day)),
        StructuredMember::new("month", json_of(&report.month)),
        StructuredMember::new("saved_today", report.saved_today.to_string()),
    ];
    if let Some(own) = own_allowance(call) {
        for (name, window) in [("minute", own.minute), ("day", own.day)] {
            if let Some(UsedRequests { allowed, used }) = window {
                let left = allowed.saturating_sub(used);
                let _ = write!(
                    text,
                    "\nthis client's own requests a {name}: {left} of {allowed} left"
                );
            }
        }
        members.push(StructuredMember::optional("client", json_of(&own)));
    }
    Ok(ToolResult::new(
        ResultDraft {
            text: vec![text],
            members,
            rendered: None,
        },
        Budget::of(None),
    ))
}

/// Returns the use of the client's own allowance, if a client calls.
fn own_allowance(call: &ToolRun<'_>) -> Option<Usage> {
    let clients = call.visit.gateway.clients.as_ref()?;
    let client = call.visit.access.client()?;
    Some(clients.usage(&client, Now::read()))
}

fn line(tally: &Tally) -> String {
    let (Some(allowed), Some(remaining)) = (tally.allowed, tally.remaining) else {
        return format!("{} used, no limit", tally.used);
    };
    let left = (tally.reset - Now::read().utc.unix_timestamp()).max(0);
    format!("{remaining} of {allowed} left, all back in {left} s")
}
