//! Lines in the log about the settings that a gateway starts with.

use tracing::{info, warn};

use crate::{config::Config, vt::upload::is_virustotal};

/// Logs what settings from a file in the current folder could change unnoticed.
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
        info!("the upstream is {}, not VirusTotal", upstream.url);
    }
    if upstream.url.scheme() == "http" && !upstream.is_local() {
        warn!(
            "the upstream {} is asked over plain HTTP: keys and indicators can be read on the way",
            upstream.url
        );
    }
    if let Some(file) = &upstream.ca_file {
        info!(
            "the authorities in {} are trusted besides the usual ones",
            file.display()
        );
    }
}
