//! Metrics of requests.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{durations, register, register_as};

/// The buckets of the gateway's own part of a duration, in seconds.
const OVERHEADS: [f64; 6] = [0.000_05, 0.000_25, 0.001, 0.005, 0.05, 1.0];

/// The methods with a label of their own. Any other method is `other`.
const METHODS: [&str; 7] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"];

/// The labels of a cacheable answer's origin.
const ORIGINS: [&str; 5] = ["hit", "miss", "stale", "stale_quota", "stale_upstream"];

/// A completed request.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The route's pattern, never the path itself.
    pub route: &'a str,
    /// The method.
    pub method: &'a str,
    /// The response's status.
    pub status: u16,
    /// The client whose token the request has.
    pub client: Option<&'a Arc<str>>,
    /// The total duration.
    pub took: Duration,
    /// The part of the duration spent waiting for VirusTotal, quota or the client.
    pub waited: Duration,
    /// The origin of a cacheable answer: `hit`, `miss`, `stale`, `stale_quota` or `stale_upstream`.
    pub origin: Option<&'a str>,
    /// The units of quota that the request spent.
    pub units: u64,
}

/// A request in flight. It counts until this is dropped.
#[derive(Debug)]
pub struct Arrived(Gauge);

impl Drop for Arrived {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The series of requests.
pub(super) struct RequestMetrics {
    completed: Family<RequestLabels, Counter>,
    durations: Family<OperationLabels, Histogram>,
    overheads: Family<RouteLabels, Histogram>,
    in_flight: Gauge,
    units: Counter,
    origins: Family<OriginLabels, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    #[prometheus(flatten)]
    route: RouteLabels,
    method: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    #[prometheus(flatten)]
    operation: OperationLabels,
    status: u16,
    #[prometheus(flatten)]
    client: ClientLabel,
}

/// The label with a client's name. A request without a client has no such label.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct ClientLabel(Option<Arc<str>>);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OriginLabels {
    outcome: &'static str,
}

impl EncodeLabelSet for ClientLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let Some(name) = &self.0 else {
            return Ok(());
        };
        ("client", name.as_ref()).encode(encoder.encode_label())
    }
}

impl RequestMetrics {
    /// Registers the series.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let all = Self {
            completed: register(
                registry,
                "http_requests",
                "Requests answered, by route, method and status, and by client if one is known",
            ),
            durations: register_as(
                registry,
                "http_request_duration_seconds",
                "Time from the request head to the response head",
                Family::new_with_constructor(durations),
            ),
            overheads: register_as(
                registry,
                "http_request_overhead_seconds",
                "The same without the time spent waiting for VirusTotal, quota or the client",
                Family::new_with_constructor(overheads),
            ),
            in_flight: register(registry, "http_requests_in_flight", "Requests in flight"),
            units: register(
                registry,
                "quota_spent_units",
                "Units of quota spent by completed requests, with any key",
            ),
            origins: register(
                registry,
                "cache_answers",
                "Cacheable answers, by cache outcome: hit, miss, stale, stale_quota, stale_upstream",
            ),
        };
        // All outcomes are shown from the start, so that rates have a first value.
        for outcome in ORIGINS {
            drop(all.origins.get_or_create(&OriginLabels { outcome }));
        }
        all
    }

    /// Counts a request in flight until the guard is dropped.
    pub(super) fn arrived(&self) -> Arrived {
        self.in_flight.inc();
        Arrived(self.in_flight.clone())
    }

    /// Records a completed request.
    pub(super) fn answered(&self, answered: &Answered<'_>) {
        let labels = RequestLabels::of(answered);
        self.completed.get_or_create(&labels).inc();
        let operation = &labels.operation;
        let duration = self.durations.get_or_create(operation);
        duration.observe(answered.took.as_secs_f64());
        // Concurrent waits are summed, so they can exceed the duration.
        let own = answered.took.saturating_sub(answered.waited);
        let overhead = self.overheads.get_or_create(&operation.route);
        overhead.observe(own.as_secs_f64());
        if answered.units > 0 {
            self.units.inc_by(answered.units);
        }
        if let Some(outcome) = listed(&ORIGINS, answered.origin) {
            self.origins.get_or_create(&OriginLabels { outcome }).inc();
        }
    }
}

impl RequestLabels {
    fn of(answered: &Answered<'_>) -> Self {
        Self {
            operation: OperationLabels {
                route: RouteLabels {
                    route: answered.route.to_owned(),
                },
                method: listed(&METHODS, Some(answered.method)).unwrap_or("other"),
            },
            status: answered.status,
            client: ClientLabel(answered.client.cloned()),
        }
    }
}

/// Returns the word of a list that equals this one.
fn listed(words: &[&'static str], wanted: Option<&str>) -> Option<&'static str> {
    words.iter().find(|word| Some(**word) == wanted).copied()
}

fn overheads() -> Histogram {
    Histogram::new(OVERHEADS)
}
