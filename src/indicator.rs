//! What a client asks about: a file, URL, domain or IP address.
//!
//! Text from a client becomes an [`Indicator`] here or nowhere: one that exists is
//! valid and normalised, so nothing below this line checks again (CONTRACT 3).

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// The four kinds of indicator, each a collection of VirusTotal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file, known by its hash.
    File,
    /// A URL.
    Url,
    /// A domain name.
    Domain,
    /// An IPv4 or IPv6 address.
    Ip,
}

impl Kind {
    /// Every kind, in the order in which they are listed to clients.
    pub const ALL: [Self; 4] = [Self::File, Self::Url, Self::Domain, Self::Ip];

    /// The name in templates and in `/templates`: `file`, `url`, `domain`, `ip`.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::Ip => "ip",
        }
    }

    /// The `type` of VirusTotal's objects of this kind.
    pub fn object_type(self) -> &'static str {
        match self {
            Self::Ip => "ip_address",
            _ => self.name(),
        }
    }

    /// The kind whose objects VirusTotal gives this `type`, if it is one of ours.
    pub fn of_object_type(object_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.object_type() == object_type)
    }

    /// The gateway's own path segment: `files`, `urls`, `domains`, `ips`.
    pub fn collection(self) -> &'static str {
        match self {
            Self::File => "files",
            Self::Url => "urls",
            Self::Domain => "domains",
            Self::Ip => "ips",
        }
    }

    /// VirusTotal's path segment, which differs for IP addresses only.
    pub fn upstream_collection(self) -> &'static str {
        match self {
            Self::Ip => "ip_addresses",
            _ => self.collection(),
        }
    }

    /// The word in headings: `File`, `URL`, `Domain`, `IP Address` (CONTRACT 4).
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Url => "URL",
            Self::Domain => "Domain",
            Self::Ip => "IP Address",
        }
    }

    /// The word within a sentence: `file`, `URL`, `domain`, `IP address`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "URL",
            Self::Domain => "domain",
            Self::Ip => "IP address",
        }
    }
}

/// A valid, normalised indicator.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Indicator {
    kind: Kind,
    id: String,
}

/// A URL as it stands; its bytes are kept, since VirusTotal canonicalises them.
///
/// The check is loose on purpose: what attackers write is often no valid URL to a
/// browser's parser and known to VirusTotal all the same.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl<'a>(Cow<'a, str>);

impl<'a> WebUrl<'a> {
    /// Takes a URL as it is; `http://` is put before one without a scheme.
    pub fn parse(text: &'a str) -> Result<Self, InvalidIndicator> {
        if names_host(after_scheme(text.as_bytes())) && !has_control(text) {
            Ok(Self(Cow::Borrowed(text)))
        } else if is_bare_url(text) {
            Ok(Self(Cow::Owned(format!("http://{text}"))))
        } else {
            Err(InvalidIndicator::Url)
        }
    }

    /// The URL with its scheme.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not printed, as an indicator is not.
impl fmt::Debug for WebUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebUrl(…)")
    }
}

/// An indicator can be confidential, so its id stays out of a `Debug` print.
impl fmt::Debug for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indicator")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Why a text is no indicator; the message says what is expected instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidIndicator {
    /// Not a hash.
    #[error("a file is given by its MD5, SHA-1 or SHA-256: 32, 40 or 64 hex digits")]
    File,
    /// Not a URL.
    #[error(
        "a URL begins with `http://` or `https://` (left out, `http://` is put before it), \
         names a host and holds no control characters"
    )]
    Url,
    /// Not the id of a URL.
    #[error(
        "a URL's id is 64 hex digits (VirusTotal's SHA-256) or the base64 of the URL, \
         URL-safe or standard, padded or not"
    )]
    UrlId,
    /// Not a domain.
    #[error(
        "a domain is a name such as `example.com`: labels of 1 to 63 letters, digits, `-` or `_`, \
         253 characters in all; IP addresses are under `/api/v1/ips/`"
    )]
    Domain,
    /// Not an IP address.
    #[error("an IP address is IPv4 such as `8.8.8.8` or IPv6 such as `2001:4860:4860::8888`")]
    Ip,
}

