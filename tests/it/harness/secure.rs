//! An upstream behind TLS, with certificates made for the test.

use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::upstream::{listen, read_head};

/// A certificate and its key; a client that trusts the certificate accepts the server.
pub(crate) struct Identity {
    pem: String,
    key_pem: String,
    chain: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Creates a certificate for a host name or address, valid until the end of this year.
    pub(crate) fn of(host: &str, year: i32) -> Self {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            chain: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }
    }

    /// Returns the certificate, for `--upstream-ca-file`.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the private key, for a server that reads it from a file.
    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Returns the TLS settings of a client that trusts this certificate only.
    pub(crate) fn trust(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.chain.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        config.with_root_certificates(roots).with_no_client_auth()
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_of(&[])
    }

    /// Returns the server side of TLS that offers these protocols.
    pub(super) fn acceptor_of(&self, protocols: &[&[u8]]) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let (chain, key) = (vec![self.chain.clone()], self.key.clone_key().into());
        let config = config.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A server behind TLS on a free port that gives every request the same answer.
pub(crate) struct Secure {
    pub(crate) url: String,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    heard: Arc<Mutex<usize>>,
    _stop: DropGuard,
}

impl Secure {
    pub(crate) async fn start(identity: &Identity, answer: Vec<u8>) -> Self {
        let (listener, url) = listen().await;
        let stop = CancellationToken::new();
        let acceptor = Arc::new(Mutex::new(identity.acceptor()));
        let heard = Arc::new(Mutex::new(0));
        let (current, count, tasks) = (
            Arc::clone(&acceptor),
            Arc::clone(&heard),
            TaskTracker::new(),
        );
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = current.lock().unwrap().clone();
                tasks.spawn(serve(stream, acceptor, Arc::clone(&count), answer.clone()));
            }
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accept));
        Self {
            url: url.replace("http://", "https://"),
            acceptor,
            heard,
            _stop: stop.drop_guard(),
        }
    }

    /// Replaces the certificate that the server shows.
    pub(crate) fn become_known_as(&self, identity: &Identity) {
        *self.acceptor.lock().unwrap() = identity.acceptor();
    }

    /// Returns how many requests the server could read.
    pub(crate) fn heard(&self) -> usize {
        *self.heard.lock().unwrap()
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    heard: Arc<Mutex<usize>>,
    answer: Vec<u8>,
) {
    // A client that does not trust the certificate hangs up.
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let Some(call) = read_head(&mut stream).await else {
        return;
    };
    if !call.is_about_quota() {
        *heard.lock().unwrap() += 1;
    }
    let _ = stream.write_all(&answer).await;
    drop(stream.shutdown().await);
}
