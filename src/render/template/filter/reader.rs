//! The reader behind the filter: one pass over the tokens of JSON text.

use std::{borrow::Cow, cell::Cell};

use super::{Cut, Filtered, Watch, compact_length, cut};
use crate::render::{
    format::{
        json::{Quoted, lexer::Lexer},
        sink::Sink,
    },
    template::place::Place,
    untrusted::UntrustedTexts,
};

/// A token that is written as soon as a value below it is shown.
#[derive(Clone, Copy)]
enum Pending<'a> {
    Key { key: Quoted<'a>, is_untrusted: bool },
    Object,
    Array { is_plain: bool },
}

/// A reader of JSON tokens that follows the steps of the tries.
pub(super) struct FilterReader<'a, 's, S> {
    lexer: Lexer<'a>,
    sink: &'s mut S,
    /// The parents of the current value that have shown nothing so far, and their keys.
    pending: Vec<Pending<'a>>,
    /// Whether the next value is written even if nothing of it is shown.
    is_forced: bool,
    watch: Option<&'a Watch>,
    /// The depth of the value's own members.
    watched_depth: usize,
    texts: Option<&'a UntrustedTexts>,
    /// The part of the value at the path that is shown.
    cut: &'a Cut,
    /// The number of bytes left out so far, without white space.
    skipped: Option<&'a Cell<usize>>,
}

impl<'a, 's, S: Sink> FilterReader<'a, 's, S> {
    /// Creates a reader that writes to a sink, after this key if there is one.
    pub(super) fn new(filtered: &Filtered<'a>, sink: &'s mut S, key: Option<Quoted<'a>>) -> Self {
        let mut pending = Vec::new();
        if let Some(key) = key {
            let is_untrusted = false;
            pending.push(Pending::Key { key, is_untrusted });
        }
        Self {
            lexer: Lexer::new(filtered.json),
            sink,
            pending,
            is_forced: key.is_none(),
            watch: filtered.watch,
            watched_depth: filtered.path.len() + 1,
            texts: filtered.texts,
            cut: filtered.cut,
            skipped: filtered.skipped,
        }
    }

    /// Reads the whole text and writes the value at `path`. Returns whether there is one.
    pub(super) fn read(mut self, path: &[&str], place: Place<'a>) -> Result<bool, S::Error> {
        let found = self.descend(path, place)?;
        self.lexer.finish()?;
        Ok(found)
    }

    /// Descends along `path`, skipping everything else, and writes the value there. Returns whether
    /// there is one.
    fn descend(&mut self, path: &[&str], place: Place<'a>) -> Result<bool, S::Error> {
        let Some((step, below)) = path.split_first() else {
            self.value(place, self.cut)?;
            return Ok(true);
        };
        if self.lexer.peek() != b'{' {
            self.lexer.skip()?;
            return Ok(false);
        }
        let mut found = false;
        let mut more = self.lexer.open(b'{', b'}')?;
        while more {
            let key = self.lexer.key()?;
            // Later keys of the same name are skipped.
            if !found && key.meant() == *step {
                // No rule knows a text in attributes that are not an object.
                let is_known = !below.is_empty() || self.lexer.peek() == b'{';
                let place = if is_known {
                    place
                } else {
                    place.in_untrusted()
                };
                found = self.descend(below, place)?;
            } else {
                let start = self.lexer.at();
                self.lexer.skip()?;
                if below.is_empty() {
                    self.note(start, |watch| key.meant() == watch.beside);
                }
            }
            more = self.lexer.more(b'}')?;
        }
        Ok(found)
    }

    fn value(&mut self, place: Place<'a>, cut: &'a Cut) -> Result<(), S::Error> {
        match self.lexer.peek() {
            b'{' => return self.object(place, cut),
            b'[' => return self.array(place, cut),
            _ => {}
        }
        let is_forced = std::mem::take(&mut self.is_forced);
        if !place.is_shown() {
            self.skip()?;
            return if is_forced {
                self.sink.word("null")
            } else {
                Ok(())
            };
        }
        self.write_pending()?;
        if self.lexer.peek() == b'"' {
            let text = self.lexer.string()?;
            return self.text(text, place.is_untrusted(), cut);
        }
        let word = self.lexer.word()?;
        self.sink.word(word)
    }

    fn object(&mut self, place: Place<'a>, cut: &'a Cut) -> Result<(), S::Error> {
        let begun = self.pending.len();
        if place.is_shown() && begun == 0 {
            self.is_forced = false;
            self.sink.begin_object()?;
        } else {
            self.begin(place, Pending::Object)?;
        }
        let mut more = self.lexer.open(b'{', b'}')?;
        let is_watched = self.lexer.depth() == self.watched_depth;
        let mut at = 0;
        while more {
            let key = self.lexer.key()?;
            let start = self.lexer.at();
            let part = cut.member(at);
            at += 1;
            match place.at_key(key) {
                Some(below) if !part.is_nothing() => {
                    self.member(key, place.is_untrusted(), below, part)?;
                }
                _ => self.skip()?,
            }
            if is_watched {
                self.note(start, |watch| watch.within.contains(&&*key.meant()));
            }
            more = self.lexer.more(b'}')?;
        }
        if self.end(begun) {
            self.sink.end_object()?;
        }
        Ok(())
    }

