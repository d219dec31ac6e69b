//! Hosts: their place in a URL, and the texts that can be one.

use std::net::Ipv6Addr;

use url::Host;

/// Returns the text after `http://` or `https://` in any case, if it has one of them.
pub(super) fn after_scheme(url: &str) -> Option<&str> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (given, rest) = url.split_at_checked(scheme.len())?;
        given.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Returns whether a URL without its scheme begins with a valid host.
pub(super) fn names_host(rest: &str) -> bool {
    let Some((host, port)) = host_and_port(rest) else {
        return false;
    };
    port.is_none_or(|port| port.is_empty() || is_port(port)) && is_host(host)
}

/// Returns whether a text would be a URL if it had a scheme.
///
/// A colon has to introduce a port, since it otherwise ends a scheme other than HTTP. A text with
/// an `@` is more likely an e-mail address; a URL with userinfo needs its scheme.
pub(super) fn is_bare_url(text: &str) -> bool {
    let Some((host, port)) = host_and_port(text) else {
        return false;
    };
    after_scheme(text).is_none()
        && !authority(text).contains('@')
        && port.is_none_or(is_port)
        && is_host(host)
}

/// Returns whether each label has 1 to 63 letters, digits, `-` or `_`, with 253 characters in all.
///
/// A trailing dot is allowed.
pub(super) fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Returns whether the last label is a number. Such a host is an IPv4 address or invalid (WHATWG
/// URL).
pub(super) fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    is_decimal || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns the text before path, query and fragment. Browsers treat a backslash as a slash.
pub(super) fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// Splits host and port off a URL without its scheme, skipping the userinfo.
pub(super) fn host_and_port(rest: &str) -> Option<(&str, Option<&str>)> {
    let authority = authority(rest);
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !host.starts_with('[') {
        return Some(match host.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        });
    }
    let (address, after) = host.split_at(host.find(']')? + 1);
    match after.strip_prefix(':') {
        Some(port) => Some((address, Some(port))),
        None => after.is_empty().then_some((address, None)),
    }
}

/// Returns whether a text is the number of a port.
pub(super) fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_host(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.strip_suffix(']').unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // ASCII names skip the parser: attackers register `xn--` labels that it rejects.
    if host.is_ascii() && !host.contains('%') && !ends_in_number(host) {
        return is_name(host);
    }
    match Host::parse(host) {
        Ok(Host::Domain(name)) => is_name(&name),
        Ok(Host::Ipv4(_)) => true,
        Ok(Host::Ipv6(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("example.com", true)]
    #[case("example.com.", true)]
    #[case("u:p@example.com:8080/x", true)]
    #[case("a@b@example.com", true)]
    #[case("example.com:", true)]
    #[case("localhost", true)]
    #[case("_a.b-.-c", true)]
    #[case("xn--a.example", true)]
    #[case("münchen.de", true)]
    #[case("ex%41mple.com", true)]
    #[case("evil.com\\@good.com", true)]
    #[case("1.2.3.4", true)]
    #[case("3627732462", true)]
    #[case("0x7f.1", true)]
    #[case("[2001:db8::1]:80", true)]
    #[case("", false)]
    #[case(".", false)]
    #[case("..", false)]
    #[case("@", false)]
    #[case("u@", false)]
    #[case(":80/", false)]
    #[case("@:80/", false)]
    #[case("a..b", false)]
    #[case(".com", false)]
    #[case("a.com..", false)]
    #[case("a b.com", false)]
    #[case("a%20b.com", false)]
    #[case("a%zz.com", false)]
    #[case("a<b>.com", false)]
    #[case("a$b.com", false)]
    #[case("*.a.com", false)]
    #[case("a,b.com", false)]
    #[case("\"a.com\"", false)]
    #[case("(a.com)", false)]
    #[case("a.com:x", false)]
    #[case("a.com:65536", false)]
    #[case("a.com:+80", false)]
    #[case("a.com:80:80", false)]
    #[case("1.2.3.4.5", false)]
    #[case("256.1.1.1", false)]
    #[case("a.123", false)]
    #[case("a.0x1f", false)]
    #[case("[::1", false)]
    #[case("[::1]x", false)]
    #[case("[1.2.3.4]", false)]
    #[case("[a.com]", false)]
    #[case("a\u{fffd}b.com", false)]
    #[case("\u{202e}moc.a", false)]
    fn a_host_is_a_name_or_an_address(#[case] rest: &str, #[case] expected: bool) {
        assert_eq!(names_host(rest), expected);
    }
}
