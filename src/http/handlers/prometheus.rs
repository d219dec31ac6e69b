//! The metrics, for Prometheus.

use std::collections::HashSet;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    access::{ApiKey, KeyHash, clients::Clients},
    http::{
        error::ErrorBody,
        extract::caller::MetricsReader,
        openapi::errors::OpenErrors,
        state::{Gateway, Shared},
    },
    metrics::{Standing, State as Standings},
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
    (status = 200, description = "What is counted", body = String, content_type = "text/plain"),
    (status = 401, description = "A client token with the scope `metrics` is needed", body = ErrorBody<'static>),
    (status = 403, description = "The client has no scope `metrics`", body = ErrorBody<'static>),
    OpenErrors,
))]
pub async fn get_metrics(_: MetricsReader, State(gateway): State<Shared>) -> Response {
    render(&gateway)
}

/// Serves the metrics on a port of their own.
pub async fn get_metrics_of_admin_port(State(gateway): State<Shared>) -> Response {
    render(&gateway)
}

fn render(gateway: &Gateway) -> Response {
    let held = gateway.lookup.cache_stats();
    let clients = gateway.clients.iter().flat_map(Clients::keys);
    // Several may spend one key.
    let keys: HashSet<_> = clients
        .chain(gateway.access.key.as_ref().map(ApiKey::hash))
        .collect();
    let stand = |key: KeyHash| (key.short(), standings(&gateway.quota.report(key)));
    let health = gateway.redis.health();
    let text = gateway.metrics.render(Standings {
        cache_bytes: held.bytes,
        cache_max_bytes: held.max_bytes,
        cache_entries: held.entries,
        cache_evictions: held.evictions,
        quota: keys.into_iter().map(stand).collect(),
        waiting: gateway.quota.waiting(),
        has_mistakes: gateway.clients.as_ref().map(|it| it.mistakes() > 0),
        is_redis_up: health.map(|it| it == redis::Health::Up),
    });
    ([(header::CONTENT_TYPE, PROMETHEUS)], text).into_response()
}

fn standings(report: &Report) -> [Standing; 3] {
    let of = |window: Window, tally: &Tally| Standing {
        window: window.name(),
        allowed: tally.allowed,
        used: tally.used,
        remaining: tally.remaining,
    };
    [
        of(Window::Minute, &report.minute),
        of(Window::Day, &report.day),
        of(Window::Month, &report.month),
    ]
}
