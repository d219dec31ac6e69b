//! A Redis of a test's own.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Cmd, FromRedisValue};

use super::Folder;

/// How long Redis may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` on a free port that keeps nothing on disk; it ends when dropped.
pub(crate) struct Redis {
    address: SocketAddr,
    process: Child,
    folder: Folder,
}

impl Redis {
    /// `None` where no `redis-server` is installed.
    pub(crate) fn start() -> Option<Self> {
        Self::at(free_address())
    }

    /// The same at an address that was found to be free.
    pub(crate) fn at(address: SocketAddr) -> Option<Self> {
        let folder = Folder::new();
        let process = run(address, &folder)?;
        Some(Self {
            address,
            process,
            folder,
        })
    }

    pub(crate) fn url(&self) -> String {
        url_of(self.address)
    }

    /// What it says to this order: words, parted by spaces.
    pub(crate) fn order<T: FromRedisValue>(&self, order: &str) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut cmd = Cmd::new();
        for word in order.split(' ') {
            cmd.arg(word);
        }
        cmd.query(&mut connection).unwrap()
    }

    /// Ends it at once, and all that it knows.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        self.process = run(self.address, &self.folder).unwrap();
    }

    /// Has it stand still, or go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address that nothing listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

pub(crate) fn url_of(address: SocketAddr) -> String {
    format!("redis://{address}")
}

fn run(address: SocketAddr, folder: &Folder) -> Option<Child> {
    let process = Command::new("redis-server")
        .args(["--bind", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < PATIENCE, "redis-server does not listen");
        std::thread::yield_now();
    }
    Some(process)
}

/// The test's Redis; the test says that it is skipped, and ends, where there is none.
macro_rules! redis_or_skip {
    () => {
        match $crate::harness::Redis::start() {
            Some(redis) => redis,
            None => return eprintln!("skipped: redis-server is not installed"),
        }
    };
}

pub(crate) use redis_or_skip;
