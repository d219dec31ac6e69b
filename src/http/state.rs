//! The state that handlers and middlewares share.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::middleware::limits::Bounds;
use crate::{
    access::{AcceptedKeys, PeerOwners},
    clients::Clients,
    config::Access,
    door::Door,
    format::Format,
    lookup::Lookup,
    meter::Meter,
    quota::Quota,
    redis::Redis,
    spend::Purse,
    submit::Submit,
    template::Templates,
    vt::VirusTotal,
};

/// What the handlers work with.
#[derive(Debug)]
pub struct Gateway {
    /// Where reports and lists come from.
    pub lookup: Lookup,
    /// Where files, URLs, comments and votes go.
    pub submit: Submit,
    /// Where it is learned what each key may spend.
    pub purse: Arc<Purse>,
    /// What each key may still spend, for the headers that say so.
    pub quota: Arc<Quota>,
    /// VirusTotal, for whoever wants to know whether it answers.
    pub vt: Arc<VirusTotal>,
    /// What replicas share, for whoever wants to know whether they do.
    pub redis: Redis,
    /// The keys that VirusTotal has accepted: only they count for themselves.
    pub accepted: AcceptedKeys,
    /// How often one caller may knock.
    pub door: Door,
    /// What one request may take, and how many may be under way.
    pub bounds: Bounds,
    /// Cancelled once the gateway is told to stop: it serves on for a while.
    pub stopping: CancellationToken,
    /// Every template there is.
    pub templates: Templates,
    /// Who may spend the server's key.
    pub access: Access,
    /// Whether it listens beyond loopback.
    pub is_exposed: bool,
    /// Finds the users whose processes connect from this machine.
    pub owners: PeerOwners,
    /// Who calls with a token, where clients are set up.
    pub clients: Option<Arc<Clients>>,
    /// The format where a request names none.
    pub default_format: Format,
    /// What is counted.
    pub meter: Arc<Meter>,
    /// What runs beside requests; the end of the process waits for it.
    pub tasks: TaskTracker,
}

/// The state that handlers share.
pub type Shared = Arc<Gateway>;
