//! The kinds of indicator, and their names in the gateway and at VirusTotal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of indicator; each is a collection at VirusTotal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file, identified by its hash.
    File,
    /// A URL.
    Url,
    /// A domain name.
    Domain,
    /// An IPv4 or IPv6 address.
    Ip,
}

impl Kind {
    /// All kinds, in the order in which clients see them.
    pub const ALL: [Self; 4] = [Self::File, Self::Url, Self::Domain, Self::Ip];

    /// Returns the name in templates and in `/templates`: `file`, `url`, `domain`, `ip`.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::Ip => "ip",
        }
    }

    /// Returns the `type` of VirusTotal's objects of this kind.
    pub fn object_type(self) -> &'static str {
        match self {
            Self::Ip => "ip_address",
            _ => self.name(),
        }
    }

    /// Returns the kind whose objects have this `type` at VirusTotal, if there is one.
    pub fn of_object_type(object_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.object_type() == object_type)
    }

    /// Returns the gateway's path segment: `files`, `urls`, `domains`, `ips`.
    pub fn collection(self) -> &'static str {
        match self {
            Self::File => "files",
            Self::Url => "urls",
            Self::Domain => "domains",
            Self::Ip => "ips",
        }
    }

    /// Returns VirusTotal's path segment, which differs for IP addresses only.
    pub fn upstream_collection(self) -> &'static str {
        match self {
            Self::Ip => "ip_addresses",
            _ => self.collection(),
        }
    }

    /// Returns the name in headings: `File`, `URL`, `Domain`, `IP Address`.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Url => "URL",
            Self::Domain => "Domain",
            Self::Ip => "IP Address",
        }
    }

    /// Returns the name within a sentence: `file`, `URL`, `domain`, `IP address`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "URL",
            Self::Domain => "domain",
            Self::Ip => "IP address",
        }
    }

    /// Returns its name in a sentence, with its article.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Url => "a URL",
            Self::Domain => "a domain",
            Self::Ip => "an IP address",
        }
    }
}
