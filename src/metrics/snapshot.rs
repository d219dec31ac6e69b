//! The state at the time of a scrape, collected then rather than pushed by the modules below.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
    },
    registry::Registry,
};

use super::{register, register_gauge};

/// The state at the time of a scrape.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Bytes in the cache.
    pub cache_bytes: u64,
    /// The cache's capacity in bytes.
    pub cache_max_bytes: u64,
    /// Entries in the cache.
    pub cache_entries: u64,
    /// Entries evicted for lack of space since the start.
    pub cache_evictions: u64,
    /// The cache on disk; `None` if it is not configured.
    pub disk: Option<DiskGauges>,
    /// The quota of the server's and the clients' keys.
    pub quota: Vec<KeyQuota>,
    /// Whether the last read of the clients' file failed; `None` without one.
    pub has_mistakes: Option<bool>,
    /// Whether the last reload of the templates failed.
    pub templates_have_mistakes: bool,
    /// Requests that wait for quota of any key.
    pub waiting: usize,
    /// Whether Redis is available; `None` if it is not configured.
    pub is_redis_up: Option<bool>,
    /// The usage of each client.
    pub clients: Vec<ClientUsage>,
}

/// The usage of a client since the start.
#[derive(Clone, Debug)]
pub struct ClientUsage {
    /// The name of the client, as the clients' file has it.
    pub client: String,
    /// The units of quota that it spent.
    pub units: u64,
    /// The lookups that the cache or another caller's call answered.
    pub saved_units: u64,
    /// The approximate number of tokens of its answers.
    pub tokens: u64,
}

/// The state of the cache on disk. Counts are since the start.
#[derive(Clone, Copy, Debug)]
pub struct DiskGauges {
    /// Whether the last write succeeded.
    pub is_up: bool,
    /// Bytes of its files.
    pub bytes: u64,
    /// Their bound.
    pub max_bytes: u64,
    /// Answers in it.
    pub entries: u64,
    /// Answers that it has served.
    pub hits: u64,
    /// Answers evicted for lack of space.
    pub evictions: u64,
    /// Reads and writes that failed.
    pub errors: u64,
    /// Answers that were not written.
    pub dropped_writes: u64,
}

/// The quota of one key.
#[derive(Clone, Debug)]
pub struct KeyQuota {
    /// A short name for the key.
    pub key: String,
    /// Whether VirusTotal refused the key when it was last used.
    pub is_refused: bool,
    /// The quota in each window.
    pub windows: [QuotaGauges; 3],
}

