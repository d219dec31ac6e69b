//! The attributes that a brief leaves out.

use std::borrow::Cow;

/// The number of attributes that an answer lists.
const MAX_OMITTED: usize = 20;

/// The number of attributes that are kept before the small ones among them are dropped.
const MAX_COLLECTED: usize = 256;

/// The length of the longest name that is listed. `VirusTotal`'s own are shorter.
const MAX_NAME: usize = 64;

/// The size from which an object or array that was used counts as left out, because a brief shows
/// only a small part of it.
const MOSTLY_OMITTED: usize = 400;

/// An attribute that a brief leaves out entirely or for the most part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted<'a> {
    /// The name of the attribute.
    pub path: Cow<'a, str>,
    /// The size of its JSON text in bytes, white space not counted.
    pub bytes: usize,
}

/// The largest of the attributes that are left out.
#[derive(Debug, Default)]
pub(super) struct LargestOmitted<'a>(Vec<Omitted<'a>>);

impl<'a> LargestOmitted<'a> {
    /// Adds an attribute with the JSON text of its value.
    pub(super) fn push(&mut self, path: Cow<'a, str>, raw: &str) {
        self.push_larger(path, raw, 0);
    }

    /// Adds an attribute of which a brief uses a part, if its value is so large that the part is
    /// small.
    pub(super) fn push_used(&mut self, path: Cow<'a, str>, raw: &str) {
        if raw.len() > MOSTLY_OMITTED && raw.starts_with(['{', '[']) {
            self.push_larger(path, raw, MOSTLY_OMITTED);
        }
    }

    fn push_larger(&mut self, path: Cow<'a, str>, raw: &str, limit: usize) {
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
        if path.is_empty() || path.len() > MAX_NAME || !is_plain {
            return;
        }
        let bytes = size(raw);
        if bytes <= limit {
            return;
        }
        self.0.push(Omitted { path, bytes });
        // A hostile report can have any number of attributes.
        if self.0.len() >= MAX_COLLECTED {
            self.drop_small();
        }
    }

    /// Returns the largest attributes in the order of their sizes.
    pub(super) fn finish(mut self) -> Vec<Omitted<'a>> {
        self.drop_small();
        self.0
    }

    fn drop_small(&mut self) {
        self.0
            .sort_by_key(|omitted| std::cmp::Reverse(omitted.bytes));
        self.0.truncate(MAX_OMITTED);
    }
}

/// Returns the number of bytes that are not white space.
///
/// Spaces within strings are not counted either: to tell them apart takes another pass of a lexer,
/// and the sizes are estimates.
fn size(raw: &str) -> usize {
    let mut size = 0;
    // The compiler counts bytes in vectors if the counter is a byte as well.
    for chunk in raw.as_bytes().chunks(255) {
        let mut visible = 0_u8;
        for byte in chunk {
            visible += u8::from(*byte > b' ');
        }
        size += usize::from(visible);
    }
    size
}
