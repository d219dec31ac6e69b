//! Text that strangers wrote: its treatment in a view.
//!
//! An attacker can write names, titles, WHOIS records and more into a report, and a model reads
//! them. [`paths`] lists them for each type of object; [`instructions`] tells which of them read
//! like an instruction to a model.

use std::{borrow::Cow, cell::Cell, collections::HashMap, str::FromStr, sync::LazyLock};

use thiserror::Error;
use utoipa::ToSchema;

use self::instructions::reads_like_instruction;
use crate::render::{
    format::json::Quoted,
    template::pattern::{Filter, MalformedPattern, Rule},
};

pub mod instructions;
pub mod paths;

/// The beginning of the note in place of a text that is withheld.
const NOTE: &str = "[withheld: reads like an instruction";

/// The filters of the types in the table, which show everything and mark what strangers wrote.
static MARKED: LazyLock<HashMap<&str, Filter>> = LazyLock::new(|| {
    let mut filters = HashMap::new();
    for (object_type, paths) in paths::TABLE {
        // A malformed path would be a mistake in the table, which a test finds.
        let filter = marking(paths).unwrap_or_else(|_| Filter::untrusted());
        filters.insert(*object_type, filter);
    }
    filters
});

/// The filter of all other types.
static ALL_MARKED: LazyLock<Filter> = LazyLock::new(Filter::untrusted);

/// The filters of whole objects: the attributes, and the members beside them.
static MARKED_OBJECTS: LazyLock<HashMap<&str, Filter>> = LazyLock::new(|| {
    let mut filters = HashMap::new();
    for (object_type, paths) in paths::TABLE {
        filters.insert(*object_type, of_object(paths));
    }
    filters
});

/// The filter of whole objects of all other types.
static ALL_MARKED_OBJECT: LazyLock<Filter> = LazyLock::new(|| of_object(&[""]));

/// The treatment of text from strangers (`docs/for-models.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Untrusted {
    /// It is shown as it is.
    Show,
    /// Its words are joined by `ˆ` (U+02C6) in place of spaces, so that a model can tell it from
    /// the rest.
    Mark,
    /// A text that reads like an instruction to a model is replaced by a note.
    Withhold,
}

/// The error for a name that is not a treatment.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected one of `show`, `mark`, `withhold`")]
pub struct UnknownTreatment;

impl FromStr for Untrusted {
    type Err = UnknownTreatment;

    fn from_str(name: &str) -> Result<Self, UnknownTreatment> {
        match name {
            "show" => Ok(Self::Show),
            "mark" => Ok(Self::Mark),
            "withhold" => Ok(Self::Withhold),
            _ => Err(UnknownTreatment),
        }
    }
}

/// The texts from strangers in one view: treats each and counts them.
#[derive(Debug)]
pub struct UntrustedTexts {
    treatment: Untrusted,
    /// Whether the texts have been treated before, so that notes stand in place of some.
    are_treated: bool,
    fields: Cell<usize>,
    withheld: Cell<usize>,
}

/// The number of texts, and of those that were withheld.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    fields: usize,
    withheld: usize,
}

impl UntrustedTexts {
    /// Starts the count of a view with this treatment.
    pub fn new(treatment: Untrusted) -> Self {
        Self {
            treatment,
            are_treated: false,
            fields: Cell::new(0),
            withheld: Cell::new(0),
        }
    }

    /// Starts the count of a view whose texts have been treated.
    pub(crate) fn treated() -> Self {
        Self {
            are_treated: true,
            ..Self::new(Untrusted::Show)
        }
    }

    /// Whether texts are shown as they are, so that counting them is enough.
    pub(crate) fn shows_all(&self) -> bool {
        self.treatment == Untrusted::Show
    }

    /// Counts a text that is shown as it is.
    pub(crate) fn count(&self, text: Quoted<'_>) {
        if text.length() > 0 {
            self.fields.set(self.fields.get() + 1);
        }
        if self.are_treated && text.begins_with(NOTE) {
            self.withheld.set(self.withheld.get() + 1);
        }
    }

    /// Returns a key as the view shows it. Keys are counted only if they are withheld.
    pub(crate) fn treat_key<'t>(&self, key: &'t str) -> Cow<'t, str> {
        match self.treatment {
            Untrusted::Show => Cow::Borrowed(key),
            Untrusted::Mark => mark(key),
            Untrusted::Withhold => self.withhold(key),
        }
    }

    /// Counts a text and returns it as the view shows it.
    pub fn treat<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.is_empty() {
            return Cow::Borrowed(text);
        }
        self.fields.set(self.fields.get() + 1);
        self.treat_key(text)
    }

    fn withhold<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !reads_like_instruction(text) {
            return Cow::Borrowed(text);
        }
        self.withheld.set(self.withheld.get() + 1);
        let letters = text.chars().count();
        Cow::Owned(format!("{NOTE}, {letters} characters]"))
    }

    /// Returns both numbers so far, from which the count can be restarted.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            fields: self.fields(),
            withheld: self.withheld(),
        }
    }

    /// Goes back to an earlier count, because a view or a part of it is written again.
    pub(crate) fn restart(&self, from: Counts) {
        self.fields.set(from.fields);
        self.withheld.set(from.withheld);
    }

    /// Returns the number of texts so far.
    pub fn fields(&self) -> usize {
        self.fields.get()
    }

    /// Returns the number of texts withheld so far.
    pub fn withheld(&self) -> usize {
        self.withheld.get()
    }
}

/// Returns the filter that shows all of an object of this type and marks what strangers wrote.
pub(super) fn marked(object_type: &str) -> &'static Filter {
    match MARKED.get(object_type) {
        Some(filter) => filter,
        None => &ALL_MARKED,
    }
}

/// Returns the same filter for a whole object of this type, from its id to its attributes.
pub(super) fn marked_object(object_type: &str) -> &'static Filter {
    match MARKED_OBJECTS.get(object_type) {
        Some(filter) => filter,
        None => &ALL_MARKED_OBJECT,
    }
}

/// Compiles the filter of a whole object. The empty path stands for all attributes.
fn of_object(paths: &[&str]) -> Filter {
    let mut whole = vec!["context_attributes".to_owned(), "error".to_owned()];
    for path in paths {
        let path = format!("attributes.{path}");
        whole.push(path.trim_end_matches('.').to_owned());
    }
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    marking(&whole).unwrap_or_else(|_| Filter::untrusted())
}

fn marking(paths: &[&str]) -> Result<Filter, MalformedPattern> {
    let mut rules = Vec::with_capacity(paths.len());
    for path in paths {
        rules.push((Rule::Untrusted, *path));
    }
    Filter::compile(rules)
}

/// Joins the words of a text.
fn mark(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_whitespace) {
        return Cow::Owned(text.replace(char::is_whitespace, "ˆ"));
    }
    Cow::Borrowed(text)
}
