//! Exact values of a report, which a brief shortens or leaves out.

use std::{borrow::Cow, net::IpAddr};

use super::{
    report::Report,
    values::{address, beginning, field, string},
};
use crate::{indicator::is_hex, render::hidden::is_hidden};

/// The attributes that are read for exact values.
pub(super) const ATTRIBUTES: &[&str] = &[
    "md5",
    "sha1",
    "sha256",
    "ssdeep",
    "tlsh",
    "meaningful_name",
    "names",
    "url",
    "last_dns_records",
    "first_submission_date",
    "last_submission_date",
    "last_analysis_date",
    "last_modification_date",
    "creation_date",
];

/// The number of names of a file, and of addresses of a domain.
const MOST_VALUES: usize = 5;

/// The number of names that are looked at for those that can be shown as they are.
const MOST_CANDIDATES: usize = 64;

/// The bytes of a file's name. File systems allow no more.
const LONGEST_NAME: usize = 255;

/// The characters of a fuzzy hash.
const LONGEST_HASH: usize = 200;

/// Exact values of a report. Times are in Unix seconds.
#[derive(Debug, Default)]
pub(in crate::render) struct ExactFacts {
    /// The digests of a file.
    pub(in crate::render) hashes: FileHashes,
    /// Names of a file that can be shown as they are: none is shortened or withheld.
    pub(in crate::render) names: Vec<String>,
    /// The text of a URL.
    pub(in crate::render) url: Option<String>,
    /// Addresses of a domain, from its last DNS records.
    pub(in crate::render) addresses: Vec<IpAddr>,
    /// The first submission.
    pub(in crate::render) first_seen: Option<i64>,
    /// The last submission.
    pub(in crate::render) last_seen: Option<i64>,
    /// The last analysis.
    pub(in crate::render) analysed: Option<i64>,
    /// The last change of the object at `VirusTotal`.
    pub(in crate::render) modified: Option<i64>,
    /// The registration of a domain.
    pub(in crate::render) registered: Option<i64>,
}

/// The digests of a file, in lower case where they are hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::render) struct FileHashes {
    /// MD5.
    pub(in crate::render) md5: Option<String>,
    /// SHA-1.
    pub(in crate::render) sha1: Option<String>,
    /// SHA-256.
    pub(in crate::render) sha256: Option<String>,
    /// A fuzzy hash.
    pub(in crate::render) ssdeep: Option<String>,
    /// A fuzzy hash with its version, such as `T1…`.
    pub(in crate::render) tlsh: Option<String>,
}

impl FileHashes {
    /// Returns the digests that consist of this one, by its length.
    pub(in crate::render) fn of(digest: &str) -> Self {
        let mut hashes = Self::default();
        hashes.add(digest);
        hashes
    }

    /// Adds a digest, unless one of its length is there. Any other text is ignored.
    pub(in crate::render) fn add(&mut self, digest: &str) {
        let place = match digest.len() {
            32 => &mut self.md5,
            40 => &mut self.sha1,
            64 => &mut self.sha256,
            _ => return,
        };
        if place.is_none() && is_hex(digest, digest.len()) {
            *place = Some(digest.to_ascii_lowercase());
        }
    }

    /// Whether no digest is known by which a file can be found.
    pub(in crate::render) fn is_empty(&self) -> bool {
        self.md5.is_none() && self.sha1.is_none() && self.sha256.is_none()
    }
}

impl ExactFacts {
    /// Reads the exact values of a report.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        Self {
            hashes: hashes(report),
            names: names(report),
            url: report.url().map(Cow::into_owned),
            addresses: addresses(report),
            first_seen: report.time("first_submission_date"),
            last_seen: report.time("last_submission_date"),
            analysed: report.time("last_analysis_date"),
            modified: report.time("last_modification_date"),
            registered: report.time("creation_date"),
        }
    }
}

fn hashes(report: &Report<'_, '_>) -> FileHashes {
    let mut hashes = FileHashes::default();
    for (name, length) in [("md5", 32), ("sha1", 40), ("sha256", 64)] {
        let digest = report.attributes.raw(name).and_then(string);
        if let Some(digest) = digest.filter(|digest| digest.len() == length) {
            hashes.add(&digest);
        }
    }
    hashes.ssdeep = fuzzy(report, "ssdeep", is_ssdeep);
    hashes.tlsh = fuzzy(report, "tlsh", is_tlsh);
    hashes
}

/// Returns a fuzzy hash, if it has the form of one.
fn fuzzy(report: &Report<'_, '_>, name: &str, is_hash: fn(&str) -> bool) -> Option<String> {
    let hash = string(report.attributes.raw(name)?)?;
    if hash.len() > LONGEST_HASH || !is_hash(&hash) {
        return None;
    }
    Some(hash.into_owned())
}

/// Whether a text is a size of blocks and two signatures in base64.
fn is_ssdeep(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let [blocks, first, second] = parts.as_slice() else {
        return false;
    };
    let is_signature = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    let is_size = !blocks.is_empty() && blocks.bytes().all(|byte| byte.is_ascii_digit());
    is_size && is_signature(first) && is_signature(second)
}

fn is_tlsh(text: &str) -> bool {
    is_hex(text.strip_prefix("T1").unwrap_or(text), 70)
}

/// Returns the names of a file that no treatment would change.
fn names(report: &Report<'_, '_>) -> Vec<String> {
    let listed = &report.attributes.elements("names").first;
    let meaningful = report.attributes.raw("meaningful_name");
    let mut names: Vec<String> = Vec::new();
    let candidates = meaningful.iter().chain(listed).take(MOST_CANDIDATES);
    for text in candidates.filter_map(|raw| string(raw)) {
        // A path names folders of another machine. A long text is no name.
        // MISP takes no blanks around a value.
        let name = text.rsplit(['/', '\\']).next().unwrap_or_default().trim();
        let is_plain =
            !name.is_empty() && name.len() <= LONGEST_NAME && !name.chars().any(is_hidden);
        if !is_plain || names.iter().any(|known| known == name) {
            continue;
        }
        // An instruction in the folders would stand in the name's place in a brief.
        let shown = beginning(&text);
        if report.context.texts.treat_key(shown) == shown {
            names.push(name.to_owned());
        }
        if names.len() == MOST_VALUES {
            break;
        }
    }
    names
}

fn addresses(report: &Report<'_, '_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for record in &report.attributes.elements("last_dns_records").first {
        let found = field(record, "value").and_then(address);
        if let Some(found) = found
            && !addresses.contains(&found)
            && addresses.len() < MOST_VALUES
        {
            addresses.push(found);
        }
    }
    addresses
}
