//! The view of an answer: how much of it, and how the text of strangers is treated
//! (`docs/for-models.md`).

use utoipa::IntoParams;

use super::{format::AnswerFormat, list::read_flag, parameters::Parameters, query::FromQuery};
use crate::{
    clock::Now,
    config::Verdicts,
    http::{error::ApiError, state::Gateway},
    indicator::Kind,
    render::{
        Detail, View,
        format::Format,
        interop::Interop,
        template::{Templates, fields::Fields},
        untrusted::Untrusted,
        verdict::VerdictRules,
    },
};

/// The smallest and the largest budget of tokens.
const MAX_TOKENS: std::ops::RangeInclusive<usize> = 50..=100_000;

/// The view that a query asks for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ViewQuery {
    /// The amount of an object: `standard` (what a template keeps), `full` (all of it) or `brief` (the
    /// facts that decide, with a verdict).
    #[param(inline)]
    pub view: Option<Detail>,
    /// Only these attributes: dotted paths, separated by commas, such as `last_analysis_stats,names`;
    /// `*` stands for any key or element, and a path behind `!` is left out.
    /// No default template applies then. Not with `view=brief` or `format=raw`.
    #[param(value_type = Option<String>)]
    pub fields: Option<Fields>,
    /// The largest number of tokens of `data`. What decides least is left out first, and
    /// `meta.omitted` says what.
    #[param(value_type = Option<u32>, minimum = 50, maximum = 100_000)]
    pub max_tokens: Option<usize>,
    /// The treatment of text that strangers wrote: `show`, `mark` (words joined by `ˆ`) or
    /// `withhold` (what reads like an instruction to a model is replaced). The default is
    /// `withhold` with `view=brief`, else `show`.
    #[param(inline)]
    pub untrusted: Option<Untrusted>,
    /// Whether indicators in Markdown and XML are written defanged, such as `evil[.]example`.
    #[param(default = false)]
    pub defang: Option<bool>,
}

/// The defaults of views.
#[derive(Clone, Copy, Debug)]
pub struct ViewDefaults {
    /// The format where a request names none.
    pub format: Format,
    /// The amount where a request names none.
    pub detail: Detail,
    /// The thresholds of the verdict.
    pub verdicts: VerdictRules,
}

impl ViewDefaults {
    /// Creates the defaults from settings.
    pub fn new(format: Format, detail: Detail, verdicts: &Verdicts) -> Self {
        Self {
            format,
            detail,
            verdicts: verdicts.rules(),
        }
    }
}

/// The format and the view that a request wants.
#[derive(Debug)]
pub struct WantedView {
    /// The format, from `format` and `Accept`.
    pub format: AnswerFormat,
    query: ViewQuery,
    defaults: ViewDefaults,
    /// The time of the request, in Unix seconds.
    now: i64,
}

impl FromQuery for ViewQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["view", "fields", "max_tokens", "untrusted", "defang"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let fields = match parameters.one("fields")? {
            Some(text) if !text.is_empty() => match Fields::parse(text) {
                Ok(fields) => Some(fields),
                Err(why) => {
                    return Err(ApiError::bad_request(format!("parameter `fields`: {why}")));
                }
            },
            _ => None,
        };
        let budget = "expected a whole number from 50 to 100000";
        Ok(Self {
            view: parameters.read(
                "view",
                "expected one of `standard`, `full`, `brief`",
                |it| it.to_ascii_lowercase().parse().ok(),
            )?,
            fields,
            max_tokens: parameters.read("max_tokens", budget, |it| {
                it.parse().ok().filter(|most| MAX_TOKENS.contains(most))
            })?,
            untrusted: parameters.read(
                "untrusted",
                "expected one of `show`, `mark`, `withhold`",
                |it| it.to_ascii_lowercase().parse().ok(),
            )?,
            defang: parameters.read("defang", "expected `true` or `false`", read_flag)?,
        })
    }
}

impl ViewQuery {
    /// Whether the query names anything of a view.
    fn names_something(&self) -> bool {
        let Self {
            view,
            fields,
            max_tokens,
            untrusted,
            defang,
        } = self;
        view.is_some()
            || fields.is_some()
            || max_tokens.is_some()
            || untrusted.is_some()
            || defang.is_some()
    }
}

