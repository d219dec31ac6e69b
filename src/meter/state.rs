//! How things stand, read by whoever asks for the numbers rather than told by the depths.

use metrics::Label;

use super::{Registry, names};

/// How things stand.
#[derive(Debug, Default)]
pub struct State<'a> {
    /// Bytes that the cache holds.
    pub cache_bytes: u64,
    /// Bytes that it may hold.
    pub cache_max_bytes: u64,
    /// Entries that it holds.
    pub cache_entries: u64,
    /// Entries that it has dropped to make room, since the start.
    pub cache_evictions: u64,
    /// The server's own key, where it has one: a short name for it, and where it stands.
    pub quota: Option<(&'a str, [Standing; 3])>,
    /// Requests that wait for a unit of any key.
    pub waiting: usize,
    /// Whether Redis helps, where it is set up.
    pub is_redis_up: Option<bool>,
}

/// Where a key stands in a window, in lookups; no number where there is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// `minute`, `day` or `month`.
    pub window: &'static str,
    /// What it may spend.
    pub allowed: Option<u64>,
    /// What it has spent.
    pub used: u64,
    /// What it has left.
    pub remaining: Option<u64>,
}

pub(super) fn set(registry: &Registry, state: &State<'_>) {
    let gauge = |name, value| registry.gauge(name, Vec::new()).set(value);
    gauge(names::CACHE_BYTES, float(state.cache_bytes));
    gauge(names::CACHE_MAX_BYTES, float(state.cache_max_bytes));
    gauge(names::CACHE_ENTRIES, float(state.cache_entries));
    gauge(names::WAITING, float(state.waiting as u64));
    let evictions = registry.counter(names::CACHE_EVICTIONS, Vec::new());
    evictions.absolute(state.cache_evictions);
    if let Some(is_up) = state.is_redis_up {
        gauge(names::REDIS_UP, f64::from(u8::from(is_up)));
    }
    let Some((key, windows)) = state.quota else {
        return;
    };
    for it in windows {
        let gauge = |name, value| {
            let key = Label::new("key", key.to_owned());
            let window = Label::from_static_parts("window", it.window);
            registry.gauge(name, vec![key, window]).set(value);
        };
        let or_endless = |limit: Option<u64>| limit.map_or(f64::INFINITY, float);
        gauge(names::QUOTA_ALLOWED, or_endless(it.allowed));
        gauge(names::QUOTA_USED, float(it.used));
        gauge(names::QUOTA_REMAINING, or_endless(it.remaining));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and Prometheus knows nothing else"
)]
fn float(number: u64) -> f64 {
    number as f64
}
