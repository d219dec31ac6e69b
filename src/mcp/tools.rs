//! The tools: their list, and the call of one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{
    arguments::Arguments,
    budget::{BOUNDS, Budget},
    methods::{CacheScope, MethodResult, object},
    results::ToolResult,
    rpc::RpcError,
    visit::Visit,
};
use crate::{
    access::{RequestContext, clients::Scope},
    http::error::ApiError,
    indicator::{Indicator, classify},
    metrics::{Metrics, ToolCall, ToolOutcome},
};

pub(super) use self::search::SearchRights;

mod analysis;
mod behaviour;
mod job_rows;
mod lookup;
mod quota;
mod related;
mod related_ids;
mod report;
mod row;
mod search;
mod shown_rows;
mod submit;
mod table;

/// A tool, in the order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Lookup,
    GetReport,
    GetRelated,
    GetBehaviour,
    Search,
    GetQuota,
    Submit,
    GetAnalysis,
}

/// A call of a tool, let in and about to run.
#[derive(Debug)]
pub(super) struct ToolRun<'a> {
    pub(super) visit: &'a Visit,
    pub(super) context: RequestContext,
}

/// The measurement of a call. Dropped without a result, the call was cancelled.
struct Measured {
    metrics: Arc<Metrics>,
    call: ToolCall,
    started: Instant,
}

impl Tool {
    const ALL: [Self; 8] = [
        Self::Lookup,
        Self::GetReport,
        Self::GetRelated,
        Self::GetBehaviour,
        Self::Search,
        Self::GetQuota,
        Self::Submit,
        Self::GetAnalysis,
    ];

    /// Returns the name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::GetReport => "get_report",
            Self::GetRelated => "get_related",
            Self::GetBehaviour => "get_behaviour",
            Self::Search => "search",
            Self::GetQuota => "get_quota",
            Self::Submit => "submit",
            Self::GetAnalysis => "get_analysis",
        }
    }

    /// Returns the tool of this name.
    pub(super) fn named(wanted: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == wanted)
    }

    /// Returns the scope without which the tool is not listed.
    fn scope(self) -> Scope {
        match self {
            Self::Search => Scope::Search,
            Self::Submit | Self::GetAnalysis => Scope::Submit,
            _ => Scope::Read,
        }
    }

    /// Returns title, description and schemas.
    fn definition(self) -> Value {
        match self {
            Self::Lookup => lookup::definition(),
            Self::GetReport => report::definition(),
            Self::GetRelated => related::definition(),
            Self::GetBehaviour => behaviour::definition(),
            Self::Search => search::definition(),
            Self::GetQuota => quota::definition(),
            Self::Submit => submit::definition(),
            Self::GetAnalysis => analysis::definition(),
        }
    }

    /// Returns the tool as it is listed.
    fn listed(self) -> Value {
        let mut all = json!({"name": self.name()});
        if let Some(members) = all.as_object_mut() {
            members.extend(object(self.definition()));
            let is_write = self == Self::Submit;
            members.insert(
                "annotations".to_owned(),
                json!({
                    "readOnlyHint": !is_write,
                    "destructiveHint": false,
                    "idempotentHint": !is_write,
                    "openWorldHint": self != Self::GetQuota,
                }),
            );
        }
        all
    }

    async fn run(
        self,
        call: &ToolRun<'_>,
        arguments: &Map<String, Value>,
    ) -> Result<ToolResult, ApiError> {
        match self {
            Self::Lookup => lookup::run(call, arguments).await,
            Self::GetReport => report::run(call, arguments).await,
            Self::GetRelated => related::run(call, arguments).await,
            Self::GetBehaviour => behaviour::run(call, arguments).await,
            Self::Search => search::run(call, arguments).await,
            Self::GetQuota => quota::run(call, arguments).await,
            Self::Submit => submit::run(call, arguments).await,
            Self::GetAnalysis => analysis::run(call, arguments).await,
        }
    }
}

