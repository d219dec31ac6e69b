//! XML as the ported program wrote it, made well-formed whatever the data (CONTRACT 4).
//!
//! Elements are named after keys; `<item index="0">` stands for an element of a list. A
//! key that no element can be named after is kept in a `key` attribute.

use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    escape::partial_escape,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};
use serde_json::Value;

/// A document whose root element is `root`, which must be a valid name.
pub fn document(root: &str, data: &Value) -> String {
    let mut writer = Writer::new_with_indent(Vec::with_capacity(4096), b' ', 2);
    // Writing to a `Vec` does not fail.
    let _ = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    let _ = write_value(&mut writer, &BytesStart::new(root), data);
    // What is written is text and ASCII: the conversion copies nothing and loses nothing.
    String::from_utf8(writer.into_inner())
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

type Out = Writer<Vec<u8>>;

fn write_value(out: &mut Out, start: &BytesStart<'_>, value: &Value) -> io::Result<()> {
    match value {
        Value::Object(map) if map.is_empty() => out.write_event(Event::Empty(start.borrow())),
        Value::Array(items) if items.is_empty() => out.write_event(Event::Empty(start.borrow())),
        Value::Object(map) => nest(out, start, |out| {
            map.iter()
                .try_for_each(|(key, value)| write_value(out, &element(key), value))
        }),
        Value::Array(items) => nest(out, start, |out| {
            items
                .iter()
                .zip(0..)
                .try_for_each(|(item, index)| write_item(out, index, item))
        }),
        plain => nest(out, start, |out| {
            let text = BytesText::from_escaped(plain_text(plain));
            out.write_event(Event::Text(text))
        }),
    }
}

fn nest(
    out: &mut Out,
    start: &BytesStart<'_>,
    within: impl FnOnce(&mut Out) -> io::Result<()>,
) -> io::Result<()> {
    out.write_event(Event::Start(start.borrow()))?;
    within(out)?;
    out.write_event(Event::End(BytesEnd::from(start.name())))
}

fn write_item(out: &mut Out, index: usize, item: &Value) -> io::Result<()> {
    let name = if item.is_array() { "item_list" } else { "item" };
    let start = BytesStart::from_content(format!("{name} index=\"{index}\""), name.len());
    write_value(out, &start, item)
}

/// The start of the element for a key, with the key itself where the name differs.
fn element(key: &str) -> BytesStart<'_> {
    let name = element_name(key);
    if name == key {
        return BytesStart::new(name);
    }
    let mut start = BytesStart::new(name.into_owned());
    start.push_attribute(("key", allowed(key)));
    start
}

/// As ported, but never cut: what a name can't hold becomes `_`.
fn element_name(key: &str) -> Cow<'_, str> {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if key.is_empty() {
        return Cow::Borrowed("item");
    }
    if key.chars().all(sound) && key.starts_with(first) {
        return Cow::Borrowed(key);
    }
    let name: String = key
        .chars()
        .map(|letter| if sound(letter) { letter } else { '_' })
        .collect();
    Cow::Owned(if name.starts_with(first) {
        name
    } else {
        format!("item_{name}")
    })
}

fn plain_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// Text in which no character is markup, and none that XML 1.0 forbids.
fn escaped(text: &str) -> Cow<'_, str> {
    partial_escape(allowed(text))
}

fn allowed(text: &str) -> Cow<'_, str> {
    if text.contains(is_forbidden) {
        return Cow::Owned(text.replace(is_forbidden, "\u{fffd}"));
    }
    Cow::Borrowed(text)
}

fn is_forbidden(letter: char) -> bool {
    matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests;
