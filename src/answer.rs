//! VirusTotal's bytes and the views of them: a template and a format applied.
//!
//! The bytes are the answer; a view of them costs no lookup (DESIGN, principle 2). What
//! is read here comes from outside and is believed only as far as it parses.

use std::{borrow::Cow, str::Utf8Error};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, value::RawValue};
use thiserror::Error;

use crate::{
    format::{
        Format,
        json::{self, Meta},
        markdown, xml,
    },
    indicator::{Indicator, Kind},
    template::{Template, Templates, filter::Filtered, pattern::Filter},
};

/// How a caller wants to see an answer.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The form of the data.
    pub format: Format,
    /// Whether Markdown and XML come as the document itself, with no JSON around it.
    pub bare: bool,
    /// The template asked for by name; it applies to objects of its own kind.
    pub template: Option<&'a Template>,
    /// Where the defaults are, for everything else.
    pub templates: &'a Templates,
}

/// An answer as the caller gets it.
#[derive(Debug)]
pub struct Answer {
    /// The envelope, or the bare document.
    pub body: Vec<u8>,
    /// Where the next page of a list begins; none for one object and on the last page.
    pub cursor: Option<String>,
}

/// VirusTotal's answer is not what it should be.
///
/// Only the place is kept: what stands there could be anything, a key included.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MalformedAnswer {
    /// It is not the JSON that belongs there.
    #[error("VirusTotal's answer can't be read, at line {line}, column {column}")]
    Json {
        /// From 1; 0 where the fault has no place.
        line: usize,
        /// In bytes.
        column: usize,
    },
    /// It is not even text.
    #[error("VirusTotal's answer is not UTF-8")]
    NotUtf8,
}

impl From<serde_json::Error> for MalformedAnswer {
    fn from(error: serde_json::Error) -> Self {
        Self::Json {
            line: error.line(),
            column: error.column(),
        }
    }
}

impl From<Utf8Error> for MalformedAnswer {
    fn from(_: Utf8Error) -> Self {
        Self::NotUtf8
    }
}

impl<'a> View<'a> {
    /// What to leave out of an object of this type: nothing, where it is none of ours.
    fn filter(&self, object_type: &str) -> Option<&'a Filter> {
        let kind = Kind::of_object_type(object_type).filter(|_| self.format != Format::Raw)?;
        let named = self.template.filter(|template| template.object == kind);
        named
            .map(|template| &template.filter)
            .or_else(|| self.templates.default_filter(kind))
    }

    fn text(&self, text: String, meta: Option<&Meta>) -> Result<Vec<u8>, MalformedAnswer> {
        if self.bare {
            return Ok(text.into_bytes());
        }
        Ok(json::envelope(
            &text,
            self.format,
            meta,
            text.len() + text.len() / 8,
        )?)
    }
}

/// The report on an indicator: its attributes, filtered.
pub fn report(
    bytes: &[u8],
    indicator: &Indicator,
    view: &View<'_>,
) -> Result<Answer, MalformedAnswer> {
    let json = str::from_utf8(bytes)?;
    let kind = indicator.kind();
    let filter = view.filter(kind.object_type());
    let attributes = Filtered::at(&["data", "attributes"], json, filter);
    let body = match view.format {
        Format::Json | Format::Raw => json::envelope(attributes, view.format, None, bytes.len())?,
        Format::Markdown => {
            let title = format!("{} Report", kind.title());
            let id = object_id(json)?.unwrap_or(Cow::Borrowed(indicator.id()));
            let tree = serde_json::to_value(attributes)?;
            view.text(markdown::document(&title, &id, &tree), None)?
        }
        Format::Xml => {
            let tree = serde_json::to_value(attributes)?;
            view.text(
                xml::document(&format!("{}_report", kind.name()), &tree),
                None,
            )?
        }
    };
    Ok(Answer { body, cursor: None })
}

