//! The state at the time of a scrape, collected then rather than pushed by the modules below.

use ::metrics::Label;

use super::{Registry, names};

/// The state at the time of a scrape.
#[derive(Debug, Default)]
pub struct State {
    /// Bytes in the cache.
    pub cache_bytes: u64,
    /// The cache's capacity in bytes.
    pub cache_max_bytes: u64,
    /// Entries in the cache.
    pub cache_entries: u64,
    /// Entries evicted for lack of space since the start.
    pub cache_evictions: u64,
    /// The state of the server's and the clients' keys.
    pub quota: Vec<KeyStanding>,
    /// Whether the last read of the clients' file failed; `None` without one.
    pub has_mistakes: Option<bool>,
    /// Whether the last reload of the templates failed.
    pub templates_have_mistakes: bool,
    /// Requests that wait for quota of any key.
    pub waiting: usize,
    /// Whether Redis is available; `None` if it is not configured.
    pub is_redis_up: Option<bool>,
}

/// A key's quota in one window, in lookups. `None` is unlimited.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// `minute`, `day` or `month`.
    pub window: &'static str,
    /// The allowance.
    pub allowed: Option<u64>,
    /// The lookups spent.
    pub used: u64,
    /// The lookups left.
    pub remaining: Option<u64>,
}

/// A short name for a key, and its quota in each window.
pub type KeyStanding = (String, [Standing; 3]);

/// Sets the gauges of the cache, the queue, Redis and the clients' file.
pub(super) fn set(registry: &Registry, state: &State) {
    let gauge = |name, value| registry.gauge(name, Vec::new()).set(value);
    gauge(names::CACHE_BYTES, float(state.cache_bytes));
    gauge(names::CACHE_MAX_BYTES, float(state.cache_max_bytes));
    gauge(names::CACHE_ENTRIES, float(state.cache_entries));
    gauge(names::WAITING, float(state.waiting as u64));
    let is_reloaded = !state.templates_have_mistakes;
    gauge(names::TEMPLATES_RELOADED, f64::from(u8::from(is_reloaded)));
    let evictions = registry.counter(names::CACHE_EVICTIONS, Vec::new());
    evictions.absolute(state.cache_evictions);
    if let Some(is_up) = state.is_redis_up {
        gauge(names::REDIS_UP, f64::from(u8::from(is_up)));
    }
    if let Some(has_mistakes) = state.has_mistakes {
        gauge(names::CLIENTS_RELOADED, f64::from(u8::from(!has_mistakes)));
    }
}

/// Sets the gauges of the keys' quotas. The exporter can't remove a series, so those of a removed
/// key become `NaN`.
pub(super) fn set_quota(registry: &Registry, before: &[KeyStanding], now: &[KeyStanding]) {
    let or_endless = |limit: Option<u64>| limit.map_or(f64::INFINITY, float);
    let is_gone = |(key, _): &&KeyStanding| now.iter().all(|(other, _)| other != key);
    // Keys that the last scrape showed and that no longer exist.
    let gone = before.iter().filter(is_gone).map(|it| (it, true));
    for ((key, windows), is_gone) in now.iter().map(|it| (it, false)).chain(gone) {
        for it in windows {
            let gauge = |name, value| {
                let key = Label::new("key", key.clone());
                let window = Label::from_static_parts("window", it.window);
                let value = if is_gone { f64::NAN } else { value };
                registry.gauge(name, vec![key, window]).set(value);
            };
            gauge(names::QUOTA_ALLOWED, or_endless(it.allowed));
            gauge(names::QUOTA_USED, float(it.used));
            gauge(names::QUOTA_REMAINING, or_endless(it.remaining));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and Prometheus knows nothing else"
)]
fn float(number: u64) -> f64 {
    number as f64
}
