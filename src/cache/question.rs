//! Questions to VirusTotal, and the TTL of their answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memmem;

use super::ObjectName;
use crate::{
    config,
    indicator::{Indicator, Kind},
    render,
    virustotal::{Body, Call},
};

/// The TTL of a report on an object analysed within the last day, whose verdicts still change.
const TTL_RECENT: Duration = Duration::from_mins(10);

/// The TTL of "not found" for an object that was written to within the last hour.
const TTL_SETTLING: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_hours(24);

/// A question to VirusTotal.
#[derive(Clone, Debug)]
pub struct Question {
    /// The call.
    pub call: Call,
    /// The object.
    pub about: About,
    /// The TTL of the answer.
    pub ttl: TtlRule,
}

/// The object that a question is about. A write to it makes the answer outdated.
#[derive(Clone, Debug)]
pub enum About {
    /// An object, or a list that belongs to one.
    Object(Indicator),
    /// A search for this text. If the text is an indicator, the answer is about that object.
    Search(String),
    /// The analysis with this id.
    Analysis(String),
    /// Something else with a name of its own, such as a comment.
    Other(ObjectName),
}

/// The rule for the TTL of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlRule {
    /// The TTL from the settings.
    Usual,
    /// The same, but shorter if VirusTotal analysed the object recently.
    Report,
    /// A day for a completed analysis. A pending analysis and "not found" are not cached.
    Analysis,
}

impl Question {
    /// Returns the names of the object that the answer is about.
    pub fn names(&self) -> Vec<ObjectName> {
        match &self.about {
            About::Object(indicator) => ObjectName::of(indicator),
            About::Search(text) => names_in_search(text),
            About::Analysis(id) => vec![ObjectName::analysis(id)],
            About::Other(name) => vec![*name],
        }
    }

    /// Returns the TTL of an answer, or `None` if it is not cached.
    ///
    /// `is_settling` tells whether the object was written to within the last hour.
    pub(super) fn fresh_for(
        &self,
        body: &Body,
        is_settling: bool,
        rules: &config::Cache,
    ) -> Option<Duration> {
        // An empty result list means "not found".
        let is_search = matches!(self.about, About::Search(_));
        if is_search && is_settling && is_empty_list(&body.plain) {
            return self.absent_for(is_settling, rules);
        }
        match self.ttl {
            TtlRule::Report if is_recent(&body.plain) => Some(rules.ttl.min(TTL_RECENT)),
            TtlRule::Report | TtlRule::Usual => Some(rules.ttl),
            TtlRule::Analysis => match render::is_completed(&body.plain) {
                Ok(true) => Some(DAY),
                Ok(false) | Err(_) => None,
            },
        }
    }

    /// Returns the TTL of "not found", or `None` if it is not cached.
    ///
    /// `is_settling` tells whether the object was written to within the last hour.
    pub(super) fn absent_for(&self, is_settling: bool, rules: &config::Cache) -> Option<Duration> {
        let ttl = rules.ttl_not_found;
        match self.ttl {
            TtlRule::Analysis => None,
            TtlRule::Report | TtlRule::Usual if is_settling => Some(ttl.min(TTL_SETTLING)),
            TtlRule::Report | TtlRule::Usual => Some(ttl),
        }
    }
}

/// Returns the names of the object that a search is about, if its text is an indicator.
fn names_in_search(text: &str) -> Vec<ObjectName> {
    for kind in [Kind::File, Kind::Ip, Kind::Domain] {
        if let Ok(indicator) = Indicator::parse(kind, text) {
            return ObjectName::of(&indicator);
        }
    }
    // Last, because a bare host would match a URL, too.
    match Indicator::url(text) {
        Ok(url) => ObjectName::of(&url),
        Err(_) => Vec::new(),
    }
}

fn is_empty_list(page: &[u8]) -> bool {
    match render::extent(page) {
        Ok(extent) => extent.objects == 0,
        Err(_) => false,
    }
}

/// Whether VirusTotal has analysed the object within the last day.
///
/// Searches the text instead of parsing the report. A match elsewhere in the report only shortens
/// the TTL.
fn is_recent(report: &[u8]) -> bool {
    match date_in(report, b"\"last_analysis_date\":") {
        Some(date) => is_within_a_day(date),
        None => false,
    }
}

/// Whether an analysis was started within the last day, or carries no date.
pub(super) fn is_recent_analysis(analysis: &[u8]) -> bool {
    match date_in(analysis, b"\"date\":") {
        Some(date) => is_within_a_day(date),
        None => true,
    }
}

/// Returns the Unix second that follows this name in a JSON text.
fn date_in(text: &[u8], name: &[u8]) -> Option<u64> {
    let at = memmem::find(text, name)?;
    let text = text[at + name.len()..].trim_ascii_start();
    // Longer than any Unix time in seconds, and bounded for malformed text.
    let text = text.get(..12).unwrap_or(text);
    let digits = text.split(|byte| !byte.is_ascii_digit()).next()?;
    str::from_utf8(digits).ok()?.parse().ok()
}

fn is_within_a_day(seconds: u64) -> bool {
    // The date comes from VirusTotal, so it is compared with the wall clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    now.saturating_sub(seconds) < DAY.as_secs()
}
