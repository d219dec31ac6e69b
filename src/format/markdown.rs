//! Markdown as the ported program wrote it, made inert (CONTRACT 4).
//!
//! Headings come from keys, bullets from lists of plain values, `**1.**` from lists of
//! objects. Texts are written by attackers and read by models and browsers, so nothing
//! in them may act: a plain text is bare, any other is a code span or a fenced block.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::{Map, Value};

use crate::hidden::is_hidden;

/// Words of headings that are abbreviations; only whole words are replaced.
const ABBREVIATIONS: [(&str, &str); 14] = [
    ("Id", "ID"),
    ("Url", "URL"),
    ("Api", "API"),
    ("Http", "HTTP"),
    ("Https", "HTTPS"),
    ("Ip", "IP"),
    ("Dns", "DNS"),
    ("Tcp", "TCP"),
    ("Udp", "UDP"),
    ("Sha256", "SHA256"),
    ("Sha1", "SHA1"),
    ("Md5", "MD5"),
    ("Pe", "PE"),
    ("Av", "AV"),
];

/// How many backticks may stand together.
///
/// GitHub's parser takes none of more than 80 for a code span, and of a fence it keeps 255 in
/// mind: what is put around more of them would not hold.
const MAX_RUN: usize = 32;

/// A document on one object: a title of ours, the object's id, what it holds.
pub fn document(title: &str, id: &str, data: &Value) -> String {
    let mut writer = Writer::default();
    writer.title(1, title, id);
    match data {
        Value::Object(map) => writer.object(map, 1),
        Value::Array(items) => writer.list(items, 1),
        plain => writer.plain("", plain),
    }
    writer.finish()
}

/// A document on a list of objects, a section for each.
///
/// An item is `{"id", "type", "attributes"?, …}`: its attributes stand at level 3, and
/// so does whatever else it carries, under a heading of its own.
pub fn list(title: &str, id: &str, items: &[Value]) -> String {
    let mut writer = Writer::default();
    writer.title(1, title, id);
    for item in items {
        writer.item(item);
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Spaces before every line, for what stands within a list.
    indent: usize,
    /// Whether the last line was text that a following line could be read as part of.
    in_paragraph: bool,
}

impl Writer {
    fn finish(mut self) -> String {
        self.out.pop();
        self.out
    }

    fn line(&mut self, parts: &[&str]) {
        let start = self.out.len();
        if self.indent > 0 {
            self.out.extend(std::iter::repeat_n(' ', self.indent));
        }
        for part in parts {
            self.out.push_str(part);
        }
        if self.out.len() == start + self.indent {
            self.out.truncate(start);
        }
        self.out.push('\n');
        self.in_paragraph = parts.iter().any(|part| !part.is_empty());
    }

    fn blank(&mut self) {
        self.line(&[]);
    }

    fn title(&mut self, level: usize, title: &str, id: &str) {
        self.line(&[hashes(level), " ", title, ": ", &one_line(id)]);
        self.blank();
    }

    fn heading(&mut self, level: usize, key: &str) {
        self.line(&[hashes(level), " ", &one_line(&heading_words(key))]);
        self.blank();
    }

    fn item(&mut self, item: &Value) {
        let text = |key: &str| match item.get(key) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(other) => Cow::Owned(other.to_string()),
            None => Cow::Borrowed(""),
        };
        let object_type = one_line(&text("type")).into_owned();
        self.title(2, &object_type, &text("id"));
        let Some(item) = item.as_object() else {
            return self.plain("", item);
        };
        for (key, value) in item {
            match (key.as_str(), value) {
                ("id" | "type", _) => {}
                ("attributes", Value::Object(attributes)) => self.object(attributes, 3),
                _ => self.member(key, value, 3),
            }
        }
    }

    fn object(&mut self, map: &Map<String, Value>, level: usize) {
        for (key, value) in map {
            self.member(key, value, level);
        }
    }

    fn member(&mut self, key: &str, value: &Value, level: usize) {
        self.heading(level, key);
        match value {
            Value::Object(map) if map.is_empty() => self.note("*No data available*"),
            Value::Object(map) => self.object(map, level + 1),
            Value::Array(items) if items.is_empty() => self.note("*No items*"),
            Value::Array(items) => self.list(items, level + 1),
            plain => {
                self.plain("", plain);
                self.blank();
            }
        }
    }

    fn note(&mut self, note: &str) {
        self.line(&[note]);
        self.blank();
    }

    fn list(&mut self, items: &[Value], level: usize) {
        if items.is_empty() {
            return self.line(&["*Empty list*"]);
        }
        let all_plain = items
            .iter()
            .all(|item| !item.is_object() && !item.is_array());
        for (item, number) in items.iter().zip(1..) {
            match item {
                _ if all_plain => self.plain("- ", item),
                Value::Object(map) => {
                    self.line(&["**", &usize::to_string(&number), ".** "]);
                    self.blank();
                    self.object(map, level + 1);
                }
                Value::Array(nested) => {
                    self.line(&["**", &number.to_string(), ".** Nested list:"]);
                    self.blank();
                    self.indent += 2;
                    self.list(nested, level + 1);
                    self.indent -= 2;
                }
                plain => self.plain(&format!("{number}. "), plain),
            }
        }
        self.blank();
    }

    /// A plain value behind a list's marker, or behind none.
    fn plain(&mut self, marker: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(marker, text),
            Value::Null => self.line(&[marker, "*None*"]),
            Value::Bool(true) => self.line(&[marker, "**True**"]),
            Value::Bool(false) => self.line(&[marker, "**False**"]),
            Value::Number(number) => self.line(&[marker, "`", &number.to_string(), "`"]),
            nested => self.line(&[marker, &one_line(&nested.to_string())]),
        }
    }

    fn text(&mut self, marker: &str, text: &str) {
        if is_bare(text) {
            return self.line(&[marker, text]);
        }
        let text = clean(text, true);
        if text.trim().is_empty() {
            self.line(&[marker, "*Empty string*"]);
        } else if text.contains('\n') {
            self.fenced(marker, &text);
        } else {
            self.line(&[marker, &inline(&text)]);
        }
    }

    /// Every line is indented as far as the fence: one that is not would end the list
    /// item and the block with it, and what follows would be live.
    fn fenced(&mut self, marker: &str, text: &str) {
        if self.in_paragraph && marker != "- " {
            // A numbered marker does not interrupt a paragraph, unless it says 1.
            self.blank();
        }
        let fence = "`".repeat(longest_run(text).max(2) + 1);
        self.line(&[marker, &fence]);
        self.indent += marker.len();
        for line in text.split('\n') {
            self.line(&[line]);
        }
        self.line(&[&fence]);
        self.indent -= marker.len();
    }
}

