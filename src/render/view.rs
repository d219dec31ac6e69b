//! The view of an answer that a caller asked for.

use std::{str::FromStr, sync::Arc};

use thiserror::Error;
use utoipa::ToSchema;

use crate::{
    indicator::Kind,
    render::{
        format::Format,
        interop::Interop,
        template::{Template, Templates, fields::Fields, pattern::Filter, place::Place},
        untrusted::{self, Untrusted},
        verdict::{Popularity, VerdictRules},
    },
};

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// The amount of an object that a view shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ToSchema)]
#[schema(as = View, rename_all = "lowercase")]
pub enum Detail {
    /// The attributes that a template keeps.
    #[default]
    Standard,
    /// All attributes.
    Full,
    /// The facts that decide, computed from the attributes.
    Brief,
}

/// The view of an answer that a caller asked for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct View<'a> {
    /// The format of the data.
    pub format: Format,
    /// The format of SOC platforms in place of `format`. It is mapped from the brief.
    pub interop: Option<Interop>,
    /// Whether the document is the whole body, without a JSON envelope.
    pub bare: bool,
    /// The amount of each object.
    pub detail: Detail,
    /// The template requested by name. It applies to objects of its own kind.
    pub template: Option<&'a Template>,
    /// The templates, whose defaults apply to all other objects.
    pub templates: &'a Templates,
    /// The fields to show of each object; with them no default template applies.
    pub fields: Option<&'a Fields>,
    /// The largest number of tokens of the data.
    pub max_tokens: Option<usize>,
    /// The treatment of text that strangers wrote.
    pub untrusted: Untrusted,
    /// Whether `meta` says how many texts strangers wrote. A request that names nothing of a view
    /// gets no more than the data.
    pub counts_texts: bool,
    /// Whether indicators are written defanged in Markdown and XML.
    pub defang: bool,
    /// Whether invisible characters are escaped in the JSON of a view within a budget, as they are in
    /// Markdown.
    pub escapes_hidden: bool,
    /// Whether objects in a list are reduced to their types and ids.
    pub descriptors_only: bool,
    /// The cursor from which the caller's list starts. An answer whose cursor leads back there is
    /// the last.
    pub cursor: Option<&'a str>,
    /// Whether the ids of related objects that a report holds are shown.
    pub relationships: bool,
    /// Whether `meta` names the indicator, since the caller gave a text of any kind.
    pub names_indicator: bool,
    /// The best rank of a URL's domain, if a report on the domain is cached.
    pub domain_rank: Option<&'a Popularity>,
    /// The thresholds of the verdict in a brief.
    pub verdicts: VerdictRules,
    /// The time, in Unix seconds.
    pub now: i64,
}

/// The error for a name that is not a view.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected one of `standard`, `full`, `brief`")]
pub struct UnknownDetail;

impl FromStr for Detail {
    type Err = UnknownDetail;

    fn from_str(name: &str) -> Result<Self, UnknownDetail> {
        for detail in Self::ALL {
            if detail.name() == name {
                return Ok(detail);
            }
        }
        Err(UnknownDetail)
    }
}

impl Detail {
    /// All amounts, in the order in which clients see them.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Full, Self::Brief];

    /// Returns the name used in queries, settings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Full => "full",
            Self::Brief => "brief",
        }
    }
}

impl<'a> View<'a> {
    /// Creates a view in this format through the default templates, with nothing cut or withheld.
    pub fn new(format: Format, templates: &'a Templates) -> Self {
        Self {
            format,
            interop: None,
            bare: false,
            detail: Detail::Standard,
            template: None,
            templates,
            fields: None,
            max_tokens: None,
            untrusted: Untrusted::Show,
            counts_texts: false,
            defang: false,
            escapes_hidden: false,
            descriptors_only: false,
            cursor: None,
            relationships: false,
            names_indicator: false,
            domain_rank: None,
            verdicts: VerdictRules::default(),
            now: 0,
        }
    }

    /// Returns the place of an object's attributes in the filters for its type.
    pub(super) fn place(&self, object_type: &str) -> Place<'a> {
        Place::start(self.chosen_fields(), Some(self.rules(object_type)))
    }

    /// Returns the filter of the fields that the caller chose.
    pub(super) fn chosen_fields(&self) -> Option<&'a Filter> {
        self.fields.map(Fields::filter)
    }

    /// Returns the filter for an object of this type: that of a template, or one that shows all.
    pub(super) fn rules(&self, object_type: &str) -> &'a Filter {
        if self.format == Format::Raw || self.detail == Detail::Full {
            return untrusted::marked(object_type);
        }
        let Some(kind) = Kind::of_object_type(object_type) else {
            return untrusted::marked(object_type);
        };
        let named = self.template.filter(|template| template.object == kind);
        let template = match named {
            None if self.fields.is_none() => self.templates.default_of(kind),
            named => named,
        };
        match template {
            Some(template) => &template.filter,
            None => untrusted::marked(object_type),
        }
    }

    /// Whether objects are shown in brief. Raw data never is.
    pub(super) fn is_brief(&self) -> bool {
        self.detail == Detail::Brief && self.format != Format::Raw
    }

    /// Whether the view is made of parts, some of which may be left out for size.
    pub(super) fn is_selective(&self) -> bool {
        self.is_brief() || self.max_tokens.is_some()
    }

    /// Returns the part of a cached view's key that stands for everything but the format; `None`
    /// for the defaults that the gateway started with.
    ///
    /// A view of before a reload must not be found after it: the templates may differ. A brief is of
    /// its day, since it has the ages of dates.
    pub fn options_key(&self) -> Option<Arc<str>> {
        let Self {
            template,
            templates,
            detail,
            fields,
            max_tokens,
            untrusted,
            counts_texts,
            defang,
            escapes_hidden,
            relationships,
            names_indicator,
            domain_rank,
            interop,
            ..
        } = self;
        let name = template.map(|template| &template.name);
        let fields = fields.map(Fields::text);
        let day = self.is_brief().then(|| self.now.div_euclid(SECONDS_OF_DAY));
        let generation = templates.generation();
        let is_plain = generation == 0
            && (name, fields, max_tokens, domain_rank, day) == (None, None, &None, &None, None)
            && (*detail, *untrusted) == (Detail::Standard, Untrusted::Show)
            && interop.is_none()
            && !(*counts_texts || *defang || *escapes_hidden || *relationships || *names_indicator);
        if is_plain {
            return None;
        }
        let key = format!(
            "{generation}|{interop:?}|{name:?}|{detail:?}|{fields:?}|{max_tokens:?}|{untrusted:?}|{counts_texts}|\
             {defang}|{escapes_hidden}|{relationships}|{names_indicator}|{domain_rank:?}|{day:?}",
        );
        Some(key.into())
    }
}
