//! The name of every series, and what it says.

use metrics::Recorder;

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
pub(super) const BUILD_INFO: &str = "vt4ai_build_info";

const COUNTERS: [(&str, &str); 6] = [
    (REQUESTS, "Requests answered, by route, method and status."),
    (PANICS, "Handlers that broke down."),
    (
        CALLS,
        "Calls to VirusTotal, by endpoint and by what came of them.",
    ),
    (
        CACHE_ANSWERS,
        "Answers by where they came from: hit, miss, stale, stale_quota, stale_upstream.",
    ),
    (CACHE_EVICTIONS, "Entries dropped to make room."),
    (
        UNITS,
        "Units of quota spent by requests that have been answered, whichever key paid.",
    ),
];

const GAUGES: [(&str, Option<Unit>, &str); 12] = [
    (IN_FLIGHT, None, "Requests that are being answered."),
    (CONNECTIONS, None, "Connections that are open."),
    (
        CACHE_BYTES,
        Some(Unit::Bytes),
        "Bytes that the cache holds.",
    ),
    (
        CACHE_MAX_BYTES,
        Some(Unit::Bytes),
        "Bytes that the cache may hold.",
    ),
    (CACHE_ENTRIES, None, "Entries that the cache holds."),
    (
        QUOTA_ALLOWED,
        None,
        "Lookups that the server's key may spend in a window; +Inf: no limit.",
    ),
    (
        QUOTA_USED,
        None,
        "Lookups that the server's key has spent in a window, here or elsewhere.",
    ),
    (
        QUOTA_REMAINING,
        None,
        "Lookups that the server's key has left in a window; +Inf: no limit.",
    ),
    (WAITING, None, "Requests that wait for a unit of quota."),
    (
        CLIENTS_RELOADED,
        None,
        "Whether the clients' file could be used when it was last read: 1 or 0.",
    ),
    (
        REDIS_UP,
        None,
        "Whether Redis helps: 1 or 0; not there where none is set up.",
    ),
    (BUILD_INFO, None, "1, with the version that runs."),
];

const HISTOGRAMS: [(&str, &str); 3] = [
    (DURATION, "From a request's head to its answer's."),
    (
        OVERHEAD,
        "The part of it in which nobody else was waited for: VirusTotal, quota, the client.",
    ),
    (CALL_DURATION, "How long a call to VirusTotal took."),
];

/// Says what everything is.
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
