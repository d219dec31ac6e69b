//! The caller's address behind proxies.
//!
//! Any client can send `Forwarded` or `X-Forwarded-For`; only the entries that trusted proxies
//! appended at the end count.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A reader of the address in one entry of a chain.
type ReadHop = fn(&str) -> Option<IpAddr>;

/// Returns the address of the caller: the last one in the chain that is no trusted proxy's.
///
/// If the two headers name different callers, one of them is not the proxy's own, and neither
/// counts.
pub fn caller_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let readers: [(HeaderName, ReadHop); 2] = [
        (X_FORWARDED_FOR, read_node),
        (header::FORWARDED, read_element),
    ];
    let mut caller = None;
    for (name, read) in readers {
        let Some(hops) = joined_values(headers, &name) else {
            continue;
        };
        let named = last_untrusted(&hops, read, trusted).unwrap_or(peer);
        if caller.is_some_and(|other| other != named) {
            return peer;
        }
        caller = Some(named);
    }
    caller.unwrap_or(peer)
}

/// Returns whether the caller used TLS, as a trusted proxy says in `X-Forwarded-Proto`.
pub fn is_secure(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    if !is_trusted(peer.to_canonical(), trusted) {
        return false;
    }
    let Some(schemes) = joined_values(headers, &X_FORWARDED_PROTO) else {
        return false;
    };
    // The last entry is that of the nearest proxy.
    let nearest = schemes.rsplit(',').next().unwrap_or_default();
    nearest.trim().eq_ignore_ascii_case("https")
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Walks a chain from its end up to the first address that is no trusted proxy's.
///
/// An unreadable entry ends the chain: the entries before it prove nothing.
fn last_untrusted(hops: &str, read: ReadHop, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut last = None;
    for hop in hops.rsplit(',') {
        let Some(address) = read(hop.trim()) else {
            break;
        };
        let address = address.to_canonical();
        last = Some(address);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    last
}

/// Joins all values of a header into one list.
///
/// Bytes that are no text spoil only the entry that holds them, not those that proxies appended.
fn joined_values(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let mut list = String::from_utf8_lossy(values.next()?.as_bytes()).into_owned();
    for value in values {
        list.push(',');
        list.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    Some(list)
}

/// Reads the address of an element such as `for=192.0.2.1;proto=https` (RFC 7239).
fn read_element(element: &str) -> Option<IpAddr> {
    for pair in element.split(';') {
        if let Some((name, node)) = pair.split_once('=')
            && name.trim().eq_ignore_ascii_case("for")
        {
            return read_node(node.trim());
        }
    }
    None
}

/// Reads an address with or without a port, brackets or quotes.
fn read_node(node: &str) -> Option<IpAddr> {
    let node = node.trim_matches('"');
    let bare = node.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Some(address);
    }
    let socket: SocketAddr = node.parse().ok()?;
    Some(socket.ip())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn from(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|it| it.parse().unwrap());
        caller_address(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let claim = [("x-forwarded-for", "192.0.2.9")];
        assert_eq!(from("198.51.100.1", &claim), "198.51.100.1");
        assert_eq!(from(PROXY, &claim), "192.0.2.9");
        assert_eq!(from("::ffff:10.0.0.1", &claim), "192.0.2.9");
        assert_eq!(from(PROXY, &[]), PROXY);
    }

    #[test]
    fn the_last_that_is_no_proxy_counts() {
        for (list, address) in [
            ("1.1.1.1, 192.0.2.9", "192.0.2.9"),
            ("1.1.1.1, 192.0.2.9, 10.0.0.2", "192.0.2.9"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("1.1.1.1, nonsense, 10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, é, 192.0.2.9", "192.0.2.9"),
            ("192.0.2.9:4711", "192.0.2.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("unknown", PROXY),
            ("", PROXY),
        ] {
            assert_eq!(from(PROXY, &[("x-forwarded-for", list)]), address, "{list}");
        }
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "192.0.2.9"),
        ];
        assert_eq!(from(PROXY, &lines), "192.0.2.9");
    }

    #[test]
    fn the_standard_header_is_read_like_the_list() {
        for (list, address) in [
            ("for=192.0.2.9", "192.0.2.9"),
            ("For=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1"),
            (
                "for=1.1.1.1, by=10.0.0.1; for=192.0.2.9, for=\"[fd00::1]\"",
                "192.0.2.9",
            ),
            ("for=_hidden", PROXY),
            ("proto=https", PROXY),
        ] {
            assert_eq!(from(PROXY, &[("forwarded", list)]), address, "{list}");
        }
    }

    #[test]
    fn headers_that_disagree_are_not_believed() {
        let other = [
            ("x-forwarded-for", "192.0.2.9"),
            ("forwarded", "for=192.0.2.8"),
        ];
        assert_eq!(from(PROXY, &other), PROXY);
        let same = [
            ("x-forwarded-for", "192.0.2.9"),
            ("forwarded", "for=192.0.2.9"),
        ];
        assert_eq!(from(PROXY, &same), "192.0.2.9");
    }
}
