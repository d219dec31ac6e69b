//! The Markdown of a value as a writer that walks a tree would produce it: the reference for the writer
//! that takes events.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    super::inert::{code, fence_for, inert_text, is_bare, is_blank, write_clean},
    words_of,
};
use crate::render::format::sink::{DocumentText, WriteError};

/// The lines of a document.
#[derive(Default)]
pub(super) struct Tree {
    lines: Vec<String>,
    indent: usize,
}

/// Returns what is written to a document.
fn written(write: impl FnOnce(&mut DocumentText<'_>) -> Result<(), WriteError>) -> String {
    let mut out = Vec::new();
    write(&mut DocumentText::bare(&mut out, usize::MAX)).unwrap();
    String::from_utf8(out).unwrap()
}

fn inert(text: &str) -> String {
    written(|out| inert_text(out, text))
}

impl Tree {
    /// Returns the document of a value.
    pub(super) fn document(title: &str, id: &str, value: &Value) -> String {
        let mut tree = Self::default();
        tree.line(&format!("# {title}: {}", inert(id)));
        tree.line("");
        match value {
            Value::Object(_) => tree.members(1, value),
            Value::Array(items) if items.is_empty() => tree.line("*Empty list*"),
            Value::Array(_) => {
                tree.items(1, value);
                tree.lines.push(String::new());
            }
            plain => tree.plain("", plain),
        }
        tree.lines.join("\n")
    }

    fn line(&mut self, text: &str) {
        let indent = if text.is_empty() { 0 } else { self.indent };
        let mut line = " ".repeat(indent);
        line.push_str(text);
        self.lines.push(line);
    }

    fn members(&mut self, level: usize, object: &Value) {
        for (key, value) in object.as_object().unwrap() {
            let hashes = "#".repeat(level.min(6));
            self.line(&format!("{hashes} {}", inert(&words_of(key))));
            self.line("");
            match value {
                Value::Object(members) if members.is_empty() => {
                    self.line("*No data available*");
                    self.line("");
                }
                Value::Array(items) if items.is_empty() => {
                    self.line("*No items*");
                    self.line("");
                }
                Value::Object(_) => self.members(level + 1, value),
                Value::Array(_) => {
                    self.items(level + 1, value);
                    self.line("");
                }
                plain => {
                    self.plain("", plain);
                    self.line("");
                }
            }
        }
    }

    fn items(&mut self, level: usize, list: &Value) {
        let items = list.as_array().unwrap();
        let is_plain = !items.iter().any(|item| item.is_object() || item.is_array());
        for (item, number) in items.iter().zip(1..) {
            match item {
                Value::Object(_) => {
                    self.line(&format!("**{number}.** "));
                    self.line("");
                    self.members(level + 1, item);
                }
                Value::Array(inner) => {
                    self.line(&format!("**{number}.** Nested list:"));
                    self.line("");
                    self.indent += 2;
                    if inner.is_empty() {
                        self.line("*Empty list*");
                    } else {
                        self.items(level + 1, item);
                        self.line("");
                    }
                    self.indent -= 2;
                }
                plain if is_plain => self.plain("- ", plain),
                plain => self.plain(&format!("{number}. "), plain),
            }
        }
    }

    fn plain(&mut self, marker: &str, value: &Value) {
        let text = match value {
            Value::Null => "*None*".to_owned(),
            Value::Bool(true) => "**True**".to_owned(),
            Value::Bool(false) => "**False**".to_owned(),
            Value::String(text) if is_bare(text) => text.clone(),
            Value::String(text) if is_blank(text) => "*Empty string*".to_owned(),
            Value::String(text)
                if text.contains('\n') && self.indent == 0 && matches!(marker, "" | "- ") =>
            {
                return self.fenced(marker, text);
            }
            Value::String(text) => written(|out| code(out, text)),
            number => format!("`{number}`"),
        };
        self.line(&format!("{marker}{text}"));
    }

    fn fenced(&mut self, marker: &str, text: &str) {
        let (fence, keeps_ticks) = fence_for(text, 3);
        let indent = " ".repeat(marker.len());
        self.line(&format!("{marker}{fence}"));
        let last = text.split('\n').count() - 1;
        for (at, line) in text.split('\n').enumerate() {
            // A carriage return before a line break belongs to it.
            let line = line
                .strip_suffix('\r')
                .filter(|_| at < last)
                .unwrap_or(line);
            let mut shown = String::new();
            if !line.is_empty() {
                let clean = written(|out| write_clean(out, line, keeps_ticks));
                write!(shown, "{indent}{clean}").unwrap();
            }
            self.lines.push(shown);
        }
        self.line(&format!("{indent}{fence}"));
    }
}
