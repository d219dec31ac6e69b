//! XML in the style of the Python original, made well-formed (`docs/http-api.md`, "Formats").
//!
//! Elements are named after keys, and `<item index="0">` is an element of a list. A key that is not
//! a valid element name is kept in a `key` attribute.

use std::borrow::Cow;

use quick_xml::escape::{escape, partial_escape};

use super::{
    json::Quoted,
    sink::{DocumentText, Sink, WriteError},
};

/// The length of the pieces in which a text is escaped, so that no copy of the whole is made.
const PIECE: usize = 4096;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// The bytes that do not stand in XML as they are, or only in some characters.
static SPECIAL: [bool; 256] = special();

/// A writer of one XML document.
pub struct XmlWriter<'o> {
    text: DocumentText<'o>,
    /// The open elements.
    open: Vec<Element>,
    /// The names of the open elements, one behind the other.
    names: String,
    /// The start tag of the next element without its brackets.
    next: String,
    /// The length of the element's name, with which `next` begins.
    name: usize,
    /// Whether the `>` of the last start tag has not been written yet.
    ///
    /// It stays open because an empty element ends in `/>`.
    is_unfinished: bool,
}

/// The element of an object or array.
struct Element {
    /// The length of its name, which ends where that of the next element begins.
    name: usize,
    /// The index of the next element, if this is an array.
    index: Option<usize>,
}

impl<'o> XmlWriter<'o> {
    /// Starts a document whose root element is `root`, which must be a valid name.
    pub fn new(mut text: DocumentText<'o>, root: &str) -> Result<Self, WriteError> {
        text.push(DECLARATION)?;
        Ok(Self::without_declaration(text, root))
    }

    /// Starts a document without the declaration, which XML 1.0 does not require.
    pub fn without_declaration(text: DocumentText<'o>, root: &str) -> Self {
        Self {
            text,
            open: Vec::new(),
            names: String::new(),
            next: root.to_owned(),
            name: root.len(),
            is_unfinished: false,
        }
    }

    /// Creates a writer within a document, for members of an object inside `depth` elements.
    pub fn within(text: DocumentText<'o>, depth: usize) -> Self {
        let mut open = Vec::with_capacity(depth);
        for _ in 0..depth {
            open.push(Element {
                name: 0,
                index: None,
            });
        }
        Self {
            open,
            ..Self::without_declaration(text, "")
        }
    }

    /// Writes the start tag of the next value without its closing bracket.
    fn start(&mut self, is_array: bool) -> Result<(), WriteError> {
        if std::mem::take(&mut self.is_unfinished) {
            self.text.push_unescaped(">")?;
        }
        self.text.end_line()?;
        self.text.spaces(2 * self.open.len())?;
        self.text.push_unescaped("<")?;
        let index = self.open.last_mut().and_then(|open| open.index.as_mut());
        // Outside an array, `next` holds the start tag for the last key, or for the root.
        let Some(index) = index else {
            let (name, attribute) = self.next.split_at(self.name);
            self.text.push_unescaped(name)?;
            return self.text.push(attribute);
        };
        // Elements of an array have no key; the original names them by kind.
        let name = if is_array { "item_list" } else { "item" };
        self.next.clear();
        self.next.push_str(name);
        self.name = name.len();
        self.text.push_unescaped(name)?;
        self.text.push(" index=\"")?;
        self.text.push_unescaped(&index.to_string())?;
        *index += 1;
        self.text.push("\"")
    }

