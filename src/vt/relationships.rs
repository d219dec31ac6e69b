//! The relationships that VirusTotal lists for each collection.
//!
//! The list drifts, so a name that is not on it is passed on as long as it looks like one.

use std::sync::LazyLock;

use serde::Serialize;
use utoipa::ToSchema;

use crate::indicator::Kind;

/// A kind of link from one object to others.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Relationship {
    /// Its name in paths.
    #[serde(rename = "value")]
    pub name: &'static str,
    /// What it leads to, in a line.
    pub description: &'static str,
    /// Whose key may read it: `everyone`, `signed-in`, `enterprise`, …
    pub tier: &'static str,
    /// The `type` of the objects it leads to.
    pub object: &'static str,
}

/// The collections whose relationships can be asked for, each with its table.
///
/// A further collection is a line here.
static TABLES: LazyLock<Vec<(Kind, Vec<Relationship>)>> = LazyLock::new(|| {
    [
        (Kind::File, include_str!("relationships/files.tsv")),
        (Kind::Url, include_str!("relationships/urls.tsv")),
        (Kind::Domain, include_str!("relationships/domains.tsv")),
        (Kind::Ip, include_str!("relationships/ips.tsv")),
    ]
    .into_iter()
    .map(|(kind, table)| (kind, rows(table).collect()))
    .collect()
});

/// The kinds of indicator that have relationships here.
pub fn kinds() -> impl Iterator<Item = Kind> {
    TABLES.iter().map(|(kind, _)| *kind)
}

/// The relationships of a kind, by name.
pub fn of(kind: Kind) -> &'static [Relationship] {
    TABLES
        .iter()
        .find(|(of, _)| *of == kind)
        .map_or(&[], |(_, rows)| rows)
}

/// The relationship of this name, if the kind's table has it.
pub fn named(kind: Kind, name: &str) -> Option<&'static Relationship> {
    of(kind).iter().find(|row| row.name == name)
}

/// Whether any of the tables has a relationship of this name.
pub fn is_known(name: &str) -> bool {
    kinds().any(|kind| named(kind, name).is_some())
}

/// Names that stand behind an id in VirusTotal's paths and are no relationships: actions, files
/// to download, and resources of another shape.
const RESERVED: [&str; 17] = [
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

/// Words that make a name that of an action, in any combination.
const ACTIONS: [&str; 6] = [
    "analyse",
    "analyze",
    "download",
    "reanalyse",
    "reanalyze",
    "upload",
];

/// Returns whether a name is no relationship's, although it looks like one.
pub fn is_reserved(name: &str) -> bool {
    let is_action = |word: &str| ACTIONS.contains(&word);
    !is_known(name) && (RESERVED.contains(&name) || name.split('_').any(is_action))
}

/// Whether VirusTotal may have a relationship of this name: 1 to 64 of `a-z 0-9 _`.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Reads tab-separated rows below a line of headings.
fn rows(table: &'static str) -> impl Iterator<Item = Relationship> {
    table.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        Some(Relationship {
            name: cells.next()?,
            description: cells.next()?,
            tier: cells.next()?,
            object: cells.next()?.trim_end_matches(" (single)"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_table_is_read() {
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
    fn an_action_is_no_relationship() {
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
