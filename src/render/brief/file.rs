//! Files in brief.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    assessed::{Assessed, Standing},
    report::Report,
    values::{
        Bounds, MAX_TEXT, ScaledBounds, add_distinct, elements, entries, field, fields, short,
        shorten, string,
    },
};
use crate::{
    indicator::Kind,
    render::verdict::{Alerts, Evidence},
};

pub use self::{
    names::FileTexts,
    rules::{RuleMatches, RuleSummary},
};

use self::rules::{IDS, SIGMA, YARA};

mod names;
mod rules;

/// The attributes that the brief of a file is made from.
pub(super) const ATTRIBUTES: &[&str] = &[
    "sha256",
    "gti_assessment",
    "last_analysis_stats",
    "last_analysis_results",
    "last_analysis_date",
    "popular_threat_classification",
    "type_description",
    "type_tag",
    "size",
    "first_submission_date",
    "last_submission_date",
    "times_submitted",
    "signature_info",
    "sandbox_verdicts",
    "crowdsourced_yara_results",
    "sigma_analysis_stats",
    "sigma_analysis_results",
    "crowdsourced_ids_stats",
    "crowdsourced_ids_results",
    "known_distributors",
    "reputation",
    "total_votes",
    "tags",
    "meaningful_name",
    "names",
];

/// The number of sandboxes.
const MAX_SANDBOXES: usize = 3;

/// The bounds of the distributors.
const DISTRIBUTORS: Bounds = Bounds {
    texts: 3,
    bytes: 48,
};

/// The bounds of the families that a sandbox sees in a file.
const FAMILIES_SEEN: ScaledBounds = ScaledBounds {
    texts: 3,
    bytes: 36,
    compact_bytes: 12,
};

/// The bounds of the families of a file.
const FAMILIES: ScaledBounds = ScaledBounds {
    texts: 3,
    bytes: 48,
    compact_bytes: 14,
};

/// The facts that decide about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileBrief {
    /// The indicator, the verdict, the detections and the last analysis.
    #[serde(flatten)]
    pub assessed: Assessed,
    /// The threat label that `VirusTotal` suggests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub label: Option<String>,
    /// Up to 3 names of malware families, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub families: Vec<String>,
    /// The type of file, such as `Win32 EXE`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub file_type: Option<String>,
    /// The size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The day of the first submission, as `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub first_seen: Option<String>,
    /// The day of the last submission, as `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub last_seen: Option<String>,
    /// The number of submissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submissions: Option<u64>,
    /// The signature; absent for a file without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureSummary>,
    /// Up to 3 sandboxes, those that object first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub sandboxes: Vec<SandboxFinding>,
    /// The rules of the community that match.
    #[serde(skip_serializing_if = "RuleSummary::is_empty")]
    pub rules: RuleSummary,
    /// Up to 3 known distributors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub distributors: Vec<String>,
    /// The reputation, the votes, the tags and the link.
    #[serde(flatten)]
    pub standing: Standing,
    /// Texts from strangers.
    #[serde(skip_serializing_if = "FileTexts::is_empty")]
    pub untrusted: FileTexts,
}

/// The signature of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignatureSummary {
    /// The result of the check, such as `Signed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub status: Option<String>,
    /// The first signer. A stranger chooses this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub signer: Option<String>,
}

/// The finding of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SandboxFinding {
    /// The name of the sandbox.
    #[schema(max_length = 80)]
    pub name: String,
    /// The category, such as `malicious`, `suspicious`, `harmless` or `undetected`.
    #[schema(max_length = 80)]
    pub category: String,
    /// Up to 3 names of malware families.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub families: Vec<String>,
}

