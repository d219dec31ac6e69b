//! Lists in pages, and relationships that lead to a single object or to none.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    Document, MalformedAnswer, RenderError, Title, View,
    raw_object::{RawObject, whole},
};
use crate::render::format::{
    Format,
    json::{
        self, JsonWriter, ListMeta, Unreadable,
        lexer::Lexer,
        read::{members, text},
    },
    markdown::MarkdownWriter,
    sink::Sink,
    xml::XmlWriter,
};

/// Renders a list of objects, or the object that a to-one relationship leads to.
///
/// `pages` are the pages of a list in order, at least one. `truncated` is the reason that there are
/// no more pages, unless the list or the caller's limit ended. Repeated objects are left out, and
/// so is a cursor that leads back to a page of this answer. A document keeps the shape of a list
/// for a single object, too: a Markdown section, and an XML root named after the relationship.
pub fn list(
    pages: &[Bytes],
    title: &Title<'_>,
    truncated: Option<&'static str>,
    view: &View<'_>,
) -> Result<Document, RenderError> {
    let size = pages.iter().map(Bytes::len).sum();
    let pages = pages
        .iter()
        .map(|bytes| ListPage::read(bytes))
        .collect::<Result<Vec<_>, _>>()?;
    // Every page has been validated by now, before anything is written.
    let related = RelationTarget::of(&pages);
    // Only a list has metadata: that of its last page, whose cursor continues it.
    let last = pages
        .last()
        .filter(|_| matches!(related, RelationTarget::Many(_)));
    let mut meta = last.map(|page| ListMeta {
        truncated,
        ..page.meta()
    });
    if let Some(meta) = &mut meta
        && leads_back(meta.cursor.as_deref(), &pages, view)
    {
        meta.cursor = None;
    }
    let body = match view.format {
        Format::Json => json::envelope(view.format, meta.as_ref(), size, |out| {
            related.feed(view, &mut JsonWriter::new(out))
        })?,
        Format::Raw => json::envelope(view.format, meta.as_ref(), size, |out| {
            related.feed_raw(&mut JsonWriter::new(out))
        })?,
        Format::Markdown => view.document(size, meta.as_ref(), |out| {
            let mut out = MarkdownWriter::new(out, &title.text, title.id)?;
            related.each(|item| item.write_section(view, &mut out))
        })?,
        Format::Xml => view.document(size, meta.as_ref(), |out| {
            related.feed(view, &mut XmlWriter::new(out, &title.root)?)
        })?,
    };
    Ok(Document {
        body,
        cursor: meta.and_then(|meta| meta.cursor),
        names: Vec::new(),
    })
}

struct ListPage<'a> {
    /// An array, an object or `null`.
    data: &'a str,
    cursor: Option<&'a str>,
    count: Option<&'a str>,
}

impl<'a> ListPage<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, MalformedAnswer> {
        let mut lexer = Lexer::new(str::from_utf8(bytes)?);
        let [data, meta] = members(&mut lexer, ["data", "meta"])?;
        lexer.finish()?;
        let [cursor, count] = match meta {
            Some(meta) if meta.starts_with('{') => {
                members(&mut Lexer::new(meta), ["cursor", "count"])?
            }
            _ => [None; 2],
        };
        Ok(Self {
            data: data.ok_or(Unreadable::Missing)?,
            cursor,
            count,
        })
    }

    fn meta(&self) -> ListMeta<'a> {
        let is_number = |raw: &&str| raw.starts_with(|it: char| it == '-' || it.is_ascii_digit());
        // The number's text is copied, so that it keeps all digits.
        let count = self.count.filter(is_number);
        ListMeta {
            cursor: self.cursor(),
            count: count.and_then(|raw| serde_json::from_str::<&RawValue>(raw).ok()),
            truncated: None,
        }
    }

    fn cursor(&self) -> Option<String> {
        let cursor = self.cursor.and_then(text)?;
        (!cursor.is_empty()).then(|| cursor.into_owned())
    }
}

