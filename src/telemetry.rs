//! Logging to standard error, and tracing to an OpenTelemetry collector.

use std::io::{self, IsTerminal as _};

use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::config::{Collector, Log};

pub use self::{
    audit::{AuditLog, AuditRecord},
    repeated::Repeated,
};

use self::lines::Lines;

mod audit;
mod lines;
mod repeated;
pub mod traces;

/// Starts logging and, if a collector is configured, tracing. A second call has no effect.
///
/// An invalid filter falls back to `INFO`; the configuration rejects it before.
pub fn start(config: &Log, collector: Option<&Collector>, runtime: &Handle) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("INFO"));
    let registry = tracing_subscriber::registry();
    // Without a collector one global filter suffices, which is cheaper than one per layer.
    let _ = match collector {
        None => registry.with(filter).with(lines(config)).try_init(),
        Some(_) => registry
            .with(lines(config).with_filter(filter))
            .with(traces::layer(collector, runtime))
            .try_init(),
    };
}

/// Returns the layer that writes a line for each event.
fn lines<S>(config: &Log) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = if config.json {
        Lines::Json
    } else {
        Lines::Text
    };
    fmt::layer()
        .event_format(lines)
        .fmt_fields(lines)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
}
