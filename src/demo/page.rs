//! Pages of a list: `limit` and `cursor`, and the links to this page and the next.

use serde::Serialize;
use url::form_urlencoded::{self, Serializer};

use super::answer::Refusal;

const DEFAULT_LIMIT: usize = 10;
/// The maximum number of items of a page, except for intelligence searches.
pub(super) const MOST: usize = 40;
/// The end of every cursor.
///
/// Encoding it once too little or once too often destroys it.
const CURSOR_END: &str = "/ &more=%2B==";

/// The requested part of a list.
pub(super) struct Page<'a> {
    list: &'a str,
    cursor: Option<String>,
    limit: usize,
    start: usize,
}

/// The metadata of a list.
#[derive(Serialize)]
pub(super) struct Meta {
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// The links to the pages of a list.
#[derive(Serialize)]
pub(super) struct Links {
    #[serde(rename = "self")]
    this: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'a> Page<'a> {
    /// Parses the query of a request for `list`, which has at most `most` items per page.
    ///
    /// A cursor is valid for the list of that name only.
    pub(super) fn parse(list: &'a str, query: &str, most: usize) -> Result<Self, Refusal> {
        let mut page = Self {
            list,
            cursor: None,
            limit: DEFAULT_LIMIT,
            start: 0,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => page.limit = limit(&value, most)?,
                "cursor" => page.follow(value.into_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// Returns the items of `all` on this page.
    pub(super) fn of<'t, T>(&self, all: &'t [T]) -> &'t [T] {
        let rest = all.get(self.start..).unwrap_or_default();
        rest.get(..self.limit).unwrap_or(rest)
    }

    /// Returns the `meta` of this page of `count` items.
    pub(super) fn meta(&self, count: usize) -> Meta {
        Meta {
            count,
            cursor: self.next_cursor(count),
        }
    }

    /// Returns the links of this page of `count` items.
    ///
    /// They point to `path`, which may have a query of its own.
    pub(super) fn links(&self, path: &str, count: usize) -> Links {
        let to = |cursor: Option<&str>| {
            let mut query = Serializer::new(String::new());
            cursor.map(|cursor| query.append_pair("cursor", cursor));
            query.append_pair("limit", &self.limit.to_string());
            let mark = if path.contains('?') { '&' } else { '?' };
            format!("{path}{mark}{}", query.finish())
        };
        Links {
            this: to(self.cursor.as_deref()),
            next: self.next_cursor(count).map(|cursor| to(Some(&cursor))),
        }
    }

    /// Follows a cursor. One that is malformed or belongs to another list leads past the end.
    fn follow(&mut self, cursor: String) {
        self.start = cursor
            .strip_prefix(self.list)
            .and_then(|rest| rest.strip_prefix('+'))
            .and_then(|rest| rest.strip_suffix(CURSOR_END))
            .and_then(|start| start.parse().ok())
            .unwrap_or(usize::MAX);
        self.cursor = Some(cursor);
    }

    fn next_cursor(&self, count: usize) -> Option<String> {
        let next = self.start.saturating_add(self.limit);
        (next < count).then(|| format!("{}+{next}{CURSOR_END}", self.list))
    }
}

impl Links {
    /// Creates the links of something without pages.
    pub(super) fn to(path: String) -> Self {
        Self {
            this: path,
            next: None,
        }
    }
}

fn limit(value: &str, most: usize) -> Result<usize, Refusal> {
    match value.parse() {
        Ok(limit) if limit > most => {
            let message = format!("Limit can't be larger than {most}");
            Err(Refusal::bad_request(&message))
        }
        Ok(0) | Err(_) => Err(Refusal::bad_request("Limit must be a positive integer")),
        Ok(limit) => Ok(limit),
    }
}
