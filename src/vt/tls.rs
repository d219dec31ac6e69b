//! TLS towards VirusTotal: a company's own authorities, and which protocols to offer.

use rustls::ClientConfig;

use super::ClientError;
use crate::{config, tls};

/// TLS that trusts the usual authorities and, where set, a company's own.
pub(super) fn config(config: &config::Upstream) -> Result<ClientConfig, ClientError> {
    let file = config.ca_file.as_deref();
    let authorities = file.map(tls::read_authorities).transpose();
    let authorities = authorities
        .map_err(ClientError::CaFile)?
        .unwrap_or_default();
    let mut tls = tls::client(&authorities)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}
