//! The sizes of parts in the format of a document.

use super::{
    View,
    bounded::Bounded,
    budget::{cut::key_cost, tokens},
    parts::{Ledger, Member, Row},
};
use crate::render::{
    brief::write_line,
    format::{
        Format,
        json::JsonWriter,
        markdown::MarkdownWriter,
        sink::{DocumentText, WriteError},
        xml::XmlWriter,
    },
    selection::{Arrangement, Selection},
    template::filter::Cut,
};

/// The bytes for each token beyond which text is probably too large to be worth measuring.
pub(super) const BYTES_PER_TOKEN: usize = 5;

/// The measure of parts in the format of a document.
#[derive(Debug)]
pub(super) struct Measure<'v> {
    view: &'v View<'v>,
    arrangement: Arrangement,
    are_briefs: bool,
    /// Discards counts and omissions; writing needs one.
    ledger: Ledger,
    scratch: Vec<u8>,
}

impl<'v> Measure<'v> {
    /// Creates a measure for the documents of a selection.
    pub(super) fn new(selection: &'v Selection<'v>, are_briefs: bool) -> Self {
        let view = selection.view;
        Self {
            view,
            arrangement: selection.arrangement,
            are_briefs,
            ledger: Ledger::of_rows(view, are_briefs),
            scratch: Vec::new(),
        }
    }

    /// Returns the number of tokens that a part may take for each one that it takes as JSON.
    pub(super) fn weight(&self) -> usize {
        match self.view.format {
            Format::Json | Format::Raw | Format::Markdown => 1,
            Format::Xml => 2,
        }
    }

    /// Whether the parts are those of briefs.
    pub(super) fn is_brief(&self) -> bool {
        self.are_briefs
    }

    /// Whether the parts are those of a list's rows.
    pub(super) fn is_of_list(&self) -> bool {
        self.arrangement == Arrangement::List
    }

    /// Returns the number of tokens of a member, if it is known to be at most `room`.
    ///
    /// A member that is probably larger is not measured; cutting finds out whether it is.
    pub(super) fn member(&mut self, member: &Member<'_>, room: usize) -> Option<usize> {
        let limit = room.saturating_mul(BYTES_PER_TOKEN);
        if member.filtered().len() > limit {
            return None;
        }
        if self.is_plain_json() && member.cut == Cut::Whole {
            // The comma takes one, too.
            let around = key_cost(member.key) + 1;
            let most = room.checked_sub(around)?;
            return Some(tokens::estimate_up_to(member.filtered(), most)? + around);
        }
        self.whole(member, limit).filter(|cost| *cost <= room)
    }

    /// Returns the number of tokens of a part of a member, whose value takes `tokens` as JSON.
    pub(super) fn part(&mut self, member: &Member<'_>, tokens: usize) -> Option<usize> {
        if self.is_plain_json() {
            return Some(tokens + key_cost(member.key));
        }
        self.whole(member, usize::MAX)
    }

    /// Whether parts are written as they are. A treated text is longer than the one that was cut.
    fn is_plain_json(&self) -> bool {
        matches!(self.view.format, Format::Json | Format::Raw) && self.ledger.texts.shows_all()
    }

    fn whole(&mut self, member: &Member<'_>, limit: usize) -> Option<usize> {
        self.scratch.clear();
        self.write(member, limit).ok()?;
        self.cost()
    }

    /// Returns the number of tokens of a row without its members.
    pub(super) fn head(&mut self, row: &mut Row<'_>) -> usize {
        row.hide_all();
        self.scratch.clear();
        // A row that can't be written fails again when the document is.
        let _ = self.write_row(row);
        row.show_all();
        self.cost().unwrap_or(0)
    }

    fn cost(&self) -> Option<usize> {
        // The separator between parts may be a token.
        Some(tokens::estimate_part(str::from_utf8(&self.scratch).ok()?) + 1)
    }

    fn write(&mut self, member: &Member<'_>, limit: usize) -> Result<(), WriteError> {
        let is_brief = self.are_briefs;
        let out = &mut self.scratch;
        match self.view.format {
            Format::Json | Format::Raw => {
                let mut out = JsonWriter::new(out);
                member.feed(&mut Bounded::new(&mut out, limit), &self.ledger)?;
            }
            Format::Markdown if is_brief => {
                let mut json = Vec::new();
                let mut out_json = JsonWriter::new(&mut json);
                member.feed_value(&mut Bounded::new(&mut out_json, limit), &self.ledger)?;
                let json = str::from_utf8(&json).unwrap_or_default();
                let text = &mut DocumentText::bare(out, limit).defanged(self.view.defang);
                write_line(text, member.key, json)?;
            }
            Format::Markdown => {
                let level = match self.arrangement {
                    Arrangement::Report | Arrangement::Object => 1,
                    Arrangement::Section | Arrangement::List => 3,
                };
                let text = DocumentText::bare(out, limit).defanged(self.view.defang);
                member.feed(&mut MarkdownWriter::within(text, level), &self.ledger)?;
            }
            Format::Xml => {
                let depth = match self.arrangement {
                    Arrangement::Report => 1,
                    Arrangement::Object | Arrangement::Section => 2,
                    Arrangement::List => 3,
                };
                let text = DocumentText::bare(out, limit).defanged(self.view.defang);
                member.feed(&mut XmlWriter::within(text, depth), &self.ledger)?;
            }
        }
        Ok(())
    }

    fn write_row(&mut self, row: &Row<'_>) -> Result<(), WriteError> {
        let text = self.view.text(&mut self.scratch);
        match self.view.format {
            Format::Markdown if self.are_briefs => Ok(()),
            Format::Markdown => {
                let mut out = MarkdownWriter::within(text, 3);
                match &row.descriptor {
                    Some(descriptor) => descriptor.write_heading(&mut out),
                    None => Ok(()),
                }
            }
            Format::Xml => row.feed(&mut XmlWriter::within(text, 2), &self.ledger),
            Format::Json | Format::Raw => {
                Ok(row.feed(&mut JsonWriter::new(&mut self.scratch), &self.ledger)?)
            }
        }
    }
}
