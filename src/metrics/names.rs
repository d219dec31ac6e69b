//! The names and help texts of all metrics.

use ::metrics::Recorder;

use super::Unit;

pub(super) const REQUESTS: &str = "vt4ai_http_requests_total";
pub(super) const DURATION: &str = "vt4ai_http_request_duration_seconds";
pub(super) const OVERHEAD: &str = "vt4ai_http_request_overhead_seconds";
pub(super) const IN_FLIGHT: &str = "vt4ai_http_requests_in_flight";
pub(super) const CONNECTIONS: &str = "vt4ai_http_connections";
pub(super) const PANICS: &str = "vt4ai_http_panics_total";
pub(super) const CALLS: &str = "vt4ai_upstream_requests_total";
pub(super) const CALL_DURATION: &str = "vt4ai_upstream_request_duration_seconds";
pub(super) const CACHE_ANSWERS: &str = "vt4ai_cache_answers_total";
pub(super) const CACHE_BYTES: &str = "vt4ai_cache_bytes";
pub(super) const CACHE_MAX_BYTES: &str = "vt4ai_cache_max_bytes";
pub(super) const CACHE_ENTRIES: &str = "vt4ai_cache_entries";
pub(super) const CACHE_EVICTIONS: &str = "vt4ai_cache_evictions_total";
pub(super) const UNITS: &str = "vt4ai_quota_spent_units_total";
pub(super) const QUOTA_ALLOWED: &str = "vt4ai_quota_allowed_units";
pub(super) const QUOTA_USED: &str = "vt4ai_quota_used_units";
pub(super) const QUOTA_REMAINING: &str = "vt4ai_quota_remaining_units";
pub(super) const WAITING: &str = "vt4ai_quota_waiting_requests";
pub(super) const REDIS_UP: &str = "vt4ai_redis_up";
pub(super) const CLIENTS_RELOADED: &str = "vt4ai_clients_last_reload_successful";
pub(super) const TEMPLATES_RELOADED: &str = "vt4ai_templates_last_reload_successful";
pub(super) const BUILD_INFO: &str = "vt4ai_build_info";

const COUNTERS: [(&str, &str); 6] = [
    (REQUESTS, "Requests answered, by route, method and status."),
    (PANICS, "Panics in request handlers and tasks."),
    (CALLS, "Calls to VirusTotal, by endpoint and outcome."),
    (
        CACHE_ANSWERS,
        "Cacheable answers, by cache outcome: hit, miss, stale, stale_quota, stale_upstream.",
    ),
    (
        CACHE_EVICTIONS,
        "Entries evicted from the cache for lack of space.",
    ),
    (
        UNITS,
        "Units of quota spent by completed requests, with any key.",
    ),
];

const GAUGES: [(&str, Option<Unit>, &str); 13] = [
    (IN_FLIGHT, None, "Requests in flight."),
    (CONNECTIONS, None, "Open connections."),
    (CACHE_BYTES, Some(Unit::Bytes), "Bytes in the cache."),
    (
        CACHE_MAX_BYTES,
        Some(Unit::Bytes),
        "Capacity of the cache in bytes.",
    ),
    (CACHE_ENTRIES, None, "Entries in the cache."),
    (
        QUOTA_ALLOWED,
        None,
        "Lookups that a key of the server or its clients may spend in a window; +Inf without a limit.",
    ),
    (
        QUOTA_USED,
        None,
        "Lookups that a key of the server or its clients has spent in a window, here or elsewhere.",
    ),
    (
        QUOTA_REMAINING,
        None,
        "Lookups that a key of the server or its clients has left in a window; +Inf without a limit.",
    ),
    (WAITING, None, "Requests that wait for quota."),
    (
        CLIENTS_RELOADED,
        None,
        "Whether the last read of the clients' file succeeded: 1 or 0.",
    ),
    (
        TEMPLATES_RELOADED,
        None,
        "Whether the last load of the templates succeeded: 1 or 0.",
    ),
    (
        REDIS_UP,
        None,
        "Whether Redis is available: 1 or 0; absent if none is configured.",
    ),
    (
        BUILD_INFO,
        None,
        "Always 1; the label is the running version.",
    ),
];

const HISTOGRAMS: [(&str, &str); 3] = [
    (DURATION, "Time from the request head to the response head."),
    (
        OVERHEAD,
        "The same without the time spent waiting for VirusTotal, quota or the client.",
    ),
    (CALL_DURATION, "Duration of a call to VirusTotal."),
];

/// Registers the help texts.
pub(super) fn describe(recorder: &impl Recorder) {
    for (name, text) in COUNTERS {
        recorder.describe_counter(name.into(), None, text.into());
    }
    for (name, unit, text) in GAUGES {
        recorder.describe_gauge(name.into(), unit, text.into());
    }
    for (name, text) in HISTOGRAMS {
        recorder.describe_histogram(name.into(), Some(Unit::Seconds), text.into());
    }
}
