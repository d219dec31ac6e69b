//! Metrics in Prometheus format.
//!
//! Each gateway has its own registry, so that several in one process stay separate. A series is
//! looked up by its labels once, and updated through a handle that costs one atomic operation.
//! Labels are bounded by their callers: routes and endpoints are patterns, all others come from
//! fixed lists.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use ::metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use metrics_process::Collector;
use thiserror::Error;

use self::{calls::Calls, requests::Requests};

pub use self::{
    calls::UnderWay,
    requests::{Answered, Arrived},
    state::{KeyStanding, Standing, State},
};

mod calls;
mod names;
mod requests;
mod state;

/// The buckets of durations in seconds, from a cached answer to a long wait.
const DURATIONS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    30.0, 300.0,
];

/// The buckets of the gateway's own part of a duration, in seconds.
const OVERHEADS: [f64; 12] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0,
];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The metrics of one gateway.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    calls: Calls,
    connections: Gauge,
    panics: Counter,
    /// The keys that the last scrape showed.
    shown: Mutex<Vec<KeyStanding>>,
    process: Collector,
}

/// The registry of series.
struct Registry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

/// An open connection. It counts until this is dropped.
#[derive(Debug)]
pub struct Connection(Gauge);

/// A task panicked. The panic was counted, and its message printed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the task panicked")]
pub struct Panicked;

impl Metrics {
    /// Creates a registry in which all counts are zero.
    pub fn new() -> Self {
        let recorder = recorder();
        let handle = recorder.handle();
        let registry = Registry { recorder, handle };
        names::describe(&registry.recorder);
        let process = Collector::default();
        ::metrics::with_local_recorder(&registry.recorder, || process.describe());
        let version = [Label::from_static_parts(
            "version",
            env!("CARGO_PKG_VERSION"),
        )];
        registry.gauge(names::BUILD_INFO, version.into()).set(1);
        Self {
            requests: Requests::new(&registry),
            calls: Calls::default(),
            connections: registry.gauge(names::CONNECTIONS, Vec::new()),
            panics: registry.counter(names::PANICS, Vec::new()),
            shown: Mutex::default(),
            registry,
            process,
        }
    }

    /// Counts a request in flight until the guard is dropped.
    pub fn arrived(&self) -> Arrived {
        self.requests.arrived()
    }

    /// Records a completed request.
    pub fn answered(&self, answered: &Answered<'_>) {
        self.requests.answered(&self.registry, answered);
    }

    /// Counts a panic.
    pub fn panicked(&self) {
        self.panics.increment(1);
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
            polled.map_or_else(
                |_| {
                    self.panicked();
                    Poll::Ready(Err(Panicked))
                },
                |polled| polled.map(Ok),
            )
        })
        .await
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connected(&self) -> Connection {
        self.connections.increment(1);
        Connection(self.connections.clone())
    }

    /// Starts the measurement of a call to VirusTotal.
    pub fn call(&self, endpoint: String) -> UnderWay<'_> {
        UnderWay::new(self, endpoint)
    }

    fn call_ended(&self, endpoint: &str, outcome: &'static str, took: Duration) {
        self.calls.ended(&self.registry, endpoint, outcome, took);
    }

    /// Renders all metrics as text, together with the current state.
    pub fn render(&self, state: State) -> String {
        state::set(&self.registry, &state);
        // Held while the gauges are set, so that concurrent scrapes don't mix.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        state::set_quota(&self.registry, &shown, &state.quota);
        *shown = state.quota;
        drop(shown);
        ::metrics::with_local_recorder(&self.registry.recorder, || self.process.collect());
        self.registry.handle.render()
    }

    /// Moves recent samples into their buckets, so that they don't accumulate between scrapes.
    pub fn tidy(&self) {
        self.registry.handle.run_upkeep();
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

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl Registry {
    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        let key = Key::from_parts(name, labels);
        self.recorder.register_counter(&key, &METADATA)
    }

    fn gauge(&self, name: &'static str, labels: Vec<Label>) -> Gauge {
        let key = Key::from_parts(name, labels);
        self.recorder.register_gauge(&key, &METADATA)
    }

    fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        let key = Key::from_parts(name, labels);
        self.recorder.register_histogram(&key, &METADATA)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the buckets are constants, which every test reads"
)]
fn recorder() -> PrometheusRecorder {
    let overhead = Matcher::Full(names::OVERHEAD.to_owned());
    PrometheusBuilder::new()
        .set_buckets(&DURATIONS)
        .and_then(|builder| builder.set_buckets_for_metric(overhead, &OVERHEADS))
        .expect("buckets are not empty")
        .build_recorder()
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn panic_in_a_task_is_counted_and_drops_its_values() {
        let metrics = Metrics::new();
        let count = || metrics.render(State::default());
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