/// What is related to an indicator: a page of objects, one object or none.
pub fn related(
    bytes: &[u8],
    indicator: &Indicator,
    relationship: &str,
    view: &View<'_>,
) -> Result<Answer, MalformedAnswer> {
    let page: Page<'_> = serde_json::from_str(str::from_utf8(bytes)?)?;
    let related = Related::read(page.data)?;
    let is_list = matches!(related, Related::Many(_));
    let meta = is_list.then(|| Meta::from(page.meta.unwrap_or_default()));
    let shown = Shown {
        related: &related,
        view,
    };
    let body = match (view.format, &related) {
        (Format::Json, _) => json::envelope(shown, view.format, meta.as_ref(), bytes.len())?,
        (Format::Raw, Related::One(item)) => {
            json::envelope(item.attributes.map(whole), view.format, None, bytes.len())?
        }
        (Format::Raw, _) => {
            json::envelope(whole(page.data), view.format, meta.as_ref(), bytes.len())?
        }
        (Format::Markdown, _) => {
            let title = format!("{} {relationship}", indicator.kind().title());
            let items = match serde_json::to_value(shown)? {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                one => vec![one],
            };
            view.text(
                markdown::list(&title, indicator.id(), &items),
                meta.as_ref(),
            )?
        }
        (Format::Xml, _) => {
            let tree = serde_json::to_value(shown)?;
            view.text(xml::document(relationship, &tree), meta.as_ref())?
        }
    };
    Ok(Answer {
        body,
        cursor: meta.and_then(|meta| meta.cursor),
    })
}

/// The `id` of the object that an answer holds; all else is passed over.
fn object_id(json: &str) -> Result<Option<Cow<'_, str>>, MalformedAnswer> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        data: Identified<'a>,
    }
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let head: Head<'_> = serde_json::from_str(json)?;
    // Seen once as a number; its text serves as well.
    Ok(head.data.id.map(|id| {
        serde_json::from_str(id.get()).map_or(Cow::Borrowed(id.get()), Cow::<'_, str>::Owned)
    }))
}

#[derive(Deserialize)]
struct Page<'a> {
    /// An array, an object or `null`.
    #[serde(borrow)]
    data: &'a RawValue,
    meta: Option<PageMeta>,
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(default)]
    cursor: Value,
    #[serde(default)]
    count: Value,
}

impl From<PageMeta> for Meta {
    fn from(meta: PageMeta) -> Self {
        let cursor = match meta.cursor {
            Value::String(cursor) if !cursor.is_empty() => Some(cursor),
            _ => None,
        };
        Self {
            cursor,
            count: meta.count.as_u64(),
        }
    }
}

/// What stands at the other end of a relationship.
enum Related<'a> {
    Many(Vec<Item<'a>>),
    One(Item<'a>),
    Nothing,
}

impl<'a> Related<'a> {
    fn read(data: &'a RawValue) -> Result<Self, MalformedAnswer> {
        let json = data.get();
        Ok(match json.as_bytes().first() {
            Some(b'[') => Self::Many(serde_json::from_str(json)?),
            Some(b'n') => Self::Nothing,
            _ => Self::One(serde_json::from_str(json)?),
        })
    }
}

/// An object in a list, in full or as a descriptor.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    object_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    context_attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What is related, as a caller sees it: links left out, attributes filtered.
struct Shown<'a> {
    related: &'a Related<'a>,
    view: &'a View<'a>,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = |item| ShownItem {
            item,
            view: self.view,
        };
        match self.related {
            Related::Many(items) => serializer.collect_seq(items.iter().map(shown)),
            Related::One(item) => shown(item).serialize(serializer),
            Related::Nothing => serializer.serialize_unit(),
        }
    }
}

struct ShownItem<'a> {
    item: &'a Item<'a>,
    view: &'a View<'a>,
}

impl Serialize for ShownItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Item {
            id,
            object_type,
            attributes,
            context_attributes,
            error,
        } = self.item;
        let filter = self.view.filter(object_type.as_deref().unwrap_or_default());
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = id {
            map.serialize_entry("id", &whole(id))?;
        }
        if let Some(object_type) = object_type {
            map.serialize_entry("type", object_type)?;
        }
        if let Some(attributes) = attributes {
            let attributes = Filtered::at(&[], attributes.get(), filter);
            map.serialize_entry("attributes", &attributes)?;
        }
        if let Some(context) = context_attributes {
            map.serialize_entry("context_attributes", &whole(context))?;
        }
        if let Some(error) = error {
            map.serialize_entry("error", &whole(error))?;
        }
        map.end()
    }
}

/// A value as VirusTotal gave it, less its indentation.
fn whole(raw: &RawValue) -> Filtered<'_> {
    Filtered::at(&[], raw.get(), None)
}
