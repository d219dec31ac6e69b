//! Counts, times and states for Prometheus: what there is of them, by name.
//!
//! Each gateway has its own, so that several in one process don't count each other's. A series
//! is looked up by its labels once; after that it is a handle that costs an atomic operation.
//! What a label can be is bounded by whoever gives it: routes and endpoints are patterns, all
//! other labels are words of a list.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
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

/// How long a request or a call took, in seconds: from a cached answer to a long wait.
const DURATIONS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    30.0, 300.0,
];

/// What the gateway itself adds to that.
const OVERHEADS: [f64; 12] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0,
];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// All that is counted in one gateway.
pub struct Meter {
    registry: Registry,
    requests: Requests,
    calls: Calls,
    connections: Gauge,
    panics: Counter,
    /// The keys that were told of last.
    shown: Mutex<Vec<KeyStanding>>,
    process: Collector,
}

/// Where series are kept.
struct Registry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

/// A connection that is open; it ends with this.
#[derive(Debug)]
pub struct Connection(Gauge);

/// The work panicked; the panic was counted and its message printed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the task panicked")]
pub struct Panicked;

impl Meter {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let recorder = recorder();
        let handle = recorder.handle();
        let registry = Registry { recorder, handle };
        names::describe(&registry.recorder);
        let process = Collector::default();
        metrics::with_local_recorder(&registry.recorder, || process.describe());
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

    /// A request has come.
    pub fn arrived(&self) -> Arrived {
        self.requests.arrived()
    }

    /// A request was answered.
    pub fn answered(&self, answered: &Answered<'_>) {
        self.requests.answered(&self.registry, answered);
    }

    /// A handler broke down.
    pub fn panicked(&self) {
        self.panics.increment(1);
    }

    /// Runs the work of a task of its own to its end, or counts its panic.
    ///
    /// Without this a panic ends its task and is seen only where the task is awaited. What the work
    /// holds is dropped as it would be otherwise.
    pub async fn count_panic<T>(&self, work: impl Future<Output = T>) -> Result<T, Panicked> {
        let mut work = pin!(work);
        std::future::poll_fn(|context| {
            // The work is not polled again once it has panicked.
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

    /// A client has connected.
    pub fn connected(&self) -> Connection {
        self.connections.increment(1);
        Connection(self.connections.clone())
    }

    /// A call to an endpoint of VirusTotal's is let go.
    pub fn call(&self, endpoint: String) -> UnderWay<'_> {
        UnderWay::new(self, endpoint)
    }

    fn call_ended(&self, endpoint: &str, outcome: &'static str, took: Duration) {
        self.calls.ended(&self.registry, endpoint, outcome, took);
    }

    /// Everything as text, in Prometheus' own format; with it, how things stand now.
    pub fn render(&self, state: State) -> String {
        state::set(&self.registry, &state);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        state::set_quota(&self.registry, &shown, &state.quota);
        *shown = state.quota;
        drop(shown);
        metrics::with_local_recorder(&self.registry.recorder, || self.process.collect());
        self.registry.handle.render()
    }

    /// Sorts the times of late into their buckets, so that they take no room until somebody asks.
    pub fn tidy(&self) {
        self.registry.handle.run_upkeep();
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

/// Its numbers are for [`Meter::render`].
impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter(…)")
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
    reason = "the buckets are constants, read by every test that starts"
)]
fn recorder() -> PrometheusRecorder {
    let overhead = Matcher::Full(names::OVERHEAD.to_owned());
    PrometheusBuilder::new()
        .set_buckets(&DURATIONS)
        .and_then(|builder| builder.set_buckets_for_metric(overhead, &OVERHEADS))
        .expect("there are buckets")
        .build_recorder()
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_task_is_counted_and_drops_what_the_task_held() {
        let meter = Meter::new();
        let count = || meter.render(State::default());
        assert_eq!(meter.count_panic(async { 7 }).await, Ok(7));
        assert!(count().contains("vt4ai_http_panics_total 0"));
        let (held, mut let_go) = tokio::sync::oneshot::channel::<()>();
        let work = async move {
            yield_now().await;
            let _held = held;
            panic!("for the test")
        };
        assert_eq!(meter.count_panic::<()>(work).await, Err(Panicked));
        assert!(
            let_go
                .try_recv()
                .is_err_and(|error| error.to_string().contains("closed"))
        );
        assert!(count().contains("vt4ai_http_panics_total 1"));
    }
}
