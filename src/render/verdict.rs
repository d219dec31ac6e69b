//! The verdict on an object: a level, its reason and whether it is stale (`docs/for-models.md`).
//!
//! The rules stand in one sequence; the first one that holds decides. There is no level that says
//! "safe": the absence of detections proves nothing.

use serde::Serialize;
use utoipa::ToSchema;

pub use self::{
    evidence::{Alerts, EngineCounts, Evidence, Popularity},
    reserved::reserved,
};

mod evidence;
mod reserved;

#[cfg(test)]
mod tests;

/// The number of seconds in a day.
const DAY: i64 = 24 * 60 * 60;

/// The thresholds of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerdictRules {
    /// The number of engines with an opinion below which nothing is known.
    pub min_engines: u64,
    /// The number of engines from which an object is malicious.
    pub malicious: u64,
    /// The same for an object for which `VirusTotal` suggests a threat label.
    pub malicious_with_label: u64,
    /// The worst rank of a popular domain.
    pub popular_rank: u64,
    /// The number of engines that may be wrong about a popular domain or a distributed file.
    pub popular_malicious: u64,
    /// The age in days beyond which an analysis is stale.
    pub stale_days: u32,
}

impl Default for VerdictRules {
    fn default() -> Self {
        Self {
            min_engines: 10,
            malicious: 5,
            malicious_with_label: 3,
            popular_rank: 10_000,
            popular_malicious: 2,
            stale_days: 90,
        }
    }
}

/// The level of a verdict. No level means that an object is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VerdictLevel)]
pub enum Level {
    /// Several engines or `VirusTotal` itself call it malicious.
    Malicious,
    /// Few engines, rules or sandboxes object to it.
    Suspicious,
    /// It is popular or comes from a known distributor, and hardly any engine objects to it.
    LikelyBenign,
    /// No engine objects to it, which does not prove that it is harmless.
    NoDetections,
    /// Too little is known for a verdict.
    Unknown,
}

impl Level {
    /// Returns the name in all formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Suspicious => "suspicious",
            Self::LikelyBenign => "likely_benign",
            Self::NoDetections => "no_detections",
            Self::Unknown => "unknown",
        }
    }
}

/// A verdict on an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BriefVerdict)]
pub struct Verdict {
    /// The level.
    pub level: Level,
    /// The rule that decided, in one line with its numbers.
    #[schema(example = "61 of 72 engines; label trojan.msil/agenttesla")]
    pub reason: String,
    /// Whether the last analysis is more than 90 days old (`VT4AI_VERDICT_STALE_DAYS`).
    pub stale: bool,
}

/// A level and the reason for it.
struct Finding {
    level: Level,
    reason: String,
}

/// A rule: its finding, or `None` where it does not hold.
type Rule = fn(&VerdictRules, &Evidence<'_>) -> Option<Finding>;

/// The rules in their order. Without a finding there are no detections.
const RULES: [Rule; 5] = [
    too_little_is_known,
    virustotal_has_assessed,
    several_engines_detect,
    popular_or_distributed,
    anything_objects,
];

impl VerdictRules {
    /// Judges an object: the first rule that holds decides.
    pub fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
        let stale = self.is_stale(evidence);
        for rule in RULES {
            if let Some(Finding { level, reason }) = rule(self, evidence) {
                return Verdict {
                    level,
                    reason,
                    stale,
                };
            }
        }
        Verdict {
            level: Level::NoDetections,
            reason: evidence.counts.malicious_of_all(),
            stale,
        }
    }

    /// Returns whether the last analysis is too old. An object without an analysis is not stale.
    fn is_stale(&self, evidence: &Evidence<'_>) -> bool {
        let limit = i64::from(self.stale_days).saturating_mul(DAY);
        match evidence.analysed {
            Some(analysed) => evidence.now.saturating_sub(analysed) > limit,
            None => false,
        }
    }
}

/// Rule 1: not found, private or reserved, or too few engines.
fn too_little_is_known(rules: &VerdictRules, evidence: &Evidence<'_>) -> Option<Finding> {
    let engines = evidence.counts.engines();
    let reason = if let Some(missing) = evidence.missing {
        missing.to_owned()
    } else if let Some(reserved) = evidence.reserved {
        reserved.to_owned()
    } else if engines == 0 {
        "no engine gave an opinion".to_owned()
    } else if engines < rules.min_engines {
        let few = format!(
            "{} gave an opinion, fewer than {}",
            counted(engines, "engine"),
            rules.min_engines
        );
        match evidence.counts.malicious {
            0 => few,
            malicious => format!("{few}; {malicious} malicious"),
        }
    } else {
        return None;
    };
    Some(Finding {
        level: Level::Unknown,
        reason,
    })
}

/// Rule 2: `VirusTotal`'s own assessment. `UNKNOWN` goes on to the next rule.
fn virustotal_has_assessed(_: &VerdictRules, evidence: &Evidence<'_>) -> Option<Finding> {
    let name = evidence.assessment?;
    let level = match name.strip_prefix("VERDICT_").unwrap_or(name) {
        "MALICIOUS" => Level::Malicious,
        "SUSPICIOUS" => Level::Suspicious,
        "BENIGN" | "HARMLESS" => Level::LikelyBenign,
        "UNDETECTED" => Level::NoDetections,
        _ => return None,
    };
    let engines = evidence.counts.malicious_of_all();
    Some(Finding {
        level,
        reason: format!("VirusTotal's own assessment; {engines}"),
    })
}

/// Rule 3: enough engines, or fewer of them and a threat label.
fn several_engines_detect(rules: &VerdictRules, evidence: &Evidence<'_>) -> Option<Finding> {
    let malicious = evidence.counts.malicious;
    let is_labelled = evidence.label.is_some() && malicious >= rules.malicious_with_label;
    if malicious < rules.malicious && !is_labelled {
        return None;
    }
    let mut reason = evidence.counts.malicious_of_all();
    evidence.push_label(&mut reason);
    Some(Finding {
        level: Level::Malicious,
        reason,
    })
}

/// Rule 4: a popular domain or a file of known distributors, where a few engines can be wrong.
fn popular_or_distributed(rules: &VerdictRules, evidence: &Evidence<'_>) -> Option<Finding> {
    if evidence.counts.malicious > rules.popular_malicious {
        return None;
    }
    let engines = evidence.counts.malicious_of_all();
    let reason = if let Some(rank) = evidence.rank
        && rank.rank <= rules.popular_rank
    {
        format!("{engines}, rank {} in {}", rank.rank, rank.list)
    } else {
        let distributor = evidence.distributor?;
        format!("{engines}, known distributor {distributor}")
    };
    Some(Finding {
        level: Level::LikelyBenign,
        reason,
    })
}

/// Rule 5: any engine; for a file also severe IDS or Sigma matches and sandboxes.
fn anything_objects(_: &VerdictRules, evidence: &Evidence<'_>) -> Option<Finding> {
    let counts = &evidence.counts;
    let flagged = counts.malicious.saturating_add(counts.suspicious);
    if flagged == 0 && !evidence.alerts.any() {
        return None;
    }
    let mut reason = counts.malicious_of_all();
    if counts.suspicious > 0 {
        reason.push_str(", ");
        reason.push_str(&counts.suspicious.to_string());
        reason.push_str(" suspicious");
    }
    evidence.push_label(&mut reason);
    evidence.alerts.describe(&mut reason);
    Some(Finding {
        level: Level::Suspicious,
        reason,
    })
}

/// Returns a number with its noun: `1 engine`, `2 engines`.
fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
