//! Addresses that are not public, about which engines can say nothing of use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns the kind of an address that is private or reserved.
///
/// An IPv4-mapped address counts as its IPv4 address. Documentation ranges are public.
pub fn reserved(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => reserved_v4(address),
        IpAddr::V6(address) => reserved_v6(address),
    }
}

fn reserved_v4(address: Ipv4Addr) -> Option<&'static str> {
    let kind = match address.octets() {
        [0, 0, 0, 0] => "unspecified address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private address",
        [127, ..] => "loopback address",
        [169, 254, ..] => "link-local address",
        [100, 64..=127, ..] => "carrier-grade NAT address",
        [224..=239, ..] => "multicast address",
        // IETF protocol assignments and benchmarks.
        [0 | 240..=255, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => "reserved address",
        _ => return None,
    };
    Some(kind)
}

fn reserved_v6(address: Ipv6Addr) -> Option<&'static str> {
    let kind = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback address",
        // Unique local and the deprecated site-local addresses.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => "private address",
        [0xfe80..=0xfebf, ..] => "link-local address",
        [0xff00..=0xffff, ..] => "multicast address",
        // Discard-only addresses, and those for local NAT64.
        [0x100, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => "reserved address",
        _ => return None,
    };
    Some(kind)
}
