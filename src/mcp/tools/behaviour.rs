//! `get_behaviour`: a file in sandboxes.

use serde_json::{Map, Value, json};

use super::{ToolRun, budget, max_tokens};
use crate::{
    http::error::ApiError,
    indicator::Kind,
    lookup::{BehaviourQuery, Freshness},
    mcp::{
        arguments::Arguments,
        budget::{ResultDraft, StructuredMember},
        results::{ToolResult, schema},
        views::{Limits, ModelView, TwoForms},
    },
};

/// The limits of the views.
const LIMITS: Limits = Limits {
    data: 900,
    text: 700,
    reserve: 20,
    cursor: 0,
};

pub(super) fn definition() -> Value {
    json!({
        "title": "Get behaviour",
        "description": "What a file did in all sandboxes together: verdicts, ATT&CK techniques, \
            hosts, processes, files, registry keys.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "file": {
                    "type": "string",
                    "description": "MD5, SHA-1 or SHA-256",
                    "examples": ["44d88612fea8a8f36de82e1278abb02f"],
                },
                "max_tokens": max_tokens(),
            },
            "required": ["file"],
            "additionalProperties": false,
        },
        "outputSchema": schema(
            &json!({"behaviour": {"type": "object"}, "complete": {"type": "boolean"}}),
            &["behaviour"],
        ),
    })
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &["file", "max_tokens"])?;
    let budget = budget(&arguments)?;
    let file = call.indicator(arguments.required("file", "a hash")?)?;
    if file.kind() != Kind::File {
        return Err(ApiError::invalid_argument(
            "only files have a behaviour: give the MD5, SHA-1 or SHA-256 of one",
        ));
    }
    let query = BehaviourQuery {
        file,
        part: "behaviour_summary",
    };
    let gateway = &call.visit.gateway;
    let templates = gateway.templates.current();
    let shown = ModelView::brief(gateway, &templates);
    let freshness = Freshness::default();
    let shape = shown
        .shape(budget, LIMITS.scaled(budget), async |views| {
            let lookup = &gateway.lookup;
            lookup
                .behaviour_twice(&call.context, &query, views, &freshness)
                .await
        })
        .await?;
    let complete = shape.is_complete();
    let TwoForms {
        data,
        mut text,
        origin,
        size,
        ..
    } = shape;
    let mut behaviour = data;
    if !behaviour.starts_with('{') {
        "{}".clone_into(&mut behaviour);
        "No sandbox has a report on this file.".clone_into(&mut text);
    }
    let members = vec![
        StructuredMember::new("behaviour", behaviour),
        StructuredMember::complete(complete),
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
