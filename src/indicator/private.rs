//! Private indicators: those that must never be sent to VirusTotal.
//!
//! Addresses and names that mean something within a network only are private in any case. An
//! operator's list adds domains, networks and hashes of their own.

use std::{borrow::Cow, fmt, net::IpAddr};

use url::Host;

use self::list::PrivateList;
use super::{Indicator, Kind, WebUrl, decode_base64, host, is_hex, refang};

pub use self::list::PrivateListError;

mod address;
mod list;
mod query;

/// The names that are private together with every name below them.
const PRIVATE_SUFFIXES: [(&str, PrivateClass); 4] = [
    ("local", PrivateClass::Local),
    ("internal", PrivateClass::Internal),
    ("localhost", PrivateClass::Localhost),
    ("home.arpa", PrivateClass::HomeArpa),
];

/// The indicators that must never be sent to VirusTotal.
///
/// The default knows the built-in ones. A lookup costs a few hash probes or binary searches,
/// whatever the length of the list.
#[derive(Clone, Debug, Default)]
pub struct PrivateIndicators {
    list: PrivateList,
}

/// The reason why an indicator is private, as text without the indicator itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateReason {
    part: Part,
    class: PrivateClass,
}

/// The part of the text that is private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    HostOfUrl,
    TermOfQuery,
}

/// The class of a private indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PrivateClass {
    Unspecified,
    Loopback,
    PrivateNetwork,
    CarrierGrade,
    LinkLocal,
    Multicast,
    Broadcast,
    UniqueLocal,
    SingleLabel,
    Local,
    Internal,
    Localhost,
    HomeArpa,
    ReverseName,
    ListedDomain,
    ListedNetwork,
    ListedHash,
    ListedUrl,
}

impl PrivateIndicators {
    /// Parses an operator's list: a domain suffix, a CIDR block, an IP address or a hash on each
    /// line.
    ///
    /// Blank lines and comments, which begin with `#`, are skipped. A suffix matches the domain
    /// itself and all below it, with or without `.` or `*.` before it.
    pub fn parse(text: &str) -> Result<Self, PrivateListError> {
        Ok(Self {
            list: PrivateList::parse(text)?,
        })
    }

    /// Returns the number of listed entries. Networks that overlap or adjoin count as one.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether nothing is listed. The built-in rules apply nevertheless.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns why an indicator must not be sent to VirusTotal, or `None` if it may be.
    ///
    /// A URL that is given by a base64 id is decoded. Of one that is given by 64 digits only a
    /// listed hash is recognised, unless its text is passed as well.
    pub fn reason(&self, indicator: &Indicator, url: Option<&WebUrl<'_>>) -> Option<PrivateReason> {
        let whole = match indicator.kind() {
            Kind::File => self.of_hash(indicator.id(), PrivateClass::ListedHash),
            Kind::Domain => self.of_name(indicator.id()),
            Kind::Ip => self.of_address(indicator.id().parse().ok()?),
            Kind::Url if is_hex(indicator.id(), 64) => {
                self.of_hash(indicator.id(), PrivateClass::ListedUrl)
            }
            Kind::Url => return self.of_url(&decoded_url(indicator.id()), url),
        };
        let whole = whole.map(|class| PrivateReason::new(Part::Whole, class));
        whole.or_else(|| self.of_host(url?.host()))
    }

    /// Returns why a search must not be sent to VirusTotal: its query is a private indicator or has
    /// one as a term, such as `entity:domain a.corp.example` or `ip:10.0.0.1`.
    ///
    /// A single word is not taken for the name of a host, unless it stands behind `domain:` or
    /// `hostname:` or is listed. Linear in the length of the query.
    pub fn reason_in_query(&self, query: &str) -> Option<PrivateReason> {
        let class = self.in_query(query)?;
        Some(PrivateReason::new(Part::TermOfQuery, class))
    }

    fn of_url(&self, decoded: &str, url: Option<&WebUrl<'_>>) -> Option<PrivateReason> {
        let rest = host::after_scheme(decoded).unwrap_or(decoded);
        let host = host::host_and_port(rest).map_or("", |(host, _)| host);
        self.of_host(host).or_else(|| self.of_host(url?.host()))
    }

