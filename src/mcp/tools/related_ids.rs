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

/// The ids of several relationships that there is room for.
#[derive(Debug)]
pub(super) struct SharedIds<'a> {
    relationships: Vec<ShownIds<'a>>,
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

impl<'a> SharedIds<'a> {
    /// Shares out this many tokens among the relationships that were asked for: each gets one id after
    /// the other, so that a long list leaves room to the rest.
    pub(super) fn of(related: &'a BTreeMap<String, Ids>, asked: &'a [String], room: usize) -> Self {
        let mut left = room;
        let mut relationships = Vec::with_capacity(asked.len());
        let mut is_whole = true;
        for name in asked {
            let Some(all) = related.get(name) else {
                continue;
            };
            match left.checked_sub(2 * estimated_tokens(name) + AROUND_NAME) {
                Some(rest) => {
                    left = rest;
                    let shown = 0;
                    relationships.push(ShownIds { name, all, shown });
                }
                None => is_whole = false,
            }
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
