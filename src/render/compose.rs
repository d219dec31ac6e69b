//! Documents made of parts: brief views, and views within a budget of tokens.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Document, MAX_DOCUMENT, RenderError, View,
    budget::{self, Plan, tokens},
    measure::Measure,
    parts::{Ledger, Row},
    raw_object::Descriptor,
    selection::{Arrangement, Selection},
};
use crate::render::{
    brief::{write_lines, write_table},
    format::{
        Format,
        json::{self, JsonWriter, Meta, Omitted, UntrustedCount},
        markdown::MarkdownWriter,
        sink::{DocumentText, Sink},
        xml::XmlWriter,
    },
    template::filter::Cut,
    untrusted::UntrustedTexts,
};

mod left_out;

/// The rows of an answer, of which a document shows parts.
pub(super) struct Composition<'a> {
    pub(super) selection: &'a Selection<'a>,
    pub(super) rows: Vec<Row<'a>>,
    /// The texts of briefs from strangers; other texts are counted as they are written.
    pub(super) texts: Option<&'a UntrustedTexts>,
    /// The bytes of each attribute that briefs do not use.
    pub(super) unused: BTreeMap<String, usize>,
    /// Whether Markdown ends with a line that says what was left out.
    pub(super) has_last_line: bool,
    /// Whether there is no room for a whole title, or for the declaration of XML.
    pub(super) is_tight: bool,
}

/// A document with the parts that it leaves out.
struct Composed {
    text: String,
    tokens: usize,
    omitted: Vec<Omitted>,
    untrusted: Option<UntrustedCount>,
}

/// The number of tokens below which titles are shortened.
const LITTLE: usize = 200;

/// The number of attempts at keeping a budget.
const ATTEMPTS: usize = 6;