impl Indicator {
    /// Reads the form in which each kind stands in a path; for a URL that is its id.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, InvalidIndicator> {
        match kind {
            Kind::File => Self::file(text),
            Kind::Url => Self::url_id(text),
            Kind::Domain => Self::domain(text),
            Kind::Ip => Self::ip(text),
        }
    }

    /// A file by its MD5, SHA-1 or SHA-256 in any case.
    pub fn file(text: &str) -> Result<Self, InvalidIndicator> {
        let id = hex_digits(text, &[32, 40, 64]).ok_or(InvalidIndicator::File)?;
        Ok(Self {
            kind: Kind::File,
            id,
        })
    }

    /// A URL as it stands, found by the base64 of its bytes.
    pub fn url(text: &str) -> Result<Self, InvalidIndicator> {
        let url = WebUrl::parse(text)?;
        Ok(Self {
            kind: Kind::Url,
            id: encode_url(url.as_str().as_bytes()),
        })
    }

    /// A URL by VirusTotal's SHA-256 of it, or by its base64.
    pub fn url_id(text: &str) -> Result<Self, InvalidIndicator> {
        let id = hex_digits(text, &[64])
            .or_else(|| {
                let url = decode_url(text)?;
                let sound = names_host(after_scheme(&url))
                    || std::str::from_utf8(&url).is_ok_and(is_bare_url);
                sound.then(|| encode_url(&url))
            })
            .ok_or(InvalidIndicator::UrlId)?;
        Ok(Self {
            kind: Kind::Url,
            id,
        })
    }

    /// A domain name; an internationalised one becomes its ASCII form.
    pub fn domain(text: &str) -> Result<Self, InvalidIndicator> {
        // An ASCII name is taken as it is: attackers register `xn--` labels that
        // IDNA would refuse, and VirusTotal knows them.
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| InvalidIndicator::Domain)?
        };
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        };
        let valid =
            name.len() <= 253 && name.split('.').all(label) && name.parse::<Ipv4Addr>().is_err();
        valid
            .then(|| Self {
                kind: Kind::Domain,
                id: name.to_owned(),
            })
            .ok_or(InvalidIndicator::Domain)
    }

    /// An IP address in any spelling that [`IpAddr`] reads, brackets allowed.
    pub fn ip(text: &str) -> Result<Self, InvalidIndicator> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        let address: IpAddr = bare.parse().map_err(|_| InvalidIndicator::Ip)?;
        Ok(Self {
            kind: Kind::Ip,
            id: address.to_string(),
        })
    }

    /// What kind of thing this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The normalised identifier, as VirusTotal's path takes it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The text in lower case, if it is hex of one of these lengths.
fn hex_digits(text: &str, lengths: &[usize]) -> Option<String> {
    let hex = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| text.to_ascii_lowercase())
}

/// What follows `http://` or `https://` in any case, if one of them is there.
fn after_scheme(url: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            url.get(..scheme.len())
                .is_some_and(|s| s.eq_ignore_ascii_case(scheme))
        })
        .and_then(|scheme| url.get(scheme.len()..))
}

fn names_host(rest: Option<&[u8]>) -> bool {
    rest.and_then(<[u8]>::first)
        .is_some_and(|first| !matches!(first, b'/' | b'?' | b'#'))
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control) || text.trim() != text
}

/// Whether this is a URL but for its scheme: a host with a dot or a port, or an IPv6 one.
fn is_bare_url(text: &str) -> bool {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let port = host
        .rsplit_once(':')
        .is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    let bracketed = host.starts_with('[');
    !has_control(text)
        && !text.starts_with("//")
        && !host.is_empty()
        && (bracketed || port)
        && after_scheme(text.as_bytes()).is_none()
}

fn encode_url(url: &[u8]) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(url)
}

