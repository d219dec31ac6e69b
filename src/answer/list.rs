//! A list in pages; where a relationship leads to one object or none, that.

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
/// more of them, where that is not the list's end or the caller's limit. Documents keep the shape
/// of a list for one object, too: Markdown has a section for it, and the root of XML is named
/// after the relationship.
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
    let meta = last.map(|page| Meta {
        truncated,
        ..page.meta()
    });
    let body = match view.format {
        Format::Json => json::envelope(view.format, meta.as_ref(), size, |out| {
            related.feed(view, &mut Compact::new(out))
        })?,
        Format::Raw => json::envelope(view.format, meta.as_ref(), size, |out| {
            related.feed_raw(&mut Compact::new(out))
        })?,
        Format::Markdown => view.document(size, meta.as_ref(), |out| {
            let mut out = markdown::Writer::new(out, &subject.title, subject.id)?;
            related.each(|lexer| Item::read(lexer)?.write_section(view, &mut out))
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
        self.each(|lexer| Item::read(lexer)?.feed(view, sink))?;
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
            Self::Many(_) => {
                sink.begin_array(|| false)?;
                self.each(|lexer| whole(lexer.raw()?).feed(sink))?;
                sink.end_array()
            }
        }
    }

    /// Calls `visit` at each object, which it must take.
    fn each<E: From<Unreadable>>(
        &self,
        mut visit: impl FnMut(&mut Lexer<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Nothing => Ok(()),
            Self::One(raw) => visit(&mut Lexer::new(raw)),
            Self::Many(pages) => pages
                .iter()
                .try_for_each(|page| each_element(page.data, &mut visit)),
        }
    }
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
