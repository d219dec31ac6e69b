//! One object: a report, an analysis, a comment, or something without attributes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Answer, MalformedAnswer, Subject, View,
    item::{Item, whole},
};
use crate::{
    format::{Format, json, markdown, xml},
    template::filter::Filtered,
};

/// A report or an analysis: its attributes, filtered by the template of its type.
pub fn report(
    bytes: &[u8],
    subject: &Subject<'_>,
    view: &View<'_>,
) -> Result<Answer, MalformedAnswer> {
    let json = str::from_utf8(bytes)?;
    let attributes = Filtered::at(
        &["data", "attributes"],
        json,
        view.filter(subject.object_type),
    );
    let body = match view.format {
        Format::Json | Format::Raw => {
            json::envelope(view.format, None, bytes.len(), |out| attributes.write(out))?
        }
        Format::Markdown => {
            let id = own_id(json)?.unwrap_or(Cow::Borrowed(subject.id));
            let attributes = attributes.tree()?;
            view.text(markdown::document(&subject.title, &id, &attributes), None)?
        }
        Format::Xml => view.text(xml::document(&subject.root, &attributes.tree()?), None)?,
    };
    Ok(Answer { body, cursor: None })
}

/// Any other object, with its id and type; one without attributes as it is.
pub fn object(
    bytes: &[u8],
    subject: &Subject<'_>,
    view: &View<'_>,
) -> Result<Answer, MalformedAnswer> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let Envelope { data } = serde_json::from_str(str::from_utf8(bytes)?)?;
    let item = Item::read(data).ok();
    let item = item.filter(|item| item.attributes.is_some());
    let filter = view.filter(subject.object_type);
    // Without the object around them: the attributes or, where there are none, the whole.
    let attributes = item.as_ref().and_then(|item| item.filtered(filter));
    let shown = attributes.unwrap_or(whole(data));
    let size = data.get().len();
    let body = match (view.format, &item) {
        (Format::Json, Some(item)) => {
            json::envelope(view.format, None, size, |out| item.write(view, out))?
        }
        (Format::Json | Format::Raw, _) => {
            json::envelope(view.format, None, size, |out| shown.write(out))?
        }
        (Format::Markdown, item) => {
            let id = item.as_ref().and_then(Item::id);
            let id = id.unwrap_or(Cow::Borrowed(subject.id));
            let tree = shown.tree()?;
            view.text(markdown::document(&subject.title, &id, &tree), None)?
        }
        (Format::Xml, Some(item)) => {
            view.text(xml::document(&subject.root, &item.tree(view)?), None)?
        }
        (Format::Xml, None) => view.text(xml::document(&subject.root, &shown.tree()?), None)?,
    };
    Ok(Answer { body, cursor: None })
}

/// The `id` of the object that an answer holds; without one it is malformed.
pub fn id(bytes: &[u8]) -> Result<String, MalformedAnswer> {
    let id = own_id(str::from_utf8(bytes)?)?;
    let id = id.filter(|id| !id.is_empty()).map(Cow::into_owned);
    id.ok_or(MalformedAnswer::Shape { line: 0, column: 0 })
}

/// Whether an analysis is over.
pub fn is_completed(bytes: &[u8]) -> Result<bool, MalformedAnswer> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        data: Analysis<'a>,
    }
    #[derive(Deserialize)]
    struct Analysis<'a> {
        #[serde(borrow)]
        attributes: Attributes<'a>,
    }
    #[derive(Deserialize)]
    struct Attributes<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
    }
    let head: Head<'_> = serde_json::from_str(str::from_utf8(bytes)?)?;
    Ok(head.data.attributes.status == "completed")
}

/// The `id` of the object that an answer holds; all else is passed over.
fn own_id(json: &str) -> Result<Option<Cow<'_, str>>, MalformedAnswer> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        data: Item<'a>,
    }
    let head: Head<'_> = serde_json::from_str(json)?;
    Ok(head.data.id())
}
