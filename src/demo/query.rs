//! A small part of the query language of VirusTotal Intelligence: conditions that must all hold.

use serde_json::Value;

use super::object::Reference;

/// The characters that a snippet shows before the match, and in all.
const SNIPPET: (usize, usize) = (20, 80);

/// A search query.
pub(super) struct Query {
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

impl Query {
    /// Parses a query. A term that is not part of the language counts as a word.
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self {
            kind: "file",
            conditions: Vec::new(),
        };
        for term in terms(text) {
            match modifier(term) {
                // `entity:` selects the type of the objects instead of adding a condition.
                Some(("entity", value)) if kind(value).is_some() => {
                    query.kind = kind(value).unwrap_or(query.kind);
                }
                _ if term.eq_ignore_ascii_case("and") || plain(term).is_empty() => {}
                read => {
                    let condition = read.and_then(|(name, value)| Condition::parse(name, value));
                    let condition = condition.unwrap_or_else(|| Condition::Word(plain(term)));
                    query.conditions.push(condition);
                }
            }
        }
        query
    }

    /// Whether all conditions hold for this object.
    pub(super) fn finds(&self, of: &Reference, attributes: &Value) -> bool {
        self.conditions.iter().all(|it| it.holds(of, attributes))
    }

    /// Returns the text around the first match of a `content` condition, if there is one.
    pub(super) fn snippet(&self, attributes: &Value) -> Option<String> {
        let content = self.conditions.iter().find_map(|it| match it {
            Condition::Content(content) => Some(content),
            _ => None,
        })?;
        let text = text_with(attributes, content)?;
        let lower = text.to_lowercase();
        let (before, _) = lower.split_once(&**content)?;
        let start = before.chars().count().saturating_sub(SNIPPET.0);
        Some(text.chars().skip(start).take(SNIPPET.1).collect())
    }
}

impl Condition {
    fn parse(name: &str, value: &str) -> Option<Self> {
        let text = Some(plain(value)).filter(|text| !text.is_empty());
        match name {
            "type" => text.map(Self::Type),
            "tag" => text.map(Self::Tag),
            "name" => text.map(Self::Name),
            "engines" => text.map(Self::Engines),
            "content" => text.map(Self::Content),
            "p" | "positives" => Self::positives(value),
            _ => None,
        }
    }

    fn positives(value: &str) -> Option<Self> {
        if let Some(count) = value.strip_suffix('+') {
            return count.parse().ok().map(Self::AtLeast);
        }
        if let Some(count) = value.strip_suffix('-') {
            return count.parse().ok().map(Self::AtMost);
        }
        value.parse().ok().map(Self::Exactly)
    }

    fn holds(&self, of: &Reference, attributes: &Value) -> bool {
        let positives = || {
            let count = &attributes["last_analysis_stats"]["malicious"];
            count.as_u64().unwrap_or_default()
        };
        match self {
            Self::Type(text) => is_of_type(attributes, text),
            Self::Tag(text) => list(attributes, "tags").any(|tag| tag == *text),
            Self::Name(text) => names(attributes).any(|name| name.contains(text)),
            Self::Engines(text) => results(attributes).any(|it| it.contains(text)),
            Self::AtLeast(count) => positives() >= *count,
            Self::AtMost(count) => positives() <= *count,
            Self::Exactly(count) => positives() == *count,
            Self::Content(text) => text_with(attributes, text).is_some(),
            Self::Word(text) => {
                of.id.to_lowercase().contains(text) || text_with(attributes, text).is_some()
            }
        }
    }
}

/// Returns the names of an object, in lower case.
pub(super) fn names(attributes: &Value) -> impl Iterator<Item = String> {
    let single = ["meaningful_name", "url", "title"].into_iter();
    let single = single.filter_map(|name| attributes[name].as_str().map(str::to_lowercase));
    single.chain(list(attributes, "names"))
}

/// Returns the strings in a list, in lower case.
pub(super) fn list(attributes: &Value, name: &str) -> impl Iterator<Item = String> {
    let items = attributes[name].as_array().into_iter().flatten();
    items.filter_map(|it| it.as_str().map(str::to_lowercase))
}

fn is_of_type(attributes: &Value, text: &str) -> bool {
    let of = |name: &str| attributes[name].as_str().map(str::to_lowercase);
    of("type_tag").is_some_and(|it| it == text)
        || of("type_extension").is_some_and(|it| it == text)
        || list(attributes, "type_tags").any(|it| it == text)
        || of("type_description").is_some_and(|it| it.contains(text))
}

/// Returns the names that engines give an object, in lower case.
fn results(attributes: &Value) -> impl Iterator<Item = String> {
    let results = attributes["last_analysis_results"].as_object();
    let results = results.into_iter().flatten();
    results.filter_map(|(_, it)| it["result"].as_str().map(str::to_lowercase))
}

/// Returns the first string, at any depth, that contains `wanted`.
fn text_with<'a>(value: &'a Value, wanted: &str) -> Option<&'a str> {
    match value {
        Value::String(text) => text.to_lowercase().contains(wanted).then_some(text),
        Value::Array(all) => all.iter().find_map(|it| text_with(it, wanted)),
        Value::Object(all) => all.values().find_map(|it| text_with(it, wanted)),
        _ => None,
    }
}

/// Splits a query at white space that is not within quotation marks.
fn terms(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = text.split(move |it: char| {
        is_quoted ^= it == '"';
        it.is_whitespace() && !is_quoted
    });
    parts.filter(|it| !it.is_empty())
}

/// Returns a term's modifier and value, unless it is a word, a URL or an IPv6 address.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    (is_name && !value.starts_with("//")).then_some((name, value))
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
