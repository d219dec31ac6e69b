//! Results of tools.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    budget::{Budget, Fitted, ResultDraft},
    era::Era,
    errors::sentence,
    methods::{MethodResult, envelope},
};
use crate::{
    http::{bulk::Source, error::ApiError, outcome::Outcome},
    lookup::Origin,
    render::estimated_tokens,
};

/// The keys under which `_meta` says what a call cost and where its answer came from.
const UNITS: &str = "vt4ai/lookups";
const SOURCE: &str = "vt4ai/source";

/// The result of a call.
#[derive(Debug)]
pub(super) struct ToolResult {
    text: String,
    structured: Option<String>,
    /// The tokens of both.
    pub(super) tokens: usize,
    /// Whether the call failed: the text says what to do next.
    pub(super) is_error: bool,
    outcome: Outcome,
}

impl ToolResult {
    /// Creates a result within a budget.
    pub(super) fn new(draft: ResultDraft, budget: Budget) -> Self {
        let Fitted {
            text,
            structured,
            tokens,
        } = draft.fit(budget);
        Self {
            text,
            structured: Some(structured),
            tokens,
            is_error: false,
            outcome: Outcome::default(),
        }
    }

    /// Creates a result that explains a failure.
    pub(super) fn failed(error: ApiError) -> Self {
        let text = sentence(&error);
        Self {
            tokens: estimated_tokens(&text),
            text,
            structured: None,
            is_error: true,
            outcome: Outcome {
                failure: Some(error.into_failure()),
                ..Outcome::default()
            },
        }
    }

    /// Adds the origin of the answer.
    #[must_use]
    pub(super) fn from(mut self, origin: Origin) -> Self {
        self.outcome.origin = Some(origin);
        self
    }

    /// Returns the members of the result. `units` is what the call cost.
    pub(super) fn finish(self, era: Era, units: u64) -> MethodResult {
        let mut meta = Map::new();
        meta.insert(UNITS.to_owned(), units.into());
        if let Some(origin) = self.outcome.origin {
            meta.insert(SOURCE.to_owned(), Source::of(origin).name().into());
        }
        let text = string(&self.text);
        let mut members = format!(r#""content":[{{"type":"text","text":{text}}}],"#);
        if let Some(structured) = &self.structured {
            members.push_str("\"structuredContent\":");
            members.push_str(structured);
            members.push(',');
        }
        if self.is_error {
            members.push_str("\"isError\":true,");
        }
        members.push_str(&envelope(era, meta));
        MethodResult::of_members(members, self.outcome)
    }
}

/// Returns a value as JSON.
pub(super) fn json_of(value: &impl Serialize) -> String {
    // Writing to memory does not fail, and the keys of all these types are texts.
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns a text as JSON.
pub(super) fn string(text: &str) -> String {
    json_of(&text)
}

/// Returns the schema of an object with these properties.
pub(super) fn schema(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required})
}