/// Whether the last page's cursor already led to a page of this answer.
fn leads_back(cursor: Option<&str>, pages: &[ListPage<'_>], view: &View<'_>) -> bool {
    let Some(cursor) = cursor else {
        return false;
    };
    let earlier = pages.iter().rev().skip(1);
    let mut followed = earlier.filter_map(ListPage::cursor);
    view.cursor == Some(cursor) || followed.any(|followed| followed == cursor)
}

/// The number of objects on a page, and the cursor of the next page.
#[derive(Debug, PartialEq, Eq)]
pub struct Extent {
    /// The number of objects on the page; 0 for an answer that is not a list.
    pub objects: usize,
    /// The next page's cursor.
    pub cursor: Option<String>,
}

/// Reads the number of objects on a page and its cursor.
pub fn extent(bytes: &[u8]) -> Result<Extent, MalformedAnswer> {
    let page = ListPage::read(bytes)?;
    let mut objects = 0;
    if page.data.starts_with('[') {
        each_element(page.data, |lexer| {
            objects += 1;
            lexer.skip()
        })?;
    }
    Ok(Extent {
        objects,
        cursor: page.cursor(),
    })
}

/// The target of a relationship.
enum RelationTarget<'p, 'a> {
    /// A list, in these pages.
    Many(&'p [ListPage<'a>]),
    One(&'a str),
    Nothing,
}

impl<'p, 'a> RelationTarget<'p, 'a> {
    /// Joins the pages of a list. An answer that is not a list has a single page.
    fn of(pages: &'p [ListPage<'a>]) -> Self {
        let other = pages.iter().find(|page| !page.data.starts_with('['));
        match other {
            None => Self::Many(pages),
            Some(page) if page.data == "null" => Self::Nothing,
            Some(page) => Self::One(page.data),
        }
    }

    /// Writes the objects to a sink, each filtered by the template of its type.
    fn feed<S: Sink>(&self, view: &View<'_>, sink: &mut S) -> Result<(), S::Error> {
        let is_list = matches!(self, Self::Many(_));
        if let Self::Nothing = self {
            return sink.word("null");
        }
        if is_list {
            sink.begin_array(|| false)?;
        }
        self.each(|item| item.feed(view, sink))?;
        if is_list {
            sink.end_array()?;
        }
        Ok(())
    }

    /// Writes VirusTotal's own objects to a sink; for a single object, its attributes.
    fn feed_raw<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        match self {
            Self::Nothing => sink.word("null"),
            Self::One(raw) => {
                let item = RawObject::read(&mut Lexer::new(raw))?;
                whole(item.attributes.unwrap_or(raw)).feed(sink)
            }
            Self::Many(pages) => {
                sink.begin_array(|| false)?;
                let mut seen = SeenObjects::default();
                each_element_of(pages, |lexer| {
                    let raw = lexer.raw()?;
                    // An element that is not an object is shown as it is, and never counts as
                    // repeated.
                    let item = RawObject::read(&mut Lexer::new(raw)).ok();
                    if item.is_some_and(|item| !seen.is_new(&item)) {
                        return Ok(());
                    }
                    whole(raw).feed(sink)
                })?;
                sink.end_array()
            }
        }
    }

    /// Calls `visit` for each object that is not repeated.
    fn each<E: From<Unreadable>>(
        &self,
        mut visit: impl FnMut(&RawObject<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Nothing => Ok(()),
            Self::One(raw) => visit(&RawObject::read(&mut Lexer::new(raw))?),
            Self::Many(pages) => {
                let mut seen = SeenObjects::default();
                each_element_of(pages, |lexer| {
                    let item = RawObject::read(lexer)?;
                    if seen.is_new(&item) {
                        visit(&item)
                    } else {
                        Ok(())
                    }
                })
            }
        }
    }
}

/// The objects seen so far, by type and id.
#[derive(Default)]
struct SeenObjects(HashSet<(String, String)>);

impl SeenObjects {
    /// Whether an object has not been seen yet. An object without a type or id counts as new.
    fn is_new(&mut self, item: &RawObject<'_>) -> bool {
        item.name().is_none_or(|name| self.0.insert(name))
    }
}

/// Calls `visit` at each element of each page; it has to consume the element.
fn each_element_of<'a, E: From<Unreadable>>(
    pages: &[ListPage<'a>],
    mut visit: impl FnMut(&mut Lexer<'a>) -> Result<(), E>,
) -> Result<(), E> {
    pages
        .iter()
        .try_for_each(|page| each_element(page.data, &mut visit))
}

/// Calls `visit` at each element of an array; it has to consume the element.
fn each_element<'a, E: From<Unreadable>>(
    array: &'a str,
    mut visit: impl FnMut(&mut Lexer<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut lexer = Lexer::new(array);
    let mut more = lexer.open(b'[', b']')?;
    while more {
        visit(&mut lexer)?;
        more = lexer.more(b']')?;
    }
    Ok(())
}
