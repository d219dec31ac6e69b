//! Whether a request comes straight from the gateway's own user on its own machine.
//!
//! The address alone does not tell: a proxy on this machine has it, too. So the process at the
//! other end has to be the same user's or root's, and nothing in the request may be a proxy's
//! work. A proxy of the same user that adds nothing and speaks HTTP/1.1 can't be told from that
//! user.

use axum::http::{HeaderMap, HeaderName, Version};
use thiserror::Error;

use crate::access::PeerOwner;
use crate::http::{
    extract::authority,
    extract::{self, Ask},
    state::Gateway,
};

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
    #[error("it comes from another machine")]
    Remote,
    /// A proxy passed it on.
    #[error("it carries the header `{0}`, which proxies add")]
    ProxyHeader(HeaderName),
    /// A proxy most likely passed it on.
    #[error("it is HTTP/1.0, as proxies send it")]
    OldHttp,
    /// A DNS name of someone else's may lead here.
    #[error("its `Host` is not one that VT4AI_ALLOWED_HOSTS lists")]
    Host,
    /// The process at the other end is another user's.
    #[error("it comes from a process of another user (uid {0}), such as a proxy's")]
    OtherUser(u32),
    /// The process at the other end can't be found.
    #[error("the system does not tell which user's process it comes from")]
    UnknownUser,
}

/// Checks that a request is local; asks the system only if all else says so.
pub async fn check(ask: &Ask, gateway: &Gateway) -> Result<(), NotLocal> {
    if !extract::peer(ask.peer.as_ref())
        .to_canonical()
        .is_loopback()
    {
        return Err(NotLocal::Remote);
    }
    if let Some(name) = proxy_header(&ask.headers) {
        return Err(NotLocal::ProxyHeader(name.clone()));
    }
    if ask.version < Version::HTTP_11 {
        return Err(NotLocal::OldHttp);
    }
    if !has_allowed_host(ask, &gateway.access.allowed_hosts) {
        return Err(NotLocal::Host);
    }
    let Some(peer) = &ask.peer else {
        return Err(NotLocal::UnknownUser);
    };
    match peer.owner(&gateway.owners).await {
        PeerOwner::Trusted | PeerOwner::Untold => Ok(()),
        PeerOwner::Other(uid) => Err(NotLocal::OtherUser(uid)),
        PeerOwner::Unknown => Err(NotLocal::UnknownUser),
    }
}

fn proxy_header(headers: &HeaderMap) -> Option<&HeaderName> {
    let is_proxys = |name: &&HeaderName| {
        let name = name.as_str();
        PROXY_HEADERS.contains(&name)
            || PROXY_PREFIXES.iter().any(|it| name.starts_with(it))
            || PROXY_SUFFIXES.iter().any(|it| name.ends_with(it))
    };
    headers.keys().find(is_proxys)
}

fn has_allowed_host(ask: &Ask, allowed: &[String]) -> bool {
    let Some(authority) = authority::of(&ask.headers, &ask.uri) else {
        return false;
    };
    let host = authority::without_port(authority);
    allowed.iter().any(|it| it.eq_ignore_ascii_case(host))
}
