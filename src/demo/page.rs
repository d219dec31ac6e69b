//! One page of a list: `limit` and `cursor`, and the links to this page and the next.

use serde::Serialize;
use url::form_urlencoded::{self, Serializer};

use super::answer::Refusal;

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 40;
/// The end of every cursor.
///
/// It doesn't survive being encoded once too little or once too often.
const CURSOR_END: &str = "/ &more=%2B==";

/// The part of a list that was asked for.
pub(super) struct Page<'a> {
    relationship: &'a str,
    cursor: Option<String>,
    limit: usize,
    start: usize,
}

/// What a list's answer says of the list.
#[derive(Serialize)]
pub(super) struct Meta {
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Where a list's pages are.
#[derive(Serialize)]
pub(super) struct Links {
    #[serde(rename = "self")]
    this: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'a> Page<'a> {
    /// Reads the query of a request for `relationship`.
    pub(super) fn parse(relationship: &'a str, query: &str) -> Result<Self, Refusal> {
        let mut page = Self {
            relationship,
            cursor: None,
            limit: DEFAULT_LIMIT,
            start: 0,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => page.limit = limit(&value)?,
                "cursor" => page.follow(value.into_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The items of `all` on this page.
    pub(super) fn of<'t, T>(&self, all: &'t [T]) -> &'t [T] {
        let rest = all.get(self.start..).unwrap_or_default();
        rest.get(..self.limit).unwrap_or(rest)
    }

    /// The `meta` of this page of `count` items.
    pub(super) fn meta(&self, count: usize) -> Meta {
        Meta {
            count,
            cursor: self.next_cursor(count),
        }
    }

    /// The links of this page of `count` items, at `path`.
    pub(super) fn links(&self, path: &str, count: usize) -> Links {
        let to = |cursor: Option<&str>| {
            let mut query = Serializer::new(String::new());
            cursor.map(|cursor| query.append_pair("cursor", cursor));
            query.append_pair("limit", &self.limit.to_string());
            format!("{path}?{}", query.finish())
        };
        Links {
            this: to(self.cursor.as_deref()),
            next: self.next_cursor(count).map(|cursor| to(Some(&cursor))),
        }
    }

    /// A cursor that can't be read, or is another list's, leads past the end.
    fn follow(&mut self, cursor: String) {
        self.start = cursor
            .strip_prefix(self.relationship)
            .and_then(|rest| rest.strip_prefix('+'))
            .and_then(|rest| rest.strip_suffix(CURSOR_END))
            .and_then(|start| start.parse().ok())
            .unwrap_or(usize::MAX);
        self.cursor = Some(cursor);
    }

    fn next_cursor(&self, count: usize) -> Option<String> {
        let next = self.start.saturating_add(self.limit);
        (next < count).then(|| format!("{}+{next}{CURSOR_END}", self.relationship))
    }
}

impl Links {
    /// The links of what has no pages.
    pub(super) fn to(path: String) -> Self {
        Self {
            this: path,
            next: None,
        }
    }
}

fn limit(value: &str) -> Result<usize, Refusal> {
    match value.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        Ok(0) | Err(_) => Err(Refusal::bad_request("Limit must be a positive integer")),
        Ok(_) => Err(Refusal::bad_request("Limit can't be larger than 40")),
    }
}
