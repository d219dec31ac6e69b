//! A small part of the language of VirusTotal Intelligence: conditions that must all hold.

use serde_json::Value;

use super::{answer::Refusal, object::Reference};

/// The letters that a snippet shows before what was looked for, and in all.
const SNIPPET: (usize, usize) = (20, 80);

/// What to look for.
pub(super) struct Query {
    /// The type of the objects.
    pub(super) kind: &'static str,
    conditions: Vec<Condition>,
}

/// What must hold of an object. Texts are in lower case.
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
    /// Reads a query.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut query = Self {
            kind: "file",
            conditions: Vec::new(),
        };
        for term in terms(text)? {
            match modifier(term) {
                Some(("entity", value)) => query.kind = kind(value)?,
                Some((name, value)) => query.conditions.push(Condition::parse(name, value)?),
                None if term.eq_ignore_ascii_case("and") => {}
                None => query.conditions.push(Condition::Word(plain(term)?)),
            }
        }
        Ok(query)
    }

    /// Whether every condition holds of this object.
    pub(super) fn finds(&self, of: &Reference, attributes: &Value) -> bool {
        self.conditions.iter().all(|it| it.holds(of, attributes))
    }

    /// The text around the content that was looked for, if any was.
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
    fn parse(name: &str, value: &str) -> Result<Self, Refusal> {
        let text = || plain(value);
        Ok(match name {
            "type" => Self::Type(text()?),
            "tag" => Self::Tag(text()?),
            "name" => Self::Name(text()?),
            "engines" => Self::Engines(text()?),
            "content" => Self::Content(text()?),
            "p" | "positives" => Self::positives(value)?,
            _ => {
                let message = format!("Unknown search modifier \"{name}\"");
                return Err(Refusal::invalid_argument(&message));
            }
        })
    }

    fn positives(value: &str) -> Result<Self, Refusal> {
        let digits = value.trim_end_matches(['+', '-']);
        let is_short = value.len() <= digits.len() + 1;
        let count = digits.parse().ok().filter(|_| is_short);
        let wrong =
            || Refusal::invalid_argument(&format!("Not a number of positives: \"{value}\""));
        let count = count.ok_or_else(wrong)?;
        Ok(match value.chars().last() {
            Some('+') => Self::AtLeast(count),
            Some('-') => Self::AtMost(count),
            _ => Self::Exactly(count),
        })
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

/// What an object is called, in lower case.
pub(super) fn names(attributes: &Value) -> impl Iterator<Item = String> {
    let single = ["meaningful_name", "url", "title"].into_iter();
    let single = single.filter_map(|name| attributes[name].as_str().map(str::to_lowercase));
    single.chain(list(attributes, "names"))
}

/// The texts of a list, in lower case.
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

/// What engines call an object, in lower case.
fn results(attributes: &Value) -> impl Iterator<Item = String> {
    let results = attributes["last_analysis_results"].as_object();
    let results = results.into_iter().flatten();
    results.filter_map(|(_, it)| it["result"].as_str().map(str::to_lowercase))
}

/// The first text, at any depth, that contains `wanted`.
fn text_with<'a>(value: &'a Value, wanted: &str) -> Option<&'a str> {
    match value {
        Value::String(text) => text.to_lowercase().contains(wanted).then_some(text),
        Value::Array(all) => all.iter().find_map(|it| text_with(it, wanted)),
        Value::Object(all) => all.values().find_map(|it| text_with(it, wanted)),
        _ => None,
    }
}

/// The terms of a query: whitespace parts them, but not within quotation marks.
fn terms(text: &str) -> Result<Vec<&str>, Refusal> {
    let mut is_quoted = false;
    let parts = text.split(|it: char| {
        is_quoted ^= it == '"';
        it.is_whitespace() && !is_quoted
    });
    let terms = parts.filter(|it| !it.is_empty()).collect();
    if is_quoted {
        return Err(Refusal::invalid_argument("A quotation mark is missing"));
    }
    Ok(terms)
}

/// A term's modifier and value, unless it is a word, a URL or an IPv6 address.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    (is_name && !value.starts_with("//")).then_some((name, value))
}

fn kind(value: &str) -> Result<&'static str, Refusal> {
    match value {
        "file" => Ok("file"),
        "url" => Ok("url"),
        "domain" => Ok("domain"),
        "ip" => Ok("ip_address"),
        _ => {
            let message = format!("Unknown entity \"{value}\"");
            Err(Refusal::invalid_argument(&message))
        }
    }
}

fn plain(text: &str) -> Result<String, Refusal> {
    let text = text.trim_matches('"').to_lowercase();
    if text.trim().is_empty() {
        return Err(Refusal::invalid_argument("A search term is empty"));
    }
    Ok(text)
}
