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
    sink::{Sink, WriteError},
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
    let mut size = 0;
    let mut read = Vec::with_capacity(pages.len());
    for bytes in pages {
        size += bytes.len();
        read.push(ListPage::read(bytes)?);
    }
    // Every page has been validated by now, before anything is written.
    let target = RelationTarget::of(&read);
    let meta = target.meta(truncated, view);
    let body = match view.format {
        Format::Json => json::envelope(view.format, meta.as_ref(), size, |out| {
            target.feed(view, &mut JsonWriter::new(out))
        })?,
        Format::Raw => json::envelope(view.format, meta.as_ref(), size, |out| {
            target.feed_raw(&mut JsonWriter::new(out))
        })?,
        Format::Markdown => view.document(size, meta.as_ref(), |out| {
            let mut out = MarkdownWriter::new(out, &title.text, title.id)?;
            target.write_sections(view, &mut out)
        })?,
        Format::Xml => view.document(size, meta.as_ref(), |out| {
            target.feed(view, &mut XmlWriter::new(out, &title.root)?)
        })?,
    };
    Ok(Document {
        body,
        cursor: meta.and_then(|meta| meta.cursor),
        names: Vec::new(),
    })
}

/// A page of a list, or an answer in its place, as the JSON texts of its members.
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

    /// Returns the cursor of the next page.
    fn cursor(&self) -> Option<String> {
        let cursor = text(self.cursor?)?;
        if cursor.is_empty() {
            return None;
        }
        Some(cursor.into_owned())
    }

    /// Returns the number of all objects. Its text is copied, so that it keeps all digits.
    fn count(&self) -> Option<&'a RawValue> {
        let count = self.count?;
        if !count.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
            return None;
        }
        serde_json::from_str(count).ok()
    }
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
        let mut elements = Elements::of(page.data)?;
        while elements.next(Lexer::skip)?.is_some() {
            objects += 1;
        }
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
        for page in pages {
            if page.data == "null" {
                return Self::Nothing;
            }
            if !page.data.starts_with('[') {
                return Self::One(page.data);
            }
        }
        Self::Many(pages)
    }

    /// Returns the metadata, which only a list has: that of its last page, whose cursor continues
    /// it.
    ///
    /// A cursor that leads back to a page of this answer is left out.
    fn meta(&self, truncated: Option<&'static str>, view: &View<'_>) -> Option<ListMeta<'a>> {
        let Self::Many(pages) = self else {
            return None;
        };
        let (last, earlier) = pages.split_last()?;
        let mut cursor = last.cursor();
        if cursor.is_some() {
            let is_first = cursor.as_deref() == view.cursor;
            if is_first || earlier.iter().any(|page| page.cursor() == cursor) {
                cursor = None;
            }
        }
        Some(ListMeta {
            cursor,
            count: last.count(),
            truncated,
        })
    }

    /// Writes the objects to a sink, each filtered by the template of its type.
    fn feed<S: Sink>(&self, view: &View<'_>, sink: &mut S) -> Result<(), S::Error> {
        match self {
            Self::Nothing => sink.word("null"),
            Self::One(raw) => RawObject::read(&mut Lexer::new(raw))?.feed(view, sink),
            Self::Many(pages) => {
                let mut objects = Objects::of(pages);
                sink.begin_array(|| false)?;
                while let Some(object) = objects.next()? {
                    object.feed(view, sink)?;
                }
                sink.end_array()
            }
        }
    }

    /// Writes each object as a section of a Markdown document.
    fn write_sections(
        &self,
        view: &View<'_>,
        out: &mut MarkdownWriter<'_>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Nothing => {}
            Self::One(raw) => RawObject::read(&mut Lexer::new(raw))?.write_section(view, out)?,
            Self::Many(pages) => {
                let mut objects = Objects::of(pages);
                while let Some(object) = objects.next()? {
                    object.write_section(view, out)?;
                }
            }
        }
        Ok(())
    }

    /// Writes VirusTotal's own objects to a sink; for a single object, its attributes.
    fn feed_raw<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        let pages = match self {
            Self::Nothing => return sink.word("null"),
            Self::One(raw) => {
                let object = RawObject::read(&mut Lexer::new(raw))?;
                return whole(object.attributes.unwrap_or(raw)).feed(sink);
            }
            Self::Many(pages) => *pages,
        };
        let mut seen = SeenObjects::default();
        sink.begin_array(|| false)?;
        for page in pages {
            let mut elements = Elements::of(page.data)?;
            while let Some(raw) = elements.next(Lexer::raw)? {
                // An element that is not an object is shown as it is, and never counts as
                // repeated.
                if let Ok(object) = RawObject::read(&mut Lexer::new(raw))
                    && !seen.is_new(&object)
                {
                    continue;
                }
                whole(raw).feed(sink)?;
            }
        }
        sink.end_array()
    }
}

/// The objects seen so far, by type and id.
#[derive(Default)]
struct SeenObjects(HashSet<(String, String)>);

impl SeenObjects {
    /// Returns whether an object has not been seen yet. An object without a type or id counts as
    /// new.
    fn is_new(&mut self, object: &RawObject<'_>) -> bool {
        match object.name() {
            Some(name) => self.0.insert(name),
            None => true,
        }
    }
}

/// The objects on the pages of a list, without repeated ones.
struct Objects<'p, 'a> {
    pages: std::slice::Iter<'p, ListPage<'a>>,
    /// The rest of the page that is being read.
    elements: Elements<'a>,
    seen: SeenObjects,
}

impl<'p, 'a> Objects<'p, 'a> {
    fn of(pages: &'p [ListPage<'a>]) -> Self {
        Self {
            pages: pages.iter(),
            elements: Elements::none(),
            seen: SeenObjects::default(),
        }
    }

    /// Reads the next object that is not repeated.
    fn next(&mut self) -> Result<Option<RawObject<'a>>, Unreadable> {
        loop {
            while let Some(object) = self.elements.next(RawObject::read)? {
                if self.seen.is_new(&object) {
                    return Ok(Some(object));
                }
            }
            let Some(page) = self.pages.next() else {
                return Ok(None);
            };
            self.elements = Elements::of(page.data)?;
        }
    }
}

/// The elements of an array that are still to be read.
struct Elements<'a> {
    lexer: Lexer<'a>,
    has_more: bool,
}

impl<'a> Elements<'a> {
    fn none() -> Self {
        Self {
            lexer: Lexer::new(""),
            has_more: false,
        }
    }

    fn of(array: &'a str) -> Result<Self, Unreadable> {
        let mut lexer = Lexer::new(array);
        let has_more = lexer.open(b'[', b']')?;
        Ok(Self { lexer, has_more })
    }

    /// Reads the next element with `read`, which has to consume it.
    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Lexer<'a>) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        if !self.has_more {
            return Ok(None);
        }
        let element = read(&mut self.lexer)?;
        self.has_more = self.lexer.more(b']')?;
        Ok(Some(element))
    }
}
