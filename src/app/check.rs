//! `vt4ai check`: reads the files that the settings name.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{StartError, servers_key};
use crate::{
    access::clients::Clients, cache::PrivateGuard, config::Config, metrics::Metrics, redis::Redis,
    render::template::Templates, telemetry::AuditLog, virustotal::VirusTotal,
};

/// Returns what would stop the start: mistakes in templates, in the files of clients and of private indicators, in those of
/// certificate authorities, and an audit log that can't be opened.
pub(super) async fn files(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut note = |error: StartError| match error.mistakes() {
        named if named.is_empty() => mistakes.push(error.to_string()),
        named => mistakes.extend(named),
    };
    if let Err(error) = Templates::load(config.templates.as_deref()) {
        note(StartError::Templates(error));
    }
    if let Some(file) = &config.clients {
        match servers_key(config) {
            Ok(key) => {
                if let Err(error) = Clients::load(file.clone(), key).await {
                    note(StartError::Clients(error));
                }
            }
            Err(error) => note(error.into()),
        }
    }
    if let Err(error) = PrivateGuard::load(config.private.clone()) {
        note(StartError::Private(error));
    }
    if let Err(error) = VirusTotal::new(&config.upstream, Arc::new(Metrics::new())) {
        note(error.into());
    }
    if let Err(error) = Redis::new(config.redis.as_ref(), TaskTracker::new()) {
        note(error.into());
    }
    if let Some(path) = &config.log.audit
        && let Err(error) = AuditLog::check(path)
    {
        note(StartError::Audit(error));
    }
    mistakes
}
