//! The rules of the community that match a file.

use serde::Serialize;
use utoipa::ToSchema;

use crate::render::brief::{
    report::Report,
    values::{ScaledBounds, add_distinct, field, fields, number, short, shorten},
};

/// The bounds of the names of one kind of rules.
const RULE_NAMES: ScaledBounds = ScaledBounds {
    texts: 3,
    bytes: 84,
    compact_bytes: 24,
};

/// The number of characters of a rule's name in a compact brief. Titles of Sigma rules are whole sentences.
const LONGEST_NAME: usize = 28;

/// The number of elements of a list of rules that are looked at for their names.
const MAX_RULES: usize = 16;

/// The rules of the community that match a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleSummary {
    /// The YARA rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yara: Option<RuleMatches>,
    /// The Sigma rules, the most severe first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<RuleMatches>,
    /// The IDS rules, the most severe first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<RuleMatches>,
}

/// The matches of one kind of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleMatches {
    /// The number of matches.
    #[schema(minimum = 1)]
    pub number: u64,
    /// Up to 3 names of rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub names: Vec<String>,
}

/// A kind of rules: its attribute, and the keys of a match.
pub(super) struct RuleSource {
    /// The attribute.
    pub(super) attribute: &'static str,
    name: &'static str,
    severity: &'static str,
}

/// The YARA rules, which have no severity.
pub(super) const YARA: RuleSource = RuleSource {
    attribute: "crowdsourced_yara_results",
    name: "rule_name",
    severity: "",
};

/// The Sigma rules.
pub(super) const SIGMA: RuleSource = RuleSource {
    attribute: "sigma_analysis_results",
    name: "rule_title",
    severity: "rule_level",
};

/// The IDS rules.
pub(super) const IDS: RuleSource = RuleSource {
    attribute: "crowdsourced_ids_results",
    name: "rule_msg",
    severity: "alert_severity",
};

impl RuleSummary {
    /// Returns whether no rule matches.
    pub fn is_empty(&self) -> bool {
        self.yara.is_none() && self.sigma.is_none() && self.ids.is_none()
    }
}

impl<'a> Report<'_, 'a> {
    /// Returns the number of matches and the names of the most severe ones.
    pub(super) fn matches(&self, source: &RuleSource) -> Option<RuleMatches> {
        let elements = self.attributes.elements(source.attribute);
        if elements.total == 0 {
            return None;
        }
        let mut rules: Vec<(u8, &'a str)> = Vec::new();
        for element in elements.first.iter().take(MAX_RULES) {
            let [name, severity] = fields(element, [source.name, source.severity]);
            if let Some(name) = name {
                rules.push((severity_rank(severity), name));
            }
        }
        rules.sort_by_key(|(rank, _)| *rank);
        let mut names = Vec::new();
        for (_, name) in rules {
            let mut name = short(name).unwrap_or_default();
            if self.context.is_compact {
                name = shorten(&name, LONGEST_NAME);
            }
            add_distinct(&mut names, name, self.bounds(RULE_NAMES));
        }
        Some(RuleMatches {
            number: elements.total,
            names,
        })
    }

    /// Returns the number of matches of high or critical severity, as `VirusTotal` counts them or
    /// else as the report lists them.
    pub(super) fn severe(&self, stats: &str, source: &RuleSource) -> u64 {
        if let Some(stats) = self.attributes.raw(stats) {
            let [high, critical] = fields(stats, ["high", "critical"]);
            let high = high.and_then(number).unwrap_or_default();
            return high.saturating_add(critical.and_then(number).unwrap_or_default());
        }
        let mut severe = 0;
        for element in &self.attributes.elements(source.attribute).first {
            if severity_rank(field(element, source.severity)) <= 1 {
                severe += 1;
            }
        }
        severe
    }
}

/// Returns the position of a severity, from 0 for critical.
fn severity_rank(severity: Option<&str>) -> u8 {
    match severity {
        Some("\"critical\"") => 0,
        Some("\"high\"") => 1,
        Some("\"medium\"") => 2,
        Some("\"low\"") => 3,
        _ => 4,
    }
}
