//! Callers, to which requests are attributed, and the bounds on what one of them may hold.
//!
//! A *caller* is a client token, a VirusTotal key that VirusTotal has accepted before, or else an
//! address ([`CallerId`]). It is determined once, when a request arrives. Every bound applies per
//! caller: the rate limit, places for requests, waiting places, connections, calls to VirusTotal,
//! the queue for a shared key. A key that VirusTotal has not accepted yet counts for its address,
//! so made-up keys gain nothing.

use std::net::{IpAddr, Ipv6Addr};

pub use self::{
    accepted::AcceptedKeys,
    context::{RedisBudget, RequestContext},
    cost::{Cost, CostCounter, UnitBudget},
    file_state::FileState,
    key::{ApiKey, InvalidKey, KeyHash, TOKEN_PREFIX, TokenDigest, holds_token},
    key_filter::{KeyFilter, holds_key, without_key},
    memory::{KeyMemory, MAX_UNVERIFIED, OfKey},
    meter::UsageMeter,
    operator_key::{UnusableKey, is_usual, key_in_file, key_in_variable, parse_operator_key},
    owner::{Ends, PeerOwner, PeerOwners},
    places::{Hold, Place, Places},
    rate_limit::RateLimit,
    slots::{Full, Slot, SlotPool},
    usage::{
        MAX_USAGE_CALLERS, USAGE_DAYS, UsageBook, UsageCaller, UsageCounts, UsageRow, days_between,
        first_day,
    },
    usage_table::{CallerNumbers, UsageTable},
    window::{CalendarWindow, SlidingWindow},
};

mod accepted;
pub mod clients;
mod context;
mod cost;
mod file_state;
mod key;
mod key_filter;
mod memory;
mod meter;
mod operator_key;
mod owner;
mod places;
mod rate_limit;
mod slots;
mod usage;
mod usage_table;
mod window;

/// The caller to which a request is attributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// A client, by its token's hash.
    Client(KeyHash),
    /// The owner of a VirusTotal key that VirusTotal has accepted.
    Key(KeyHash),
    /// An IPv4 address, or the /64 of an IPv6 address, the usual allocation of one household.
    Address(IpAddr),
}

impl CallerId {
    /// Returns the caller at an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                // Keeps the upper 64 bits, the network.
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
    fn ipv6_caller_is_its_network() {
        let at = |text: &str| CallerId::at(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
