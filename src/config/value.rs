//! Parsers of values. An error says what is expected and never repeats the value.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::{NonZeroU32, NonZeroUsize},
    str::FromStr,
    thread,
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};
use url::Url;

use super::{Keyless, QuotaLimit};
use crate::access::{ApiKey, UnusableKey, parse_operator_key};

/// The longest duration that can be set: some are added to one another and to the time.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// A parsed value, or what is expected instead.
type Parsed<T> = Result<T, &'static str>;

pub(super) const PORT: &str = "expected a port, 0 to 65535";
pub(super) const WHOLE: &str = "expected a whole number";
pub(super) const COUNT: &str = "expected a whole number, at least 1";

/// Returns a parser whose error is `expected`, since the type's own could repeat the value.
pub(super) fn expect<T: FromStr>(
    expected: &'static str,
) -> impl Fn(&str) -> Parsed<T> + Clone + Send + Sync {
    move |text| or(text.parse(), expected)
}

/// Returns a parser of a list, whose members are separated by commas. Empty ones are left out.
pub(super) fn list<T: 'static>(
    member: fn(&str) -> Parsed<T>,
) -> impl Fn(&str) -> Parsed<Vec<T>> + Clone + Send + Sync {
    move |text| {
        let members = text.split(',').map(str::trim);
        members.filter(|it| !it.is_empty()).map(member).collect()
    }
}

/// Parses the bound of the cache on disk. A smaller one would hold no large answer.
pub(super) fn disk_bytes(text: &str) -> Parsed<u64> {
    let expected = "expected a number of bytes, at least 1048576";
    let bytes = expect(expected)(text)?;
    if bytes < 1024 * 1024 {
        return Err(expected);
    }
    Ok(bytes)
}

pub(super) fn address(text: &str) -> Parsed<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if bare.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    or(
        bare.parse(),
        "expected an IP address such as `127.0.0.1` or `::`",
    )
}

pub(super) fn workers(text: &str) -> Parsed<NonZeroUsize> {
    if text.is_empty() {
        return Ok(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
    }
    expect(COUNT)(text)
}

/// Parses a rate, of which 0 is no limit.
pub(super) fn rate(text: &str) -> Parsed<Option<NonZeroU32>> {
    let rate = expect("expected a whole number, 0 for no limit")(text)?;
    Ok(NonZeroU32::new(rate))
}

pub(super) fn quota_limit(text: &str) -> Parsed<QuotaLimit> {
    if text.is_empty() {
        return Ok(QuotaLimit::Unset);
    }
    match rate(text)? {
        Some(most) => Ok(QuotaLimit::AtMost(most)),
        None => Ok(QuotaLimit::Off),
    }
}

pub(super) fn keyless(text: &str) -> Result<Keyless, String> {
    let is_off = one_of_two("local", "off")(text)?;
    Ok(if is_off { Keyless::Off } else { Keyless::Local })
}

/// Returns a parser of one of two words, in any case, that returns whether it is the second.
pub(super) fn one_of_two(
    first: &'static str,
    second: &'static str,
) -> impl Fn(&str) -> Result<bool, String> + Clone + Send + Sync {
    move |text| match text {
        _ if text.eq_ignore_ascii_case(first) => Ok(false),
        _ if text.eq_ignore_ascii_case(second) => Ok(true),
        _ => Err(format!("expected `{first}` or `{second}`")),
    }
}

pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let duration = humantime::parse_duration(text);
    let duration = or(duration, "expected a duration such as `30s` or `500ms`")?;
    if duration > LONGEST {
        return Err("expected a duration of 100 years at most");
    }
    Ok(duration)
}

pub(super) fn wait(text: &str) -> Parsed<Duration> {
    let wait = duration(text)?;
    if wait > LONGEST_WAIT {
        return Err("expected a duration of 5m at most");
    }
    Ok(wait)
}

pub(super) fn duration_above_zero(text: &str) -> Parsed<Duration> {
    let duration = duration(text)?;
    if duration.is_zero() {
        return Err("expected a duration above zero");
    }
    Ok(duration)
}

pub(super) fn http_url(text: &str) -> Parsed<Url> {
    let expected = "expected an http or https URL without user, query or fragment";
    let url: Url = or(text.parse(), expected)?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain || !url.has_host() || !matches!(url.scheme(), "http" | "https") {
        return Err(expected);
    }
    Ok(url)
}

pub(super) fn log_filter(text: &str) -> Parsed<String> {
    let expected = "expected a level such as `INFO` or directives such as `info,vt4ai=debug`";
    or(EnvFilter::try_new(text), expected)?;
    for directive in text.split(',') {
        // A lone word that is no level would be taken for the only module that may log.
        let is_word = directive
            .trim()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric());
        if is_word && LevelFilter::from_str(directive.trim()).is_err() {
            return Err(expected);
        }
    }
    Ok(text.to_owned())
}

pub(super) fn api_key(text: &str) -> Result<ApiKey, UnusableKey> {
    parse_operator_key(text.as_bytes())
}

#[expect(clippy::unnecessary_wraps, reason = "a list's members can be mistakes")]
pub(super) fn host(text: &str) -> Parsed<String> {
    Ok(text.to_ascii_lowercase())
}

/// Parses an origin exactly as browsers write it, since it is compared with theirs.
pub(super) fn origin(text: &str) -> Parsed<String> {
    let expected = "expected origins such as `https://soc.example`: scheme, host and, unless it is \
                    the usual one, port";
    let text = text.to_ascii_lowercase();
    let url: Url = or(text.parse(), expected)?;
    // A pattern would match nothing.
    let is_sound = matches!(url.scheme(), "http" | "https") && !text.contains('*');
    if !is_sound || url.origin().ascii_serialization() != text {
        return Err(expected);
    }
    Ok(text)
}

pub(super) fn network(text: &str) -> Parsed<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    or(
        text.parse(),
        "expected addresses or networks such as `10.0.0.0/8`",
    )
}

/// Parses a header as OpenTelemetry writes it.
pub(super) fn header(pair: &str) -> Parsed<(HeaderName, HeaderValue)> {
    let expected = "expected `name=value`, separated by commas, values percent-encoded";
    let (name, value) = pair.split_once('=').ok_or(expected)?;
    let name = or(name.trim().parse(), expected)?;
    let value: Vec<u8> = percent_decode_str(value.trim()).collect();
    let mut value = or(HeaderValue::from_bytes(&value), expected)?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Replaces an error, which could repeat the value.
fn or<T, E>(value: Result<T, E>, expected: &'static str) -> Parsed<T> {
    value.map_err(|_| expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in [
            "https://soc.example",
            "HTTP://localhost:3000",
            "http://[::1]:8080",
        ] {
            assert_eq!(origin(good), Ok(good.to_ascii_lowercase()));
        }
        for bad in [
            "*",
            "null",
            "soc.example",
            "https://soc.example/",
            "https://soc.example:443",
            "https://soc.example/path",
            "https://*.example",
            "file:///etc",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for (good, expected) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(network(good).unwrap().to_string(), expected);
        }
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0", "*"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_header_is_read_and_never_printed() {
        let (name, value) = header(" Authorization = Bearer%20very-secret= ").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("authorization", &b"Bearer very-secret="[..])
        );
        assert!(!format!("{value:?}").contains("very-secret"));
        for bad in ["", "authorization", "=x", "a b=c", "a=%0a", "a=\u{7f}"] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }
}
