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
        let mut found = members(lexer, names)?;
        for value in &mut found {
            // A `null` member counts as absent.
            if *value == Some("null") {
                *value = None;
            }
        }
        let [id, object_type, attributes, context_attributes, error] = found;
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
        read_id(self.id?)
    }

    /// Returns the type and the id, which identify an object; `None` if one of them is missing.
    pub(super) fn name(&self) -> Option<(String, String)> {
        let object_type = text(self.object_type?)?;
        Some((object_type.into_owned(), self.id()?.into_owned()))
    }

    /// Returns the attributes, without those that the template of the object's type excludes.
    pub(super) fn filtered(&self, view: &View<'a>) -> Option<Filtered<'a>> {
        let raw = self.attributes?;
        let filter = match self.object_type.and_then(text) {
            Some(object_type) => view.filter(&object_type),
            None => None,
        };
        Some(Filtered::at(&[], raw, filter))
    }

    /// Returns the attributes that a list shows: none of a descriptor.
    fn shown(&self, view: &View<'a>) -> Option<Filtered<'a>> {
        if view.descriptors_only {
            return None;
        }
        self.filtered(view)
    }

    /// Writes the object to a sink, its attributes filtered by the template of its type.
    pub(super) fn feed<S: Sink>(&self, view: &View<'a>, sink: &mut S) -> Result<(), S::Error> {
        sink.begin_object()?;
        feed_member(sink, "\"id\"", self.id)?;
        feed_member(sink, "\"type\"", self.object_type)?;
        if let Some(attributes) = self.shown(view) {
            sink.key(Quoted::literal("\"attributes\""))?;
            attributes.feed(sink)?;
        }
        feed_member(sink, "\"context_attributes\"", self.context_attributes)?;
        feed_member(sink, "\"error\"", self.error)?;
        sink.end_object()
    }

    /// Writes the object as a section of a Markdown document.
    pub(super) fn write_section(
        &self,
        view: &View<'a>,
        out: &mut MarkdownWriter<'_>,
    ) -> Result<(), WriteError> {
        out.section(&title_text(self.object_type)?, &title_text(self.id)?)?;
        // The members of an object become headings of the section; any other value gets a heading.
        match (self.shown(view), self.attributes) {
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
    if json == "null" {
        return None;
    }
    Some(text(json).unwrap_or(Cow::Borrowed(json)))
}

/// Writes a member as VirusTotal sent it, if there is one. `name` includes its quotes.
fn feed_member<S: Sink>(
    sink: &mut S,
    name: &'static str,
    raw: Option<&str>,
) -> Result<(), S::Error> {
    let Some(raw) = raw else {
        return Ok(());
    };
    sink.key(Quoted::literal(name))?;
    whole(raw).feed(sink)
}

/// Returns the text of a string, the JSON of any other value, or nothing without one.
fn title_text(raw: Option<&str>) -> Result<Cow<'_, str>, Unreadable> {
    let Some(raw) = raw else {
        return Ok(Cow::Borrowed(""));
    };
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
