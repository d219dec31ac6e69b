//! Metrics of calls to VirusTotal.

use std::time::Instant;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::{durations, register, register_as};

/// A call in progress. Dropped before its end, it counts as `abandoned`.
#[derive(Debug)]
pub struct CallTimer<'m> {
    metrics: &'m UpstreamMetrics,
    call: CallLabels,
    began: Instant,
}

impl<'m> CallTimer<'m> {
    pub(super) fn new(metrics: &'m UpstreamMetrics, endpoint: String) -> Self {
        Self {
            metrics,
            call: CallLabels {
                endpoint: EndpointLabels { endpoint },
                outcome: "abandoned",
            },
            began: Instant::now(),
        }
    }

    /// Ends the measurement with this outcome.
    pub fn end(mut self, outcome: &'static str) {
        self.call.outcome = outcome;
    }
}

impl Drop for CallTimer<'_> {
    fn drop(&mut self) {
        self.metrics.calls.get_or_create(&self.call).inc();
        let duration = self.metrics.durations.get_or_create(&self.call.endpoint);
        duration.observe(self.began.elapsed().as_secs_f64());
    }
}

/// The series of all endpoints.
#[derive(Debug)]
pub(super) struct UpstreamMetrics {
    calls: Family<CallLabels, Counter>,
    durations: Family<EndpointLabels, Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    #[prometheus(flatten)]
    endpoint: EndpointLabels,
    outcome: &'static str,
}

impl UpstreamMetrics {
    /// Registers the series.
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            calls: register(
                registry,
                "upstream_requests",
                "Calls to VirusTotal, by endpoint and outcome",
            ),
            durations: register_as(
                registry,
                "upstream_request_duration_seconds",
                "Duration of a call to VirusTotal",
                Family::new_with_constructor(durations),
            ),
        }
    }
}
