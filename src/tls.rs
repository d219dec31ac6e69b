//! TLS towards others: whom to trust, and by which cryptography.

use std::{fs, io, path::Path};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The authorities that a PEM file holds; one without any can't be what was meant.
pub fn read_authorities(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let pem = fs::read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(io::Error::other)?;
    if all.is_empty() {
        return Err(io::Error::other("it holds no PEM certificate"));
    }
    Ok(all)
}

/// What a client needs that trusts the roots in the binary and these authorities.
///
/// Fails where one of them is no authority's certificate.
pub fn client(authorities: &[CertificateDer<'_>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for authority in authorities {
        roots.add(authority.clone().into_owned())?;
    }
    let client = ClientConfig::builder_with_provider(ring::default_provider().into());
    let client = client.with_safe_default_protocol_versions()?;
    Ok(client.with_root_certificates(roots).with_no_client_auth())
}
