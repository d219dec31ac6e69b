//! TLS towards VirusTotal: a company's own authorities, and which protocols to offer.

use std::{fs, io, path::Path};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::ClientError;
use crate::{config, tls};

/// TLS that trusts the usual authorities and, where set, a company's own.
pub(super) fn config(config: &config::Upstream) -> Result<ClientConfig, ClientError> {
    let authorities = match &config.ca_file {
        Some(file) => read(file).map_err(ClientError::CaFile)?,
        None => Vec::new(),
    };
    let mut tls = tls::client(&authorities)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn read(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let pem = fs::read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(io::Error::other)?;
    if all.is_empty() {
        return Err(io::Error::other("it holds no PEM certificate"));
    }
    Ok(all)
}
