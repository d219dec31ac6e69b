//! A Redis for one test.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use redis::{Cmd, FromRedisValue};

use super::{
    Folder,
    process::{free_address, signal, until_listening},
    secure::Identity,
};

/// A `redis-server` on a free port that keeps nothing on disk; it ends when dropped.
pub(crate) struct Redis {
    address: SocketAddr,
    is_secure: bool,
    process: Child,
    folder: Folder,
}

impl Redis {
    /// Starts a Redis; fails if no `redis-server` is installed.
    pub(crate) fn start() -> Self {
        Self::at(free_address())
    }

    /// Starts a Redis at an address that was found to be free.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::run(address, Folder::new(), false)
    }

    /// Starts a Redis that speaks TLS only, with this certificate.
    pub(crate) fn secure(identity: &Identity) -> Self {
        let folder = Folder::new().with("own.pem", identity.pem());
        let folder = folder.with("key.pem", identity.key_pem());
        Self::run(free_address(), folder, true)
    }

    fn run(address: SocketAddr, folder: Folder, is_secure: bool) -> Self {
        let process = run(address, &folder, is_secure);
        Self {
            address,
            is_secure,
            process,
            folder,
        }
    }

    pub(crate) fn url(&self) -> String {
        let url = url_of(self.address);
        if self.is_secure {
            return url.replace("redis://", "rediss://");
        }
        url
    }

    /// Sends a command, its words separated by spaces, and returns the answer.
    pub(crate) fn order<T: FromRedisValue>(&self, order: &str) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut cmd = Cmd::new();
        for word in order.split(' ') {
            cmd.arg(word);
        }
        cmd.query(&mut connection).unwrap()
    }

    /// Kills the process, and with it all data.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts Redis again at the same address.
    pub(crate) fn start_again(&mut self) {
        self.process = run(self.address, &self.folder, self.is_secure);
    }

    /// Sends the process a signal, such as `-STOP` or `-CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.process, name);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn url_of(address: SocketAddr) -> String {
    format!("redis://{address}")
}

fn run(address: SocketAddr, folder: &Folder, is_secure: bool) -> Child {
    let port = address.port().to_string();
    let own = ["--tls-cert-file", "own.pem", "--tls-key-file", "key.pem"];
    let ports = if is_secure {
        let no_client = ["--tls-auth-clients", "no", "--tls-ca-cert-file", "own.pem"];
        [&["--port", "0", "--tls-port", &port], &own[..], &no_client].concat()
    } else {
        vec!["--port", &port]
    };
    let process = Command::new("redis-server")
        .args(["--bind", &address.ip().to_string()])
        .args(ports)
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs redis-server on the PATH");
    until_listening("redis-server", address);
    process
}