impl Composition<'_> {
    /// Writes the document, in an envelope unless it is bare.
    pub(super) fn render(mut self, mut meta: Meta<'_>) -> Result<Document, RenderError> {
        let total = self.rows.len();
        let named = self.names_objects();
        let mut plan = Plan {
            shown: total,
            is_complete: true,
        };
        let composed = match self.selection.view.max_tokens {
            Some(most) => self.compose_within(most, &mut plan)?,
            None => self.compose(&plan)?,
        };
        let has_lost_names = named && !self.names_objects();
        if has_lost_names || self.selection.view.max_tokens.is_some() && self.leaves_out_members() {
            plan.is_complete = false;
        }
        meta.tokens = Some(composed.tokens);
        meta.complete = Some(plan.is_complete);
        meta.omitted = Some(composed.omitted);
        meta.untrusted = composed.untrusted;
        if plan.shown < total {
            meta.shown = Some(plan.shown);
        }
        let out = self.open(composed.text)?;
        let is_list = self.selection.arrangement == Arrangement::List;
        Ok(self
            .selection
            .view
            .finish(out, meta, is_list, self.selection.answer))
    }

    /// Whether raw objects lack members that VirusTotal sent, such as links.
    ///
    /// Raw data that fits is not taken apart, so this has less than it.
    fn leaves_out_members(&self) -> bool {
        let is_related = matches!(
            self.selection.arrangement,
            Arrangement::List | Arrangement::Section
        );
        is_related && self.selection.view.format == Format::Raw
    }

    /// Whether a row shows the id and type of its object.
    fn names_objects(&self) -> bool {
        let nameless = Descriptor::default();
        let mut descriptors = self.rows.iter().filter_map(|row| row.descriptor);
        descriptors.any(|names| names != nameless)
    }

    /// Returns the text in an open envelope, or bare.
    fn open(&self, text: String) -> Result<Vec<u8>, RenderError> {
        let is_json = matches!(self.selection.view.format, Format::Json | Format::Raw);
        if self.selection.view.bare && !is_json {
            return Ok(text.into_bytes());
        }
        let mut out = json::open_envelope(text.len() + 512);
        if is_json {
            out.extend_from_slice(text.as_bytes());
        } else {
            out.push(b'"');
            DocumentText::quoted(&mut out, MAX_DOCUMENT).push(&text)?;
            out.push(b'"');
        }
        Ok(out)
    }

    /// Writes the document within this number of tokens.
    ///
    /// The sizes of parts add up only roughly to that of the document, so an attempt may fail; the
    /// next one gets less room. The last resort is a document without any part.
    fn compose_within(&mut self, most: usize, plan: &mut Plan) -> Result<Composed, RenderError> {
        // The sizes of parts may add up to more than the whole, which is tried where it may fit.
        let length: usize = self.rows.iter().map(Row::length).sum();
        if length < most.saturating_mul(8) {
            let whole = self.compose(plan)?;
            if whole.tokens <= most {
                return Ok(whole);
            }
        }
        let mut composed = self.attempt(most, plan)?;
        if plan.is_complete || most >= LITTLE {
            return Ok(composed);
        }
        self.is_tight = true;
        composed = self.attempt(most, plan)?;
        // The verdict is worth more than the last line, and so is the first object.
        if self.lacks_verdict() || plan.shown == 0 {
            self.has_last_line = false;
            return self.attempt(most, plan);
        }
        Ok(composed)
    }

    /// Whether the rows are briefs, and not values that have none.
    pub(super) fn are_briefs(&self) -> bool {
        self.texts.is_some()
    }

    /// Whether a brief is shown without its whole verdict.
    fn lacks_verdict(&self) -> bool {
        let verdict = self.rows.first().and_then(|row| row.member("verdict"));
        verdict.is_some_and(|verdict| verdict.cut != Cut::Whole)
    }

    fn attempt(&mut self, most: usize, plan: &mut Plan) -> Result<Composed, RenderError> {
        let mut room = most.saturating_sub(self.frame_cost()?);
        for _ in 0..ATTEMPTS {
            *plan = self.plan(room);
            let composed = self.compose(plan)?;
            if composed.tokens <= most {
                return Ok(composed);
            }
            if room == 0 {
                break;
            }
            // Less in proportion, and a little less than that.
            let fair = room.saturating_mul(most) / composed.tokens;
            room = fair.saturating_sub(room / 16 + 1);
        }
        // The attributes are worth more than a long id.
        let nameless = Descriptor::default();
        if self.selection.arrangement == Arrangement::Object && self.names_objects() {
            for row in &mut self.rows {
                row.descriptor = Some(nameless);
            }
            return self.attempt(most, plan);
        }
        let is_list = self.selection.arrangement == Arrangement::List;
        *plan = Plan {
            shown: if is_list { 0 } else { self.rows.len() },
            is_complete: false,
        };
        for row in &mut self.rows {
            row.hide_all();
        }
        let mut composed = self.compose(plan)?;
        if composed.tokens > most {
            composed.text = self.empty();
            composed.tokens = tokens::estimate(&composed.text);
        }
        Ok(composed)
    }

    fn plan(&mut self, room: usize) -> Plan {
        let mut measure = Measure::new(self.selection, self.are_briefs());
        match self.selection.arrangement {
            Arrangement::List => budget::plan(&mut self.rows, &mut measure, room),
            _ => match self.rows.first_mut() {
                Some(row) => budget::plan_one(row, &mut measure, room),
                None => Plan {
                    shown: 0,
                    is_complete: true,
                },
            },
        }
    }

    /// Returns the number of tokens of the document without its parts.
    fn frame_cost(&mut self) -> Result<usize, RenderError> {
        let mut shown = 0;
        if self.selection.arrangement != Arrangement::List {
            shown = self.rows.len();
            for row in &mut self.rows {
                row.hide_all();
            }
        }
        let plan = Plan {
            shown,
            is_complete: false,
        };
        Ok(self.compose(&plan)?.tokens)
    }

    /// Returns the smallest document of the format.
    fn empty(&self) -> String {
        match (self.selection.view.format, self.selection.arrangement) {
            (Format::Markdown, _) => String::new(),
            (Format::Xml, _) => format!("<{}/>", self.selection.title.root),
            (_, Arrangement::List) => "[]".to_owned(),
            _ => "{}".to_owned(),
        }
    }

    /// Writes the document with the parts that were planned.
    fn compose(&self, plan: &Plan) -> Result<Composed, RenderError> {
        let ledger = Ledger::of_rows(self.selection.view, self.are_briefs());
        let rows = &self.rows[..plan.shown];
        let mut out = Vec::new();
        match self.selection.view.format {
            Format::Json | Format::Raw => self.write_json(rows, &ledger, &mut out)?,
            Format::Xml => self.write_xml(rows, &ledger, &mut out)?,
            Format::Markdown if self.are_briefs() => {
                self.write_brief(rows, &ledger, &mut out)?;
            }
            Format::Markdown => self.write_markdown(rows, &ledger, &mut out)?,
        }
        let mut text = String::from_utf8(out).map_err(|error| error.utf8_error())?;
        if self.selection.view.format == Format::Xml && self.is_tight {
            // Without a declaration the document begins with the root.
            text = text.trim_start().to_owned();
        }
        let texts = match self.texts {
            Some(texts) if plan.is_complete => texts,
            _ => &ledger.texts,
        };
        let untrusted = untrusted_count(self.selection.view, texts);
        let omitted = self.omitted(ledger);
        if self.selection.view.format == Format::Markdown {
            self.add_left_out(&mut text, &omitted, plan.shown);
        }
        Ok(Composed {
            tokens: tokens::estimate(&text),
            text,
            omitted,
            untrusted,
        })
    }

    fn write_json(
        &self,
        rows: &[Row<'_>],
        ledger: &Ledger,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let escapes_hidden = self.selection.view.escapes_hidden;
        let mut out = JsonWriter::new(out).escaping_hidden(escapes_hidden);
        Ok(self.feed_rows(rows, ledger, &mut out)?)
    }

    fn feed_rows<S: Sink>(
        &self,
        rows: &[Row<'_>],
        ledger: &Ledger,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.selection.arrangement != Arrangement::List {
            return match rows.first() {
                Some(row) => row.feed(sink, ledger),
                None => sink.word("null"),
            };
        }
        sink.begin_array(|| false)?;
        for row in rows {
            row.feed(sink, ledger)?;
        }
        sink.end_array()
    }

    fn write_xml(
        &self,
        rows: &[Row<'_>],
        ledger: &Ledger,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let text = self.selection.view.text(out);
        let mut out = if self.is_tight {
            XmlWriter::without_declaration(text, &self.selection.title.root)
        } else {
            XmlWriter::new(text, &self.selection.title.root)?
        };
        Ok(self.feed_rows(rows, ledger, &mut out)?)
    }

    fn write_markdown(
        &self,
        rows: &[Row<'_>],
        ledger: &Ledger,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let id = self.short_id();
        let mut out = MarkdownWriter::new(
            self.selection.view.text(out),
            &self.selection.title.text,
            &id,
        )?;
        for row in rows {
            match self.selection.arrangement {
                Arrangement::Report | Arrangement::Object => row.feed_body(&mut out, ledger)?,
                Arrangement::Section | Arrangement::List => row.write_section(&mut out, ledger)?,
            }
        }
        Ok(())
    }

    /// Writes a brief as lines, or briefs as a table.
    fn write_brief(
        &self,
        rows: &[Row<'_>],
        ledger: &Ledger,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let mut texts = Vec::with_capacity(rows.len());
        for row in rows {
            let mut json = Vec::new();
            row.feed(&mut JsonWriter::new(&mut json), ledger)?;
            texts.push(String::from_utf8(json).map_err(|error| error.utf8_error())?);
        }
        let mut text = self.selection.view.text(out);
        if self.selection.arrangement == Arrangement::List {
            // A table without rows would say that there are no objects.
            if rows.is_empty() && !self.rows.is_empty() {
                return Ok(());
            }
            return Ok(write_table(&mut text, &texts, 1)?);
        }
        for json in &texts {
            write_lines(&mut text, json)?;
        }
        Ok(())
    }

    /// Returns the id in the title, shortened if there is little room.
    fn short_id(&self) -> Cow<'_, str> {
        let id = Cow::Borrowed(&*self.selection.id);
        if self.is_tight
            && let Some((end, _)) = self.selection.id.char_indices().nth(12)
        {
            return Cow::Owned(format!("{}…", &self.selection.id[..end]));
        }
        id
    }
}

/// Returns the number of texts from strangers, if there are any and the view says it.
pub(super) fn untrusted_count(view: &View<'_>, texts: &UntrustedTexts) -> Option<UntrustedCount> {
    if !view.counts_texts || texts.fields() == 0 && texts.withheld() == 0 {
        return None;
    }
    Some(UntrustedCount {
        fields: texts.fields(),
        withheld: texts.withheld(),
    })
}
