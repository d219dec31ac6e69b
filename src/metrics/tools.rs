//! Metrics of the tools that models call.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::{durations, register, register_as};

/// A finished call of a tool.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall {
    /// The name of the tool, one of a fixed list.
    pub tool: &'static str,
    /// The outcome.
    pub outcome: ToolOutcome,
    /// The total duration.
    pub took: Duration,
    /// The approximate number of tokens of the result.
    pub tokens: usize,
}

/// The outcome of a call of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolOutcome {
    /// A result.
    Done,
    /// An error that tells the model what to do next.
    Failed,
    /// No result: the caller cancelled the call or hung up.
    Cancelled,
}

/// The series of tools.
pub(super) struct ToolMetrics {
    calls: Family<ToolCallLabels, Counter>,
    durations: Family<ToolLabel, Histogram>,
    tokens: Family<ToolLabel, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ToolCallLabels {
    tool: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ToolLabel {
    tool: &'static str,
}

impl ToolOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl ToolMetrics {
    /// Registers the series.
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            calls: register(
                registry,
                "mcp_calls",
                "Calls of MCP tools, by tool and outcome: done, failed, cancelled",
            ),
            durations: register_as(
                registry,
                "mcp_call_duration_seconds",
                "Time from the call of an MCP tool to its result",
                Family::new_with_constructor(durations),
            ),
            tokens: register(
                registry,
                "mcp_tokens",
                "Tokens of results of MCP tools, approximately, text and structured content together",
            ),
        }
    }

    /// Records a call.
    pub(super) fn called(&self, call: &ToolCall) {
        let (tool, outcome) = (call.tool, call.outcome.name());
        self.calls
            .get_or_create(&ToolCallLabels { tool, outcome })
            .inc();
        let label = ToolLabel { tool };
        let duration = self.durations.get_or_create(&label);
        duration.observe(call.took.as_secs_f64());
        let tokens = u64::try_from(call.tokens).unwrap_or(u64::MAX);
        self.tokens.get_or_create(&label).inc_by(tokens);
    }
}
