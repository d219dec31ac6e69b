//! Log lines about the settings that a gateway starts with.

use tracing::{info, warn};

use crate::{config::Config, virustotal::upload::is_virustotal};

/// Logs the settings that an unnoticed `.env` file could have changed.
pub(super) fn settings(config: &Config) {
    let upstream = &config.upstream;
    if let Some(file) = &config.env_file {
        info!("settings read from {}", file.display());
    }
    for warning in &config.warnings {
        warn!("{warning}");
    }
    if config.demo {
        return;
    }
    if !is_virustotal(&upstream.url) {
        info!("upstream is {}, not VirusTotal", upstream.url);
    }
    if upstream.url.scheme() == "http" && !upstream.is_local() {
        warn!(
            "upstream {} uses plain HTTP: keys and indicators can be read in transit",
            upstream.url
        );
    }
    if let Some(file) = &upstream.ca_file {
        info!(
            "certificate authorities in {} are trusted in addition to the built-in ones",
            file.display()
        );
    }
}
