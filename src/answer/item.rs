//! An object as it stands in an answer: in full or as a descriptor, its links left out.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{MalformedAnswer, View};
use crate::{format::json, template::filter::Filtered};

/// An object, in full or as a descriptor.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    object_type: Option<&'a RawValue>,
    /// What VirusTotal knows of it; a descriptor has none.
    #[serde(borrow)]
    pub(super) attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    context_attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Item<'a> {
    /// Takes what belongs to an object, and no more.
    pub(super) fn read(raw: &'a RawValue) -> Result<Self, MalformedAnswer> {
        read_object(raw.get())
    }

    /// Its id.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        self.id.and_then(|id| read_id(id.get()))
    }

    /// Its type.
    pub(super) fn object_type(&self) -> Option<String> {
        let json = self.object_type?.get();
        serde_json::from_str(json).ok()
    }

    /// Its attributes, less what the template of its type leaves out.
    pub(super) fn filtered(&self, view: &View<'a>) -> Option<Filtered<'a>> {
        let object_type = self.object_type();
        let filter = view.filter(object_type.as_deref().unwrap_or_default());
        self.attributes
            .map(|raw| Filtered::at(&[], raw.get(), filter))
    }

    /// Writes it as JSON, its attributes filtered by the template of its type.
    pub(super) fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), MalformedAnswer> {
        let attributes = self.filtered(view).filter(|_| !view.descriptors_only);
        let members = [
            ("id", self.id.map(whole)),
            ("type", self.object_type.map(whole)),
            ("attributes", attributes),
            ("context_attributes", self.context_attributes.map(whole)),
            ("error", self.error.map(whole)),
        ];
        let mut mark = b'{';
        for (name, value) in members
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        {
            out.push(std::mem::replace(&mut mark, b','));
            json::write(out, name);
            out.push(b':');
            value.write(out)?;
        }
        out.extend_from_slice(if mark == b'{' { b"{}" } else { b"}" });
        Ok(())
    }

    /// What [`write`](Self::write) writes, as a tree.
    pub(super) fn tree(&self, view: &View<'_>) -> Result<Value, MalformedAnswer> {
        let mut text = Vec::new();
        self.write(view, &mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// An id in JSON; seen once as a number, whose text serves as well.
pub(super) fn read_id(json: &str) -> Option<Cow<'_, str>> {
    let id = || serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned);
    (json != "null").then(id)
}

/// Reads what has to be an object: `serde` would take an array's elements for its members.
pub(super) fn read_object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, MalformedAnswer> {
    if json.trim_start().starts_with('[') {
        return Err(MalformedAnswer::Shape { line: 1, column: 1 });
    }
    Ok(serde_json::from_str(json)?)
}

/// A value as VirusTotal gave it, less its indentation.
pub(super) fn whole(raw: &RawValue) -> Filtered<'_> {
    Filtered::at(&[], raw.get(), None)
}
