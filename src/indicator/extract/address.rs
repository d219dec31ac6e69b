//! IP addresses in free text, and the ports and prefixes behind them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{refang, span::Span, word::Word};

/// The longest defanged text of an IPv6 address that is looked at.
const LONGEST_IPV6: usize = 80;

/// Returns the IPv4 addresses of a word that has digits, dots and hyphens only.
///
/// Each part between hyphens has to be an address, since a version may have such a part, too. Masks
/// such as `255.255.255.0` and addresses of the net 0 are left out, unless they are defanged.
pub(super) fn ipv4(word: &Word<'_>) -> Vec<Span> {
    let mut all = Vec::new();
    let mut start = word.start;
    for part in word.text.split('-') {
        let (from, next) = (start, start + part.len() + 1);
        start = next;
        let text = trim_end(part);
        if text.is_empty() {
            continue;
        }
        let Ok(address) = refang::host(text).parse::<Ipv4Addr>() else {
            return Vec::new();
        };
        let first = address.octets()[0];
        let is_usual = !matches!(first, 0 | 255) || address.is_unspecified();
        if is_usual || word.is_defanged {
            all.push(Span {
                start: from,
                end: from + text.len(),
            });
        }
    }
    all
}

/// Returns the IPv6 address that begins here and is a word of its own.
pub(super) fn ipv6(text: &str, at: usize) -> Option<Span> {
    let before = text[..at].chars().next_back();
    let start = match &text[at..] {
        // `IPv6:2001:db8::1` has a label.
        rest if rest.starts_with(':') && !rest.starts_with("::") => at + 1,
        _ if before.is_some_and(|it| is_of_name(it) || matches!(it, ':' | '.' | '-')) => {
            return None;
        }
        _ => at,
    };
    let end = run_end(text, start);
    let run = &text[start..end];
    if text[end..].starts_with(is_of_name) {
        return None;
    }
    let whole = run.trim_end_matches('.');
    [whole, whole.strip_suffix(':').unwrap_or(whole)]
        .into_iter()
        .find(|address| is_ipv6(address))
        .map(|address| Span {
            start,
            end: start + address.len(),
        })
}

/// Returns the end of a network's prefix length or mask that stands here.
pub(super) fn prefix_end(text: &str, from: usize, longest: u16) -> Option<usize> {
    let rest = text[from..].strip_prefix('/')?;
    let digits = &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()];
    let after = &rest[digits.len()..];
    if rest.starts_with("255.") {
        let mask = rest
            .bytes()
            .take_while(|it| it.is_ascii_digit() || *it == b'.');
        return Some(from + 1 + mask.count());
    }
    // A full stop may follow the network.
    let after = after.strip_prefix('.').unwrap_or(after);
    let length: u16 = digits.parse().ok()?;
    let is_prefix = length <= longest && digits.len() <= 3;
    (is_prefix && !after.starts_with(is_of_path)).then(|| from + 1 + digits.len())
}

/// Returns the end of a port behind a host, or the end of the host.
pub(super) fn port_end(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let colon = match refang::separator(rest) {
        Some((':', length)) => length,
        _ if rest.starts_with(':') => 1,
        _ => return from,
    };
    let after = &rest[colon..];
    let digits = after.bytes().take_while(u8::is_ascii_digit).take(6).count();
    let is_port = after[..digits].parse::<u16>().is_ok();
    if is_port && !after[digits..].starts_with(is_of_name) {
        from + colon + digits
    } else {
        from
    }
}

/// Returns whether behind the slash here stands an IPv4 address or the number of a port, not a
/// path: `evil.com/192.0.2.1:443` (Java), `192.0.2.1/443` (firewalls).
pub(super) fn is_address_or_port(rest: &str) -> bool {
    let Some(path) = rest.strip_prefix('/') else {
        return false;
    };
    let length = path
        .bytes()
        .take(16)
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let (number, after) = path.split_at(length);
    let number = number.trim_end_matches('.');
    let is_number = number.parse::<Ipv4Addr>().is_ok() || number.parse::<u16>().is_ok();
    is_number && !after.starts_with(is_of_path)
}

/// Returns whether a defanged or plain text is an IPv6 address, and neither a time nor code.
fn is_ipv6(text: &str) -> bool {
    let refanged = refang::host(text);
    if refanged.parse::<Ipv6Addr>().is_err() {
        return false;
    }
    // Eight pairs of digits are an EUI-64 or a fingerprint. `a::b` and `10::20` are not addresses
    // that are written in a text.
    let has_long_group = refanged.split([':', '.']).any(|group| group.len() > 2);
    let is_short = refanged
        .strip_prefix("::")
        .is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()));
    has_long_group || is_short
}

fn run_end(text: &str, from: usize) -> usize {
    let mut end = from;
    while let Some(byte) = text.as_bytes().get(end) {
        if byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.') {
            end += 1;
        } else if let Some((_, length)) = refang::separator(&text[end..]) {
            end += length;
        } else {
            break;
        }
        if end - from > LONGEST_IPV6 {
            break;
        }
    }
    end
}

/// Returns a part of a word without the dots behind it.
fn trim_end(text: &str) -> &str {
    text.trim_end_matches('.')
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_of_path(letter: char) -> bool {
    is_of_name(letter) || matches!(letter, '/' | '-' | '%' | '?' | '#' | '=' | '~')
}
