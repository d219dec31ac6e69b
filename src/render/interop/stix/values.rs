//! Values of observables, and the patterns that find them.

use std::net::IpAddr;

use super::Observable;

/// The characters that IDNA refuses beside those that are no letters in any script: symbols and
/// emoji.
const SYMBOLS: [std::ops::RangeInclusive<char>; 2] =
    ['\u{2010}'..='\u{2bff}', '\u{1f000}'..='\u{1faff}'];

/// Returns the type and the value of an address.
///
/// The schema of STIX has no IPv6 addresses with an IPv4 one at their end.
pub(super) fn address_value(address: IpAddr) -> (&'static str, String) {
    let IpAddr::V6(address) = address else {
        return ("ipv4-addr", address.to_string());
    };
    let value = match address.to_ipv4_mapped() {
        Some(_) => {
            let [.., high, low] = address.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        None => address.to_string(),
    };
    ("ipv6-addr", value)
}

/// Whether a domain in ASCII is a name of hosts, as RFC 1034 and RFC 5890 have them. The domain name
/// system has other names as well, such as `_dmarc.example.com`.
pub(super) fn is_hostname(name: &str) -> bool {
    name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !label.bytes().all(is_plain) || label.starts_with('-') || label.ends_with('-') {
        return false;
    }
    if label.get(2..4) != Some("--") {
        return true;
    }
    // The only prefix with a meaning is that of IDNA.
    let (decoded, result) = idna::domain_to_unicode(label);
    let is_symbol = |letter: char| SYMBOLS.iter().any(|range| range.contains(&letter));
    label.starts_with("xn--") && result.is_ok() && !decoded.contains(is_symbol)
}

/// Returns the pattern that finds an observable.
pub(super) fn pattern(observable: &Observable) -> Option<String> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let (object_type, value) = match observable {
        Observable::File(hashes) => {
            let known = [
                ("'SHA-256'", &hashes.sha256),
                ("'SHA-1'", &hashes.sha1),
                ("MD5", &hashes.md5),
            ];
            let mut comparisons = Vec::new();
            for (name, digest) in known {
                if let Some(digest) = digest {
                    comparisons.push(format!("file:hashes.{name} = '{}'", quoted(digest)));
                }
            }
            if comparisons.is_empty() {
                return None;
            }
            return Some(format!("[{}]", comparisons.join(" OR ")));
        }
        Observable::Url(url) => ("url", url.uri.clone()),
        Observable::Domain(name) => ("domain-name", name.clone()),
        Observable::Ip(address) => address_value(*address),
    };
    Some(format!("[{object_type}:value = '{}']", quoted(&value)))
}
