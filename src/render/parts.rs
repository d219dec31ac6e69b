//! Objects taken apart into their members, so that a view can leave some of them out.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
};

use super::{
    raw_object::{Descriptor, RawBody, RawObject},
    view::View,
};
use crate::render::{
    format::{
        json::{Quoted, read::RawMember},
        markdown::MarkdownWriter,
        sink::{Sink, WriteError},
    },
    template::{
        filter::{Cut, Filtered, compact_length},
        place::Place,
    },
    untrusted::UntrustedTexts,
};

/// A member of an object, with the part of it that is shown.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) key: Quoted<'a>,
    raw: &'a str,
    /// The part of the text that the filters show, once it was needed.
    filtered: OnceCell<FilteredText>,
    /// The place of its value in the filters; `None` if they show nothing of it.
    pub(super) place: Option<Place<'a>>,
    /// The part that there is room for.
    pub(super) cut: Cut,
    length: OnceCell<usize>,
}

/// A JSON text without white space and what the filters leave out.
#[derive(Debug, Default)]
struct FilteredText {
    json: String,
    /// The bytes that were left out.
    left_out: usize,
}

impl FilteredText {
    /// Filters a text of this length without white space.
    fn of(raw: &str, place: Place<'_>, length: usize) -> Self {
        let (mut json, left_out) = (Vec::with_capacity(length), Cell::new(0));
        let value = Filtered::within(raw, place).cutting(&Cut::Whole, &left_out);
        if value.write(&mut json).is_err() {
            // The error comes when it is written.
            return Self {
                json: raw.to_owned(),
                left_out: 0,
            };
        }
        Self {
            json: String::from_utf8(json).unwrap_or_default(),
            left_out: left_out.get(),
        }
    }
}

/// The value of an object, or in place of one.
#[derive(Debug)]
pub(super) enum Body<'a> {
    Members(Vec<Member<'a>>),
    /// A value that is not an object.
    Value(Member<'a>),
    Nothing,
}

/// An object of an answer.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The id and the type to write around the body; `None` if the body is all that is shown.
    pub(super) descriptor: Option<Descriptor<'a>>,
    pub(super) body: Body<'a>,
    /// The members beside the attributes.
    pub(super) beside: Vec<Member<'a>>,
}

/// A record of the parts that a view leaves out, and of the texts from strangers in it.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) texts: UntrustedTexts,
    /// The bytes left out of each attribute.
    omitted: RefCell<BTreeMap<String, usize>>,
}

impl Ledger {
    /// Starts the record of a view.
    pub(super) fn new(view: &View<'_>) -> Self {
        Self {
            texts: UntrustedTexts::new(view.untrusted),
            omitted: RefCell::default(),
        }
    }

    /// Starts the record of rows. The texts of briefs have been treated.
    pub(super) fn of_rows(view: &View<'_>, are_briefs: bool) -> Self {
        if !are_briefs {
            return Self::new(view);
        }
        Self {
            texts: UntrustedTexts::treated(),
            omitted: RefCell::default(),
        }
    }

    /// Adds bytes that are left out of an attribute.
    pub(super) fn omit(&self, path: &str, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut omitted = self.omitted.borrow_mut();
        match omitted.get_mut(path) {
            Some(total) => *total += bytes,
            None => drop(omitted.insert(path.to_owned(), bytes)),
        }
    }

    /// Returns the bytes left out of each attribute.
    pub(super) fn omitted(self) -> BTreeMap<String, usize> {
        self.omitted.into_inner()
    }
}

impl<'a> Member<'a> {
    /// Creates a member that is shown as far as the filters show it.
    pub(super) fn new(key: Quoted<'a>, raw: &'a str, place: Option<Place<'a>>) -> Self {
        Self {
            key,
            raw,
            filtered: OnceCell::new(),
            place,
            cut: Cut::Whole,
            length: OnceCell::new(),
        }
    }

