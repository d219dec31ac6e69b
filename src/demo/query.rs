//! A small part of the query language of VirusTotal Intelligence: conditions that must all hold.

use serde_json::Value;

use super::object::Reference;

/// The number of characters that a snippet shows before the match.
const SNIPPET_BEFORE: usize = 20;
/// The number of characters of a snippet.
const SNIPPET_LENGTH: usize = 80;

/// A search query.
pub(super) struct DemoQuery {
    /// The type of the objects to find.
    pub(super) kind: &'static str,
    conditions: Vec<Condition>,
}

/// A condition on an object. Texts are in lower case.
enum Condition {
    Type(String),
    Tag(String),
    Name(String),
    Engines(String),
    AtLeast(u64),
    AtMost(u64),
    Exactly(u64),
    Content(String),
    Word(String),
}

impl DemoQuery {
    /// Parses a query. A term that is not part of the language counts as a word.
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self {
            kind: "file",
            conditions: Vec::new(),
        };
        for term in terms(text) {
            query.add(term);
        }
        query
    }

    fn add(&mut self, term: &str) {
        let word = plain(term);
        if word.is_empty() || term.eq_ignore_ascii_case("and") {
            return;
        }
        let Some((name, value)) = modifier(term) else {
            self.conditions.push(Condition::Word(word));
            return;
        };
        // `entity:` selects the type of the objects instead of adding a condition.
        if name == "entity"
            && let Some(kind) = kind(value)
        {
            self.kind = kind;
            return;
        }
        match Condition::parse(name, value) {
            Some(condition) => self.conditions.push(condition),
            None => self.conditions.push(Condition::Word(word)),
        }
    }

    /// Whether all conditions hold for this object.
    pub(super) fn finds(&self, of: &Reference, attributes: &Value) -> bool {
        self.conditions.iter().all(|it| it.holds(of, attributes))
    }

    /// Returns the text around the first match of a `content` condition, if there is one.
    pub(super) fn snippet(&self, attributes: &Value) -> Option<String> {
        for condition in &self.conditions {
            if let Condition::Content(content) = condition {
                return snippet_around(content, attributes);
            }
        }
        None
    }
}

impl Condition {
    fn parse(name: &str, value: &str) -> Option<Self> {
        if matches!(name, "p" | "positives") {
            return Self::positives(value);
        }
        let text = plain(value);
        if text.is_empty() {
            return None;
        }
        match name {
            "type" => Some(Self::Type(text)),
            "tag" => Some(Self::Tag(text)),
            "name" => Some(Self::Name(text)),
            "engines" => Some(Self::Engines(text)),
            "content" => Some(Self::Content(text)),
            _ => None,
        }
    }

    fn positives(value: &str) -> Option<Self> {
        if let Some(count) = value.strip_suffix('+') {
            return Some(Self::AtLeast(count.parse().ok()?));
        }
        if let Some(count) = value.strip_suffix('-') {
            return Some(Self::AtMost(count.parse().ok()?));
        }
        Some(Self::Exactly(value.parse().ok()?))
    }

    fn holds(&self, of: &Reference, attributes: &Value) -> bool {
        match self {
            Self::Type(text) => is_of_type(attributes, text),
            Self::Tag(text) => list(attributes, "tags").contains(text),
            Self::Name(text) => is_within(&names(attributes), text),
            Self::Engines(text) => is_within(&results(attributes), text),
            Self::AtLeast(count) => positives(attributes) >= *count,
            Self::AtMost(count) => positives(attributes) <= *count,
            Self::Exactly(count) => positives(attributes) == *count,
            Self::Content(text) => text_with(attributes, text).is_some(),
            Self::Word(text) => {
                of.id.to_lowercase().contains(text) || text_with(attributes, text).is_some()
            }
        }
    }
}

/// Returns the names of an object, in lower case.
pub(super) fn names(attributes: &Value) -> Vec<String> {
    let mut names = list(attributes, "names");
    for name in ["meaningful_name", "url", "title"] {
        names.extend(lower(&attributes[name]));
    }
    names
}

/// Returns the strings in a list, in lower case.
pub(super) fn list(attributes: &Value, name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    if let Value::Array(items) = &attributes[name] {
        for item in items {
            texts.extend(lower(item));
        }
    }
    texts
}

/// Returns whether one of the texts contains `part`.
pub(super) fn is_within(texts: &[String], part: &str) -> bool {
    texts.iter().any(|text| text.contains(part))
}

/// Returns a string in lower case, or `None` for any other value.
fn lower(value: &Value) -> Option<String> {
    Some(value.as_str()?.to_lowercase())
}

/// Returns the number of engines that detect an object.
fn positives(attributes: &Value) -> u64 {
    let count = attributes["last_analysis_stats"]["malicious"].as_u64();
    count.unwrap_or_default()
}

fn is_of_type(attributes: &Value, text: &str) -> bool {
    let mut types = list(attributes, "type_tags");
    types.extend(lower(&attributes["type_tag"]));
    types.extend(lower(&attributes["type_extension"]));
    if types.iter().any(|it| it == text) {
        return true;
    }
    let description = lower(&attributes["type_description"]);
    description.is_some_and(|it| it.contains(text))
}

/// Returns the names that engines give an object, in lower case.
fn results(attributes: &Value) -> Vec<String> {
    let mut results = Vec::new();
    if let Value::Object(engines) = &attributes["last_analysis_results"] {
        for engine in engines.values() {
            results.extend(lower(&engine["result"]));
        }
    }
    results
}

/// Returns the part of a text that surrounds the first `content` in it.
fn snippet_around(content: &str, attributes: &Value) -> Option<String> {
    let text = text_with(attributes, content)?;
    let lower = text.to_lowercase();
    let (before, _) = lower.split_once(content)?;
    let start = before.chars().count().saturating_sub(SNIPPET_BEFORE);
    Some(text.chars().skip(start).take(SNIPPET_LENGTH).collect())
}

/// Returns the first string, at any depth, that contains `wanted`.
fn text_with<'a>(value: &'a Value, wanted: &str) -> Option<&'a str> {
    match value {
        Value::String(text) if text.to_lowercase().contains(wanted) => Some(text),
        Value::Array(all) => all.iter().find_map(|it| text_with(it, wanted)),
        Value::Object(all) => all.values().find_map(|it| text_with(it, wanted)),
        _ => None,
    }
}

/// Splits a query at white space that is not within quotation marks. Terms may be empty.
fn terms(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |it: char| {
        is_quoted ^= it == '"';
        it.is_whitespace() && !is_quoted
    })
}

/// Returns a term's modifier and value, unless it is a word, a URL or an IPv6 address.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once(':')?;
    if name.is_empty() || value.starts_with("//") {
        return None;
    }
    let is_name = name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    is_name.then_some((name, value))
}

fn kind(value: &str) -> Option<&'static str> {
    match value {
        "file" => Some("file"),
        "url" => Some("url"),
        "domain" => Some("domain"),
        "ip" => Some("ip_address"),
        _ => None,
    }
}

/// Returns a text in lower case, without the quotation marks around it.
fn plain(text: &str) -> String {
    text.trim_matches('"').trim().to_lowercase()
}
