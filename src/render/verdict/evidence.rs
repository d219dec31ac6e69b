//! The facts of a report on which a verdict rests.

use serde::Serialize;
use utoipa::ToSchema;

use super::counted;

/// The facts that the rules look at. Texts are ready to be shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'e> {
    /// The reason for which there is no report, such as `not found`.
    pub missing: Option<&'e str>,
    /// The kind of address, if it is not a public one.
    pub reserved: Option<&'e str>,
    /// The opinions of the engines.
    pub counts: EngineCounts,
    /// The threat label that `VirusTotal` suggests.
    pub label: Option<&'e str>,
    /// The verdict of `VirusTotal`'s own assessment, such as `VERDICT_MALICIOUS`.
    pub assessment: Option<&'e str>,
    /// The best rank of the domain, or of a URL's domain.
    pub rank: Option<&'e Popularity>,
    /// A known distributor of the file.
    pub distributor: Option<&'e str>,
    /// The rules and sandboxes that object to the file.
    pub alerts: Alerts<'e>,
    /// The time of the last analysis, in Unix seconds.
    pub analysed: Option<i64>,
    /// The current time, in Unix seconds.
    pub now: i64,
}

/// The number of engines by opinion. An engine that timed out or failed has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounts {
    /// The engines that call the object malicious.
    pub malicious: u64,
    /// The engines that call it suspicious.
    pub suspicious: u64,
    /// The engines that call it harmless.
    pub harmless: u64,
    /// The engines that found nothing.
    pub undetected: u64,
}

/// The best rank of a domain in a list of popular domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Popularity {
    /// The rank; 1 is the most popular domain.
    #[schema(minimum = 1)]
    pub rank: u64,
    /// The name of the list, such as `Tranco`.
    pub list: String,
}

/// The rules and sandboxes that object to a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alerts<'e> {
    /// The number of IDS alerts of high or critical severity.
    pub ids: u64,
    /// The number of Sigma matches of high or critical severity.
    pub sigma: u64,
    /// The number of YARA matches. They have no severity, so they only stand in the reason.
    pub yara: u64,
    /// A sandbox that calls the file malicious.
    pub sandbox: Option<&'e str>,
}

impl EngineCounts {
    /// Returns the number of engines with an opinion.
    pub fn engines(&self) -> u64 {
        self.malicious
            .saturating_add(self.suspicious)
            .saturating_add(self.harmless)
            .saturating_add(self.undetected)
    }

    /// Returns `61 of 72 engines`.
    pub(super) fn malicious_of_all(&self) -> String {
        format!(
            "{} of {}",
            self.malicious,
            counted(self.engines(), "engine")
        )
    }
}

impl Evidence<'_> {
    /// Appends the threat label to a reason.
    pub(super) fn push_label(&self, reason: &mut String) {
        if let Some(label) = self.label {
            reason.push_str("; label ");
            reason.push_str(label);
        }
    }
}

impl Alerts<'_> {
    /// Returns whether any rule or sandbox is reason enough for suspicion.
    pub(super) fn any(&self) -> bool {
        self.ids > 0 || self.sigma > 0 || self.sandbox.is_some()
    }

    /// Appends the alerts to a reason.
    pub(super) fn describe(&self, reason: &mut String) {
        let mut parts = Vec::new();
        if self.ids > 0 {
            parts.push(counted(self.ids, "severe IDS alert"));
        }
        if self.sigma > 0 {
            let matches = if self.sigma == 1 { "match" } else { "matches" };
            parts.push(format!("{} severe Sigma {matches}", self.sigma));
        }
        if let Some(sandbox) = self.sandbox {
            parts.push(format!("sandbox {sandbox} says malicious"));
        }
        if self.yara > 0 {
            parts.push(counted(self.yara, "YARA rule"));
        }
        for part in parts {
            reason.push_str("; ");
            reason.push_str(&part);
        }
    }
}
