//! Logs: lines on standard error, as text or JSON. Traces: spans, for a collector.

use std::io::{self, IsTerminal as _};

use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::config::{Collector, Log};

pub use self::repeated::Repeated;

use self::lines::Lines;

mod lines;
mod repeated;
pub mod traces;

/// Starts logging and, where there is a collector, tracing; a second start changes nothing.
///
/// A filter that can't be read counts as `INFO`; the settings refuse one before this.
pub fn start(config: &Log, collector: Option<&Collector>, runtime: &Handle) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("INFO"));
    let registry = tracing_subscriber::registry();
    // Without a collector one filter decides for all, which is cheaper than one for each layer.
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
