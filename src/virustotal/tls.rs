//! TLS configuration for connections to VirusTotal.

use rustls::ClientConfig;

use super::ClientError;
use crate::config::{self, tls};

/// Returns a configuration that trusts the built-in roots and, if set, additional authorities.
pub(super) fn config(config: &config::Upstream) -> Result<ClientConfig, ClientError> {
    let authorities = match &config.ca_file {
        Some(file) => tls::read_authorities(file).map_err(ClientError::CaFile)?,
        None => Vec::new(),
    };
    let mut tls = tls::client(&authorities)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}
