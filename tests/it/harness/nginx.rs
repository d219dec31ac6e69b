//! An nginx for one test, with the shipped configuration.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, redirect};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Folder, Identity, Reply, process::signal, send};

/// The name in nginx's certificate.
const HOST: &str = "127.0.0.1";

/// The failure of a test without nginx.
const MISSING: &str = "this test needs nginx";

/// An nginx with `deploy/nginx.conf`, but its own ports, paths and addresses of the gateway; it
/// ends when dropped.
pub(crate) struct Nginx {
    /// The address of the TLS port.
    pub(crate) address: SocketAddr,
    /// The address of the plain HTTP port.
    pub(crate) plain: SocketAddr,
    identity: Identity,
    client: Client,
    process: Child,
    folder: Folder,
}

impl Nginx {
    /// Starts nginx in front of replicas at these addresses or URLs; fails if nginx is not
    /// installed.
    pub(crate) fn before(replicas: &[&str]) -> Self {
        let (folder, identity) = (Folder::new(), Identity::of(HOST, 2099));
        folder.put("fullchain.pem", identity.pem());
        folder.put("privkey.pem", identity.key_pem());
        let (secure, address) = listen();
        let (open, plain) = listen();
        let own = configuration(&folder, (address, plain), replicas);
        folder.put("nginx.conf", &own);
        // nginx inherits sockets as from an older nginx, so that no other process can take its
        // ports,
        // and callers queue from the start.
        let process = nginx()
            .args(["-e", &folder.file("error.log")])
            .args(["-c", &folder.file("nginx.conf")])
            .args(["-g", "daemon off;"])
            .env("NGINX", "0;1;")
            .stdin(Stdio::from(secure))
            .stdout(Stdio::from(open))
            .spawn()
            .expect(MISSING);
        Self {
            address,
            plain,
            client: trusting(&identity).build().unwrap(),
            identity,
            process,
            folder,
        }
    }

    /// Returns a builder of clients that trust only nginx's certificate.
    pub(crate) fn client(&self) -> ClientBuilder {
        trusting(&self.identity)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Sends a GET over TLS with only these headers.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = self.client.get(self.url(path));
        send(
            headers
                .iter()
                .fold(request, |it, (name, value)| it.header(*name, *value)),
        )
        .await
    }

    /// Returns a POST over TLS, to be given a body and sent with [`send`].
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    /// Writes bytes over TLS and returns everything that comes until the connection ends.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::from(self.address.ip());
        let connector = TlsConnector::from(Arc::new(self.identity.trust()));
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // nginx may end the connection without a TLS close.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops nginx and returns its logs.
    pub(crate) fn end(mut self) -> String {
        self.quit();
        ["access.log", "error.log"]
            .map(|log| fs::read_to_string(self.folder.file(log)).unwrap())
            .concat()
    }

    /// Stops nginx with the signal that also ends its workers.
    fn quit(&mut self) {
        signal(&self.process, "-TERM");
        let _ = self.process.wait();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.quit();
        }
    }
}

/// An nginx with Debian's defaults and a `proxy_pass`; it ends when dropped.
pub(crate) struct BareNginx {
    address: SocketAddr,
    process: Child,
    _folder: Folder,
}

impl BareNginx {
    /// Starts nginx in front of a gateway, with more directives; fails if nginx is not installed.
    pub(crate) fn before(gateway: SocketAddr, more: &str) -> Self {
        let folder = Folder::new();
        let path = folder.path().display().to_string();
        let (socket, address) = listen();
        let scratch = scratch(&path);
        let configuration = format!(
            "user www-data; pid {path}/pid; events {{}}
             http {{ {scratch} access_log off;
               server {{ listen {address}; location / {{ {more} proxy_pass http://{gateway}; }} }}
             }}"
        );
        folder.put("nginx.conf", &configuration);
        let process = nginx()
            .args(["-e", &folder.file("error.log")])
            .args(["-c", &folder.file("nginx.conf")])
            .args(["-g", "daemon off;"])
            .env("NGINX", "0;")
            .stdin(Stdio::from(socket))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(MISSING);
        Self {
            address,
            process,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for BareNginx {
    fn drop(&mut self) {
        signal(&self.process, "-TERM");
        let _ = self.process.wait();
    }
}

/// Returns the directives for the folders that nginx writes to.
fn scratch(path: &str) -> String {
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!(" {kind}_temp_path {path}/{kind};"))
        .concat()
}

/// Returns a command for nginx, which Debian installs where only root's `PATH` leads.
pub(crate) fn nginx() -> Command {
    let mut command = Command::new("nginx");
    let folders = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
    command.env("PATH", folders);
    command
}

/// Returns the shipped configuration with this folder, these ports and these replicas.
fn configuration(
    folder: &Folder,
    (secure, plain): (SocketAddr, SocketAddr),
    replicas: &[&str],
) -> String {
    let path = folder.path().display().to_string();
    let scratch = scratch(&path);
    let servers = replicas.iter().map(|it| it.trim_start_matches("http://"));
    let servers = servers.map(|it| format!("server {it} max_fails=0;"));
    let servers = servers.collect::<Vec<_>>().concat();
    let user = fs::metadata("/proc/self").unwrap().uid();
    let own = include_str!("../../../deploy/nginx.conf")
        .replace("user www-data;", if user == 0 { "user root;" } else { "" })
        .replace("/run/nginx.pid", &format!("{path}/pid"))
        .replace("/var/log/nginx/", &format!("{path}/"))
        .replace("/etc/vt4ai/tls/", &format!("{path}/"))
        .replace("listen 80;", &format!("listen {plain};"))
        .replace("listen [::]:80;", "")
        .replace("listen 443 ", &format!("listen {secure} "))
        .replace("listen [::]:443 ssl http2;", "")
        .replace("server 127.0.0.1:8000 max_fails=0;", &servers)
        .replace("http {\n", &format!("http {{{scratch}\n"));
    for shipped in ["127.0.0.1:8000", "/var/log", "/etc/", "listen [:"] {
        assert!(!own.contains(shipped), "{shipped}");
    }
    own
}

/// Opens a socket on a free port that nginx can inherit, and returns its address too.
fn listen() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    // nginx uses the socket as it is.
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

fn trusting(identity: &Identity) -> ClientBuilder {
    // Fails if the process has installed a provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = Certificate::from_pem(identity.pem().as_bytes()).unwrap();
    Client::builder()
        .no_proxy()
        .no_gzip()
        .redirect(redirect::Policy::none())
        .tls_certs_only([certificate])
}