impl ViewQuery {
    /// Refuses parameters that a format of SOC platforms has no use for. Such a document is mapped
    /// from the brief, has no parts that could be left out, and its values are read by programs.
    fn check_interop(&self, format: Interop, has_template: bool) -> Result<(), ApiError> {
        let name = format!("`format={}`", format.name());
        let name = name.as_str();
        let amount = self.view.filter(|view| *view != Detail::Brief);
        refuse_contradictions([
            (self.max_tokens.is_some(), name, "`max_tokens`"),
            (self.fields.is_some(), name, "`fields`"),
            (has_template, name, "`template_name`"),
            (amount == Some(Detail::Full), name, "`view=full`"),
            (amount == Some(Detail::Standard), name, "`view=standard`"),
            (
                self.untrusted == Some(Untrusted::Mark),
                name,
                "`untrusted=mark`",
            ),
            (self.defang == Some(true), name, "`defang=true`"),
        ])
    }
}

/// Refuses the first two things that contradict each other.
fn refuse_contradictions<const N: usize>(
    contradictions: [(bool, &str, &str); N],
) -> Result<(), ApiError> {
    for (contradict, one, other) in contradictions {
        if contradict {
            return Err(ApiError::bad_request(format!(
                "{one} and {other} contradict each other: leave one of them out"
            )));
        }
    }
    Ok(())
}

impl WantedView {
    /// Combines what a query asks for with the defaults.
    pub fn new(format: AnswerFormat, query: ViewQuery, gateway: &Gateway, now: i64) -> Self {
        Self {
            format,
            query,
            defaults: gateway.views,
            now,
        }
    }

    /// Does the same for a request of now.
    pub fn of_now(format: AnswerFormat, query: ViewQuery, gateway: &Gateway) -> Self {
        Self::new(format, query, gateway, Now::read().utc.unix_timestamp())
    }

    /// Whether the query names an amount: `view` or `fields`.
    pub fn names_amount(&self) -> bool {
        self.query.view.is_some() || self.query.fields.is_some()
    }

    /// Returns the brief view as JSON, for a row of a job.
    pub fn brief<'a>(&self, templates: &'a Templates) -> View<'a> {
        View {
            detail: Detail::Brief,
            untrusted: self.query.untrusted.unwrap_or(Untrusted::Withhold),
            verdicts: self.defaults.verdicts,
            now: self.now,
            ..View::new(Format::Json, templates)
        }
    }

    /// Returns the view of objects of these kinds, for which a template may be named.
    ///
    /// Parameters that contradict each other are a 400 that names them.
    pub fn of<'a>(
        &'a self,
        templates: &'a Templates,
        kinds: &[Kind],
        template_name: Option<&str>,
    ) -> Result<View<'a>, ApiError> {
        let query = &self.query;
        let view = self.format.view(templates);
        let is_raw = view.format == Format::Raw;
        let is_brief = query.view == Some(Detail::Brief);
        let is_full = query.view == Some(Detail::Full);
        let has_fields = query.fields.is_some();
        let has_template = template_name.is_some();
        if let Some(format) = view.interop {
            query.check_interop(format, has_template)?;
        }
        refuse_contradictions([
            (is_raw && is_brief, "`format=raw`", "`view=brief`"),
            (is_raw && has_fields, "`format=raw`", "`fields`"),
            (is_brief && has_fields, "`view=brief`", "`fields`"),
            (is_brief && has_template, "`view=brief`", "`template_name`"),
            (is_full && has_template, "`view=full`", "`template_name`"),
        ])?;
        let mut template = None;
        if let Some(name) = template_name {
            template = Some(templates.choose(kinds, name)?);
        }
        let chooses_fields = query.fields.is_some() || template.is_some();
        let detail = match query.view {
            _ if is_raw => Detail::Full,
            _ if view.interop.is_some() => Detail::Brief,
            // The fields are the view.
            Some(Detail::Full) if query.fields.is_some() => Detail::Standard,
            Some(detail) => detail,
            None if chooses_fields => Detail::Standard,
            None => self.defaults.detail,
        };
        let untrusted = match detail {
            Detail::Brief => Untrusted::Withhold,
            Detail::Standard | Detail::Full => Untrusted::Show,
        };
        Ok(View {
            detail,
            template,
            fields: query.fields.as_ref(),
            max_tokens: query.max_tokens,
            untrusted: query.untrusted.unwrap_or(untrusted),
            counts_texts: query.names_something() || (detail != Detail::Standard && !is_raw),
            defang: query.defang.unwrap_or(false),
            verdicts: self.defaults.verdicts,
            now: self.now,
            ..view
        })
    }
}
