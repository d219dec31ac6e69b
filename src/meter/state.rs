//! How things stand, read by whoever asks for the numbers rather than told by the depths.

use metrics::Label;

use super::{Registry, names};

/// How things stand.
#[derive(Debug, Default)]
pub struct State {
    /// Bytes that the cache holds.
    pub cache_bytes: u64,
    /// Bytes that it may hold.
    pub cache_max_bytes: u64,
    /// Entries that it holds.
    pub cache_entries: u64,
    /// Entries that it has dropped to make room, since the start.
    pub cache_evictions: u64,
    /// The keys of the server and its clients: a short name for each, and where it stands.
    pub quota: Vec<KeyStanding>,
    /// Whether the clients' file could not be used when it was last read, where there is one.
    pub has_mistakes: Option<bool>,
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

/// A short name for a key, and where it stands in each window.
pub type KeyStanding = (String, [Standing; 3]);

pub(super) fn set(registry: &Registry, state: &State) {
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
    if let Some(has_mistakes) = state.has_mistakes {
        gauge(names::CLIENTS_RELOADED, f64::from(u8::from(!has_mistakes)));
    }
}

/// Where keys stand now. A series can't be taken back: of a key that is there no more it
/// says from now on that it is not a number.
pub(super) fn set_quota(registry: &Registry, before: &[KeyStanding], now: &[KeyStanding]) {
    let or_endless = |limit: Option<u64>| limit.map_or(f64::INFINITY, float);
    let is_gone = |(key, _): &&KeyStanding| now.iter().all(|(other, _)| other != key);
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
