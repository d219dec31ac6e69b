//! A text as the rows of a list.

use super::{Extracted, Extractor, extract};
use crate::indicator::{Classified, Unclassified, classify};

/// A row of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextItem<'a> {
    /// A line that was meant as one indicator, and what it is, if it is one.
    Line(&'a str, Result<Classified, Unclassified>),
    /// An indicator among other words.
    Found(Extracted<'a>),
}

/// Returns each line or, where lines consist of words, each indicator in them.
///
/// A text without white space in its lines is a list. A line of a list that is no indicator, but holds
/// some, stands for those.
pub fn text_items(text: &str) -> impl Iterator<Item = TextItem<'_>> {
    let text = text.trim_start_matches('\u{feff}');
    let is_list = text
        .lines()
        .all(|line| !line.trim().contains(char::is_whitespace));
    let (lines, words) = if is_list { (text, "") } else { ("", text) };
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .flat_map(line_items)
        .chain(extract(words).map(TextItem::Found))
}

fn line_items(line: &str) -> Items<'_> {
    let classified = classify(line);
    if classified.is_ok() || extract(line).next().is_none() {
        Items::Line(Some(TextItem::Line(line, classified)))
    } else {
        Items::Words(extract(line))
    }
}

/// The rows of a line.
enum Items<'a> {
    Line(Option<TextItem<'a>>),
    Words(Extractor<'a>),
}

impl<'a> Iterator for Items<'a> {
    type Item = TextItem<'a>;

    fn next(&mut self) -> Option<TextItem<'a>> {
        match self {
            Self::Line(line) => line.take(),
            Self::Words(words) => words.next().map(TextItem::Found),
        }
    }
}
