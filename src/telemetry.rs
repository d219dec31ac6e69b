//! Logs: lines on standard error, as text or JSON. Traces: spans, for a collector.

use std::io::{self, IsTerminal as _};

use tokio::runtime::Handle;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::Collector;
use crate::config::Log;

pub mod traces;

/// Starts logging and, where there is a collector, tracing; a second start changes nothing.
///
/// A filter that can't be read counts as `INFO`; the settings refuse one before this.
pub fn start(config: &Log, collector: Option<&Collector>, runtime: &Handle) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("INFO"));
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    let lines = if config.json {
        lines.json().boxed()
    } else {
        lines.boxed()
    };
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces::layer(collector, runtime))
        .try_init();
}
