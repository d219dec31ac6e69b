//! The ids of related objects that come with a report, within a budget.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    mcp::{results::json_of, views::Ids},
    render::{estimated_tokens, inert_cell},
};

/// The tokens around a name and around an id, in structured content and in the text together.
const AROUND_NAME: usize = 26;
const AROUND_ID: usize = 8;

/// The tokens around the names of relationships that have no room, and around each of them.
const AROUND_LEFT_OUT: usize = 14;
const AROUND_LEFT_OUT_NAME: usize = 2;

/// The ids of several relationships that there is room for.
#[derive(Debug)]
pub(super) struct SharedIds<'a> {
    relationships: Vec<ShownIds<'a>>,
    /// The relationships that have no room.
    pub(super) left_out: Vec<&'a str>,
    /// Whether all ids are shown.
    pub(super) is_whole: bool,
}

/// The ids of a relationship that there is room for.
#[derive(Debug)]
struct ShownIds<'a> {
    name: &'a str,
    all: &'a Ids,
    shown: usize,
}

/// Returns the tokens of a name among those that have no room.
fn left_out_cost(name: &str) -> usize {
    estimated_tokens(name) + AROUND_LEFT_OUT_NAME
}

impl<'a> SharedIds<'a> {
    /// Returns the tokens in which all of these relationships can be named.
    pub(super) fn least(asked: &[String]) -> usize {
        let names: usize = asked.iter().map(|name| left_out_cost(name)).sum();
        names + AROUND_LEFT_OUT
    }

    /// Shares out this many tokens among the relationships that were asked for: each gets one id after
    /// the other, so that a long list leaves room to the rest. Those that get nothing are named.
    pub(super) fn of(related: &'a BTreeMap<String, Ids>, asked: &'a [String], room: usize) -> Self {
        let mut left = room.saturating_sub(Self::least(asked));
        let mut left_out = Vec::new();
        let mut relationships = Vec::with_capacity(asked.len());
        let mut is_whole = true;
        for name in asked {
            let Some(all) = related.get(name) else {
                continue;
            };
            // It need not be named as left out.
            let more = 2 * estimated_tokens(name) + AROUND_NAME - left_out_cost(name);
            match left.checked_sub(more) {
                Some(rest) => {
                    left = rest;
                    let shown = 0;
                    relationships.push(ShownIds { name, all, shown });
                }
                None => left_out.push(name.as_str()),
            }
        }
        if left_out.is_empty() {
            left += AROUND_LEFT_OUT;
        } else {
            is_whole = false;
        }
        let mut round = 0;
        loop {
            let mut has_grown = false;
            for one in relationships.iter_mut().filter(|one| one.shown == round) {
                let Some(id) = one.all.ids.get(round) else {
                    continue;
                };
                match left.checked_sub(2 * estimated_tokens(id) + AROUND_ID) {
                    Some(rest) => {
                        left = rest;
                        one.shown += 1;
                        has_grown = true;
                    }
                    None => is_whole = false,
                }
            }
            if !has_grown {
                break;
            }
            round += 1;
        }
        Self {
            relationships,
            left_out,
            is_whole,
        }
    }

    /// Returns the ids as structured content. Of a relationship that has more than are shown, `more` is
    /// true.
    pub(super) fn json(&self) -> String {
        let mut members = Map::new();
        for one in &self.relationships {
            let mut ids = json!({"ids": one.shown(), "count": one.all.count});
            if one.has_more() {
                ids["more"] = Value::Bool(true);
            }
            members.insert(one.name.to_owned(), ids);
        }
        json_of(&members)
    }

    /// Returns the line that names the relationships without room, if there are any.
    pub(super) fn left_out_line(&self) -> Option<String> {
        if self.left_out.is_empty() {
            return None;
        }
        let names: Vec<_> = self.left_out.iter().map(|name| inert_cell(name)).collect();
        Some(format!(
            "\nNo room (ask with more `max_tokens`): {}",
            names.join(", ")
        ))
    }

    /// Returns the lines of the text, each with its line break.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.relationships.iter().map(ShownIds::line)
    }
}

impl ShownIds<'_> {
    fn shown(&self) -> &[String] {
        self.all.ids.get(..self.shown).unwrap_or_default()
    }

    fn has_more(&self) -> bool {
        u64::try_from(self.shown).is_ok_and(|shown| shown < self.all.count)
    }

    fn line(&self) -> String {
        let mut shown: Vec<_> = self.shown().iter().map(|id| inert_cell(id)).collect();
        if self.has_more() {
            shown.push("…".to_owned());
        }
        let count = self.all.count;
        format!(
            "\n{} ({count}): {}",
            inert_cell(self.name),
            shown.join(", ")
        )
    }
}
