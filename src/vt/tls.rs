//! TLS towards VirusTotal: whom to trust, and which protocols to offer.

use std::{fs, io};

use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

use super::ClientError;
use crate::config;

/// TLS with the roots in the binary and, where set, a company's own.
pub(super) fn config(config: &config::Upstream) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(file) = &config.ca_file {
        let unusable = |fault: String| ClientError::CaFile(io::Error::other(fault));
        let pem = fs::read(file).map_err(ClientError::CaFile)?;
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate)?;
            added += 1;
        }
        if added == 0 {
            return Err(unusable("it holds no PEM certificate".to_owned()));
        }
    }
    let mut tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}
