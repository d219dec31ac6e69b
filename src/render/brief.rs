//! Brief views: the few facts of an object that decide (`docs/for-models.md`).
//!
//! A brief is computed from the JSON text of an object's attributes in one pass over it. Whatever
//! has an unexpected shape counts as absent, so that there is a brief of every object.

use serde::Serialize;

use self::{attributes::Attributes, domain::best_rank, report::Report};
use super::{
    budget::tokens,
    raw_object::read_report,
    untrusted::UntrustedTexts,
    verdict::{Popularity, VerdictRules},
};
use crate::{indicator::Kind, render::format::json::read::RawMember};

pub(super) use self::{
    exact::{ExactFacts, FileHashes},
    lines::write_line,
};

pub use self::{
    assessed::{
        Analysed, Assessed, BriefIndicator, Detections, EngineLabels, Standing, VoteCounts,
    },
    domain::{DomainBrief, DomainTexts},
    file::{FileBrief, FileTexts, RuleMatches, RuleSummary, SandboxFinding, SignatureSummary},
    ip::{AutonomousSystem, IpBrief},
    lines::write_lines,
    omitted::Omitted,
    other::OtherBrief,
    table::{without_bars, write_table},
    url::{UrlBrief, UrlTexts},
};

mod assessed;
mod attributes;
mod domain;
mod engines;
mod exact;
mod file;
mod ip;
mod lines;
mod omitted;
mod other;
mod report;
mod table;
mod url;
mod values;

#[cfg(test)]
mod tests;

/// The number of tokens of a brief as JSON from which its lists are kept short.
const MOST_TOKENS: usize = 560;

/// An object to be shown in brief, as the JSON texts of its members.
#[derive(Clone, Copy, Debug)]
pub struct BriefObject<'a> {
    /// The `type` at `VirusTotal`; for answers without one the name of the endpoint, such as
    /// `behaviour_summary`.
    pub object_type: &'a str,
    /// The decoded `id`.
    pub id: Option<&'a str>,
    /// The JSON text of the attributes; `None` for a descriptor.
    pub attributes: Option<&'a str>,
    /// The JSON text of the attributes that a relationship adds.
    pub context_attributes: Option<&'a str>,
    /// The JSON text of the error that stands in place of the attributes.
    pub error: Option<&'a str>,
}

/// The circumstances of a brief.
#[derive(Clone, Copy, Debug)]
pub struct BriefContext<'c> {
    /// The indicator as the caller wrote it.
    pub given: Option<&'c str>,
    /// The current time, in Unix seconds.
    pub now: i64,
    /// The thresholds of the verdict.
    pub rules: &'c VerdictRules,
    /// The best rank of a URL's domain, if a report of that domain is at hand.
    pub domain_rank: Option<&'c Popularity>,
    /// Whether lists of texts are kept short, as in Markdown.
    pub is_compact: bool,
    /// The texts from strangers in this view.
    pub texts: &'c UntrustedTexts,
}

/// A brief of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief<'a> {
    /// The compact JSON text of the brief, an object.
    pub json: String,
    /// The attributes that the brief leaves out entirely or for the most part, the largest first.
    pub omitted: Vec<Omitted<'a>>,
}

/// A brief of an indicator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum IndicatorBrief {
    /// The brief of a file.
    File(Box<FileBrief>),
    /// The brief of a URL.
    Url(Box<UrlBrief>),
    /// The brief of a domain.
    Domain(Box<DomainBrief>),
    /// The brief of an IP address.
    Ip(Box<IpBrief>),
}

/// The facts of an indicator.
#[derive(Debug)]
pub(super) struct IndicatorFacts {
    /// The brief.
    pub(super) brief: IndicatorBrief,
    /// The values that a brief shortens or leaves out.
    pub(super) exact: ExactFacts,
}

/// Returns the brief of an object of any type and shape. `members` are those of its attributes.
pub(super) fn brief<'a>(
    object: &BriefObject<'a>,
    members: &[RawMember<'a>],
    context: &BriefContext<'_>,
) -> Brief<'a> {
    let kind = Kind::of_object_type(object.object_type);
    let wanted = match kind {
        Some(kind) => attributes_of(kind),
        None => other::attributes_of(object.object_type),
    };
    let attributes = Attributes::read(members, wanted);
    let make = |context: &BriefContext<'_>| {
        let report = Report {
            object,
            context,
            attributes: &attributes,
        };
        match kind {
            Some(kind) => written(&IndicatorBrief::of(kind, &report)),
            None => written(&OtherBrief::of(&report)),
        }
    };
    let counted = context.texts.counts();
    let mut json = make(context);
    if !context.is_compact && tokens::estimate(&json) > MOST_TOKENS {
        context.texts.restart(counted);
        json = make(&BriefContext {
            is_compact: true,
            ..*context
        });
    }
    Brief {
        json,
        omitted: attributes.into_omitted(),
    }
}

/// Returns the facts of an indicator for formats that are mapped from its brief; `None` of an object
/// of another type.
pub(super) fn facts<'a>(
    object: &BriefObject<'a>,
    members: &[RawMember<'a>],
    context: &BriefContext<'_>,
) -> Option<IndicatorFacts> {
    let kind = Kind::of_object_type(object.object_type)?;
    let report = Report {
        object,
        context,
        attributes: &Attributes::read(members, attributes_of(kind)),
    };
    let brief = IndicatorBrief::of(kind, &report);
    let exact = Report {
        attributes: &Attributes::read(members, exact::ATTRIBUTES),
        ..report
    };
    // The same texts have been counted with the brief.
    let counted = context.texts.counts();
    let exact = ExactFacts::of(&exact);
    context.texts.restart(counted);
    Some(IndicatorFacts { brief, exact })
}

fn attributes_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::File => file::ATTRIBUTES,
        Kind::Url => url::ATTRIBUTES,
        Kind::Domain => domain::ATTRIBUTES,
        Kind::Ip => ip::ATTRIBUTES,
    }
}

impl IndicatorBrief {
    fn of(kind: Kind, report: &Report<'_, '_>) -> Self {
        match kind {
            Kind::File => Self::File(FileBrief::of(report).into()),
            Kind::Url => Self::Url(UrlBrief::of(report).into()),
            Kind::Domain => Self::Domain(DomainBrief::of(report).into()),
            Kind::Ip => Self::Ip(IpBrief::of(report).into()),
        }
    }

    /// Returns the verdict and the facts behind it.
    pub(super) fn assessed(&self) -> &Assessed {
        match self {
            Self::File(brief) => &brief.assessed,
            Self::Url(brief) => &brief.assessed,
            Self::Domain(brief) => &brief.assessed,
            Self::Ip(brief) => &brief.assessed,
        }
    }

    /// Returns the standing in the community.
    pub(super) fn standing(&self) -> &Standing {
        match self {
            Self::File(brief) => &brief.standing,
            Self::Url(brief) => &brief.standing,
            Self::Domain(brief) => &brief.standing,
            Self::Ip(brief) => &brief.standing,
        }
    }
}

/// Returns the best rank of the domain in a report, if it has one.
pub fn popularity(report: &[u8]) -> Option<Popularity> {
    let report = read_report(str::from_utf8(report).ok()?).ok()?;
    let members = report.attributes.as_ref()?.members();
    let attributes = Attributes::read(members, &["popularity_ranks"]);
    best_rank(attributes.raw("popularity_ranks")?)
}

/// Returns the JSON text of a brief, whose serialization cannot fail.
fn written(brief: &impl Serialize) -> String {
    serde_json::to_string(brief).unwrap_or_default()
}
