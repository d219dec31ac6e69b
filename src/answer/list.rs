//! A list in pages; where a relationship leads to one object or none, that.

use std::{borrow::Cow, collections::HashSet};

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Answer, MalformedAnswer, Subject, View,
    item::{Item, read_object, whole},
};
use crate::format::{
    Format,
    json::{self, Meta},
    markdown, xml,
};

/// A list of objects, or what stands at the other end of a relationship to one.
///
/// `pages` are a list's, in their order, at least one; `truncated` says why there are no
/// more of them, where that is not the list's end or the caller's limit. An object that comes
/// again is left out, and so is a cursor that leads back to a page that the caller has.
pub fn list(
    pages: &[Bytes],
    subject: &Subject<'_>,
    truncated: Option<&'static str>,
    view: &View<'_>,
) -> Result<Answer, MalformedAnswer> {
    let pages = pages
        .iter()
        .map(|bytes| Page::read(bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let size = pages.iter().map(|page| page.data.get().len()).sum();
    let related = Related::read(&pages)?;
    let is_list = matches!(related, Related::Many(_));
    let last = pages.last().filter(|_| is_list);
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
            related.write(view, out)
        })?,
        Format::Raw => json::envelope(view.format, meta.as_ref(), size, |out| {
            related.write_raw(out)
        })?,
        Format::Markdown => {
            let items = match related.tree(view)? {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                one => vec![one],
            };
            view.text(
                markdown::list(&subject.title, subject.id, &items),
                meta.as_ref(),
            )?
        }
        Format::Xml => view.text(
            xml::document(&subject.root, &related.tree(view)?),
            meta.as_ref(),
        )?,
    };
    Ok(Answer {
        body,
        cursor: meta.and_then(|meta| meta.cursor),
    })
}

#[derive(Deserialize)]
struct Page<'a> {
    /// An array, an object or `null`.
    #[serde(borrow)]
    data: &'a RawValue,
    meta: Option<Map<String, Value>>,
}

impl<'a> Page<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, MalformedAnswer> {
        read_object(str::from_utf8(bytes)?)
    }

    fn meta(&self) -> Meta {
        let said = |name| self.meta.as_ref().and_then(|meta| meta.get(name));
        let cursor = said("cursor").and_then(Value::as_str);
        Meta {
            cursor: cursor.filter(|it| !it.is_empty()).map(str::to_owned),
            count: said("count").and_then(Value::as_u64),
            truncated: None,
        }
    }
}

/// Whether the last page's cursor is one that led to a page of this answer.
fn leads_back(cursor: Option<&str>, pages: &[Page<'_>], view: &View<'_>) -> bool {
    let Some(cursor) = cursor else {
        return false;
    };
    let earlier = pages.iter().rev().skip(1);
    let mut followed = earlier.filter_map(|page| page.meta().cursor);
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
    let objects = match page.data.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str::<Vec<IgnoredAny>>(page.data.get())?.len(),
        _ => 0,
    };
    Ok(Extent {
        objects,
        cursor: page.meta().cursor,
    })
}

/// What stands at the other end of a relationship.
enum Related<'a> {
    Many(Vec<Listed<'a>>),
    One(Listed<'a>),
    Nothing,
}

/// An object in a list: its JSON, and what that was read as.
struct Listed<'a> {
    raw: &'a RawValue,
    item: Result<Item<'a>, MalformedAnswer>,
}

impl<'a> Related<'a> {
    /// Pages of one list become one list; anything but a list is one page.
    fn read(pages: &[Page<'a>]) -> Result<Self, MalformedAnswer> {
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        for page in pages {
            let json = page.data.get();
            match json.as_bytes().first() {
                Some(b'[') => {
                    let objects = serde_json::from_str::<Vec<&RawValue>>(json)?;
                    let listed = objects.into_iter().map(Listed::read);
                    all.extend(listed.filter(|it| it.name().is_none_or(|it| seen.insert(it))));
                }
                Some(b'n') => return Ok(Self::Nothing),
                _ => return Ok(Self::One(Listed::read(page.data))),
            }
        }
        Ok(Self::Many(all))
    }
}

impl<'a> Listed<'a> {
    fn read(raw: &'a RawValue) -> Self {
        Self {
            raw,
            item: Item::read(raw),
        }
    }

    fn item(&self) -> Result<&Item<'a>, MalformedAnswer> {
        self.item.as_ref().map_err(|malformed| *malformed)
    }

    /// Type and id, by which an object that comes twice is known; none, where one is missing.
    fn name(&self) -> Option<(String, Cow<'a, str>)> {
        let item = self.item.as_ref().ok()?;
        Some((item.object_type()?, item.id()?))
    }
}

impl Related<'_> {
    /// Writes what is related as JSON, each object filtered by the template of its type.
    fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), MalformedAnswer> {
        self.write_each(out, |listed, out| listed.item()?.write(view, out))
    }

    /// Writes VirusTotal's own objects; of one alone, its attributes.
    fn write_raw(&self, out: &mut Vec<u8>) -> Result<(), MalformedAnswer> {
        let alone = matches!(self, Self::One(_));
        self.write_each(out, |listed, out| {
            let attributes = if alone {
                listed.item()?.attributes
            } else {
                None
            };
            Ok(whole(attributes.unwrap_or(listed.raw)).write(out)?)
        })
    }

    fn write_each(
        &self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&Listed<'_>, &mut Vec<u8>) -> Result<(), MalformedAnswer>,
    ) -> Result<(), MalformedAnswer> {
        match self {
            Self::Nothing => out.extend_from_slice(b"null"),
            Self::One(listed) => write(listed, out)?,
            Self::Many(items) => {
                out.push(b'[');
                for (at, listed) in items.iter().enumerate() {
                    out.extend_from_slice(if at == 0 { b"" } else { b"," });
                    write(listed, out)?;
                }
                out.push(b']');
            }
        }
        Ok(())
    }

    fn tree(&self, view: &View<'_>) -> Result<Value, MalformedAnswer> {
        let mut text = Vec::new();
        self.write(view, &mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}
