//! The names of a file.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use crate::render::{
    brief::{
        report::Report,
        values::{MAX_TEXT, ScaledBounds, beginning, string},
    },
    untrusted::instructions::reads_like_instruction,
};

/// The bounds of the names of a file.
const NAMES: ScaledBounds = ScaledBounds {
    texts: 5,
    bytes: 120,
    compact_bytes: 16,
};

/// The length of a name from which the folders of a path are left out.
const LONG_PATH: usize = 32;

/// The number of names that are looked at for those that say something.
const MAX_CANDIDATES: usize = 64;

/// The number of hexadecimal digits from which a name says nothing: it is a digest or a UUID.
const DIGEST_DIGITS: usize = 24;

/// The texts from strangers in the brief of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileTexts {
    /// Up to 5 names under which the file was submitted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 5)]
    pub names: Vec<String>,
    /// The number of all names, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names_total: Option<u64>,
}

impl FileTexts {
    /// Returns whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the names, the most meaningful one first.
    ///
    /// A name that reads like an instruction is withheld rather than left out, so that its presence
    /// shows.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        let bounds = report.bounds(NAMES);
        let mut names: Vec<String> = Vec::new();
        for name in candidates(report) {
            let mut shown = &*name;
            let is_instruction = reads_like_instruction(beginning(&name));
            if name.len() > LONG_PATH && !is_instruction {
                shown = file_part(&name);
            }
            if bounds.admit(&names, shown) || is_instruction {
                names.extend(report.treated(shown, MAX_TEXT));
            }
        }
        let total = report.attributes.elements("names").total;
        let has_more = total > names.len() as u64;
        Self {
            names,
            names_total: has_more.then_some(total),
        }
    }
}

/// Returns the first names that say something; if none does, the first one.
///
/// Of paths that differ in their folders only the first one counts.
fn candidates<'a>(report: &Report<'_, 'a>) -> Vec<Cow<'a, str>> {
    let listed = &report.attributes.elements("names").first;
    let meaningful = report.attributes.raw("meaningful_name");
    let mut names: Vec<Cow<'a, str>> = Vec::new();
    let mut spare = None;
    for raw in meaningful.iter().chain(listed).take(MAX_CANDIDATES) {
        let Some(name) = string(raw) else {
            continue;
        };
        if names
            .iter()
            .any(|known| file_part(known).eq_ignore_ascii_case(file_part(&name)))
        {
            continue;
        }
        if is_digest(file_part(&name)) {
            spare.get_or_insert(name);
            continue;
        }
        names.push(name);
        if names.len() == NAMES.texts {
            break;
        }
    }
    if names.is_empty() {
        names.extend(spare);
    }
    names
}

/// Returns the part of a path behind its folders.
fn file_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Returns whether a name contains a digest or a UUID.
fn is_digest(name: &str) -> bool {
    let mut digits = 0;
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' => {}
            _ if byte.is_ascii_hexdigit() => digits += 1,
            _ => digits = 0,
        }
        if digits == DIGEST_DIGITS {
            return true;
        }
    }
    false
}
