//! Properties of documents, checked with parsers other than the gateway's. The targets share them.

use std::{collections::HashSet, fmt};

use comrak::{Arena, Options, nodes::NodeValue, parse_document};
use roxmltree::{Document, Node};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use vt4ai::render::{
    format::{
        markdown::MarkdownWriter,
        sink::{DocumentText, WriteError},
        xml::XmlWriter,
    },
    template::filter::{Filtered, Unreadable},
};

/// Parses JSON into a tree; returns `None` if a tree can't represent it: equal keys, some numbers,
/// and unpaired surrogates.
pub fn tree(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Faithful>(bytes).ok()?;
    serde_json::from_slice(bytes).ok()
}

/// Returns the output of a filter as a tree, or `None` if a tree can't represent it.
pub fn tree_of(filtered: Filtered<'_>) -> Result<Option<Value>, Unreadable> {
    let mut text = Vec::new();
    filtered.write(&mut text)?;
    Ok(tree(&text))
}

/// Renders JSON as a Markdown document.
pub fn markdown_of(id: &str, json: &str) -> Result<String, WriteError> {
    let mut out = Vec::new();
    let text = DocumentText::bare(&mut out, usize::MAX);
    let mut writer = MarkdownWriter::new(text, "File Report", id)?;
    Filtered::at(&[], json, None).feed(&mut writer)?;
    Ok(String::from_utf8(out).unwrap())
}

/// Renders JSON as an XML document.
pub fn xml_of(json: &str) -> Result<String, WriteError> {
    let mut out = Vec::new();
    let mut writer = XmlWriter::new(DocumentText::bare(&mut out, usize::MAX), "file_report")?;
    Filtered::at(&[], json, None).feed(&mut writer)?;
    Ok(String::from_utf8(out).unwrap())
}

/// A value without duplicate keys in its objects.
struct Faithful;

impl<'de> Deserialize<'de> for Faithful {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Faithful {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some((key, _)) = members.next_entry::<String, Self>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("duplicate key"));
            }
        }
        Ok(self)
    }
}

/// Asserts that these bytes are JSON, with numbers of any size.
pub fn is_json(bytes: &[u8]) {
    let read = serde_json::from_slice::<IgnoredAny>(bytes);
    assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(bytes));
}

/// Asserts that a document is well-formed XML and contains every key and text of `data`.
pub fn is_xml_of(document: &str, data: &Value) {
    let read = Document::parse(document);
    assert!(read.is_ok(), "{read:?}: {document}");
    if let Ok(read) = read {
        holds(read.root_element(), data);
    }
}

fn holds(element: Node<'_, '_>, value: &Value) {
    // Characters that XML 1.0 forbids are all replaced by the same one.
    let allowed = |text: &str| {
        let forbidden = |letter: char| {
            (letter < ' ' && !matches!(letter, '\t' | '\n' | '\r'))
                || matches!(letter, '\u{fffe}' | '\u{ffff}')
        };
        text.replace(forbidden, "\u{fffd}")
    };
    let children = || element.children().filter(Node::is_element);
    match value {
        Value::Object(map) => {
            assert_eq!(children().count(), map.len());
            for (child, (key, value)) in children().zip(map) {
                let name = child.attribute("key");
                let name = name.unwrap_or_else(|| child.tag_name().name());
                assert_eq!(name, allowed(key));
                holds(child, value);
            }
        }
        Value::Array(items) => {
            assert_eq!(children().count(), items.len());
            for (child, item) in children().zip(items) {
                holds(child, item);
            }
        }
        Value::Null => assert_eq!(element.text(), None),
        Value::String(text) => assert_eq!(element.text().unwrap_or_default(), allowed(text)),
        // Numbers are copied as text: a tree represents `1E5` as `100000.0`.
        plain => {
            let text = element.text().unwrap_or_default();
            assert_eq!(
                serde_json::from_str::<Value>(text).ok().as_ref(),
                Some(plain)
            );
        }
    }
}

/// Asserts that Markdown about an object has no hidden characters, no active elements and only the
/// gateway's headings.
pub fn is_inert(document: &str, data: &Value) {
    is_inert_of_any(document, &[data]);
}

/// Asserts the same of Markdown about one of several objects.
pub fn is_inert_of_any(document: &str, data: &[&Value]) {
    let found: Vec<_> = headings(document).collect();
    let is_of = |data: &&Value| {
        let mut meant = vec![1];
        headings_of(data, 1, &mut meant);
        let mut meant = meant.into_iter();
        // Deep within lists, some headings become code: the document has a subsequence of these.
        found.iter().all(|found| meant.any(|level| level == *found))
    };
    assert!(data.iter().any(is_of), "{found:?} in {document}");
}

/// Asserts the same of Markdown about a list, which has a section for each item.
pub fn is_inert_list(document: &str, items: usize) {
    let sections = headings(document).filter(|level| *level == 2).count();
    assert_eq!(sections, items, "{document}");
}

fn headings_of(value: &Value, level: u8, headings: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            for value in map.values() {
                headings.push(level.min(6));
                headings_of(value, level + 1, headings);
            }
        }
        Value::Array(items) => {
            for item in items {
                headings_of(item, level + 1, headings);
            }
        }
        _ => {}
    }
}

/// Returns the levels of the headings; panics if an element is active.
fn headings(document: &str) -> impl Iterator<Item = u8> {
    assert!(!document.contains(is_hidden), "{document:?}");
    let mut options = Options::default();
    options.extension.autolink = true;
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    let arena = Arena::new();
    let mut headings = Vec::new();
    for node in parse_document(&arena, document, &options).descendants() {
        match &node.data.borrow().value {
            NodeValue::Heading(heading) => headings.push(heading.level),
            live @ (NodeValue::Link(_)
            | NodeValue::Image(_)
            | NodeValue::HtmlBlock(_)
            | NodeValue::HtmlInline(_)
            | NodeValue::BlockQuote
            | NodeValue::Table(_)
            | NodeValue::TaskItem(_)
            | NodeValue::FootnoteReference(_)
            | NodeValue::FootnoteDefinition(_)
            | NodeValue::ThematicBreak) => panic!("{live:?} in {document}"),
            _ => {}
        }
    }
    headings.into_iter()
}

/// Returns whether a character is invisible or controls a terminal.
pub fn is_hidden(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\t'))
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}
