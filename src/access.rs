//! The callers that requests count for, and the bounds on what one of them may hold.
//!
//! A *caller* is a client token, a VirusTotal key that VirusTotal has accepted before, or else
//! an address ([`CallerId`]). It is decided once, where a request comes in, and every share is
//! kept by it: the rate limit at the door, places for requests, waiting places, connections,
//! calls to VirusTotal, the queue for a shared key. A key that VirusTotal has not accepted yet
//! counts for its address, so that made-up keys gain nothing.

use std::net::{IpAddr, Ipv6Addr};

use crate::key::{ApiKey, KeyHash};

pub use self::{
    accepted::AcceptedKeys,
    memory::{KeyMemory, MAX_UNVERIFIED, OfKey},
    owner::{Ends, PeerOwner, PeerOwners},
    places::{Hold, Place, Places},
    shares::{Full, Share, Shares},
};

mod accepted;
mod memory;
mod owner;
mod places;
mod shares;

/// The caller that a request counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// A client, by the hash of its token.
    Client(KeyHash),
    /// The owner of a VirusTotal key that VirusTotal has accepted.
    Key(KeyHash),
    /// An IPv4 address, or the /64 of an IPv6 one, which is what one household has.
    Address(IpAddr),
}

/// Everything below the HTTP layer that depends on who sends a request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The VirusTotal key that the request spends.
    pub key: ApiKey,
    /// The caller that it counts for.
    pub caller: CallerId,
    /// The place that it holds; what only waits does so by [`Place::waiting`].
    pub place: Place,
}

impl CallerId {
    /// Returns the caller at an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_caller_is_its_network() {
        let at = |text: &str| CallerId::at(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
