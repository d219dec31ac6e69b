//! What a request says, read strictly: path, query, key, and where it comes from.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, Uri, Version, request::Parts},
};
use tokio::sync::OnceCell;
use tracing::warn;

pub use self::query::Query;

use crate::access::{CallerId, Ends, PeerOwner, PeerOwners, Place};
use crate::http::{
    error::ApiError,
    extract::caller::{Caller, Identified},
};

pub mod authority;
pub mod body;
pub mod caller;
pub mod format;
pub mod forwarded;
pub mod freshness;
pub mod list;
pub mod locality;
mod query;

/// The other end of the connection, put there by the accept loop.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    peer: SocketAddr,
    /// The gateway's own address, where the system still tells it.
    local: Option<SocketAddr>,
    /// Looked up at most once a connection, and only for requests that depend on it.
    owner: OnceCell<PeerOwner>,
}

/// Everything that a handler reads from a request.
///
/// Taking it never fails: a handler's own errors say what was being done, so reading
/// happens within it.
#[derive(Debug)]
pub struct Ask {
    /// The connection that the request came over, if any.
    pub peer: Option<Peer>,
    /// The version of HTTP that it is written in.
    pub version: Version,
    /// Its headers.
    pub headers: HeaderMap,
    /// Path and query as they came.
    pub uri: Uri,
    caller: Identified,
    segments: Option<Vec<String>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Ask {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.remove::<Peer>();
        let address = self::peer(peer.as_ref());
        let segments = RawPathParams::from_request_parts(parts, state).await.ok();
        let segments =
            segments.map(|segments| segments.iter().map(|(_, value)| value.to_owned()).collect());
        Ok(Self {
            peer,
            version: parts.version,
            // Nothing reads them after this: it comes before a body, if there is one.
            headers: std::mem::take(&mut parts.headers),
            uri: parts.uri.clone(),
            // There is no door before the port for whoever watches the gateway.
            caller: parts.extensions.remove().unwrap_or_else(|| Identified {
                caller: Ok(Caller::Nobody),
                id: CallerId::at(address),
                place: None,
            }),
            segments,
        })
    }
}

/// Whether this is a path of the API: what concerns a key, and is bounded.
pub fn is_under_api(uri: &Uri) -> bool {
    uri.path().starts_with("/api/v1/")
}

/// The address, or one that is nobody's where the request came over no connection.
pub fn peer(peer: Option<&Peer>) -> IpAddr {
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

impl Ask {
    /// Returns who sends it, or a 401 that says why its credential is not taken.
    ///
    /// A key in the query is a 400 here already: with no other one the answer would be that there
    /// is no key at all.
    pub fn caller(&self) -> Result<&Caller, ApiError> {
        let caller = self.caller.caller.as_ref().map_err(ApiError::from)?;
        if matches!(caller, Caller::Nobody) {
            self.parse_query().refuse_credentials()?;
        }
        Ok(caller)
    }

    /// Returns the caller that it counts for.
    pub fn caller_id(&self) -> CallerId {
        self.caller.id
    }

    /// Returns the place that it holds.
    pub fn place(&self) -> Place {
        let place = self.caller.place.clone();
        place.unwrap_or_else(|| Place::unbounded(self.caller_id()))
    }

    /// Returns the route's parameter at this place, percent-decoded.
    pub fn segment(&self, at: usize) -> Result<&str, ApiError> {
        let segments = self.segments.as_ref().ok_or_else(|| {
            ApiError::bad_request("the path is not valid UTF-8 once percent-decoded")
        })?;
        Ok(segments.get(at).map_or("", String::as_str))
    }

    /// Reads the query of a route that takes the parameters of these lists, and no others.
    pub fn query(&self, known: &[&[&str]]) -> Result<Query<'_>, ApiError> {
        let query = self.parse_query();
        query.check(&known.concat())?;
        Ok(query)
    }

    fn parse_query(&self) -> Query<'_> {
        Query::parse(self.uri.query().unwrap_or_default())
    }
}
