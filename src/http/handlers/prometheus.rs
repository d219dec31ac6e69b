//! The metrics, for Prometheus.

use std::collections::HashSet;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    http::{
        error::ErrorDocument,
        extract::metrics::MayReadMetrics,
        openapi::errors::OpenErrors,
        state::{AppState, Gateway},
    },
    lookup::DiskStats,
    metrics::{ClientUsage, DiskGauges, KeyQuota, QuotaGauges, Snapshot},
    quota::accounts::{Report, Tally, Window},
    redis,
};

/// The content type of the text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics
///
/// Counts, times and states in Prometheus' text format. With `VT4AI_ADMIN_PORT` they are on
/// that port instead, open to all who reach it. Else they are for requests that the gateway's own
/// user sends from its own machine, as long as the gateway listens there only, and for client
/// tokens with the scope `metrics`.
#[utoipa::path(get, path = "/metrics", tag = "Service", responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
    (status = 401, description = "A client token with the scope `metrics` is needed", body = ErrorDocument<'static>),
    (status = 403, description = "The client has no scope `metrics`", body = ErrorDocument<'static>),
    OpenErrors,
))]
pub async fn get_metrics(_: MayReadMetrics, State(gateway): State<AppState>) -> Response {
    render(&gateway)
}

/// Serves the metrics on a port of their own.
pub async fn get_metrics_of_admin_port(State(gateway): State<AppState>) -> Response {
    render(&gateway)
}

fn render(gateway: &Gateway) -> Response {
    let cache = gateway.lookup.cache_stats();
    let health = gateway.redis.health();
    let text = gateway.metrics.render(Snapshot {
        cache_bytes: cache.bytes,
        cache_max_bytes: cache.max_bytes,
        cache_entries: cache.entries,
        cache_evictions: cache.evictions,
        disk: gateway.lookup.disk_stats().as_ref().map(disk_gauges),
        quota: quota_of_keys(gateway),
        waiting: gateway.quota.waiting(),
        templates_have_mistakes: gateway.templates.mistakes() > 0,
        has_mistakes: gateway.clients.as_ref().map(|it| it.mistakes() > 0),
        clients: usage_of_clients(gateway),
        is_redis_up: health.map(|it| it == redis::Availability::Up),
    });
    ([(header::CONTENT_TYPE, PROMETHEUS)], text).into_response()
}

fn disk_gauges(stats: &DiskStats) -> DiskGauges {
    DiskGauges {
        is_up: stats.trouble.is_none(),
        bytes: stats.bytes,
        max_bytes: stats.max_bytes,
        entries: stats.entries,
        hits: stats.hits,
        evictions: stats.evictions,
        errors: stats.errors,
        dropped_writes: stats.dropped_writes,
    }
}

/// Returns the quota of each key that is configured. Several clients may spend one key.
fn quota_of_keys(gateway: &Gateway) -> Vec<KeyQuota> {
    let mut keys = HashSet::new();
    if let Some(clients) = &gateway.clients {
        keys.extend(clients.keys());
    }
    if let Some(key) = &gateway.access.key {
        keys.insert(key.hash());
    }
    let mut quota = Vec::new();
    for key in keys {
        let report = gateway.quota.report(key);
        quota.push(KeyQuota {
            key: key.short(),
            is_refused: gateway.quota.is_refused(key),
            windows: windows(&report),
        });
    }
    quota
}

/// Returns the usage of each client since the start.
fn usage_of_clients(gateway: &Gateway) -> Vec<ClientUsage> {
    let count = |count| u64::try_from(count).unwrap_or_default();
    let mut clients = Vec::new();
    for (name, counts) in gateway.usage.book().sums_of_clients() {
        clients.push(ClientUsage {
            client: name.to_string(),
            units: count(counts.units),
            saved_units: count(counts.saved_units),
            tokens: count(counts.tokens),
        });
    }
    clients
}

fn windows(report: &Report) -> [QuotaGauges; 3] {
    [
        window(Window::Minute, &report.minute),
        window(Window::Day, &report.day),
        window(Window::Month, &report.month),
    ]
}

fn window(window: Window, tally: &Tally) -> QuotaGauges {
    QuotaGauges {
        window: window.name(),
        allowed: tally.allowed,
        used: tally.used,
        remaining: tally.remaining,
    }
}
