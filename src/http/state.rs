//! The state that handlers and middlewares share.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{AcceptedKeys, PeerOwners, Places, RateLimit, clients::Clients},
    config::Access,
    http::{console::Console, extract::view::ViewDefaults},
    lookup::Lookup,
    metrics::Metrics,
    quota::Quota,
    redis::Redis,
    render::template::ReloadableTemplates,
    submit::Submit,
    telemetry::AuditLog,
    usage::UsageKeeper,
    virustotal::VirusTotal,
};

/// The parts that handlers and middlewares work with.
#[derive(Debug)]
pub struct Gateway {
    /// The pipeline of reads.
    pub lookup: Lookup,
    /// The pipeline of writes.
    pub submit: Submit,
    /// The units of quota, and what VirusTotal says of them.
    pub quota: Quota,
    /// The upstream, for the readiness check.
    pub virustotal: VirusTotal,
    /// The connection to Redis, for the readiness check.
    pub redis: Redis,
    /// The keys that VirusTotal has accepted: only they have limits of their own.
    pub accepted: AcceptedKeys,
    /// The rate limit of each caller.
    pub rate_limit: RateLimit,
    /// The limits of requests under `/api/v1`.
    pub limits: RequestLimits,
    /// Cancelled when the gateway starts to stop; it still serves for a while.
    pub stopping: CancellationToken,
    /// The templates, which a reload replaces.
    pub templates: ReloadableTemplates,
    /// The rules for spending the server's key.
    pub access: Access,
    /// Whether the gateway listens beyond loopback.
    pub is_exposed: bool,
    /// Finds the users whose processes connect from this machine.
    pub owners: PeerOwners,
    /// The clients with tokens, where some are set up.
    pub clients: Option<Clients>,
    /// The format and the view of answers to requests that name none.
    pub views: ViewDefaults,
    /// The page for browsers, unless it is turned off.
    pub console: Option<Console>,
    /// The commands that show the demo's objects; empty without the demo.
    pub examples: String,
    /// The audit log, where one is set up.
    pub audit: Option<AuditLog>,
    /// The usage of each caller.
    pub usage: UsageKeeper,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The time for which a request under `/api/v3` waits for a unit, unless its client has one.
    pub compat_wait: Duration,
    /// The tasks beside requests; the process waits for them before it ends.
    pub tasks: TaskTracker,
}

/// A handle to the state, which is axum's state of the router.
pub type AppState = Arc<Gateway>;

/// The limits of requests under `/api/v1`; others cost next to nothing.
#[derive(Debug)]
pub struct RequestLimits {
    /// The places for concurrent requests.
    pub(super) places: Places,
    /// The time that a request may take that neither waits nor uploads.
    pub(super) longest: Duration,
}

impl RequestLimits {
    /// Creates limits for `concurrent` requests, a quarter of them of one caller, and as many again
    /// that only wait. Each may take a minute, or as long as one `call` to VirusTotal.
    pub fn new(concurrent: usize, call: Duration) -> Self {
        Self {
            places: Places::new(concurrent),
            longest: Duration::from_mins(1).max(call),
        }
    }

    /// Returns the time that a request may take that neither waits nor uploads.
    pub fn longest(&self) -> Duration {
        self.longest
    }
}
