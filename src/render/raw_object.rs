//! Objects within an answer, without their links: in full or as descriptors.

use std::borrow::Cow;

use super::{MalformedAnswer, View};
use crate::render::{
    format::{
        json::{
            Quoted, Unreadable,
            lexer::Lexer,
            read::{find, members, text},
        },
        markdown::MarkdownWriter,
        sink::{Sink, WriteError},
    },
    template::filter::Filtered,
};

/// The JSON text of each member of an object or descriptor.
pub(super) struct RawObject<'a> {
    id: Option<&'a str>,
    object_type: Option<&'a str>,
    /// The attributes; a descriptor has none.
    pub(super) attributes: Option<&'a str>,
    context_attributes: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> RawObject<'a> {
    /// Reads an object and keeps the members that an answer shows.
    pub(super) fn read(lexer: &mut Lexer<'a>) -> Result<Self, Unreadable> {
        let names = ["id", "type", "attributes", "context_attributes", "error"];
        let found = members(lexer, names)?;
        let [id, object_type, attributes, context_attributes, error] =
            // A `null` member counts as absent.
            found.map(|value| value.filter(|raw| *raw != "null"));
        Ok(Self {
            id,
            object_type,
            attributes,
            context_attributes,
            error,
        })
    }

    /// Returns the object's id.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        self.id.and_then(read_id)
    }

    /// Returns the type and the id, which identify an object; `None` if one of them is missing.
    pub(super) fn name(&self) -> Option<(String, String)> {
        let object_type = self.object_type.and_then(text)?;
        Some((object_type.into_owned(), self.id()?.into_owned()))
    }

    /// Returns the attributes, without those that the template of the object's type excludes.
    pub(super) fn filtered(&self, view: &View<'a>) -> Option<Filtered<'a>> {
        let object_type = self.object_type.and_then(text);
        let filter = view.filter(object_type.as_deref().unwrap_or_default());
        self.attributes.map(|raw| Filtered::at(&[], raw, filter))
    }

    /// Writes the object to a sink, its attributes filtered by the template of its type.
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

    /// Writes the object as a section of a Markdown document.
    pub(super) fn write_section(
        &self,
        view: &View<'a>,
        out: &mut MarkdownWriter<'_>,
    ) -> Result<(), WriteError> {
        let object_type = self.object_type.map(title_text).transpose()?;
        let id = self.id.map(title_text).transpose()?;
        out.section(
            object_type.as_deref().unwrap_or_default(),
            id.as_deref().unwrap_or_default(),
        )?;
        let attributes = self.filtered(view).filter(|_| !view.descriptors_only);
        // The members of an object become headings of the section; any other value gets a heading.
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

/// Reads an id. VirusTotal has been seen to send a number, whose text serves as well.
pub(super) fn read_id(json: &str) -> Option<Cow<'_, str>> {
    (json != "null").then(|| text(json).unwrap_or(Cow::Borrowed(json)))
}

/// Returns the text of a string, or the JSON of any other value.
fn title_text(raw: &str) -> Result<Cow<'_, str>, Unreadable> {
    if let Some(text) = text(raw) {
        return Ok(text);
    }
    let mut json = Vec::new();
    whole(raw).write(&mut json)?;
    // The bytes were copied from a `&str`, so they are valid UTF-8.
    Ok(Cow::Owned(String::from_utf8(json).unwrap_or_default()))
}

/// Returns a value as VirusTotal sent it, without white space.
pub(super) fn whole(raw: &str) -> Filtered<'_> {
    Filtered::at(&[], raw, None)
}

/// Returns the `data` member of an answer, which has to be an object.
pub(super) fn data(bytes: &[u8]) -> Result<&str, MalformedAnswer> {
    let found = find(str::from_utf8(bytes)?, &["data"])?;
    Ok(found.ok_or(Unreadable::Missing)?)
}
