//! Markdown in the style of the Python original, made inert (`docs/http-api.md`, "Formats").
//!
//! Headings come from keys, bullets from lists of plain values, and `**1.**` from lists of objects.
//! Attackers write the texts, and models and browsers read them, so no text may act as markup: a
//! harmless text is written bare, any other as a code span or a fenced block.

use self::inert::{code, fence_for, is_bare, is_blank, write_clean};
pub(in crate::render) use self::inert::{inert_line, inert_text};
use super::{
    json::Quoted,
    sink::{DocumentText, Sink, WriteError},
};

mod inert;

/// A writer of one Markdown document.
#[derive(Debug)]
pub struct MarkdownWriter<'o> {
    text: DocumentText<'o>,
    /// Whether a line has been written.
    has_lines: bool,
    /// The number of spaces before each line, for the items of nested lists.
    indent: usize,
    /// The heading level of values outside any frame.
    level: usize,
    frames: Vec<Frame>,
    /// The words of the last heading.
    words: String,
}

/// An object or list that is being written.
#[derive(Debug)]
enum Frame {
    Members {
        level: usize,
        is_empty: bool,
        /// Whether an empty object is noted as such.
        has_note: bool,
    },
    List {
        level: usize,
        /// Whether the list contains no objects or lists.
        is_plain: bool,
        /// The number of items so far.
        count: usize,
        is_in: Within,
    },
}

/// The place of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Document,
    Member,
    List,
}

impl<'o> MarkdownWriter<'o> {
    /// Starts a document with its title and the id of its object.
    pub fn new(text: DocumentText<'o>, title: &str, id: &str) -> Result<Self, WriteError> {
        let mut writer = Self {
            text,
            has_lines: false,
            indent: 0,
            level: 1,
            frames: Vec::new(),
            words: String::new(),
        };
        writer.open_line(&["# "])?;
        writer.text.push(title)?;
        writer.text.push_unescaped(": ")?;
        writer.one_line(id)?;
        writer.blank()?;
        Ok(writer)
    }

    /// Creates a writer within a document, for members of an object at this heading level.
    pub fn within(text: DocumentText<'o>, level: usize) -> Self {
        Self {
            text,
            has_lines: true,
            indent: 0,
            level,
            frames: vec![Frame::Members {
                level,
                is_empty: false,
                has_note: false,
            }],
            words: String::new(),
        }
    }

    /// Starts the section of an object in a list, whose headings begin at level 3.
    pub fn section(&mut self, object_type: &str, id: &str) -> Result<(), WriteError> {
        self.level = 3;
        self.open_line(&["## "])?;
        self.one_line(object_type)?;
        self.text.push(": ")?;
        self.one_line(id)?;
        self.blank()
    }

    /// Writes a heading and the value below it, which `value` feeds to this writer.
    pub fn member(
        &mut self,
        key: &str,
        value: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.frames.push(Frame::Members {
            level: self.level,
            is_empty: false,
            has_note: false,
        });
        self.heading(self.level, key)?;
        value(self)?;
        self.frames.pop();
        Ok(())
    }

    /// Starts a line with these parts, which JSON leaves as they are. The line before it is ended
    /// first.
    fn open_line(&mut self, parts: &[&str]) -> Result<(), WriteError> {
        self.blank()?;
        self.text.spaces(self.indent)?;
        for part in parts {
            self.text.push_unescaped(part)?;
        }
        Ok(())
    }

    /// Ends the current line, so that the next one starts after it.
    fn blank(&mut self) -> Result<(), WriteError> {
        if !std::mem::replace(&mut self.has_lines, true) {
            return Ok(());
        }
        self.text.end_line()
    }

    fn note(&mut self, note: &str) -> Result<(), WriteError> {
        self.open_line(&[note])?;
        self.blank()
    }

    fn heading(&mut self, level: usize, key: &str) -> Result<(), WriteError> {
        self.open_line(&[hashes(level), " "])?;
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        push_words(&mut words, key);
        self.one_line(&words)?;
        self.words = words;
        self.blank()
    }

    /// Writes any text within a line, made visible and inert.
    fn one_line(&mut self, text: &str) -> Result<(), WriteError> {
        inert_text(&mut self.text, text)
    }

    /// Writes a plain value on its own line, after the marker of the list that contains it.
    fn plain(&mut self, value: Plain<'_>) -> Result<(), WriteError> {
        let number;
        let (marker, is_member) = match self.frames.last_mut() {
            None => ("", false),
            Some(Frame::Members { .. }) => ("", true),
            Some(Frame::List {
                is_plain: true,
                count,
                ..
            }) => {
                *count += 1;
                ("- ", false)
            }
            Some(Frame::List { count, .. }) => {
                *count += 1;
                number = format!("{count}. ");
                (number.as_str(), false)
            }
        };
        match value {
            Plain::Word("null") => self.open_line(&[marker, "*None*"])?,
            Plain::Word("true") => self.open_line(&[marker, "**True**"])?,
            Plain::Word("false") => self.open_line(&[marker, "**False**"])?,
            Plain::Word(number) => self.open_line(&[marker, "`", number, "`"])?,
            Plain::Text(text) => self.text(marker, text)?,
        }
        if is_member {
            self.blank()?;
        }
        Ok(())
    }

    fn text(&mut self, marker: &str, text: &str) -> Result<(), WriteError> {
        if is_bare(text) {
            return self.open_line(&[marker, text]);
        }
        if is_blank(text) {
            return self.open_line(&[marker, "*Empty string*"]);
        }
        // In this place every parser takes a fence as the start of a block and the lines below as
        // part of it. After a number or within nested lists, parsers differ.
        let may_be_fenced = self.indent == 0 && matches!(marker, "" | "- ");
        if may_be_fenced && text.contains('\n') {
            return self.fenced(marker, text);
        }
        self.open_line(&[marker])?;
        code(&mut self.text, text)
    }