impl FileBrief {
    /// Returns the brief of a file.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        let classification = report.attributes.raw("popular_threat_classification");
        let label = classification
            .and_then(|classification| field(classification, "suggested_threat_label"))
            .and_then(short);
        let sandboxes = sandboxes(report);
        let distributors = distributors(report);
        let yara = report.attributes.elements(YARA.attribute).total;
        let alerts = Alerts {
            ids: report.severe("crowdsourced_ids_stats", &IDS),
            sigma: report.severe("sigma_analysis_stats", &SIGMA),
            yara,
            sandbox: accuser(&sandboxes),
        };
        let evidence = Evidence {
            label: label.as_deref(),
            distributor: distributors.first().map(String::as_str),
            alerts,
            ..Evidence::default()
        };
        let sha256 = report.attributes.raw("sha256").and_then(string);
        let id = report.id().or(sha256);
        Self {
            assessed: report.assessed(Kind::File, id.as_deref(), &evidence),
            families: families(classification, report.bounds(FAMILIES)),
            file_type: report
                .text("type_description")
                .or_else(|| report.text("type_tag")),
            size: report.number("size"),
            first_seen: report.date("first_submission_date"),
            last_seen: report.date("last_submission_date"),
            submissions: report.number("times_submitted"),
            signature: signature(report),
            rules: RuleSummary {
                yara: report.matches(&YARA),
                sigma: report.matches(&SIGMA),
                ids: report.matches(&IDS),
            },
            standing: report.standing("file"),
            untrusted: FileTexts::of(report),
            label,
            sandboxes,
            distributors,
        }
    }
}

fn families(classification: Option<&str>, bounds: Bounds) -> Vec<String> {
    let names = classification.and_then(|found| field(found, "popular_threat_name"));
    let mut families = Vec::new();
    for element in elements(names) {
        let name = field(element, "value").and_then(short).unwrap_or_default();
        add_distinct(&mut families, name, bounds);
    }
    families
}

/// Returns the findings of the sandboxes: malicious, suspicious, then the others.
fn sandboxes(report: &Report<'_, '_>) -> Vec<SandboxFinding> {
    let mut findings = Vec::new();
    let verdicts = report.attributes.raw("sandbox_verdicts");
    for entry in entries(verdicts.unwrap_or_default()) {
        let [name, category, malware] =
            fields(entry.raw, ["sandbox_name", "category", "malware_names"]);
        let Some(category) = category.and_then(short) else {
            continue;
        };
        let name = name.and_then(short);
        let mut families = Vec::new();
        for family in elements(malware) {
            add_distinct(
                &mut families,
                short(family).unwrap_or_default(),
                report.bounds(FAMILIES_SEEN),
            );
        }
        findings.push(SandboxFinding {
            name: name.unwrap_or_else(|| shorten(&entry.key, MAX_TEXT)),
            category,
            families,
        });
    }
    findings.sort_by_key(|finding| match finding.category.as_str() {
        "malicious" => 0,
        "suspicious" => 1,
        _ => 2,
    });
    findings.truncate(MAX_SANDBOXES);
    // Beside those that object, the others say nothing.
    if report.context.is_compact && accuser(&findings).is_some() {
        findings.retain(|finding| matches!(&*finding.category, "malicious" | "suspicious"));
    }
    findings
}

/// Returns the name of the first sandbox that says malicious.
fn accuser(sandboxes: &[SandboxFinding]) -> Option<&str> {
    let first = sandboxes.first()?;
    if first.category == "malicious" {
        Some(&first.name)
    } else {
        None
    }
}

fn distributors(report: &Report<'_, '_>) -> Vec<String> {
    let known = report.attributes.raw("known_distributors");
    let mut distributors = Vec::new();
    let listed = known.and_then(|known| field(known, "distributors"));
    for element in elements(listed) {
        let name = short(element).unwrap_or_default();
        add_distinct(&mut distributors, name, DISTRIBUTORS);
    }
    distributors
}

fn signature(report: &Report<'_, '_>) -> Option<SignatureSummary> {
    let info = report.attributes.raw("signature_info")?;
    let [status, signers] = fields(info, ["verified", "signers"]);
    let status = status.and_then(short);
    let mut signer = None;
    if let Some(signers) = signers.and_then(string) {
        // The chain follows, up to the root.
        let first = signers.split(';').next().unwrap_or_default();
        signer = report.treated(first, MAX_TEXT);
    }
    if status.is_none() && signer.is_none() {
        return None;
    }
    Some(SignatureSummary { status, signer })
}
