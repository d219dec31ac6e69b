//! Metrics of calls to VirusTotal.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::metrics::{Counter, Histogram, Label};

use super::{Metrics, Registry, names};

/// A call in progress. Dropped before its end, it counts as `abandoned`.
#[derive(Debug)]
pub struct UnderWay<'m> {
    metrics: &'m Metrics,
    endpoint: String,
    began: Instant,
    outcome: &'static str,
}

impl<'m> UnderWay<'m> {
    pub(super) fn new(metrics: &'m Metrics, endpoint: String) -> Self {
        Self {
            metrics,
            endpoint,
            began: Instant::now(),
            outcome: "abandoned",
        }
    }

    /// Ends the measurement with this outcome.
    pub fn end(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let endpoint = mem::take(&mut self.endpoint);
        let took = self.began.elapsed();
        self.metrics.call_ended(&endpoint, self.outcome, took);
    }
}

#[derive(Default)]
/// The series of all endpoints.
pub(super) struct Calls(Mutex<HashMap<String, Endpoint>>);

struct Endpoint {
    duration: Histogram,
    outcomes: HashMap<&'static str, Counter>,
}

impl Calls {
    /// Records a call that has ended.
    pub(super) fn ended(
        &self,
        registry: &Registry,
        endpoint: &str,
        outcome: &'static str,
        took: Duration,
    ) {
        let label = || Label::new("endpoint", endpoint.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not the entry API, which would allocate the key for every call.
        if !all.contains_key(endpoint) {
            let duration = registry.histogram(names::CALL_DURATION, vec![label()]);
            let outcomes = HashMap::new();
            all.insert(endpoint.to_owned(), Endpoint { duration, outcomes });
        }
        let Some(series) = all.get_mut(endpoint) else {
            return;
        };
        let count = series.outcomes.entry(outcome).or_insert_with(|| {
            let labels = vec![label(), Label::from_static_parts("outcome", outcome)];
            registry.counter(names::CALLS, labels)
        });
        count.increment(1);
        series.duration.record(took);
    }
}
