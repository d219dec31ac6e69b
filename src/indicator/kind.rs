//! The kinds of indicator and their names, here and at VirusTotal.

use serde::{Deserialize, Serialize};
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