    /// Writes a text of several lines as a fenced block.
    ///
    /// Each line is indented like the fence. A line with less indentation would end the list item
    /// and the block, and the rest would be live markup.
    fn fenced(&mut self, marker: &str, text: &str) -> Result<(), WriteError> {
        let (fence, keeps_ticks) = fence_for(text, 3);
        self.open_line(&[marker, fence])?;
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            // A carriage return belongs to the line break, except at the end of the text.
            let is_last = lines.peek().is_none();
            let line = if is_last {
                line
            } else {
                line.strip_suffix('\r').unwrap_or(line)
            };
            self.blank()?;
            if !line.is_empty() {
                self.text.spaces(marker.len())?;
                write_clean(&mut self.text, line, keeps_ticks)?;
            }
        }
        self.blank()?;
        self.text.spaces(marker.len())?;
        self.text.push_unescaped(fence)
    }
}

/// A value that contains no other values.
#[derive(Clone, Copy)]
enum Plain<'a> {
    Word(&'a str),
    Text(&'a str),
}

impl Sink for MarkdownWriter<'_> {
    type Error = WriteError;

    fn begin_object(&mut self) -> Result<(), WriteError> {
        let (level, has_note) = match self.frames.last_mut() {
            None => (self.level, false),
            Some(Frame::Members { level, .. }) => (*level + 1, true),
            Some(Frame::List { level, count, .. }) => {
                *count += 1;
                let (level, number) = (*level, count.to_string());
                self.open_line(&["**", &number, ".** "])?;
                self.blank()?;
                (level + 1, false)
            }
        };
        self.frames.push(Frame::Members {
            level,
            is_empty: true,
            has_note,
        });
        Ok(())
    }

    fn key(&mut self, key: Quoted<'_>) -> Result<(), WriteError> {
        let mut at = self.level;
        if let Some(Frame::Members {
            level, is_empty, ..
        }) = self.frames.last_mut()
        {
            *is_empty = false;
            at = *level;
        }
        self.heading(at, &key.meant())
    }

    fn end_object(&mut self) -> Result<(), WriteError> {
        let frame = self.frames.pop();
        let Some(Frame::Members {
            is_empty: true,
            has_note: true,
            ..
        }) = frame
        else {
            return Ok(());
        };
        self.note("*No data available*")
    }

    fn begin_array(&mut self, is_plain: impl FnOnce() -> bool) -> Result<(), WriteError> {
        let (level, is_in) = match self.frames.last_mut() {
            None => (self.level, Within::Document),
            Some(Frame::Members { level, .. }) => (*level + 1, Within::Member),
            Some(Frame::List { level, count, .. }) => {
                *count += 1;
                let (level, number) = (*level, count.to_string());
                self.open_line(&["**", &number, ".** Nested list:"])?;
                self.blank()?;
                self.indent += 2;
                (level + 1, Within::List)
            }
        };
        self.frames.push(Frame::List {
            level,
            is_plain: is_plain(),
            count: 0,
            is_in,
        });
        Ok(())
    }

    fn end_array(&mut self) -> Result<(), WriteError> {
        let Some(Frame::List { count, is_in, .. }) = self.frames.pop() else {
            return Ok(());
        };
        match (count, is_in) {
            (0, Within::Member) => self.note("*No items*")?,
            (0, _) => self.open_line(&["*Empty list*"])?,
            _ => self.blank()?,
        }
        if is_in == Within::List {
            self.indent -= 2;
        }
        Ok(())
    }

    fn string(&mut self, text: Quoted<'_>) -> Result<(), WriteError> {
        let text = text.meant();
        let shown = self.text.shown(&text);
        self.plain(Plain::Text(&shown))
    }

    fn word(&mut self, word: &str) -> Result<(), WriteError> {
        self.plain(Plain::Word(word))
    }
}

fn hashes(level: usize) -> &'static str {
    &"######"[..level.min(6)]
}

/// Appends a key as words: `last_https_certificate` becomes `Last HTTPS Certificate`.
///
/// A letter is upper case unless it follows another letter, as in Python's `str.title`.
fn push_words(out: &mut String, key: &str) {
    let (mut start, mut within) = (out.len(), false);
    for letter in key.chars() {
        if !letter.is_alphanumeric() {
            abbreviate(out, start);
            out.push(if letter == '_' { ' ' } else { letter });
            (start, within) = (out.len(), false);
            continue;
        }
        match letter {
            _ if within && letter.is_ascii() => out.push(letter.to_ascii_lowercase()),
            _ if letter.is_ascii() => out.push(letter.to_ascii_uppercase()),
            _ if within => out.extend(letter.to_lowercase()),
            _ => out.extend(letter.to_uppercase()),
        }
        within = letter.is_uppercase() || letter.is_lowercase();
    }
    abbreviate(out, start);
}

/// Replaces the word that starts here and ends the text, if it has an abbreviation.
fn abbreviate(out: &mut String, start: usize) {
    let short = match &out[start..] {
        "Id" => "ID",
        "Url" => "URL",
        "Api" => "API",
        "Http" => "HTTP",
        "Https" => "HTTPS",
        "Ip" => "IP",
        "Dns" => "DNS",
        "Tcp" => "TCP",
        "Udp" => "UDP",
        "Sha256" => "SHA256",
        "Sha1" => "SHA1",
        "Md5" => "MD5",
        "Pe" => "PE",
        "Av" => "AV",
        _ => return,
    };
    out.replace_range(start.., short);
}

#[cfg(test)]
pub(in crate::render) mod tests;
