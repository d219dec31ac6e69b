//! The facts that all kinds of indicator share.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{
    report::Report,
    values::{ScaledBounds, date, field, integer, number, short, shorten},
};
use crate::{
    indicator::Kind,
    render::verdict::{EngineCounts, Evidence, Verdict},
};

/// The number of characters of an indicator. A URL can be longer.
const MAX_INDICATOR: usize = 200;

/// The bounds of the labels of engines.
const TOP: ScaledBounds = ScaledBounds {
    texts: 5,
    bytes: 120,
    compact_bytes: 36,
};

/// The bounds of the tags.
const TAGS: ScaledBounds = ScaledBounds {
    texts: 6,
    bytes: 72,
    compact_bytes: 16,
};

/// The verdict and the facts behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BriefAssessment)]
pub struct Assessed {
    /// The indicator.
    pub indicator: BriefIndicator,
    /// The verdict and its reason.
    pub verdict: Verdict,
    /// The opinions of the engines; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detections: Option<Detections>,
    /// The last analysis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysed: Option<Analysed>,
}

/// An indicator in a brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BriefIndicator {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The SHA-256 of a file, the text of a URL (at most 200 characters), a domain or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub value: Option<String>,
    /// The indicator as the caller wrote it, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub given: Option<String>,
}

/// The opinions of the engines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Detections {
    /// The number of engines that call the object malicious.
    pub malicious: u64,
    /// The number of engines that call it suspicious.
    pub suspicious: u64,
    /// The number of engines that gave an opinion.
    pub engines: u64,
    /// The labels of up to 5 engines that object, the well-known engines first.
    #[serde(skip_serializing_if = "EngineLabels::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub top: EngineLabels,
}

/// The labels of engines, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineLabels(Vec<(String, String)>);

/// The last analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Analysed {
    /// The day, as `YYYY-MM-DD`.
    #[schema(format = Date)]
    pub date: String,
    /// The number of full days since then.
    pub age_days: u64,
}

/// The standing of an indicator in the community, and its page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BriefStanding)]
pub struct Standing {
    /// The score that the community gives, negative for bad; absent where it is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reputation: Option<i64>,
    /// The votes of the community; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes: Option<VoteCounts>,
    /// Up to 6 tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 6)]
    pub tags: Vec<String>,
    /// The page of the object at `VirusTotal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// The votes of the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VoteCounts {
    /// The number of votes for harmless.
    pub harmless: u64,
    /// The number of votes for malicious.
    pub malicious: u64,
}

impl EngineLabels {
    /// Returns whether no engine objects.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for EngineLabels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(engine, label)| (engine, label)))
    }
}

impl Report<'_, '_> {
    /// Judges the report and returns what all kinds share.
    ///
    /// `value` is the indicator as the report spells it. The evidence is completed here.
    pub(super) fn assessed(
        &self,
        kind: Kind,
        value: Option<&str>,
        evidence: &Evidence<'_>,
    ) -> Assessed {
        let analysed = self.time("last_analysis_date");
        let missing = self.missing();
        let assessment = self.assessment();
        let verdict = self.context.rules.judge(&Evidence {
            missing: missing.as_deref(),
            assessment: assessment.as_deref(),
            counts: self.counts(),
            analysed,
            now: self.context.now,
            ..*evidence
        });
        Assessed {
            indicator: self.indicator(kind, value),
            verdict,
            detections: self.detections(),
            analysed: self.analysed(analysed),
        }
    }

    /// Returns the verdict of `VirusTotal`'s own assessment, such as `VERDICT_MALICIOUS`.
    fn assessment(&self) -> Option<String> {
        let verdict = field(self.attributes.raw("gti_assessment")?, "verdict")?;
        let name = match field(verdict, "value") {
            Some(value) => value,
            None => verdict,
        };
        Some(short(name)?.to_ascii_uppercase())
    }

    fn indicator(&self, kind: Kind, value: Option<&str>) -> BriefIndicator {
        let given = self.context.given;
        let Some(value) = value else {
            return BriefIndicator {
                kind,
                value: given.map(|given| shorten(given, MAX_INDICATOR)),
                given: None,
            };
        };
        // The owner of a site chooses the path of a URL; other indicators have no room for a text.
        let shown = match kind {
            Kind::Url => self.treated(value, MAX_INDICATOR),
            _ => Some(shorten(value, MAX_INDICATOR)),
        };
        let mut differing = None;
        // VirusTotal's own id of the object is no other name of it.
        if let Some(given) = given
            && given != value
            && self.id().as_deref() != Some(given)
        {
            differing = Some(shorten(given, MAX_INDICATOR));
        }
        BriefIndicator {
            kind,
            value: shown,
            given: differing,
        }
    }

    fn detections(&self) -> Option<Detections> {
        let counts = self.counts();
        if counts == EngineCounts::default() {
            return None;
        }
        Some(Detections {
            malicious: counts.malicious,
            suspicious: counts.suspicious,
            engines: counts.engines(),
            top: EngineLabels(self.attributes.engines.top(self.bounds(TOP))),
        })
    }

    fn analysed(&self, time: Option<i64>) -> Option<Analysed> {
        let time = time?;
        let age = self.context.now.saturating_sub(time).max(0);
        Some(Analysed {
            date: date(time)?,
            age_days: age.unsigned_abs() / (24 * 60 * 60),
        })
    }

    /// Returns the standing in the community. `page` is the kind's part of the link.
    pub(super) fn standing(&self, page: &str) -> Standing {
        let reputation = self.attributes.raw("reputation").and_then(integer);
        Standing {
            reputation: reputation.filter(|reputation| *reputation != 0),
            votes: self.votes(),
            tags: self.list("tags", self.bounds(TAGS)),
            link: self.link(page),
        }
    }

    fn votes(&self) -> Option<VoteCounts> {
        let votes = self.attributes.raw("total_votes")?;
        let count = |key| field(votes, key).and_then(number).unwrap_or_default();
        let votes = VoteCounts {
            harmless: count("harmless"),
            malicious: count("malicious"),
        };
        if votes.harmless == 0 && votes.malicious == 0 {
            return None;
        }
        Some(votes)
    }

    /// Returns the page at `VirusTotal`, if the id needs no encoding.
    fn link(&self, page: &str) -> Option<String> {
        let id = self.id()?;
        let is_plain = id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':'));
        if !is_plain || id.len() > MAX_INDICATOR * 2 {
            return None;
        }
        Some(format!("https://www.virustotal.com/gui/{page}/{id}"))
    }
}
