//! Objects within an answer, without their links: the JSON texts of their members.

use std::borrow::Cow;

use super::MalformedAnswer;
use crate::render::format::{
    json::{
        Quoted, Unreadable,
        lexer::Lexer,
        read::{RawMember, find, text},
    },
    markdown::MarkdownWriter,
    sink::{Sink, WriteError},
};
use crate::render::template::filter::Filtered;

/// The JSON text of each member of an object or descriptor.
#[derive(Debug, Default)]
pub(super) struct RawObject<'a> {
    /// The id and the type.
    pub(super) descriptor: Descriptor<'a>,
    /// The attributes; a descriptor has none.
    pub(super) attributes: Option<RawBody<'a>>,
    /// The members that are shown beside the attributes: `context_attributes` and `error`.
    pub(super) beside: Vec<RawMember<'a>>,
    /// The ids of related objects, which a report holds if they were asked for.
    pub(super) relationships: Option<&'a str>,
}

/// The JSON texts of the id and the type of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Descriptor<'a> {
    id: Option<&'a str>,
    object_type: Option<&'a str>,
}

/// The attributes of an object, or the value in place of them.
#[derive(Debug)]
pub(super) struct RawBody<'a> {
    /// The JSON text.
    pub(super) raw: &'a str,
    /// The members; `None` if the value is not an object.
    members: Option<Vec<RawMember<'a>>>,
}

impl<'a> RawBody<'a> {
    /// Consumes a value.
    pub(super) fn read(lexer: &mut Lexer<'a>) -> Result<Self, Unreadable> {
        if lexer.peek() != b'{' {
            return Ok(Self {
                raw: lexer.raw()?,
                members: None,
            });
        }
        let start = lexer.at();
        let members = RawMember::read_all(lexer)?;
        Ok(Self {
            raw: lexer.since(start),
            members: Some(members),
        })
    }

    /// Whether the value is an object.
    pub(super) fn is_object(&self) -> bool {
        self.members.is_some()
    }

    /// Returns the members; none if the value is not an object.
    pub(super) fn members(&self) -> &[RawMember<'a>] {
        self.members.as_deref().unwrap_or_default()
    }
}

impl<'a> RawObject<'a> {
    /// Reads an object and keeps the members that an answer shows.
    ///
    /// Of equal keys the first one counts. A `null` member counts as absent.
    pub(super) fn read(lexer: &mut Lexer<'a>) -> Result<Self, Unreadable> {
        if lexer.peek() != b'{' {
            return Err(Unreadable::Missing);
        }
        let mut object = Self::default();
        let mut seen = SeenKeys::default();
        let mut more = lexer.open(b'{', b'}')?;
        while more {
            let key = lexer.key()?;
            object.read_member(lexer, key, &mut seen)?;
            more = lexer.more(b'}')?;
        }
        Ok(object)
    }

    /// Wraps a value without attributes, which is shown in their place.
    pub(super) fn of_value(data: &'a str) -> Result<Self, Unreadable> {
        Ok(Self {
            attributes: Some(RawBody::read(&mut Lexer::new(data))?),
            ..Self::default()
        })
    }

    fn read_member(
        &mut self,
        lexer: &mut Lexer<'a>,
        key: Quoted<'a>,
        seen: &mut SeenKeys,
    ) -> Result<(), Unreadable> {
        let name = key.meant();
        let Some(at) = SHOWN.iter().position(|shown| *shown == name) else {
            return lexer.skip();
        };
        if std::mem::replace(&mut seen[at], true) || lexer.peek() == b'n' {
            return lexer.skip();
        }
        match SHOWN[at] {
            "attributes" => self.attributes = Some(RawBody::read(lexer)?),
            "id" => self.descriptor.id = Some(lexer.raw()?),
            "type" => self.descriptor.object_type = Some(lexer.raw()?),
            "relationships" => self.relationships = Some(lexer.raw()?),
            _ => {
                let raw = lexer.raw()?;
                self.beside.push(RawMember { key, raw });
            }
        }
        Ok(())
    }
}

/// The members that are read.
const SHOWN: [&str; 6] = [
    "id",
    "type",
    "attributes",
    "context_attributes",
    "error",
    "relationships",
];

/// Whether each of [`SHOWN`] has been read.
type SeenKeys = [bool; SHOWN.len()];

impl<'a> Descriptor<'a> {
    /// Returns the object's id.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        read_id(self.id?)
    }

    /// Returns the object's type.
    pub(super) fn object_type(&self) -> Option<Cow<'a, str>> {
        text(self.object_type?)
    }

    /// Returns the type and the id, which identify an object; `None` if one of them is missing.
    pub(super) fn name(&self) -> Option<(String, String)> {
        let object_type = self.object_type()?;
        Some((object_type.into_owned(), self.id()?.into_owned()))
    }

    /// Writes the id and the type as members of an object.
    pub(super) fn feed<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        for (name, raw) in [("\"id\"", self.id), ("\"type\"", self.object_type)] {
            if let Some(raw) = raw {
                sink.key(Quoted::literal(name))?;
                whole(raw).feed(sink)?;
            }
        }
        Ok(())
    }

    /// Starts a section of a Markdown document with the type and the id.
    pub(super) fn write_heading(&self, out: &mut MarkdownWriter<'_>) -> Result<(), WriteError> {
        out.section(&title_text(self.object_type)?, &title_text(self.id)?)
    }
}

/// Reads an id. VirusTotal has been seen to send a number, whose text serves as well.
pub(super) fn read_id(json: &str) -> Option<Cow<'_, str>> {
    if json == "null" {
        return None;
    }
    Some(text(json).unwrap_or(Cow::Borrowed(json)))
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

/// Reads the report in an answer, in one pass. An answer without attributes is malformed.
pub(super) fn read_report(json: &str) -> Result<RawObject<'_>, Unreadable> {
    let mut lexer = Lexer::new(json);
    if lexer.peek() != b'{' {
        return Err(Unreadable::Missing);
    }
    let mut report = None;
    let mut more = lexer.open(b'{', b'}')?;
    while more {
        let key = lexer.key()?;
        if report.is_none() && key.meant() == "data" && lexer.peek() == b'{' {
            report = Some(RawObject::read(&mut lexer)?);
        } else {
            lexer.skip()?;
        }
        more = lexer.more(b'}')?;
    }
    lexer.finish()?;
    let report = report.ok_or(Unreadable::Missing)?;
    if report.attributes.is_some() {
        return Ok(report);
    }
    // `null` is a value, which is shown as it is.
    let value = find(json, &["data", "attributes"])?.ok_or(Unreadable::Missing)?;
    Ok(RawObject {
        attributes: Some(RawBody::read(&mut Lexer::new(value))?),
        ..report
    })
}
