//! Metrics of requests.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use ::metrics::{Counter, Gauge, Histogram, Label};

use super::{Registry, names};

/// The methods with a label of their own. Any other method is `other`.
const METHODS: [&str; 8] = [
    "GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "other",
];

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
        self.0.decrement(1);
    }
}

pub(super) struct Requests {
    in_flight: Gauge,
    units: Counter,
    origins: [Counter; ORIGINS.len()],
    routes: RwLock<HashMap<Box<str>, Arc<Route>>>,
}

/// The series of one route.
struct Route {
    overhead: Histogram,
    /// The series by index into [`METHODS`] and by status. There are few, so a linear search is
    /// fast.
    series: RwLock<Vec<Series>>,
}

#[derive(Clone)]
struct Series {
    method: usize,
    status: u16,
    count: Counter,
    duration: Histogram,
}

impl Requests {
    pub(super) fn new(registry: &Registry) -> Self {
        let origin = |outcome| {
            let labels = vec![Label::from_static_parts("outcome", outcome)];
            registry.counter(names::CACHE_ANSWERS, labels)
        };
        Self {
            in_flight: registry.gauge(names::IN_FLIGHT, Vec::new()),
            units: registry.counter(names::UNITS, Vec::new()),
            origins: ORIGINS.map(origin),
            routes: RwLock::default(),
        }
    }

    /// Counts a request in flight until the guard is dropped.
    pub(super) fn arrived(&self) -> Arrived {
        self.in_flight.increment(1);
        Arrived(self.in_flight.clone())
    }

    /// Records a completed request.
    pub(super) fn answered(&self, registry: &Registry, answered: &Answered<'_>) {
        let route = self.route(registry, answered.route);
        let series = route.series(registry, answered);
        series.count.increment(1);
        series.duration.record(answered.took);
        // Concurrent waits are summed, so they can exceed the duration.
        let own = answered.took.saturating_sub(answered.waited);
        route.overhead.record(own);
        if answered.units > 0 {
            self.units.increment(answered.units);
        }
        let origin = answered.origin;
        if let Some(at) = ORIGINS.iter().position(|it| Some(*it) == origin) {
            self.origins[at].increment(1);
        }
    }

    fn route(&self, registry: &Registry, name: &str) -> Arc<Route> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(name) {
            return Arc::clone(route);
        }
        // A known route needs only the read lock. A new one is rare.
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let labels = vec![Label::new("route", name.to_owned())];
            Arc::new(Route {
                overhead: registry.histogram(names::OVERHEAD, labels),
                series: RwLock::default(),
            })
        };
        Arc::clone(routes.entry(name.into()).or_insert_with(new))
    }
}

impl Route {
    fn series(&self, registry: &Registry, answered: &Answered<'_>) -> Series {
        let (other, status) = (METHODS.len() - 1, answered.status);
        let method = METHODS.iter().position(|it| *it == answered.method);
        let method = method.unwrap_or(other);
        let is_it = |it: &&Series| (it.method, it.status) == (method, status);
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.iter().find(is_it) {
            return series.clone();
        }
        drop(known);
        let mut known = self.series.write().unwrap_or_else(PoisonError::into_inner);
        // Checked again: another thread may have added the series between the two locks.
        if let Some(series) = known.iter().find(is_it) {
            return series.clone();
        }
        let mut labels = vec![
            Label::new("route", answered.route.to_owned()),
            Label::from_static_parts("method", METHODS[method]),
        ];
        let duration = registry.histogram(names::DURATION, labels.clone());
        labels.push(Label::new("status", status.to_string()));
        let series = Series {
            method,
            status,
            count: registry.counter(names::REQUESTS, labels),
            duration,
        };
        known.push(series.clone());
        series
    }
}
