//! What a request says, read strictly: path, query, key, and where it comes from.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, Uri, request::Parts},
};

pub use self::query::Query;

use super::{
    caller::{Caller, Identified},
    error::ApiError,
};
use crate::access::CallerId;

mod query;

/// The address at the other end of the connection, put there by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Everything that a handler reads from a request.
///
/// Taking it never fails: a handler's own errors say what was being done, so reading
/// happens within it.
#[derive(Debug)]
pub struct Ask {
    /// Where the request comes from.
    pub peer: IpAddr,
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
        let peer = peer(parts.extensions.get());
        let segments = RawPathParams::from_request_parts(parts, state).await.ok();
        let segments =
            segments.map(|segments| segments.iter().map(|(_, value)| value.to_owned()).collect());
        Ok(Self {
            peer,
            // Nothing reads them after this: it comes before a body, if there is one.
            headers: std::mem::take(&mut parts.headers),
            uri: parts.uri.clone(),
            // There is no door before the port for whoever watches the gateway.
            caller: parts.extensions.remove().unwrap_or_else(|| Identified {
                caller: Ok(Caller::Nobody),
                id: CallerId::at(peer),
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
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |Peer(address)| *address)
}

impl Ask {
    /// Who sends it, or a 401 that says why what it carries is not taken.
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

    /// The route's parameter at this place, percent-decoded.
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
