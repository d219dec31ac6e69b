//! A list in pages; where a relationship leads to one object or none, that.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    Answer, AnswerError, MalformedAnswer, Subject, View,
    item::{Item, whole},
};
use crate::format::{
    Format,
    json::{
        self, Compact, Meta, Unreadable,
        lexer::Lexer,
        read::{members, text},
    },
    markdown,
    sink::Sink,
    xml,
};

/// A list of objects, or what stands at the other end of a relationship to one.
///
/// `pages` are a list's, in their order, at least one; `truncated` says why there are no
/// more of them, where that is not the list's end or the caller's limit. An object that comes
/// again is left out, and so is a cursor that leads back to a page that the caller has.
/// Documents keep the shape of a list for one object, too: Markdown has a section for it, and the
/// root of XML is named after the relationship.
pub fn list(
    pages: &[Bytes],
    subject: &Subject<'_>,
    truncated: Option<&'static str>,
    view: &View<'_>,
) -> Result<Answer, AnswerError> {
    let size = pages.iter().map(Bytes::len).sum();
    let pages = pages
        .iter()
        .map(|bytes| Page::read(bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let related = Related::of(&pages);
    let last = pages.last().filter(|_| matches!(related, Related::Many(_)));
    let mut meta = last.map(|page| Meta {
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
            related.feed(view, &mut Compact::new(out))
        })?,
        Format::Raw => json::envelope(view.format, meta.as_ref(), size, |out| {
            related.feed_raw(&mut Compact::new(out))
        })?,
        Format::Markdown => view.document(size, meta.as_ref(), |out| {
            let mut out = markdown::Writer::new(out, &subject.title, subject.id)?;
            related.each(|item| item.write_section(view, &mut out))
        })?,
        Format::Xml => view.document(size, meta.as_ref(), |out| {
            related.feed(view, &mut xml::Writer::new(out, &subject.root)?)
        })?,
    };
    Ok(Answer {
        body,
        cursor: meta.and_then(|meta| meta.cursor),
        names: Vec::new(),
    })
}

struct Page<'a> {
    /// An array, an object or `null`.
    data: &'a str,
    cursor: Option<&'a str>,
    count: Option<&'a str>,
}

impl<'a> Page<'a> {
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

    fn meta(&self) -> Meta<'a> {
        let is_number = |raw: &&str| raw.starts_with(|it: char| it == '-' || it.is_ascii_digit());
        let count = self.count.filter(is_number);
        Meta {
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

/// Whether the last page's cursor is one that led to a page of this answer.
fn leads_back(cursor: Option<&str>, pages: &[Page<'_>], view: &View<'_>) -> bool {
    let Some(cursor) = cursor else {
        return false;
    };
    let earlier = pages.iter().rev().skip(1);
    let mut followed = earlier.filter_map(Page::cursor);
    view.cursor == Some(cursor) || followed.any(|followed| followed == cursor)
}

/// How many objects a page of a list holds, and where the next one begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Extent {
    /// Objects on the page; none for an answer that is no list.
    pub objects: usize,
    /// The next page's cursor.
    pub cursor: Option<String>,
}

/// Reads no more of a page than it takes to go on to the next.
pub fn extent(bytes: &[u8]) -> Result<Extent, MalformedAnswer> {
    let page = Page::read(bytes)?;
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

/// What stands at the other end of a relationship.
enum Related<'p, 'a> {
    /// A list, on these pages.
    Many(&'p [Page<'a>]),
    One(&'a str),
    Nothing,
}

impl<'p, 'a> Related<'p, 'a> {
    /// Pages of one list become one list; anything but a list is one page.
    fn of(pages: &'p [Page<'a>]) -> Self {
        let other = pages.iter().find(|page| !page.data.starts_with('['));
        match other {
            None => Self::Many(pages),
            Some(page) if page.data == "null" => Self::Nothing,
            Some(page) => Self::One(page.data),
        }
    }

    /// Feeds what is related to a writer, each object filtered by the template of its type.
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

    /// Feeds VirusTotal's own objects to a writer; of one alone, its attributes.
    fn feed_raw<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        match self {
            Self::Nothing => sink.word("null"),
            Self::One(raw) => {
                let item = Item::read(&mut Lexer::new(raw))?;
                whole(item.attributes.unwrap_or(raw)).feed(sink)
            }
            Self::Many(pages) => {
                sink.begin_array(|| false)?;
                let mut seen = Seen::default();
                each_element_of(pages, |lexer| {
                    let raw = lexer.raw()?;
                    // What is no object is shown as it is, and known by nothing.
                    let item = Item::read(&mut Lexer::new(raw)).ok();
                    if item.is_some_and(|item| !seen.is_new(&item)) {
                        return Ok(());
                    }
                    whole(raw).feed(sink)
                })?;
                sink.end_array()
            }
        }
    }

    /// Calls `visit` with each object, once.
    fn each<E: From<Unreadable>>(
        &self,
        mut visit: impl FnMut(&Item<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Nothing => Ok(()),
            Self::One(raw) => visit(&Item::read(&mut Lexer::new(raw))?),
            Self::Many(pages) => {
                let mut seen = Seen::default();
                each_element_of(pages, |lexer| {
                    let item = Item::read(lexer)?;
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

/// The objects of a list so far.
#[derive(Default)]
struct Seen(HashSet<(String, String)>);

impl Seen {
    /// Whether an object did not come before, as far as it can be told from others.
    fn is_new(&mut self, item: &Item<'_>) -> bool {
        item.name().is_none_or(|name| self.0.insert(name))
    }
}

/// Calls `visit` at each element of each page, which it must take.
fn each_element_of<'a, E: From<Unreadable>>(
    pages: &[Page<'a>],
    mut visit: impl FnMut(&mut Lexer<'a>) -> Result<(), E>,
) -> Result<(), E> {
    pages
        .iter()
        .try_for_each(|page| each_element(page.data, &mut visit))
}

/// Calls `visit` at each element of an array, which it must take.
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
