//! `submit`: a URL to be analysed, or an object to be analysed again.

use serde_json::{Map, Value, json};

use super::ToolRun;
use crate::{
    http::error::ApiError,
    indicator::{Kind, WebUrl},
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, schema, string},
    },
    render::{View, format::Format, inert_cell},
};

pub(super) fn definition() -> Value {
    json!({
        "title": "Submit for analysis",
        "description": "Has VirusTotal analyse a `url`, or a known `indicator` again. Others can see \
            what is submitted: only on the user's wish. Go on with get_analysis.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "url": {"type": "string", "examples": ["https://example.com/"]},
                "indicator": {"type": "string"},
            },
            "additionalProperties": false,
        },
        "outputSchema": schema(&json!({"analysis": {"type": "string"}}), &["analysis"]),
    })
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &["url", "indicator"])?;
    let gateway = &call.visit.gateway;
    let templates = gateway.templates.current();
    let view = View::new(Format::Json, &templates);
    let started = match (arguments.text("url")?, arguments.text("indicator")?) {
        (Some(url), None) => {
            let url = WebUrl::parse(url.trim())?;
            call.visit
                .access
                .note_subject(gateway, Kind::Url.name(), url.as_str());
            gateway.submit.scan_url(&call.context, &url, &view).await?
        }
        (None, Some(text)) => {
            let indicator = call.indicator(text)?;
            gateway
                .submit
                .analyse(&call.context, &indicator, &view)
                .await?
        }
        _ => {
            return Err(ApiError::bad_request(
                "give either `url`, to have it analysed, or `indicator`, to have a known object \
                 analysed again",
            ));
        }
    };
    let id = &started.analysis;
    let text = format!(
        "Analysis {} has started; call `get_analysis` with this `id` and `wait` 60 for its result.",
        inert_cell(id)
    );
    let members = vec![StructuredMember::new("analysis", string(id))];
    Ok(ToolResult::new(
        ResultDraft {
            text: vec![text],
            members,
            rendered: None,
        },
        Budget::of(None),
    ))
}