/// Lists the tools whose scope the caller has.
pub(super) fn list(visit: &Visit) -> MethodResult {
    let mut tools = Vec::with_capacity(Tool::ALL.len());
    for tool in Tool::ALL {
        if visit.access.may(tool.scope()) {
            tools.push(tool.listed());
        }
    }
    let members = object(json!({"tools": tools}));
    MethodResult::kept(members, CacheScope::Private, visit.era)
}

/// Calls a tool. Faults of its input and of what is behind it are results that say what to do next.
pub(super) async fn call(
    visit: &Visit,
    params: &Map<String, Value>,
) -> Result<MethodResult, RpcError> {
    let Some(name) = params.get("name").and_then(Value::as_str) else {
        let why = "`params.name` must be the name of a tool";
        return Err(RpcError::malformed_params(why));
    };
    let Some(tool) = Tool::named(name) else {
        let names = Tool::ALL.map(Tool::name).join(", ");
        let name: String = name.chars().take(64).collect();
        let why = format!("Unknown tool: {name:?}; there are {names}");
        return Err(RpcError::invalid_params(why));
    };
    let none = Map::new();
    let arguments = match params.get("arguments") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(arguments)) => arguments,
        Some(_) => {
            let why = "`params.arguments` must be an object";
            return Err(RpcError::malformed_params(why));
        }
    };
    let measured = Measured::start(tool, visit);
    let result = match run(visit, tool, arguments).await {
        Ok(result) => result,
        Err(error) => ToolResult::failed(error),
    };
    measured.finish(&result);
    if !result.is_error {
        visit.record.cost().meter().count_tokens(result.tokens);
    }
    // A stream sends the result after the head of the response was recorded.
    visit.record.cost().meter().settle();
    Ok(result.finish(visit.era, visit.record.cost().cost().units))
}

async fn run(
    visit: &Visit,
    tool: Tool,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let call = ToolRun {
        visit,
        context: visit.access.context(tool.scope())?,
    };
    // A client that has used up its allowance may see that.
    if tool != Tool::GetQuota {
        visit.count_for_client()?;
    }
    let time = visit.gateway.limits.longest() + analysis::wait_of(tool, arguments);
    match timeout(time, tool.run(&call, arguments)).await {
        Ok(result) => result,
        Err(_) if tool == Tool::Submit => Err(ApiError::too_slow_to_write(time)),
        Err(_) => Err(ApiError::too_slow(time)),
    }
}

impl ToolRun<'_> {
    /// Reads an indicator as it was pasted, and notes it.
    pub(super) fn indicator(&self, text: &str) -> Result<Indicator, ApiError> {
        match classify(text) {
            Ok(classified) => {
                self.note(&classified.indicator);
                Ok(classified.indicator)
            }
            Err(error) => Err(ApiError::invalid_argument(error.to_string())),
        }
    }

    /// Notes the indicator that a call is about.
    pub(super) fn note(&self, indicator: &Indicator) {
        let access = &self.visit.access;
        access.note_subject(&self.visit.gateway, indicator.kind().name(), indicator.id());
    }
}

/// Reads the budget of a call.
fn budget(arguments: &Arguments<'_>) -> Result<Budget, ApiError> {
    Ok(Budget::of(arguments.number("max_tokens", BOUNDS)?))
}

/// Returns the schema of the budget.
fn max_tokens() -> Value {
    json!({"type": "integer", "minimum": BOUNDS.start(), "maximum": BOUNDS.end(), "default": 2000})
}

impl Measured {
    fn start(tool: Tool, visit: &Visit) -> Self {
        Self {
            metrics: Arc::clone(&visit.gateway.metrics),
            call: ToolCall {
                tool: tool.name(),
                outcome: ToolOutcome::Cancelled,
                took: Duration::ZERO,
                tokens: 0,
            },
            started: Instant::now(),
        }
    }

    fn finish(mut self, result: &ToolResult) {
        self.call.tokens = result.tokens;
        self.call.outcome = if result.is_error {
            ToolOutcome::Failed
        } else {
            ToolOutcome::Done
        };
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.call.took = self.started.elapsed();
        self.metrics.called(&self.call);
    }
}
