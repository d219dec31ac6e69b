//! Rows of `lookup` as structured content.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    http::bulk::FinishedRow,
    indicator::Kind,
    mcp::{
        budget::Budget,
        results::{json_of, string},
    },
    render::estimated_tokens,
};

use super::shown_rows::{Naming, ShownRows};

/// The longest text that is repeated whole.
const LONGEST: usize = 100;

/// The number of tokens for each row, and for the rest of the list.
const EACH: usize = 70;
const REST: usize = 200;

/// The amounts that a row shows, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Facts,
    Verdict,
    Level,
}

/// The members of a JSON object in their order, each value as it stands.
struct RawMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadMembers;
        impl<'de> Visitor<'de> for ReadMembers {
            type Value = RawMembers<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(ReadMembers)
    }
}

/// The indicator of a brief.
#[derive(Deserialize)]
struct BriefIndicator<'a> {
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

/// Returns the row of one indicator with its brief.
pub(super) fn of_brief(given: &str, kind: Kind, brief: &str) -> String {
    let mut row = json_of(&start(1, Some(given), Some(kind)));
    row.pop();
    // The brief is the gateway's own, so it can be read.
    let facts = serde_json::from_str(brief).map_or(Vec::new(), |RawMembers(facts)| facts);
    for (name, value) in facts {
        let name = match &*name {
            // `type` says which kind of indicator the row is.
            "type" => "file_type",
            "indicator" => {
                let indicator = serde_json::from_str(value.get());
                if let Ok(BriefIndicator { value: Some(id) }) = indicator
                    && id != given
                {
                    // Writing to a `String` does not fail.
                    let _ = write!(row, ",\"id\":{}", string(&id));
                }
                continue;
            }
            name => name,
        };
        let _ = write!(row, ",{}:{}", string(name), value.get());
    }
    row.push('}');
    row
}

/// Returns the row of one indicator of which nothing is known.
pub(super) fn unknown(given: &str, kind: Kind, why: &str) -> String {
    let mut row = start(1, Some(given), Some(kind));
    let verdict = json!({"level": "unknown", "reason": why, "stale": false});
    row.insert("verdict".to_owned(), verdict);
    json_of(&row)
}

/// Returns a list of rows, in as much detail as there is room for.
pub(super) fn of_rows(rows: &ShownRows<'_>, room: usize, budget: Budget) -> String {
    let room = room.min(budget.scaled(rows.shown.len() * EACH + REST));
    let mut list = Vec::new();
    for amount in [Amount::Facts, Amount::Verdict, Amount::Level] {
        let shown = rows.shown.iter();
        list = shown.map(|row| of_row(row, amount, rows.naming)).collect();
        let tokens: usize = list.iter().map(|row| estimated_tokens(row) + 1).sum();
        if tokens <= room {
            break;
        }
    }
    format!("[{}]", list.join(","))
}

/// Returns a row in the fewest words.
pub(super) fn shortest(row: &FinishedRow, naming: Naming) -> String {
    of_row(row, Amount::Level, naming)
}

fn of_row(row: &FinishedRow, amount: Amount, naming: Naming) -> String {
    let is_named = amount != Amount::Level || naming == Naming::ByName;
    let given = is_named.then_some(row.given.as_str());
    let mut members = start(row.number, given, row.kind);
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    let finding = &row.finding;
    if let Some(verdict) = &finding.verdict {
        if amount == Amount::Level {
            add("verdict", json!({"level": verdict.level}));
        } else {
            add("verdict", json!(verdict));
        }
    }
    if amount == Amount::Facts {
        if row
            .id
            .as_deref()
            .is_some_and(|id| id != row.given && id.len() <= LONGEST)
        {
            add("id", json!(row.id));
        }
        if let Some(detections) = &finding.detections {
            let counts = row.text();
            // Without the labels of single engines.
            let counts = json!({
                "malicious": counts.malicious,
                "suspicious": counts.suspicious,
                "engines": counts.engines,
            });
            let is_known = !detections.get().is_empty();
            if is_known {
                add("detections", counts);
            }
        }
        if let Some(label) = &finding.label {
            add("label", json!(label));
        }
        if let Some(analysed) = &finding.analysed {
            add("analysed", json!(analysed));
        }
        add("source", json!(finding.source));
    }
    if let Some(error) = &row.error {
        let detail = shortened(error.detail(), LONGEST);
        add("error", json!({"code": error.code(), "detail": detail}));
    }
    json_of(&members)
}

fn start(number: usize, given: Option<&str>, kind: Option<Kind>) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("row".to_owned(), number.into());
    if let Some(given) = given {
        row.insert("given".to_owned(), shortened(given, LONGEST).into());
    }
    row.insert("type".to_owned(), json!(kind));
    row
}

/// Returns a text of at most this many letters, with `…` where it was cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
