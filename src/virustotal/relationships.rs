//! The documented relationships of each collection.
//!
//! VirusTotal adds relationships over time, so an unlisted name is passed on if its syntax fits.

use std::sync::LazyLock;

use serde::Serialize;
use utoipa::ToSchema;

use crate::indicator::Kind;

/// A relationship of an object to other objects.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Relationship {
    /// The name in paths.
    #[serde(rename = "value")]
    pub name: &'static str,
    /// A description in one line.
    pub description: &'static str,
    /// The access level that a key needs: `everyone`, `signed-in`, `enterprise`, …
    pub tier: &'static str,
    /// The `type` of the related objects.
    pub object: &'static str,
}

/// The relationships of one kind of indicator.
struct RelationshipTable {
    kind: Kind,
    rows: Vec<Relationship>,
}

/// The collections with relationships, each with its table.
///
/// To add a collection, add a line.
static TABLES: LazyLock<[RelationshipTable; 4]> = LazyLock::new(|| {
    [
        RelationshipTable::parse(Kind::File, include_str!("relationships/files.tsv")),
        RelationshipTable::parse(Kind::Url, include_str!("relationships/urls.tsv")),
        RelationshipTable::parse(Kind::Domain, include_str!("relationships/domains.tsv")),
        RelationshipTable::parse(Kind::Ip, include_str!("relationships/ips.tsv")),
    ]
});

/// Returns the kinds of indicator that have relationships.
pub fn kinds() -> impl Iterator<Item = Kind> {
    TABLES.iter().map(|table| table.kind)
}

/// Returns the relationships of a kind, sorted by name.
pub fn of(kind: Kind) -> &'static [Relationship] {
    for table in &*TABLES {
        if table.kind == kind {
            return &table.rows;
        }
    }
    &[]
}

/// Looks up a relationship in a kind's table.
pub fn named(kind: Kind, name: &str) -> Option<&'static Relationship> {
    of(kind).iter().find(|row| row.name == name)
}

/// Returns whether any table lists a relationship of this name.
pub fn is_known(name: &str) -> bool {
    for kind in kinds() {
        if named(kind, name).is_some() {
            return true;
        }
    }
    false
}

/// Names that may follow an id in VirusTotal's paths but are no relationships: actions, downloads
/// and resources of another shape.
const RESERVED_NAMES: [&str; 17] = [
    "behaviour_mitre_trees",
    "behaviour_summary",
    "delete",
    "evtx",
    "html",
    "memdump",
    "metadata",
    "overall_quotas",
    "pcap",
    "private",
    "private_files",
    "relationships",
    "rescan",
    "scan",
    "search",
    "submit",
    "zip",
];

/// Words that mark a name as an action, in any combination.
const ACTION_WORDS: [&str; 6] = [
    "analyse",
    "analyze",
    "download",
    "reanalyse",
    "reanalyze",
    "upload",
];

/// Returns whether a name is reserved for something other than a relationship.
pub fn is_reserved(name: &str) -> bool {
    if is_known(name) {
        return false;
    }
    RESERVED_NAMES.contains(&name) || name.split('_').any(|word| ACTION_WORDS.contains(&word))
}

/// Returns whether a name has the syntax of a relationship: 1 to 64 of `a-z 0-9 _`, a letter first.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    name.len() <= 64 && name.starts_with(char::is_lowercase) && name.bytes().all(is_allowed)
}

impl RelationshipTable {
    /// Parses tab-separated rows after a header line. A malformed row is left out.
    fn parse(kind: Kind, text: &'static str) -> Self {
        let rows = text.lines().skip(1).filter_map(Relationship::parse);
        Self {
            kind,
            rows: rows.collect(),
        }
    }
}

impl Relationship {
    fn parse(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        Some(Self {
            name: cells.next()?,
            description: cells.next()?,
            tier: cells.next()?,
            // The table marks a relationship to a single object with " (single)".
            object: cells.next()?.trim_end_matches(" (single)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_complete() {
        let counts: Vec<_> = kinds().map(|kind| (kind, of(kind).len())).collect();
        let expected = [
            (Kind::File, 55),
            (Kind::Url, 35),
            (Kind::Domain, 34),
            (Kind::Ip, 25),
        ];
        assert_eq!(counts, expected);
        assert!(named(Kind::Domain, "parent").is_some_and(|row| row.object == "domain"));
        let mut rows = kinds().flat_map(of);
        assert!(rows.all(|row| is_name(row.name) && !row.object.is_empty()));
    }

    #[test]
    fn actions_are_reserved() {
        for reserved in [
            "download_url",
            "download",
            "analyse",
            "upload_url",
            "behaviour_summary",
            "relationships",
            "pcap",
        ] {
            assert!(is_reserved(reserved), "{reserved}");
        }
        assert!(!is_reserved("brand_new") && !is_reserved("downloaded_files"));
        let mut rows = kinds().flat_map(of);
        assert!(rows.all(|row| !is_reserved(row.name)));
    }

    #[test]
    fn names_are_lower_case() {
        assert!(is_name("contacted_domains") && is_name("x2"));
        for bad in [
            "",
            "Contacted",
            "a-b",
            "a/b",
            "..",
            "2x",
            "é",
            &"a".repeat(65),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