/// Reads base64 in either alphabet, padded or not.
fn decode_url(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let url_safe = text.replace('+', "-").replace('/', "_");
    ENGINE.decode(url_safe).ok().filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn id(parsed: Result<Indicator, InvalidIndicator>) -> Option<String> {
        parsed.ok().map(|indicator| indicator.id)
    }

    #[rstest]
    #[case(
        "44D88612FEA8A8F36DE82E1278ABB02F",
        Some("44d88612fea8a8f36de82e1278abb02f")
    )]
    #[case(
        "3395856ce81f2b7382dee72602f798b642f14140",
        Some("3395856ce81f2b7382dee72602f798b642f14140")
    )]
    #[case("44d88612fea8a8f36de82e1278abb02", None)]
    #[case("44d88612fea8a8f36de82e1278abb02g", None)]
    #[case("", None)]
    #[case("４4d88612fea8a8f36de82e1278abb02f", None)]
    fn files_are_hashes(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(id(Indicator::file(text)).as_deref(), expected);
    }

    #[rstest]
    #[case("http://example.com/?a=1&b=2", Some("http://example.com/?a=1&b=2"))]
    #[case("HTTPS://Example.com/Ä b", Some("HTTPS://Example.com/Ä b"))]
    #[case("example.com:8080/x", Some("http://example.com:8080/x"))]
    #[case("[2001:db8::1]/x", Some("http://[2001:db8::1]/x"))]
    #[case("localhost", Some("http://localhost"))]
    #[case(
        "example.com/?next=http://other/",
        Some("http://example.com/?next=http://other/")
    )]
    #[case("ftp://example.com/", None)]
    #[case("javascript:alert(1)", None)]
    #[case("//example.com", None)]
    #[case("http://", None)]
    #[case("https:///path", None)]
    #[case(" http://example.com", None)]
    #[case("http://exa\nmple.com", None)]
    #[case("", None)]
    fn urls_keep_their_bytes(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(
            id(Indicator::url(text)),
            expected.map(|url| encode_url(url.as_bytes()))
        );
    }

    #[rstest]
    #[case("aHR0cDovL2V4YW1wbGUuY29tLw", Some("aHR0cDovL2V4YW1wbGUuY29tLw"))]
    #[case("aHR0cDovL2V4YW1wbGUuY29tLw==", Some("aHR0cDovL2V4YW1wbGUuY29tLw"))]
    #[case("aHR0cDovL2EuYi8/Pz8+", Some("aHR0cDovL2EuYi8_Pz8-"))]
    #[case("ZXhhbXBsZS5jb20v", Some("ZXhhbXBsZS5jb20v"))]
    #[case(
        "275A021BBFB6489E54D471899F7DB9D1663FC695EC2FE2A2C4538AABF651FD0F",
        Some("275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f")
    )]
    #[case("analyse", None)]
    #[case("a", None)]
    #[case("", None)]
    #[case("..", None)]
    fn url_ids_are_hex_or_base64(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(id(Indicator::url_id(text)).as_deref(), expected);
    }

    #[rstest]
    #[case("Example.COM.", Some("example.com"))]
    #[case("münchen.de", Some("xn--mnchen-3ya.de"))]
    #[case("例え。テスト", Some("xn--r8jz45g.xn--zckzah"))]
    #[case("_dmarc.example.com", Some("_dmarc.example.com"))]
    #[case("xn--not-punycode-.com", Some("xn--not-punycode-.com"))]
    #[case("example..com", None)]
    #[case("example.com..", None)]
    #[case(".", None)]
    #[case("exa mple.com", None)]
    #[case("example.com/x", None)]
    #[case("8.8.8.8", None)]
    #[case("", None)]
    fn domains_are_normalised(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(id(Indicator::domain(text)).as_deref(), expected);
    }

    #[test]
    fn domains_are_bounded() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(longest.len(), 253);
        assert!(Indicator::domain(&longest).is_ok());
        assert!(Indicator::domain(&format!("{longest}b")).is_err());
        assert!(Indicator::domain(&format!("{label}a.com")).is_err());
    }

    #[rstest]
    #[case("8.8.8.8", Some("8.8.8.8"))]
    #[case(
        "2001:4860:4860:0000:0000:0000:0000:8888",
        Some("2001:4860:4860::8888")
    )]
    #[case("[2001:DB8::1]", Some("2001:db8::1"))]
    #[case("[8.8.8.8]", Some("8.8.8.8"))]
    #[case("8.8.8", None)]
    #[case("08.8.8.8", None)]
    #[case("fe80::1%eth0", None)]
    #[case("[::1", None)]
    fn ips_are_canonical(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(id(Indicator::ip(text)).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(text in any::<String>()) {
            for kind in Kind::ALL {
                if let Ok(once) = Indicator::parse(kind, &text) {
                    prop_assert_eq!(Indicator::parse(kind, once.id()), Ok(once));
                }
            }
            if let Ok(url) = Indicator::url(&text) {
                prop_assert_eq!(Indicator::url_id(url.id()), Ok(url));
            }
        }

        #[test]
        fn what_looks_right_is_taken(
            host in "[a-z]{1,20}(\\.[a-z]{2,8}){1,3}",
            path in "(/[!-~]{0,20})?",
        ) {
            prop_assert!(Indicator::domain(&host).is_ok());
            let url = format!("https://{host}{path}");
            let parsed = Indicator::url(&url);
            prop_assert_eq!(id(parsed), Some(encode_url(url.as_bytes())));
        }
    }
}
