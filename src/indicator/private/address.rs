//! Addresses that mean something within a network only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::PrivateClass;

/// Returns the class of an address that is private in any case.
pub(super) fn class(address: IpAddr) -> Option<PrivateClass> {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// Returns the IPv4 address that a translating prefix embeds: IPv4-compatible, NAT64 and 6to4.
pub(super) fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Returns the address that a name under `in-addr.arpa` or `ip6.arpa` stands for. The labels that
/// are missing for a whole address count as zero.
pub(super) fn of_reverse_name(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        let mut octets = [0; 4];
        let mut labels = labels.rsplit('.');
        for (octet, label) in octets.iter_mut().zip(&mut labels) {
            *octet = label.parse().ok()?;
        }
        return Some(Ipv4Addr::from(octets).into());
    }
    let labels = name.strip_suffix(".ip6.arpa")?;
    let mut bits = 0_u128;
    for (at, label) in labels.rsplit('.').take(32).enumerate() {
        let digit = u128::from_str_radix(label, 16).ok().filter(|it| *it < 16)?;
        bits |= digit << (124 - 4 * at);
    }
    Some(Ipv6Addr::from_bits(bits).to_canonical())
}

fn class_v4(address: Ipv4Addr) -> Option<PrivateClass> {
    let [first, second, ..] = address.octets();
    match (first, second) {
        (0, _) => Some(PrivateClass::Unspecified),
        (127, _) => Some(PrivateClass::Loopback),
        (10, _) | (172, 16..=31) | (192, 168) => Some(PrivateClass::PrivateNetwork),
        (100, 64..=127) => Some(PrivateClass::CarrierGrade),
        (169, 254) => Some(PrivateClass::LinkLocal),
        (224..=239, _) => Some(PrivateClass::Multicast),
        _ if address.is_broadcast() => Some(PrivateClass::Broadcast),
        _ => None,
    }
}

fn class_v6(address: Ipv6Addr) -> Option<PrivateClass> {
    if address.is_unspecified() {
        return Some(PrivateClass::Unspecified);
    }
    if address.is_loopback() {
        return Some(PrivateClass::Loopback);
    }
    match address.segments()[0] {
        0xfc00..=0xfdff => Some(PrivateClass::UniqueLocal),
        // The second half was site-local.
        0xfe80..=0xfeff => Some(PrivateClass::LinkLocal),
        0xff00..=0xffff => Some(PrivateClass::Multicast),
        _ => None,
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}