/// A key's quota in one window, in lookups. `None` is unlimited.
#[derive(Clone, Copy, Debug)]
pub struct QuotaGauges {
    /// `minute`, `day` or `month`.
    pub window: &'static str,
    /// The allowance.
    pub allowed: Option<u64>,
    /// The lookups spent.
    pub used: u64,
    /// The lookups left.
    pub remaining: Option<u64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QuotaLabels {
    key: String,
    window: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClientLabels {
    client: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KeyLabel {
    key: String,
}

type ClientFamily = Family<ClientLabels, Counter>;
type QuotaFamily = Family<QuotaLabels, Gauge<f64, AtomicU64>>;

impl Snapshot {
    /// Returns a registry with the state, to be rendered once.
    pub(super) fn registry(self) -> Registry {
        let mut registry = Registry::with_prefix("vt4ai");
        let flag = |is_set: Option<bool>| is_set.map(u64::from);
        for (name, help, value) in [
            ("cache_bytes", "Bytes in the cache", Some(self.cache_bytes)),
            (
                "cache_max_bytes",
                "Capacity of the cache in bytes",
                Some(self.cache_max_bytes),
            ),
            (
                "cache_entries",
                "Entries in the cache",
                Some(self.cache_entries),
            ),
            (
                "quota_waiting_requests",
                "Requests that wait for quota",
                Some(self.waiting as u64),
            ),
            (
                "redis_up",
                "Whether Redis is available: 1 or 0; absent if none is configured",
                flag(self.is_redis_up),
            ),
            (
                "clients_last_reload_successful",
                "Whether the last read of the clients' file succeeded: 1 or 0",
                flag(self.has_mistakes.map(|it| !it)),
            ),
            (
                "templates_last_reload_successful",
                "Whether the last load of the templates succeeded: 1 or 0",
                flag(Some(!self.templates_have_mistakes)),
            ),
        ] {
            register_gauge(&mut registry, name, help, value);
        }
        let evictions = ConstCounter::new(self.cache_evictions);
        let help = "Entries evicted from the cache for lack of space";
        registry.register("cache_evictions", help, evictions);
        if let Some(disk) = &self.disk {
            register_disk(&mut registry, disk);
        }
        register_quota(&mut registry, self.quota);
        register_clients(&mut registry, self.clients);
        registry
    }
}

fn register_disk(registry: &mut Registry, disk: &DiskGauges) {
    for (name, help, value) in [
        (
            "cache_disk_up",
            "Whether answers are kept on disk: 1 or 0; absent if no directory is configured",
            u64::from(disk.is_up),
        ),
        ("cache_disk_bytes", "Bytes of the cache on disk", disk.bytes),
        (
            "cache_disk_max_bytes",
            "Capacity of the cache on disk in bytes",
            disk.max_bytes,
        ),
        (
            "cache_disk_entries",
            "Answers in the cache on disk",
            disk.entries,
        ),
    ] {
        register_gauge(registry, name, help, Some(value));
    }
    for (name, help, count) in [
        (
            "cache_disk_hits",
            "Answers that the cache on disk has served",
            disk.hits,
        ),
        (
            "cache_disk_evictions",
            "Answers evicted from the cache on disk for lack of space",
            disk.evictions,
        ),
        (
            "cache_disk_errors",
            "Reads and writes of the cache on disk that failed",
            disk.errors,
        ),
        (
            "cache_disk_dropped_writes",
            "Answers that were not written to disk",
            disk.dropped_writes,
        ),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
}

fn register_quota(registry: &mut Registry, keys: Vec<KeyQuota>) {
    let allowed: QuotaFamily = register(
        registry,
        "quota_allowed_units",
        "Lookups that a key of the server or its clients may spend in a window; +Inf without a limit",
    );
    let used: QuotaFamily = register(
        registry,
        "quota_used_units",
        "Lookups that a key of the server or its clients has spent in a window, here or elsewhere",
    );
    let remaining: QuotaFamily = register(
        registry,
        "quota_remaining_units",
        "Lookups that a key of the server or its clients has left in a window; +Inf without a limit",
    );
    let refused: Family<KeyLabel, Gauge> = register(
        registry,
        "upstream_key_refused",
        "Whether VirusTotal refused a key of the server or its clients when it was last used: 1 or 0",
    );
    for KeyQuota {
        key,
        is_refused,
        windows,
    } in keys
    {
        let label = KeyLabel { key: key.clone() };
        refused.get_or_create(&label).set(i64::from(is_refused));
        for gauges in windows {
            let labels = QuotaLabels {
                key: key.clone(),
                window: gauges.window,
            };
            let limit = gauges.allowed.map_or(f64::INFINITY, float);
            allowed.get_or_create(&labels).set(limit);
            used.get_or_create(&labels).set(float(gauges.used));
            let left = gauges.remaining.map_or(f64::INFINITY, float);
            remaining.get_or_create(&labels).set(left);
        }
    }
}

fn register_clients(registry: &mut Registry, clients: Vec<ClientUsage>) {
    let units: ClientFamily = register(
        registry,
        "client_spent_units",
        "Units of quota that a client has spent, jobs and streams included",
    );
    let saved_units: ClientFamily = register(
        registry,
        "client_saved_units",
        "Lookups of a client that the cache or another caller's call answered",
    );
    let tokens: ClientFamily = register(
        registry,
        "client_tokens",
        "Tokens of the answers to a client, approximately",
    );
    for usage in clients {
        let labels = ClientLabels {
            client: usage.client,
        };
        units.get_or_create(&labels).inc_by(usage.units);
        saved_units.get_or_create(&labels).inc_by(usage.saved_units);
        tokens.get_or_create(&labels).inc_by(usage.tokens);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and Prometheus has no other numbers"
)]
fn float(number: u64) -> f64 {
    number as f64
}