    /// Returns the place in the filters if some of the value is shown.
    fn shown(&self) -> Option<Place<'a>> {
        self.place.filter(|_| self.cut != Cut::Nothing)
    }

    /// Writes the member to a sink, as far as it is shown.
    pub(super) fn feed<S: Sink>(&self, sink: &mut S, ledger: &Ledger) -> Result<(), S::Error> {
        let Some(place) = self.shown() else {
            ledger.omit(&self.key.meant(), self.length());
            return Ok(());
        };
        let (json, left_out) = self.source();
        let skipped = Cell::new(left_out);
        let value = Filtered::within(json, place).treating(&ledger.texts);
        let value = value.cutting(&self.cut, &skipped);
        value.feed_member(self.key, sink)?;
        ledger.omit(&self.key.meant(), skipped.get());
        Ok(())
    }

    /// Writes the value without its key; `null` if it is left out.
    pub(super) fn feed_value<S: Sink>(
        &self,
        sink: &mut S,
        ledger: &Ledger,
    ) -> Result<(), S::Error> {
        let Some(place) = self.shown() else {
            return sink.word("null");
        };
        let (json, _) = self.source();
        let skipped = Cell::new(0);
        let value = Filtered::within(json, place).treating(&ledger.texts);
        value.cutting(&self.cut, &skipped).feed(sink)
    }

    /// Returns the JSON text to read the value from, and the bytes that are left out of it.
    fn source(&self) -> (&str, usize) {
        match self.filtered.get() {
            Some(filtered) => (&filtered.json, filtered.left_out),
            None => (self.raw, 0),
        }
    }

    /// Returns the JSON text of what the filters show, from which the value is read from now on.
    ///
    /// A budget reads it several times, and it is much shorter than VirusTotal's text.
    pub(super) fn filtered(&self) -> &str {
        let Some(place) = self.place else {
            return "";
        };
        let filtered = || FilteredText::of(self.raw, place, self.length());
        &self.filtered.get_or_init(filtered).json
    }

    /// Returns the length of the whole JSON text without white space. It is counted once.
    fn length(&self) -> usize {
        *self.length.get_or_init(|| compact_length(self.raw))
    }
}

impl<'a> Body<'a> {
    /// Creates the body of an object with these attributes.
    ///
    /// Members that the filters exclude are left out from the start.
    pub(super) fn new(attributes: &RawBody<'a>, place: Place<'a>) -> Self {
        if !attributes.is_object() {
            let key = Quoted::literal("\"\"");
            // No rule knows a text in it.
            let place = place.in_untrusted();
            return Self::Value(Member::new(key, attributes.raw, Some(place)));
        }
        let members = attributes.members();
        let mut shown = Vec::with_capacity(members.len());
        for RawMember { key, raw } in members {
            shown.push(Member::new(*key, raw, place.at_key(*key)));
        }
        Self::Members(shown)
    }

    /// Whether there is something to write; an object of which nothing is left is `{}`.
    fn is_shown(&self) -> bool {
        match self {
            Self::Members(_) => true,
            Self::Value(value) => value.shown().is_some(),
            Self::Nothing => false,
        }
    }

    fn members(&self) -> &[Member<'a>] {
        match self {
            Self::Members(members) => members,
            Self::Value(value) => std::slice::from_ref(value),
            Self::Nothing => &[],
        }
    }

    fn members_mut(&mut self) -> &mut [Member<'a>] {
        match self {
            Self::Members(members) => members,
            Self::Value(value) => std::slice::from_mut(value),
            Self::Nothing => &mut [],
        }
    }

    fn feed<S: Sink>(&self, sink: &mut S, ledger: &Ledger) -> Result<(), S::Error> {
        match self {
            Self::Members(members) => {
                sink.begin_object()?;
                for member in members {
                    member.feed(sink, ledger)?;
                }
                sink.end_object()
            }
            Self::Value(value) => value.feed_value(sink, ledger),
            Self::Nothing => sink.word("null"),
        }
    }
}