    fn begin(&mut self, is_array: bool) -> Result<(), WriteError> {
        self.start(is_array)?;
        self.is_unfinished = true;
        self.names.push_str(&self.next[..self.name]);
        self.open.push(Element {
            name: self.name,
            index: is_array.then_some(0),
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), WriteError> {
        let Some(element) = self.open.pop() else {
            return Ok(());
        };
        let start = self.names.len() - element.name;
        if std::mem::take(&mut self.is_unfinished) {
            self.names.truncate(start);
            return self.text.push_unescaped("/>");
        }
        self.text.end_line()?;
        self.text.spaces(2 * self.open.len())?;
        self.text.push_unescaped("</")?;
        self.text.push_unescaped(&self.names[start..])?;
        self.names.truncate(start);
        self.text.push_unescaped(">")
    }

    /// Writes an element that contains only text.
    ///
    /// `is_unescaped` tells that JSON leaves the text as it is.
    fn leaf(&mut self, text: &str, is_unescaped: bool) -> Result<(), WriteError> {
        self.start(false)?;
        self.text.push_unescaped(">")?;
        if !is_plain(text) {
            for piece in pieces(text) {
                self.text.push(&escaped(piece))?;
            }
        } else if is_unescaped {
            self.text.push_unescaped(text)?;
        } else {
            self.text.push(text)?;
        }
        self.text.push_unescaped("</")?;
        self.text.push_unescaped(&self.next[..self.name])?;
        self.text.push_unescaped(">")
    }
}

impl Sink for XmlWriter<'_> {
    type Error = WriteError;

    fn begin_object(&mut self) -> Result<(), WriteError> {
        self.begin(false)
    }

    fn key(&mut self, key: Quoted<'_>) -> Result<(), WriteError> {
        let key = key.meant();
        let name = element_name(&key);
        self.next.clear();
        self.next.push_str(&name);
        self.name = name.len();
        // The original key can be recovered from the attribute.
        if name != key {
            self.next.push_str(" key=\"");
            for piece in pieces(&key) {
                self.next.push_str(&attribute(piece));
            }
            self.next.push('"');
        }
        Ok(())
    }

    fn end_object(&mut self) -> Result<(), WriteError> {
        self.end()
    }

    fn begin_array(&mut self, _: impl FnOnce() -> bool) -> Result<(), WriteError> {
        self.begin(true)
    }

    fn end_array(&mut self) -> Result<(), WriteError> {
        self.end()
    }

    fn string(&mut self, text: Quoted<'_>) -> Result<(), WriteError> {
        // Defanging adds nothing that would have to be escaped.
        let is_unescaped = !text.has_escapes();
        let text = text.meant();
        let shown = self.text.shown(&text);
        self.leaf(&shown, is_unescaped)
    }

    fn word(&mut self, word: &str) -> Result<(), WriteError> {
        self.leaf(if word == "null" { "" } else { word }, true)
    }
}

/// Splits a text into pieces of bounded length.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        Some(piece)
    })
}

/// Returns the element name for a key. Characters that a name cannot contain become `_`; nothing is
/// cut off.
fn element_name(key: &str) -> Cow<'_, str> {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if key.is_empty() {
        return Cow::Borrowed("item");
    }
    let is_sound = |byte: &u8| sound(char::from(*byte));
    if key.as_bytes().iter().all(is_sound) && key.starts_with(first) {
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

/// Whether XML shows a text as it is.
fn is_plain(text: &str) -> bool {
    let mut is_special = false;
    for byte in text.as_bytes() {
        is_special |= SPECIAL[usize::from(*byte)];
    }
    !is_special
}

const fn special() -> [bool; 256] {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = !matches!(byte, 0x9 | 0xa | 0xd);
        byte += 1;
    }
    special[b'<' as usize] = true;
    special[b'>' as usize] = true;
    special[b'&' as usize] = true;
    // The first byte of U+FFFE and U+FFFF.
    special[0xef] = true;
    special
}

/// Escapes markup, and replaces the characters that XML 1.0 forbids.
fn escaped(text: &str) -> Cow<'_, str> {
    partial_escape(allowed(text))
}

/// Escapes an attribute's value. A reader would turn tabs and line breaks into spaces, so they
/// become character references.
fn attribute(text: &str) -> String {
    let escaped = escape(allowed(text));
    escaped.replace('\t', "&#9;").replace('\n', "&#10;")
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
