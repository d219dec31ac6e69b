//! The other end of a connection.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::sync::OnceCell;
use tracing::warn;

use crate::access::{Ends, PeerOwner, PeerOwners};

/// The other end of a connection: an extension that the accept loop adds to each request.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    peer: SocketAddr,
    /// The gateway's own address, if the system still knows it.
    local: Option<SocketAddr>,
    /// Looked up at most once a connection, and only for requests that depend on it.
    owner: OnceCell<PeerOwner>,
}

/// Returns the address of the peer, or the unspecified one where a request came over no connection.
pub fn address(peer: Option<&Peer>) -> IpAddr {
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), Peer::address)
}

impl Peer {
    /// Creates the extension for a connection from `peer` to the address `local`.
    pub fn new(peer: SocketAddr, local: Option<SocketAddr>) -> Self {
        Self(Arc::new(Connection {
            peer,
            local,
            owner: OnceCell::new(),
        }))
    }

    /// Returns the address that the connection comes from.
    pub fn address(&self) -> IpAddr {
        self.0.peer.ip()
    }

    /// Finds the user whose process is at the other end.
    pub async fn owner(&self, owners: &PeerOwners) -> PeerOwner {
        let Connection { peer, local, owner } = &*self.0;
        let Some(local) = *local else {
            return PeerOwner::Unknown;
        };
        let ends = Ends { peer: *peer, local };
        let found = owner.get_or_try_init(|| owners.find(ends)).await;
        found.copied().unwrap_or_else(|error| {
            warn!(%error, "the owner of a connection could not be looked up");
            PeerOwner::Unknown
        })
    }
}
