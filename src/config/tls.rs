//! TLS client configuration: trusted authorities and the cryptography provider.

use std::{fs, io, path::Path};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Reads the authorities in a PEM file. An empty file is an error, since it can't be intended.
pub fn read_authorities(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let pem = fs::read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(io::Error::other)?;
    if all.is_empty() {
        return Err(io::Error::other("the file contains no PEM certificate"));
    }
    Ok(all)
}

/// Returns a client configuration that trusts the built-in roots and these authorities.
///
/// Fails if one of them is not a valid CA certificate.
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
