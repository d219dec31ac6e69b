//! Pages of a list: `limit` and `cursor`, and the links to this page and the next.

use serde::Serialize;
use url::form_urlencoded::{self, Serializer};

use super::answer::DemoError;

const DEFAULT_LIMIT: usize = 10;
/// The maximum number of items of a page, except for intelligence searches.
pub(super) const MOST: usize = 40;
/// The end of every cursor.
///
/// Encoding it once too little or once too often destroys it.
const CURSOR_END: &str = "/ &more=%2B==";

/// The requested part of a list.
pub(super) struct PageRequest<'a> {
    list: &'a str,
    cursor: Option<String>,
    limit: usize,
    start: usize,
}

/// The metadata of a list.
#[derive(Serialize)]
pub(super) struct PageMeta {
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// The links to the pages of a list.
#[derive(Serialize)]
pub(super) struct PageLinks {
    #[serde(rename = "self")]
    this: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'a> PageRequest<'a> {
    /// Parses the query of a request for `list`, which has at most `most` items per page.
    ///
    /// A cursor is valid for the list of that name only.
    pub(super) fn parse(list: &'a str, query: &str, most: usize) -> Result<Self, DemoError> {
        let mut page = Self::first(list, DEFAULT_LIMIT);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => page.limit = parse_limit(&value, most)?,
                "cursor" => page.follow(value.into_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// Creates the request for the first page of `list`, of this many items.
    pub(super) fn first(list: &'a str, limit: usize) -> Self {
        Self {
            list,
            cursor: None,
            limit,
            start: 0,
        }
    }

    /// Returns the items of `all` on this page.
    pub(super) fn of<'t, T>(&self, all: &'t [T]) -> &'t [T] {
        let start = self.start.min(all.len());
        let end = start.saturating_add(self.limit).min(all.len());
        &all[start..end]
    }

    /// Returns the `meta` of this page of `count` items.
    pub(super) fn meta(&self, count: usize) -> PageMeta {
        PageMeta {
            count,
            cursor: self.next_cursor(count),
        }
    }

    /// Returns the links of this page of `count` items.
    ///
    /// They point to `path`, which may have a query of its own.
    pub(super) fn links(&self, path: &str, count: usize) -> PageLinks {
        let next = self.next_cursor(count);
        PageLinks {
            this: self.link(path, self.cursor.as_deref()),
            next: next.map(|cursor| self.link(path, Some(&cursor))),
        }
    }

    fn link(&self, path: &str, cursor: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        query.append_pair("limit", &self.limit.to_string());
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{path}{mark}{}", query.finish())
    }

    /// Follows a cursor. One that is malformed or belongs to another list leads past the end.
    fn follow(&mut self, cursor: String) {
        self.start = self.start_of(&cursor).unwrap_or(usize::MAX);
        self.cursor = Some(cursor);
    }

    fn start_of(&self, cursor: &str) -> Option<usize> {
        let rest = cursor.strip_prefix(self.list)?.strip_prefix('+')?;
        rest.strip_suffix(CURSOR_END)?.parse().ok()
    }

    fn next_cursor(&self, count: usize) -> Option<String> {
        let next = self.start.saturating_add(self.limit);
        if next >= count {
            return None;
        }
        Some(format!("{}+{next}{CURSOR_END}", self.list))
    }
}

impl PageLinks {
    /// Creates the links of something without pages.
    pub(super) fn to(path: String) -> Self {
        Self {
            this: path,
            next: None,
        }
    }
}

fn parse_limit(value: &str, most: usize) -> Result<usize, DemoError> {
    match value.parse() {
        Ok(limit) if limit > most => {
            let message = format!("Limit can't be larger than {most}");
            Err(DemoError::bad_request(message))
        }
        Ok(0) | Err(_) => Err(DemoError::bad_request("Limit must be a positive integer")),
        Ok(limit) => Ok(limit),
    }
}