    /// Writes a member of an object: its key, and this part of its value at this place.
    #[inline]
    fn member(
        &mut self,
        key: Quoted<'a>,
        is_untrusted: bool,
        place: Place<'a>,
        cut: &'a Cut,
    ) -> Result<(), S::Error> {
        let mark = self.pending.len();
        if place.is_shown() && mark == 0 {
            self.key(key, is_untrusted)?;
            return self.value(place, cut);
        }
        self.pending.push(Pending::Key { key, is_untrusted });
        self.value(place, cut)?;
        self.pending.truncate(mark);
        Ok(())
    }

    fn array(&mut self, place: Place<'a>, cut: &'a Cut) -> Result<(), S::Error> {
        let begun = self.pending.len();
        // All elements share one decision: a pattern reaches elements through `*` only.
        let below = place.at_element();
        let mut ahead = self.lexer.clone();
        let mut more = ahead.open(b'[', b']')?;
        if place.is_shown() && self.pending.is_empty() {
            self.is_forced = false;
            self.sink
                .begin_array(|| !more || ahead.is_plain_to_the_end())?;
        } else {
            let is_plain = !more || ahead.is_plain_to_the_end();
            self.begin(place, Pending::Array { is_plain })?;
        }
        self.lexer.open(b'[', b']')?;
        let mut at = 0;
        while more {
            let part = cut.element(at);
            at += 1;
            match below {
                Some(below) if !part.is_nothing() => self.value(below, part)?,
                _ => self.skip()?,
            }
            more = self.lexer.more(b']')?;
        }
        if self.end(begun) {
            self.sink.end_array()?;
        }
        Ok(())
    }

    /// Begins an object or array, at once if it is shown or has to be written anyway.
    fn begin(&mut self, place: Place<'a>, parent: Pending<'a>) -> Result<(), S::Error> {
        self.pending.push(parent);
        if place.is_shown() || std::mem::take(&mut self.is_forced) {
            self.write_pending()?;
        }
        Ok(())
    }

    /// Ends an object or array, before which there were `begun` pending tokens. Returns whether it
    /// was begun, because something in it is shown.
    fn end(&mut self, begun: usize) -> bool {
        if self.pending.len() > begun {
            self.pending.truncate(begun);
            return false;
        }
        true
    }

    fn write_pending(&mut self) -> Result<(), S::Error> {
        self.is_forced = false;
        if self.pending.is_empty() {
            return Ok(());
        }
        for token in std::mem::take(&mut self.pending) {
            self.token(token)?;
        }
        Ok(())
    }

    fn token(&mut self, token: Pending<'a>) -> Result<(), S::Error> {
        match token {
            Pending::Key { key, is_untrusted } => self.key(key, is_untrusted),
            Pending::Object => self.sink.begin_object(),
            Pending::Array { is_plain } => self.sink.begin_array(|| is_plain),
        }
    }

    /// Writes the key of a member. A stranger may have written the keys of an object as well.
    fn key(&mut self, key: Quoted<'a>, is_untrusted: bool) -> Result<(), S::Error> {
        if is_untrusted
            && let Some(texts) = self.texts
            && let Cow::Owned(treated) = texts.treat_key(&key.meant())
        {
            return self.sink.key(Quoted::encoded(&json_text(&treated)));
        }
        self.sink.key(key)
    }

    /// Writes a string: treated if a stranger wrote it, and cut if there is no room for all of it.
    fn text(&mut self, text: Quoted<'a>, is_untrusted: bool, part: &Cut) -> Result<(), S::Error> {
        let mut changed = None;
        if is_untrusted && let Some(texts) = self.texts {
            if texts.shows_all() {
                texts.count(text);
            } else if let Cow::Owned(treated) = texts.treat(&text.meant()) {
                changed = Some(treated);
            }
        }
        if let Cut::Letters(letters) = part {
            let whole = changed.take().map_or_else(|| text.meant(), Cow::Owned);
            let shown = cut(&whole, *letters).unwrap_or_else(|| whole.clone().into_owned());
            // The `…` can be longer than the letters that it replaces.
            self.count_skipped(whole.len().saturating_sub(shown.len()));
            changed = Some(shown);
        }
        match changed {
            Some(changed) => self.sink.string(Quoted::encoded(&json_text(&changed))),
            None => self.sink.string(text),
        }
    }

    fn skip(&mut self) -> Result<(), S::Error> {
        let start = self.lexer.at();
        self.lexer.skip()?;
        if self.skipped.is_some() {
            self.count_skipped(compact_length(self.lexer.since(start)));
        }
        Ok(())
    }

    fn count_skipped(&self, bytes: usize) {
        if let Some(skipped) = self.skipped {
            skipped.set(skipped.get() + bytes);
        }
    }

    /// Records the text read since `start`, if it is one to record.
    fn note(&self, start: usize, is_watched: impl FnOnce(&Watch) -> bool) {
        if let Some(watch) = self.watch
            && is_watched(watch)
        {
            let text = serde_json::from_str(self.lexer.since(start));
            watch.found.borrow_mut().extend(text.ok());
        }
    }
}

/// Returns a text as JSON, with its quotes.
fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
