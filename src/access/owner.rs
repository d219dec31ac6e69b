//! The user that owns the peer's socket of a local connection.
//!
//! Linux lists every TCP socket of a network namespace with its owner. The peer's socket is in the
//! same list as the gateway's, with local and remote address swapped. A peer in another namespace
//! or on another machine is not listed.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// The maximum number of concurrent reads of the list. With tens of thousands of sockets a read
/// takes long.
const MAX_CONCURRENT_READS: usize = 2;

/// The owner of a peer's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerOwner {
    /// The gateway's own user, or root.
    Trusted,
    /// Another user, by its id.
    Other(u32),
    /// The socket is not listed, or its user can't be told from others.
    Unknown,
    /// The system does not list sockets with their owners (any but Linux).
    Unsupported,
}

/// The two ends of a connection, as the gateway sees them.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The peer's address.
    pub peer: SocketAddr,
    /// The gateway's own address on this connection.
    pub local: SocketAddr,
}

/// A finder of the owners of peers' sockets.
#[derive(Clone, Debug)]
pub struct PeerOwners {
    reads: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl PeerOwners {
    /// Creates a finder that reads the list in blocking tasks of this tracker.
    pub fn new(tasks: TaskTracker) -> Self {
        Self {
            reads: Arc::new(Semaphore::new(MAX_CONCURRENT_READS)),
            tasks,
        }
    }

    /// Finds the owner of the peer's socket.
    ///
    /// # Errors
    ///
    /// Fails if the list can't be read. Another attempt may succeed.
    pub async fn find(&self, ends: Ends) -> io::Result<PeerOwner> {
        let reads = Arc::clone(&self.reads);
        let permit = reads.acquire_owned().await.map_err(io::Error::other)?;
        let find = move || {
            // Held until the read ends, even if the caller hangs up before.
            let _permit = permit;
            system::find(ends)
        };
        self.tasks.spawn_blocking(find).await?
    }
}

impl Ends {
    /// Returns whether a socket with these two addresses is the peer's.
    ///
    /// A dual-stack socket lists IPv4 addresses in IPv4-mapped form.
    #[cfg(target_os = "linux")]
    fn are_of(&self, own: SocketAddr, other: SocketAddr) -> bool {
        is_same(own, self.peer) && is_same(other, self.local)
    }
}

#[cfg(target_os = "linux")]
fn is_same(one: SocketAddr, two: SocketAddr) -> bool {
    one.port() == two.port() && one.ip().to_canonical() == two.ip().to_canonical()
}

#[cfg(target_os = "linux")]
mod system {
    use std::{fs, io};

    use procfs::{
        ProcError,
        net::{TcpNetEntry, tcp, tcp6},
        process::Process,
    };

    use super::{Ends, PeerOwner};

    /// The number of attempts. The list is no snapshot: an entry can be missed while others are
    /// removed.
    const MAX_LIST_READS: usize = 3;

    /// The user id that stands for all users that a user namespace does not map.
    const OVERFLOW_UID: u32 = 65_534;

    /// Finds the owner in the kernel's lists of TCP sockets.
    pub(super) fn find(ends: Ends) -> io::Result<PeerOwner> {
        for _ in 0..MAX_LIST_READS {
            if let Some(uid) = listed_owner(ends)? {
                return owner(uid);
            }
        }
        Ok(PeerOwner::Unknown)
    }

    fn listed_owner(ends: Ends) -> io::Result<Option<u32>> {
        // The IPv6 list contains dual-stack clients that connected over IPv4.
        if ends.peer.ip().to_canonical().is_ipv4()
            && let Some(uid) = owner_in(entries(tcp())?, ends)
        {
            return Ok(Some(uid));
        }
        Ok(owner_in(entries(tcp6())?, ends))
    }

    /// Returns the owner of the peer's socket, if it is in the list.
    ///
    /// A socket that its process has closed has no inode and is listed as root's, so it must not
    /// count.
    fn owner_in(entries: Vec<TcpNetEntry>, ends: Ends) -> Option<u32> {
        for entry in entries {
            if entry.inode != 0 && ends.are_of(entry.local_address, entry.remote_address) {
                return Some(entry.uid);
            }
        }
        None
    }

    /// Treats a missing list as empty: without IPv6 there is no list for it.
    fn entries(list: Result<Vec<TcpNetEntry>, ProcError>) -> io::Result<Vec<TcpNetEntry>> {
        match list {
            Err(ProcError::NotFound(_)) => Ok(Vec::new()),
            list => list.map_err(io::Error::other),
        }
    }

    fn owner(uid: u32) -> io::Result<PeerOwner> {
        let process = Process::myself().map_err(io::Error::other)?;
        let own = process.status().map_err(io::Error::other)?;
        if uid == OVERFLOW_UID && !maps_every_user()? {
            return Ok(PeerOwner::Unknown);
        }
        if uid == own.euid || uid == 0 {
            return Ok(PeerOwner::Trusted);
        }
        Ok(PeerOwner::Other(uid))
    }

    /// Returns whether this user namespace maps every user to its own id.
    fn maps_every_user() -> io::Result<bool> {
        let map = fs::read_to_string("/proc/self/uid_map")?;
        Ok(map.split_whitespace().eq(["0", "0", "4294967295"]))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use super::{Ends, PeerOwner};

    #[expect(clippy::unnecessary_wraps, reason = "reading can fail on Linux")]
    pub(super) fn find(_: Ends) -> io::Result<PeerOwner> {
        Ok(PeerOwner::Unsupported)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Returns both ends of a connection to this address.
    fn connect(to: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(to).unwrap();
        let mut address = listener.local_addr().unwrap();
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let client = TcpStream::connect(address).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn ends(server: &TcpStream) -> Ends {
        Ends {
            peer: server.peer_addr().unwrap(),
            local: server.local_addr().unwrap(),
        }
    }

    async fn find(ends: Ends) -> PeerOwner {
        PeerOwners::new(TaskTracker::new())
            .find(ends)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn socket_of_this_process_is_trusted() {
        for address in ["127.0.0.1:0", "127.0.0.2:0", "[::]:0"] {
            let (_client, server) = connect(address);
            assert_eq!(find(ends(&server)).await, PeerOwner::Trusted, "{address}");
        }
    }

    #[tokio::test]
    async fn closed_socket_has_no_owner() {
        let (client, server) = connect("127.0.0.1:0");
        drop(client);
        assert_eq!(find(ends(&server)).await, PeerOwner::Unknown);
    }

    #[tokio::test]
    async fn unlisted_socket_has_no_owner() {
        let (_client, server) = connect("127.0.0.1:0");
        let mut ends = ends(&server);
        std::mem::swap(&mut ends.local, &mut ends.peer);
        // Both ends belong to this process, so the swapped pair is listed, too.
        assert_eq!(find(ends).await, PeerOwner::Trusted);
        ends.local.set_ip([192, 0, 2, 1].into());
        assert_eq!(find(ends).await, PeerOwner::Unknown);
    }
}
