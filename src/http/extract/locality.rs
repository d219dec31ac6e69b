//! The check that a request comes directly from the gateway's own user on its own machine.
//!
//! The loopback address is not enough: a proxy on this machine has it, too. So the process at the
//! other end must be the same user's or root's, and the request must show no sign of a proxy. A
//! proxy of the same user that adds nothing and speaks HTTP/1.1 can't be told from that user.

use axum::http::{HeaderMap, HeaderName, Version, request::Parts};
use thiserror::Error;

use super::{
    authority,
    peer::{self, ConnectionInfo},
};
use crate::{access::PeerOwner, http::state::Gateway};

/// Headers that proxies add and other clients do not.
const PROXY_HEADERS: [&str; 8] = [
    "cdn-loop",
    "forwarded",
    "via",
    "x-forward-for",
    "x-real-ip",
    "x-real-port",
    "x-remote-addr",
    "x-remote-ip",
];

/// The beginnings of such headers' names.
const PROXY_PREFIXES: [&str; 5] = ["cf-", "x-azure-", "x-envoy-", "x-forwarded", "x-original-"];

/// The ends of such headers' names: `True-Client-IP`, `DO-Connecting-IP`, `X-Vercel-Forwarded-For`.
const PROXY_SUFFIXES: [&str; 3] = ["client-ip", "connecting-ip", "forwarded-for"];

/// The reason why a request does not count as the gateway's own user's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotLocal {
    /// The connection comes from elsewhere.
    #[error("comes from another machine")]
    Remote,
    /// A proxy passed it on.
    #[error("carries the header `{0}`, which proxies add")]
    ProxyHeader(HeaderName),
    /// A proxy most likely passed it on.
    #[error("is HTTP/1.0, as proxies send it")]
    OldHttp,
    /// The host is not listed: a foreign DNS name may point here.
    #[error("has a `Host` that VT4AI_ALLOWED_HOSTS does not list")]
    Host,
    /// The process at the other end is another user's.
    #[error("comes from a process of another user (uid {0}), such as a proxy's")]
    OtherUser(u32),
    /// The process at the other end can't be found.
    #[error("comes from a process whose user the system does not tell")]
    UnknownUser,
}

/// A mark on a request that the process itself made: an extension, so that no request from a socket
/// has it.
#[derive(Clone, Copy, Debug)]
pub struct OwnRequest;

/// Checks that a request is local; asks the system only if all else says so.
pub async fn check(parts: &Parts, gateway: &Gateway) -> Result<(), NotLocal> {
    if !peer::address(&parts.extensions)
        .to_canonical()
        .is_loopback()
    {
        return Err(NotLocal::Remote);
    }
    if let Some(name) = proxy_header(&parts.headers) {
        return Err(NotLocal::ProxyHeader(name.clone()));
    }
    if parts.version < Version::HTTP_11 {
        return Err(NotLocal::OldHttp);
    }
    if !has_allowed_host(parts, &gateway.access.allowed_hosts) {
        return Err(NotLocal::Host);
    }
    let Some(info) = parts.extensions.get::<ConnectionInfo>() else {
        return Err(NotLocal::UnknownUser);
    };
    match info.peer.owner(&gateway.owners).await {
        PeerOwner::Trusted | PeerOwner::Unsupported => Ok(()),
        PeerOwner::Other(uid) => Err(NotLocal::OtherUser(uid)),
        PeerOwner::Unknown => Err(NotLocal::UnknownUser),
    }
}

fn proxy_header(headers: &HeaderMap) -> Option<&HeaderName> {
    headers.keys().find(|name| is_of_proxy(name.as_str()))
}

fn is_of_proxy(name: &str) -> bool {
    PROXY_HEADERS.contains(&name)
        || PROXY_PREFIXES.iter().any(|it| name.starts_with(it))
        || PROXY_SUFFIXES.iter().any(|it| name.ends_with(it))
}

/// Returns whether a request names one of the hosts under which callers without a credential are
/// served.
pub fn has_allowed_host(parts: &Parts, allowed: &[String]) -> bool {
    let Some(authority) = authority::of(&parts.headers, &parts.uri) else {
        return false;
    };
    let host = authority::without_port(authority);
    allowed.iter().any(|it| it.eq_ignore_ascii_case(host))
}
