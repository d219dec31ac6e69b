//! TLS towards others: whom to trust, and by which cryptography.

use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

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
