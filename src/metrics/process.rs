//! Metrics of the process itself.

use metrics_process::collector::collect;
use prometheus_client::{metrics::counter::ConstCounter, registry::Registry};

use super::register_gauge;

/// Returns a registry with the figures that the system reports, to be rendered once.
pub(super) fn registry() -> Registry {
    let (mut registry, now) = (Registry::with_prefix("process"), collect());
    if let Some(seconds) = now.cpu_seconds_total {
        let help = "Total user and system CPU time spent in seconds";
        registry.register("cpu_seconds", help, ConstCounter::new(seconds));
    }
    for (name, help, value) in [
        ("open_fds", "Number of open file descriptors", now.open_fds),
        (
            "max_fds",
            "Maximum number of open file descriptors",
            now.max_fds,
        ),
        (
            "virtual_memory_bytes",
            "Virtual memory size in bytes",
            now.virtual_memory_bytes,
        ),
        (
            "virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes",
            now.virtual_memory_max_bytes,
        ),
        (
            "resident_memory_bytes",
            "Resident memory size in bytes",
            now.resident_memory_bytes,
        ),
        (
            "start_time_seconds",
            "Start time of the process since unix epoch in seconds",
            now.start_time_seconds,
        ),
        (
            "threads",
            "Number of OS threads in the process",
            now.threads,
        ),
    ] {
        register_gauge(&mut registry, name, help, value);
    }
    registry
}