    fn of_host(&self, host: &str) -> Option<PrivateReason> {
        let class = self.of_written_host(host)?;
        Some(PrivateReason::new(Part::HostOfUrl, class))
    }

    /// Decides on a host as it is written in a URL: escaped, in Unicode, or a number.
    fn of_written_host(&self, host: &str) -> Option<PrivateClass> {
        // The parser of browsers reads `2130706433` and `0x7f.1` as addresses. A name that it
        // refuses is compared as it stands, since VirusTotal might accept it.
        let parsed = match Host::parse(host) {
            Ok(Host::Ipv4(address)) => self.of_address(address.into()),
            Ok(Host::Ipv6(address)) => self.of_address(address.into()),
            Ok(Host::Domain(name)) => self.of_name(name.trim_end_matches('.')),
            Err(_) => None,
        };
        if parsed.is_some() || host::ends_in_number(host) || host.starts_with('[') {
            return parsed;
        }
        let lower = host.to_ascii_lowercase();
        let name = lower.trim_end_matches('.');
        // An escaped name of one label may be any number of labels.
        if name.is_empty() || name.contains('%') || !name.is_ascii() {
            return None;
        }
        self.of_name(name)
    }

    /// Decides on a normalised name.
    fn of_name(&self, name: &str) -> Option<PrivateClass> {
        if let Some(class) = self.listed_name(name) {
            return Some(class);
        }
        for (suffix, class) in PRIVATE_SUFFIXES {
            if is_below(name, suffix) {
                return Some(class);
            }
        }
        if !name.contains('.') {
            return Some(PrivateClass::SingleLabel);
        }
        let address = address::of_reverse_name(name)?;
        self.of_address(address)?;
        Some(PrivateClass::ReverseName)
    }

    fn listed_name(&self, name: &str) -> Option<PrivateClass> {
        self.list
            .has_name(name)
            .then_some(PrivateClass::ListedDomain)
    }

    fn of_address(&self, given: IpAddr) -> Option<PrivateClass> {
        let address = given.to_canonical();
        let embedded = address::embedded(address);
        for address in [Some(address), embedded.map(IpAddr::V4)]
            .into_iter()
            .flatten()
        {
            if self.list.has_address(address) {
                return Some(PrivateClass::ListedNetwork);
            }
            if let Some(class) = address::class(address) {
                return Some(class);
            }
        }
        None
    }

    fn of_hash(&self, hash: &str, class: PrivateClass) -> Option<PrivateClass> {
        self.list.has_hash(hash).then_some(class)
    }
}

impl PrivateReason {
    fn new(part: Part, class: PrivateClass) -> Self {
        Self { part, class }
    }
}

impl fmt::Display for PrivateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Whole => "this",
            Part::HostOfUrl => "the URL's host",
            Part::TermOfQuery => "a term of the query",
        };
        let class = self.class.noun();
        write!(f, "{part} is {class}, which is never sent to VirusTotal")
    }
}

impl PrivateClass {
    /// Returns the class with an article.
    fn noun(self) -> &'static str {
        match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::PrivateNetwork => "an address of a private network",
            Self::CarrierGrade => "an address of a carrier-grade NAT",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::UniqueLocal => "a unique local address",
            Self::SingleLabel => "a name of a single label",
            Self::Local => "a name under `.local`",
            Self::Internal => "a name under `.internal`",
            Self::Localhost => "a name under `.localhost`",
            Self::HomeArpa => "a name under `.home.arpa`",
            Self::ReverseName => "the reverse name of a private address",
            Self::ListedDomain => "under a domain of the operator's list",
            Self::ListedNetwork => "in a network of the operator's list",
            Self::ListedHash => "a hash of the operator's list",
            Self::ListedUrl => "the id of a URL of the operator's list",
        }
    }
}

/// Returns the URL in a base64 id, refanged. Bytes that are not text are replaced.
fn decoded_url(id: &str) -> String {
    let bytes = decode_base64(id).unwrap_or_default();
    let url = String::from_utf8_lossy(&bytes);
    match refang::url(&url) {
        Cow::Owned(refanged) => refanged,
        Cow::Borrowed(_) => url.into_owned(),
    }
}

fn is_below(name: &str, suffix: &str) -> bool {
    let before = name.strip_suffix(suffix);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests;
