//! An object as it stands in an answer: in full or as a descriptor, its links left out.

use std::borrow::Cow;

use super::{MalformedAnswer, View};
use crate::{
    format::{
        json::{
            Quoted, Unreadable,
            lexer::Lexer,
            read::{find, members, text},
        },
        markdown,
        sink::{Sink, WriteError},
    },
    template::filter::Filtered,
};

/// An object, in full or as a descriptor: the text of each of its members.
pub(super) struct Item<'a> {
    id: Option<&'a str>,
    object_type: Option<&'a str>,
    /// What VirusTotal knows of it; a descriptor has none.
    pub(super) attributes: Option<&'a str>,
    context_attributes: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Item<'a> {
    /// Takes an object, and keeps of it the members that belong to one.
    pub(super) fn read(lexer: &mut Lexer<'a>) -> Result<Self, Unreadable> {
        let names = ["id", "type", "attributes", "context_attributes", "error"];
        let found = members(lexer, names)?;
        let [id, object_type, attributes, context_attributes, error] =
            found.map(|value| value.filter(|raw| *raw != "null"));
        Ok(Self {
            id,
            object_type,
            attributes,
            context_attributes,
            error,
        })
    }

    /// Returns its id.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        self.id.and_then(read_id)
    }

    /// Returns its type and id, by which an object that comes twice is known; none where one of
    /// them is missing.
    pub(super) fn name(&self) -> Option<(String, String)> {
        let object_type = self.object_type.and_then(text)?;
        Some((object_type.into_owned(), self.id()?.into_owned()))
    }

    /// Returns its attributes, less what the template of its type leaves out.
    pub(super) fn filtered(&self, view: &View<'a>) -> Option<Filtered<'a>> {
        let object_type = self.object_type.and_then(text);
        let filter = view.filter(object_type.as_deref().unwrap_or_default());
        self.attributes.map(|raw| Filtered::at(&[], raw, filter))
    }

    /// Feeds it to a writer, its attributes filtered by the template of its type.
    pub(super) fn feed<S: Sink>(&self, view: &View<'a>, sink: &mut S) -> Result<(), S::Error> {
        let attributes = self.filtered(view).filter(|_| !view.descriptors_only);
        let members = [
            ("\"id\"", self.id.map(whole)),
            ("\"type\"", self.object_type.map(whole)),
            ("\"attributes\"", attributes),
            ("\"context_attributes\"", self.context_attributes.map(whole)),
            ("\"error\"", self.error.map(whole)),
        ];
        sink.begin_object()?;
        for (name, value) in members {
            if let Some(value) = value {
                sink.key(Quoted::literal(name))?;
                value.feed(sink)?;
            }
        }
        sink.end_object()
    }

    /// Writes it as a section of a Markdown document.
    pub(super) fn write_section(
        &self,
        view: &View<'a>,
        out: &mut markdown::Writer<'_>,
    ) -> Result<(), WriteError> {
        let object_type = self.object_type.map(title_text).transpose()?;
        let id = self.id.map(title_text).transpose()?;
        out.section(
            object_type.as_deref().unwrap_or_default(),
            id.as_deref().unwrap_or_default(),
        )?;
        let attributes = self.filtered(view).filter(|_| !view.descriptors_only);
        match (attributes, self.attributes) {
            (Some(attributes), Some(raw)) if raw.starts_with('{') => attributes.feed(out)?,
            (Some(attributes), _) => out.member("attributes", |out| attributes.feed(out))?,
            (None, _) => {}
        }
        let others = [
            ("context_attributes", self.context_attributes),
            ("error", self.error),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                out.member(name, |out| whole(value).feed(out))?;
            }
        }
        Ok(())
    }
}

/// Reads an id; one was seen as a number, whose text serves as well.
pub(super) fn read_id(json: &str) -> Option<Cow<'_, str>> {
    (json != "null").then(|| text(json).unwrap_or(Cow::Borrowed(json)))
}

/// Returns the text of a string, or any other value as JSON has it.
fn title_text(raw: &str) -> Result<Cow<'_, str>, Unreadable> {
    if let Some(text) = text(raw) {
        return Ok(text);
    }
    let mut json = Vec::new();
    whole(raw).write(&mut json)?;
    // Copied from a text, so it is one.
    Ok(Cow::Owned(String::from_utf8(json).unwrap_or_default()))
}

/// Returns a value as VirusTotal gave it, less its indentation.
pub(super) fn whole(raw: &str) -> Filtered<'_> {
    Filtered::at(&[], raw, None)
}

/// Returns the `data` of an answer, which has to be an object that has it.
pub(super) fn data(bytes: &[u8]) -> Result<&str, MalformedAnswer> {
    let found = find(str::from_utf8(bytes)?, &["data"])?;
    Ok(found.ok_or(Unreadable::Missing)?)
}
