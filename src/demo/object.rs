//! Objects, the collections that contain them, and their names.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::DemoError;

/// The characters that a link keeps unencoded in a path: enough for domains, IPv6 addresses and
/// base64.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b':');

/// A collection: its path segment, the type of its objects, and their name in errors.
#[derive(Clone, Copy)]
pub(super) struct Collection {
    path: &'static str,
    /// The type of its objects.
    pub(super) kind: &'static str,
    noun: &'static str,
}

const COLLECTIONS: [Collection; 13] = [
    Collection::FILES,
    Collection::URLS,
    Collection::DOMAINS,
    Collection::IP_ADDRESSES,
    Collection::new("analyses", "analysis", "Analysis"),
    Collection::new("comments", "comment", "Comment"),
    Collection::new("votes", "vote", "Vote"),
    Collection::new("file_behaviours", "file_behaviour", "File behaviour"),
    Collection::new("resolutions", "resolution", "Resolution"),
    Collection::new("whois", "whois", "Whois"),
    Collection::new("ssl_certs", "ssl_cert", "SSL certificate"),
    Collection::new("collections", "collection", "Collection"),
    Collection::new("graphs", "graph", "Graph"),
];

impl Collection {
    /// The files.
    pub(super) const FILES: Self = Self::new("files", "file", "File");
    /// The URLs.
    pub(super) const URLS: Self = Self::new("urls", "url", "URL");
    /// The domains.
    pub(super) const DOMAINS: Self = Self::new("domains", "domain", "Domain");
    /// The IP addresses.
    pub(super) const IP_ADDRESSES: Self = Self::new("ip_addresses", "ip_address", "IP address");

    const fn new(path: &'static str, kind: &'static str, noun: &'static str) -> Self {
        Self { path, kind, noun }
    }

    /// Returns the collection with this path segment.
    pub(super) fn at(path: &str) -> Result<Self, DemoError> {
        for collection in COLLECTIONS {
            if collection.path == path {
                return Ok(collection);
            }
        }
        Err(DemoError::unknown_path())
    }

    /// Returns the collection of objects of this type.
    fn of(kind: &str) -> Option<Self> {
        COLLECTIONS.into_iter().find(|it| it.kind == kind)
    }
}

/// The type and id of an object.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Reference {
    /// The type, such as `file`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The id, as VirusTotal spells it.
    pub(super) id: String,
}

impl Reference {
    /// Creates a reference to the object `id` of type `kind`.
    pub(super) fn new(kind: &str, id: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.into(),
        }
    }

    /// Returns the object's address at VirusTotal.
    pub(super) fn link(&self) -> String {
        let collection = match Collection::of(&self.kind) {
            Some(collection) => collection.path,
            None => &self.kind,
        };
        let id = utf8_percent_encode(&self.id, PATH);
        format!("https://www.virustotal.com/api/v3/{collection}/{id}")
    }

    /// Returns the first letter of the ids of this object's comments and votes, or `None` if it
    /// takes none.
    pub(super) fn letter(&self) -> Option<char> {
        match &*self.kind {
            "file" => Some('f'),
            "url" => Some('u'),
            "domain" => Some('d'),
            "ip_address" => Some('i'),
            _ => None,
        }
    }

    /// Returns the error for this object if it does not exist.
    pub(super) fn not_found(&self) -> DemoError {
        let noun = match Collection::of(&self.kind) {
            Some(collection) => collection.noun,
            None => &self.kind,
        };
        DemoError::not_found(noun, &self.id)
    }
}

/// An object as written in the embedded lists.
#[derive(Clone, Deserialize)]
pub(super) struct Object {
    /// The type and id.
    #[serde(flatten)]
    pub(super) of: Reference,
    /// The attributes.
    pub(super) attributes: Value,
}

/// An object in a relationship.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Descriptor {
    /// The type and id.
    #[serde(flatten)]
    pub(super) of: Reference,
    /// The attributes that apply to this relationship only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context_attributes: Option<Value>,
}

impl From<Reference> for Descriptor {
    fn from(of: Reference) -> Self {
        Self {
            of,
            context_attributes: None,
        }
    }
}