fn hashes(level: usize) -> &'static str {
    &"######"[..level.min(6)]
}

/// The key as words: `last_https_certificate` is `Last HTTPS Certificate`.
fn heading_words(key: &str) -> String {
    let titled = titled(key);
    let mut words = String::with_capacity(titled.len());
    for piece in titled.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
        let word = piece.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        words.push_str(abbreviated(word));
        words.push_str(&piece[word.len()..]);
    }
    words
}

/// Title case as Python has it: a letter is large unless a letter stands before it.
fn titled(key: &str) -> String {
    let mut title = String::with_capacity(key.len());
    let mut within = false;
    for letter in key.chars() {
        match letter {
            '_' => title.push(' '),
            _ if within && letter.is_ascii() => title.push(letter.to_ascii_lowercase()),
            _ if letter.is_ascii() => title.push(letter.to_ascii_uppercase()),
            _ if within => title.extend(letter.to_lowercase()),
            _ => title.extend(letter.to_uppercase()),
        }
        within = letter.is_uppercase() || letter.is_lowercase();
    }
    title
}

fn abbreviated(word: &str) -> &str {
    ABBREVIATIONS
        .iter()
        .find(|(plain, _)| *plain == word)
        .map_or(word, |(_, short)| short)
}

/// Makes visible what a reader would not see, and keeps line breaks only where asked.
///
/// So are backticks written, too, where more of them stand together than a fence can be long.
fn clean(text: &str, keep_breaks: bool) -> Cow<'_, str> {
    let is_fence = longest_run(text) > MAX_RUN;
    let plain = |letter: char| match letter {
        '\t' => true,
        '\n' => keep_breaks,
        '`' => !is_fence,
        _ => !is_hidden(letter),
    };
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\r' && keep_breaks && letters.peek() == Some(&'\n') {
            continue;
        }
        if plain(letter) {
            out.push(letter);
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
        }
    }
    Cow::Owned(out)
}

/// Any text on one line, made visible and inert.
fn one_line(text: &str) -> Cow<'_, str> {
    if is_bare(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(inline(&clean(text, false)).into_owned())
}

/// One line of text: bare if nothing in it could act, else a code span.
fn inline(text: &str) -> Cow<'_, str> {
    if text.is_empty() || is_bare(text) {
        return Cow::Borrowed(text);
    }
    let fence = "`".repeat(longest_run(text) + 1);
    let tick = text.starts_with('`') || text.ends_with('`');
    let spaces = text.starts_with(' ') && text.ends_with(' ') && !text.trim_matches(' ').is_empty();
    let pad = if tick || spaces { " " } else { "" };
    Cow::Owned(format!("{fence}{pad}{text}{pad}{fence}"))
}

/// Whether nothing in a text could act or hide; most texts are so, and are told apart fast.
fn is_bare(text: &str) -> bool {
    let marks = |letter| {
        matches!(
            letter,
            ' ' | '.' | ',' | ':' | ';' | '/' | '(' | ')' | '-' | '_'
        )
    };
    let sound = |letter: char| {
        letter.is_ascii_alphanumeric()
            || marks(letter)
            || (!letter.is_ascii() && letter.is_alphanumeric() && !is_hidden(letter))
    };
    text.starts_with(char::is_alphanumeric)
        && text.chars().all(sound)
        && !(text.contains(':') && text.contains("://"))
        && !(text.contains('.') && names_www(text))
        && !begins_list(text)
}

/// GitHub makes a link of what begins so, in any case.
fn names_www(text: &str) -> bool {
    text.as_bytes()
        .windows(4)
        .any(|part| part.eq_ignore_ascii_case(b"www."))
}

/// Digits, a `.` or `)`, and a space or the end: Markdown's numbered list.
fn begins_list(text: &str) -> bool {
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    rest.len() < text.len()
        && rest
            .strip_prefix(['.', ')'])
            .is_some_and(|after| after.is_empty() || after.starts_with(' '))
}

/// The longest run of backticks; a fence must be longer.
fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