impl<'a> Row<'a> {
    /// Creates the row of an object, with its descriptor.
    pub(super) fn of(object: RawObject<'a>, view: &View<'a>) -> Self {
        let object_type = object.descriptor.object_type().unwrap_or_default();
        let body = match object.attributes {
            Some(attributes) if !view.descriptors_only => {
                Body::new(&attributes, view.place(&object_type))
            }
            _ => Body::Nothing,
        };
        let mut beside = Vec::with_capacity(object.beside.len());
        for RawMember { key, raw } in object.beside {
            beside.push(Member::new(key, raw, Some(Place::untrusted())));
        }
        Self {
            descriptor: Some(object.descriptor),
            body,
            beside,
        }
    }

    /// Creates the row of an object of this type that is shown without a descriptor.
    pub(super) fn without_descriptor(
        object: RawObject<'a>,
        object_type: &str,
        view: &View<'a>,
    ) -> Self {
        match object.attributes {
            Some(attributes) => Self::plain(Body::new(&attributes, view.place(object_type))),
            None => Self::plain(Body::Nothing),
        }
    }

    /// Creates a row that consists of its body.
    pub(super) fn plain(body: Body<'a>) -> Self {
        Self {
            descriptor: None,
            body,
            beside: Vec::new(),
        }
    }

    /// Returns all members, of the body and beside it.
    pub(super) fn members_mut(&mut self) -> impl Iterator<Item = &mut Member<'a>> {
        self.body.members_mut().iter_mut().chain(&mut self.beside)
    }

    /// Returns the member of the body with this key.
    pub(super) fn member(&self, key: &str) -> Option<&Member<'a>> {
        let mut members = self.body.members().iter();
        members.find(|member| member.key.meant() == key)
    }

    /// Shows every member as far as the filters show it.
    pub(super) fn show_all(&mut self) {
        for member in self.members_mut() {
            member.cut = Cut::Whole;
        }
    }

    /// Leaves out every member.
    pub(super) fn hide_all(&mut self) {
        for member in self.members_mut() {
            member.cut = Cut::Nothing;
        }
    }

    /// Whether nothing is left out for size.
    pub(super) fn is_whole(&self) -> bool {
        let mut members = self.body.members().iter().chain(&self.beside);
        members.all(|member| member.place.is_none() || member.cut == Cut::Whole)
    }

    /// Returns the length of the JSON texts of members that are shown whole, in bytes.
    pub(super) fn length(&self) -> usize {
        let mut length = 0;
        for member in self.body.members().iter().chain(&self.beside) {
            if member.place.is_some_and(Place::shows_all) {
                length += member.raw.len();
            }
        }
        length
    }

    /// Writes the row to a sink.
    pub(super) fn feed<S: Sink>(&self, sink: &mut S, ledger: &Ledger) -> Result<(), S::Error> {
        let Some(descriptor) = self.descriptor else {
            return self.body.feed(sink, ledger);
        };
        sink.begin_object()?;
        descriptor.feed(sink)?;
        if self.body.is_shown() {
            sink.key(Quoted::literal("\"attributes\""))?;
            self.body.feed(sink, ledger)?;
        }
        for member in &self.beside {
            member.feed(sink, ledger)?;
        }
        sink.end_object()
    }

    /// Writes the body alone, as a document shows a single object.
    pub(super) fn feed_body<S: Sink>(&self, sink: &mut S, ledger: &Ledger) -> Result<(), S::Error> {
        self.body.feed(sink, ledger)
    }

    /// Writes the row as a section of a Markdown document.
    pub(super) fn write_section(
        &self,
        out: &mut MarkdownWriter<'_>,
        ledger: &Ledger,
    ) -> Result<(), WriteError> {
        if let Some(descriptor) = self.descriptor {
            descriptor.write_heading(out)?;
        }
        match &self.body {
            Body::Members(_) => self.body.feed(out, ledger)?,
            Body::Value(value) => out.member("attributes", |out| value.feed_value(out, ledger))?,
            Body::Nothing => {}
        }
        for member in &self.beside {
            let key = member.key.meant();
            if member.cut == Cut::Nothing {
                ledger.omit(&key, member.length());
            } else {
                out.member(&key, |out| member.feed_value(out, ledger))?;
            }
        }
        Ok(())
    }
}
