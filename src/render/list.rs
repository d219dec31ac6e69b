//! Lists in pages, and relationships that lead to a single object or to none.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use self::objects::{Elements, Objects, SeenObjects};
use super::{
    Document, MalformedAnswer, RenderError, Title, View,
    compose::untrusted_count,
    interop,
    parts::{Ledger, Row},
    raw_object::{RawObject, whole},
};
use crate::render::{
    budget::tokens,
    format::{
        Format,
        json::{
            self, JsonWriter, Meta, Unreadable,
            lexer::Lexer,
            read::{members, text},
        },
        markdown::MarkdownWriter,
        sink::{Sink, WriteError},
        xml::XmlWriter,
    },
    selection::{Arrangement, Selection},
    template::filter::{Filtered, compact_length},
    untrusted::{self, Counts},
};

mod objects;

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
    let mut meta = target.meta(truncated, view);
    let answer = read.iter().map(|page| compact_length(page.data)).sum();
    if let Some(format) = view.interop {
        let objects = target.objects(view)?;
        let list = interop::ListedObjects {
            objects: &objects,
            is_list: target.is_list(),
            answer,
        };
        return list.render(meta, view, format);
    }
    if view.is_selective() && !target.fits_as_it_is(view)? {
        let arrangement = if target.is_list() {
            Arrangement::List
        } else {
            Arrangement::Section
        };
        let selection = Selection {
            view,
            title,
            id: Cow::Borrowed(title.id),
            arrangement,
            answer,
        };
        return selection.compose(target.objects(view)?, meta);
    }
    let ledger = Ledger::new(view);
    let out = target.write(size, title, view, &ledger)?;
    meta.untrusted = untrusted_count(view, &ledger.texts);
    if view.max_tokens.is_some() {
        meta.tokens = Some(tokens::estimate(str::from_utf8(json::data_of(&out))?));
        meta.complete = Some(true);
        meta.omitted = Some(Vec::new());
    }
    Ok(view.finish(out, meta, target.is_list(), answer))
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
        match pages {
            [page] if page.data == "null" => Self::Nothing,
            [page] if !page.data.starts_with('[') => Self::One(page.data),
            _ => Self::Many(pages),
        }
    }

    /// Returns the metadata, which only a list has: that of its last page, whose cursor continues
    /// it.
    ///
    /// A cursor that leads back to a page of this answer is left out.
    fn meta(&self, truncated: Option<&'static str>, view: &View<'_>) -> Meta<'a> {
        let Self::Many([earlier @ .., last]) = self else {
            return Meta::default();
        };
        let mut cursor = last.cursor();
        if cursor.is_some() {
            let is_first = cursor.as_deref() == view.cursor;
            if is_first || earlier.iter().any(|page| page.cursor() == cursor) {
                cursor = None;
            }
        }
        Meta {
            cursor,
            count: last.count(),
            truncated,
            ..Meta::default()
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Many(_))
    }

    /// Writes the data in the view's format, in an open envelope unless it is bare.
    fn write(
        &self,
        size: usize,
        title: &Title<'_>,
        view: &View<'a>,
        ledger: &Ledger,
    ) -> Result<Vec<u8>, RenderError> {
        Ok(match view.format {
            Format::Json => {
                let mut out = json::open_envelope(size);
                self.feed(view, ledger, &mut JsonWriter::new(&mut out))?;
                out
            }
            Format::Raw => {
                let mut out = json::open_envelope(size);
                self.feed_raw(ledger, &mut JsonWriter::new(&mut out))?;
                out
            }
            Format::Markdown => view.document(size, |out| {
                ledger.texts.restart(Counts::default());
                let mut out = MarkdownWriter::new(out, &title.text, title.id)?;
                self.write_sections(view, ledger, &mut out)
            })?,
            Format::Xml => view.document(size, |out| {
                ledger.texts.restart(Counts::default());
                self.feed(view, ledger, &mut XmlWriter::new(out, &title.root)?)
            })?,
        })
    }

    /// Returns whether raw data fits into the budget, so that it can stay VirusTotal's own.
    fn fits_as_it_is(&self, view: &View<'_>) -> Result<bool, RenderError> {
        let Some(most) = view.max_tokens.filter(|_| view.format == Format::Raw) else {
            return Ok(false);
        };
        let mut out = Vec::new();
        self.feed_raw(&Ledger::new(view), &mut JsonWriter::new(&mut out))?;
        Ok(tokens::estimate(str::from_utf8(&out)?) <= most)
    }

    /// Returns the objects, of which a view shows parts.
    fn objects(&self, view: &View<'_>) -> Result<Vec<RawObject<'a>>, Unreadable> {
        let mut objects = Vec::new();
        match self {
            Self::Nothing => {}
            Self::One(raw) => objects.push(RawObject::read(&mut Lexer::new(raw))?),
            Self::Many(pages) => {
                let mut all = Objects::of(pages, view.format == Format::Raw);
                while let Some(object) = all.next()? {
                    objects.push(object);
                }
            }
        }
        Ok(objects)
    }

    /// Writes the objects to a sink, each filtered by the template of its type.
    fn feed<S: Sink>(
        &self,
        view: &View<'a>,
        ledger: &Ledger,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        match self {
            Self::Nothing => sink.word("null"),
            Self::One(raw) => {
                let object = RawObject::read(&mut Lexer::new(raw))?;
                Row::of(object, view).feed(sink, ledger)
            }
            Self::Many(pages) => {
                let mut objects = Objects::of(pages, false);
                sink.begin_array(|| false)?;
                while let Some(object) = objects.next()? {
                    Row::of(object, view).feed(sink, ledger)?;
                }
                sink.end_array()
            }
        }
    }

    /// Writes each object as a section of a Markdown document.
    fn write_sections(
        &self,
        view: &View<'a>,
        ledger: &Ledger,
        out: &mut MarkdownWriter<'_>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Nothing => {}
            Self::One(raw) => {
                let object = RawObject::read(&mut Lexer::new(raw))?;
                Row::of(object, view).write_section(out, ledger)?;
            }
            Self::Many(pages) => {
                let mut objects = Objects::of(pages, false);
                while let Some(object) = objects.next()? {
                    Row::of(object, view).write_section(out, ledger)?;
                }
            }
        }
        Ok(())
    }

    /// Writes VirusTotal's own objects to a sink; for a single object, its attributes.
    fn feed_raw<S: Sink>(&self, ledger: &Ledger, sink: &mut S) -> Result<(), S::Error> {
        let pages = match self {
            Self::Nothing => return sink.word("null"),
            Self::One(raw) => {
                let object = RawObject::read(&mut Lexer::new(raw))?;
                let object_type = object.descriptor.object_type().unwrap_or_default();
                let (shown, rules) = match &object.attributes {
                    Some(attributes) => (attributes.raw, untrusted::marked(&object_type)),
                    None => (*raw, untrusted::marked_object(&object_type)),
                };
                let shown = Filtered::at(&[], shown, Some(rules));
                return shown.treating(&ledger.texts).feed(sink);
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
                let Ok(object) = RawObject::read(&mut Lexer::new(raw)) else {
                    whole(raw).feed(sink)?;
                    continue;
                };
                if seen.is_new(&object.descriptor) {
                    let object_type = object.descriptor.object_type().unwrap_or_default();
                    let rules = untrusted::marked_object(&object_type);
                    let shown = Filtered::at(&[], raw, Some(rules));
                    shown.treating(&ledger.texts).feed(sink)?;
                }
            }
        }
        sink.end_array()
    }
}
