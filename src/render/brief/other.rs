//! Other objects in brief: comments, votes, resolutions, analyses, certificates and the like.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use self::facts::{Fact, Shape, facts_of};
use super::{
    report::{Report, error_code},
    values::{
        Bounds, MAX_TEXT, add_distinct, date, elements, entries, field, integer, number, short,
        shorten, string, time,
    },
};

mod facts;
mod tactics;

/// The number of counts.
const MAX_COUNTS: usize = 6;

/// The bounds of a list of texts.
const LISTED: Bounds = Bounds {
    texts: 6,
    bytes: 80,
};

/// The bounds of the texts of each kind that strangers wrote.
const STRANGERS: Bounds = Bounds {
    texts: 5,
    bytes: 160,
};

/// The number of attributes that are shown of an object of an unknown type.
const MAX_UNKNOWN: usize = 6;

/// The number of characters of an id.
const MAX_ID: usize = 200;

/// The attributes that say what an object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OtherBrief {
    /// The id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub id: Option<String>,
    /// The type, such as `comment`.
    #[serde(rename = "type")]
    #[schema(max_length = 80)]
    pub object_type: String,
    /// The facts, which depend on the type: text and date of a comment, host and date of a
    /// resolution.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// Texts from strangers, by attribute; `<attribute>_total` is the number of all texts where
    /// there are more than 5.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub untrusted: Map<String, Value>,
}

/// Returns the attributes that the brief of such an object is made from.
pub(super) fn attributes_of(object_type: &str) -> &'static [&'static str] {
    facts_of(object_type).attributes
}

impl OtherBrief {
    /// Returns the brief of an object that is not an indicator.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        let object_type = report.object.object_type;
        let mut brief = Self {
            id: report.id().map(|id| shorten(&id, MAX_ID)),
            object_type: shorten(object_type, MAX_TEXT),
            facts: Map::new(),
            untrusted: Map::new(),
        };
        if object_type == "behaviour_mitre_trees" {
            brief.insert("tactics", tactics::tactics(report));
        } else if facts_of(object_type).facts.is_empty() {
            brief.add_unknown(report);
        } else {
            for fact in facts_of(object_type).facts {
                brief.add(report, fact);
            }
        }
        if let Some(error) = report.object.error
            && let Some(code) = error_code(error)
        {
            brief.insert("error", Value::from(code.into_owned()));
        }
        brief
    }

    /// Adds a fact unless it is unknown.
    fn add(&mut self, report: &Report<'_, '_>, fact: &Fact) {
        let (name, path) = (fact.name, fact.path);
        let Some(raw) = at(report, path) else {
            return;
        };
        match fact.shape {
            Shape::Date => self.insert(name, time(raw).and_then(date)),
            Shape::Text => self.insert(name, short(raw)),
            Shape::Number => self.insert(name, integer(raw)),
            Shape::Flag if raw == "true" => self.insert(name, true),
            Shape::Flag => {}
            Shape::Counts => self.insert(name, counts(raw)),
            Shape::Texts(key) => self.insert(name, texts(raw, key)),
            Shape::Total => self.insert(name, total(report, path)),
            Shape::Host => self.insert(name, report.stranger(raw)),
            Shape::Stranger => self.add_untrusted(name, report.stranger(raw)),
            Shape::Strangers(key) => self.add_strangers(report, fact, key),
        }
    }

    /// Adds a list of texts from strangers, and their number if there are more.
    fn add_strangers(&mut self, report: &Report<'_, '_>, fact: &Fact, key: &str) {
        let raw = at(report, fact.path);
        let mut shown = Vec::new();
        for element in elements(raw) {
            let text = if key.is_empty() {
                Some(element)
            } else {
                field(element, key)
            };
            let Some(text) = text else {
                continue;
            };
            if shown.len() == STRANGERS.texts
                || !STRANGERS.admit(&shown, &short(text).unwrap_or_default())
            {
                break;
            }
            shown.extend(report.stranger(text));
        }
        let shown_count = shown.len() as u64;
        self.add_untrusted(fact.name, shown);
        if let Some(total) = total(report, fact.path)
            && total > shown_count
            && shown_count > 0
        {
            self.add_untrusted(&format!("{}_total", fact.name), total);
        }
    }

    /// Adds the first short attributes of an object of an unknown type. Any of
    /// its texts can come from a stranger.
    fn add_unknown(&mut self, report: &Report<'_, '_>) {
        let attributes = report.object.attributes.unwrap_or_default();
        let mut shown = 0;
        for entry in entries(attributes) {
            if shown == MAX_UNKNOWN {
                break;
            }
            let name = shorten(&entry.key, MAX_TEXT);
            let is_name = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name || matches!(&*name, "" | "id" | "type" | "error" | "untrusted") {
                continue;
            }
            let before = self.facts.len() + self.untrusted.len();
            if name.ends_with("_date") {
                self.insert(&name, time(entry.raw).and_then(date));
            } else if let Some(number) = integer(entry.raw) {
                self.insert(&name, number);
            } else if entry.raw.len() <= MAX_TEXT {
                self.add_untrusted(&name, report.stranger(entry.raw));
            }
            shown += self.facts.len() + self.untrusted.len() - before;
        }
    }

    fn insert(&mut self, name: &str, value: impl Into<Value>) {
        insert_known(&mut self.facts, name, value.into());
    }

    fn add_untrusted(&mut self, name: &str, value: impl Into<Value>) {
        insert_known(&mut self.untrusted, name, value.into());
    }
}

/// Inserts a value that is not empty.
fn insert_known(map: &mut Map<String, Value>, name: &str, value: Value) {
    let is_known = match &value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    if is_known {
        map.insert(name.to_owned(), value);
    }
}

/// Returns the JSON text of the attribute at this path.
fn at<'a>(report: &Report<'_, 'a>, path: &[&str]) -> Option<&'a str> {
    let (first, below) = path.split_first()?;
    let mut raw = report.attributes.raw(first)?;
    for key in below {
        raw = field(raw, key)?;
    }
    Some(raw)
}

/// Returns the number of elements of an array; absent if it is empty.
fn total(report: &Report<'_, '_>, path: &[&str]) -> Option<u64> {
    let total = match path {
        [name] => report.attributes.elements(name).total,
        _ => elements(at(report, path)).len() as u64,
    };
    if total == 0 { None } else { Some(total) }
}

/// Returns the counts of an object that are not 0.
fn counts(raw: &str) -> Map<String, Value> {
    let mut counts = Map::new();
    for entry in entries(raw) {
        let Some(count) = number(entry.raw) else {
            continue;
        };
        if count > 0 && counts.len() < MAX_COUNTS {
            let name = shorten(&entry.key, MAX_TEXT);
            counts.insert(name, count.into());
        }
    }
    counts
}

/// Returns the first distinct texts of an array, or those at a key of its elements.
fn texts(raw: &str, key: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for element in elements(Some(raw)) {
        let text = if key.is_empty() {
            Some(element)
        } else {
            field(element, key)
        };
        let text = text.and_then(string).unwrap_or_default();
        let text = shorten(&text, MAX_TEXT);
        add_distinct(&mut texts, text, LISTED);
    }
    texts
}
