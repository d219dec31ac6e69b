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

pub(super) use self::lines::write_line;

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

/// Returns the brief of an object of any type and shape. `members` are those of its attributes.
pub(super) fn brief<'a>(
    object: &BriefObject<'a>,
    members: &[RawMember<'a>],
    context: &BriefContext<'_>,
) -> Brief<'a> {
    let kind = Kind::of_object_type(object.object_type);
    let wanted = match kind {
        Some(Kind::File) => file::ATTRIBUTES,
        Some(Kind::Url) => url::ATTRIBUTES,
        Some(Kind::Domain) => domain::ATTRIBUTES,
        Some(Kind::Ip) => ip::ATTRIBUTES,
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
            Some(Kind::File) => written(&FileBrief::of(&report)),
            Some(Kind::Url) => written(&UrlBrief::of(&report)),
            Some(Kind::Domain) => written(&DomainBrief::of(&report)),
            Some(Kind::Ip) => written(&IpBrief::of(&report)),
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
