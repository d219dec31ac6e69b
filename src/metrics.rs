//! Metrics in Prometheus format.
//!
//! Each gateway has its own registry, so that several in one process stay separate. Labels are
//! bounded by their callers: routes and endpoints are patterns, clients are configured, and all
//! others come from fixed lists.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use prometheus_client::{
    encoding::prometheus_text,
    metrics::{
        counter::Counter,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Metric, Registry},
};
use thiserror::Error;

use self::{
    requests::RequestMetrics, tools::ToolMetrics, upstream::UpstreamMetrics, views::ViewMetrics,
};

pub use self::{
    requests::{Answered, Arrived},
    snapshot::{ClientUsage, DiskGauges, KeyQuota, QuotaGauges, Snapshot},
    tools::{ToolCall, ToolOutcome},
    upstream::CallTimer,
    views::ServedView,
};

mod process;
mod requests;
mod snapshot;
mod tools;
mod upstream;
mod views;

/// The buckets of durations in seconds, from a cached answer to a long wait.
const DURATIONS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 30.0, 300.0];

/// The metrics of one gateway.
pub struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
    upstream: UpstreamMetrics,
    views: ViewMetrics,
    tools: ToolMetrics,
    connections: Gauge,
    panics: Counter,
    audit_losses: Counter,
}

/// An open connection. It counts until this is dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

/// A task panicked. The panic was counted, and its message printed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the task panicked")]
pub struct Panicked;

impl Metrics {
    /// Creates a registry in which all counts are zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("vt4ai");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let help = "Always 1; the label is the running version";
        registry.register("build", help, version);
        let own = &mut registry;
        Self {
            requests: RequestMetrics::new(own),
            upstream: UpstreamMetrics::new(own),
            views: ViewMetrics::new(own),
            tools: ToolMetrics::new(own),
            connections: register(own, "http_connections", "Open connections"),
            audit_losses: register(
                own,
                "audit_lost_records",
                "Records lost for the audit log, because the disk is slow or full",
            ),
            panics: register(own, "http_panics", "Panics in request handlers and tasks"),
            registry,
        }
    }

    /// Counts a request in flight until the guard is dropped.
    pub fn arrived(&self) -> Arrived {
        self.requests.arrived()
    }

    /// Records a completed request.
    pub fn answered(&self, answered: &Answered<'_>) {
        self.requests.answered(answered);
    }

    /// Records a view that was served.
    pub fn served(&self, served: &ServedView) {
        self.views.served(served);
    }

    /// Records a call of a tool.
    pub fn called(&self, call: &ToolCall) {
        self.tools.called(call);
    }

    /// Counts a panic.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts records that the audit log lost.
    pub fn lost_audit_records(&self, count: u64) {
        self.audit_losses.inc_by(count);
    }

    /// Runs a task's future to its end, and counts its panic.
    ///
    /// Otherwise a panic ends its task and is seen only where the task is awaited. The future's
    /// values are dropped as usual.
    pub async fn count_panic<T>(&self, work: impl Future<Output = T>) -> Result<T, Panicked> {
        let mut work = pin!(work);
        std::future::poll_fn(|context| {
            // Unwind safety holds because the future is not polled again after a panic.
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
            let Ok(polled) = polled else {
                self.panicked();
                return Poll::Ready(Err(Panicked));
            };
            polled.map(Ok)
        })
        .await
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connected(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// Starts the measurement of a call to VirusTotal.
    pub fn call(&self, endpoint: String) -> CallTimer<'_> {
        CallTimer::new(&self.upstream, endpoint)
    }

    /// Renders all metrics as text, together with the current state.
    pub fn render(&self, snapshot: Snapshot) -> String {
        // A new registry for each scrape, so that the series of a removed key disappears.
        let mut text = String::new();
        for registry in [&self.registry, &snapshot.registry(), &process::registry()] {
            // Writing to a string does not fail.
            let _ = prometheus_text::encode(&mut text, registry);
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The numbers are available through [`Metrics::render`] only.
impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(…)")
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Registers a new metric and returns it.
fn register<M: Metric + Clone + Default>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
) -> M {
    register_as(registry, name, help, M::default())
}

/// Registers this metric and returns it.
///
/// The registry appends a dot to the help text, and `_total` to a counter's name.
fn register_as<M: Metric + Clone>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Registers a gauge that does not change, unless its value is unknown.
fn register_gauge(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    value: Option<u64>,
) {
    if let Some(value) = value {
        // The encoder takes whole numbers of this type only.
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        registry.register(name, help, ConstGauge::new(value));
    }
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn panic_in_a_task_is_counted_and_drops_its_values() {
        let metrics = Metrics::new();
        let count = || metrics.render(Snapshot::default());
        assert_eq!(metrics.count_panic(async { 7 }).await, Ok(7));
        assert!(count().contains("vt4ai_http_panics_total 0"));
        let (held, mut let_go) = tokio::sync::oneshot::channel::<()>();
        let work = async move {
            yield_now().await;
            let _held = held;
            panic!("for the test")
        };
        assert_eq!(metrics.count_panic::<()>(work).await, Err(Panicked));
        assert!(
            let_go
                .try_recv()
                .is_err_and(|error| error.to_string().contains("closed"))
        );
        assert!(count().contains("vt4ai_http_panics_total 1"));
    }
}
