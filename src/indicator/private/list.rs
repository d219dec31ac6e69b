//! An operator's list of private domains, networks and hashes.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;
use thiserror::Error;

use crate::indicator::Indicator;

/// The error for a line in no accepted form. The text of the line is left out,
/// because it is confidential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "line {line}: expected a domain such as `corp.example`, a CIDR block, an IP address, or an MD5, \
     SHA-1 or SHA-256"
)]
pub struct PrivateListError {
    line: usize,
}

impl PrivateListError {
    /// Returns the number of the line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

/// A parsed list, in a form that is fast to search.
#[derive(Clone, Default)]
pub(super) struct PrivateList {
    domains: HashSet<Box<str>>,
    hashes: HashSet<Box<str>>,
    v4: Vec<AddressRange>,
    v6: Vec<AddressRange>,
}

/// The addresses from the first to the last one. IPv4 addresses stand in the low bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AddressRange {
    first: u128,
    last: u128,
}

/// Omits the entries, because they are confidential.
impl std::fmt::Debug for PrivateList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateList")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl PrivateList {
    /// Parses the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, PrivateListError> {
        let mut list = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, line) in text.lines().enumerate() {
            let entry = without_comment(line).trim();
            if !entry.is_empty() && list.add(entry).is_none() {
                return Err(PrivateListError { line: at + 1 });
            }
        }
        merge(&mut list.v4);
        merge(&mut list.v6);
        Ok(list)
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.domains.len() + self.hashes.len() + self.v4.len() + self.v6.len()
    }

    /// Returns whether a normalised name or a name above it is listed.
    pub(super) fn has_name(&self, name: &str) -> bool {
        if self.domains.is_empty() {
            return false;
        }
        let mut name = name;
        loop {
            if self.domains.contains(name) {
                return true;
            }
            match name.split_once('.') {
                Some((_, above)) => name = above,
                None => return false,
            }
        }
    }

    /// Returns whether an address is in a listed network.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        let (ranges, bits) = match address.to_canonical() {
            IpAddr::V4(address) => (&self.v4, u128::from(address.to_bits())),
            IpAddr::V6(address) => (&self.v6, address.to_bits()),
        };
        // Ranges don't overlap, so that only the last one that begins before the address counts.
        let behind = ranges.partition_point(|range| range.first <= bits);
        let before = behind.checked_sub(1).and_then(|at| ranges.get(at));
        before.is_some_and(|range| bits <= range.last)
    }

    /// Returns whether a hash in lower case is listed.
    pub(super) fn has_hash(&self, hash: &str) -> bool {
        self.hashes.contains(hash)
    }

    /// Adds an entry; returns `None` if it has no accepted form.
    fn add(&mut self, entry: &str) -> Option<()> {
        if let Ok(file) = Indicator::file(entry) {
            self.hashes.insert(file.id().into());
        } else if entry.contains('/') {
            self.add_network(entry.parse().ok()?);
        } else if let Ok(address) = Indicator::ip(entry) {
            let address: IpAddr = address.id().parse().ok()?;
            self.add_network(address.into());
        } else {
            let name = entry.strip_prefix('*').unwrap_or(entry);
            let name = name.strip_prefix('.').unwrap_or(name);
            let domain = Indicator::domain(name).ok()?;
            self.domains.insert(domain.id().into());
        }
        Some(())
    }

    fn add_network(&mut self, network: IpNet) {
        match network {
            IpNet::V4(network) => self.v4.push(AddressRange {
                first: u128::from(network.network().to_bits()),
                last: u128::from(network.broadcast().to_bits()),
            }),
            IpNet::V6(network) => {
                let range = AddressRange {
                    first: network.network().to_bits(),
                    last: network.broadcast().to_bits(),
                };
                self.v6.push(range);
                self.v4.extend(mapped(range));
            }
        }
    }
}

/// Returns the IPv4 addresses that a range of IPv6 addresses maps, since those count as IPv4.
fn mapped(range: AddressRange) -> Option<AddressRange> {
    let first = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().to_bits();
    let last = Ipv4Addr::BROADCAST.to_ipv6_mapped().to_bits();
    let from = range.first.max(first);
    let to = range.last.min(last);
    let v4 = |bits| {
        Ipv6Addr::from_bits(bits)
            .to_ipv4_mapped()
            .map(Ipv4Addr::to_bits)
    };
    (from <= to).then_some(())?;
    Some(AddressRange {
        first: v4(from)?.into(),
        last: v4(to)?.into(),
    })
}

/// Sorts ranges and joins those that overlap or adjoin.
fn merge(ranges: &mut Vec<AddressRange>) {
    ranges.sort_unstable();
    let mut merged: Vec<AddressRange> = Vec::with_capacity(ranges.len());
    for range in ranges.iter() {
        match merged.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(range.last);
            }
            _ => merged.push(*range),
        }
    }
    *ranges = merged;
}

/// Returns a line without a comment. The `#` stands at the beginning or behind white space.
fn without_comment(line: &str) -> &str {
    for (at, _) in line.match_indices('#') {
        if line[..at].is_empty() || line[..at].ends_with(char::is_whitespace) {
            return &line[..at];
        }
    }
    line
}
