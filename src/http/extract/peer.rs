//! The other end of a connection.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::http::Extensions;
use tokio::sync::OnceCell;
use tracing::warn;

use crate::access::{Ends, PeerOwner, PeerOwners};

/// The facts about a request that the accept loop knows: an extension that it adds to each request.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The other end of the connection.
    pub peer: Peer,
    /// The reason for which the request is rejected before it is routed.
    pub rejected: Option<Unroutable>,
}

/// A reason for which a request is not routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unroutable {
    /// The address of its peer holds too much memory already.
    Overloaded,
    /// Its `Transfer-Encoding` does not end in `chunked`.
    OddlyFramed,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer(Arc<PeerConnection>);

#[derive(Debug)]
struct PeerConnection {
    peer: SocketAddr,
    /// The gateway's own address, if the system still knows it.
    local: Option<SocketAddr>,
    /// Looked up at most once a connection, and only for requests that depend on it.
    owner: OnceCell<PeerOwner>,
}

/// Returns the address of the peer, or the unspecified one where a request came over no connection.
pub fn address(extensions: &Extensions) -> IpAddr {
    match extensions.get::<ConnectionInfo>() {
        Some(info) => info.peer.address(),
        None => Ipv4Addr::UNSPECIFIED.into(),
    }
}

impl Peer {
    /// Creates the extension for a connection from `peer` to the address `local`.
    pub fn new(peer: SocketAddr, local: Option<SocketAddr>) -> Self {
        Self(Arc::new(PeerConnection {
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
        let PeerConnection { peer, local, owner } = &*self.0;
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
