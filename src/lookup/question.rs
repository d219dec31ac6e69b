//! Questions to VirusTotal, and how long their answers count as fresh.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memmem;

use crate::{
    answer,
    cache::ObjectName,
    config,
    indicator::{Indicator, Kind},
    vt::{Body, Call},
};

/// The time for which a file that was analysed within the last day counts as fresh: verdicts
/// still come in.
const TTL_RECENT: Duration = Duration::from_mins(10);

/// The time for which "not found" counts as fresh where the object was written to within the
/// last hour.
const TTL_SETTLING: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_hours(24);

/// A question to VirusTotal.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) call: Call,
    pub(super) about: About,
    pub(super) ttl: TtlRule,
}

/// The subject of a question, as far as writes can make its answer untrue.
#[derive(Clone, Debug)]
pub(super) enum About {
    /// An object, or a list of one.
    Object(Indicator),
    /// A search for this text: if that is an indicator, the answer is about its object.
    Search(String),
    /// The analysis with this id.
    Analysis(String),
}

/// The rule for how long an answer counts as fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TtlRule {
    /// As long as the settings say.
    Usual,
    /// The same, but less where VirusTotal has analysed it lately.
    Report,
    /// A day once it is completed; before that it is not kept, nor is "not found".
    Analysis,
}

impl Question {
    /// Returns the names of the object that the answer is about.
    pub(super) fn names(&self) -> Vec<ObjectName> {
        match &self.about {
            About::Object(indicator) => ObjectName::of(indicator),
            About::Search(text) => {
                let kinds = [Kind::File, Kind::Ip, Kind::Domain].into_iter();
                let mut indicators = kinds.filter_map(|kind| Indicator::parse(kind, text).ok());
                let indicator = indicators.next().or_else(|| Indicator::url(text).ok());
                indicator.as_ref().map(ObjectName::of).unwrap_or_default()
            }
            About::Analysis(id) => vec![ObjectName::analysis(id)],
        }
    }

    /// Returns how long an answer counts as fresh; none where it is not kept.
    ///
    /// `is_settling`: whether the object was written to within the last hour.
    pub(super) fn fresh_for(
        &self,
        body: &Body,
        is_settling: bool,
        rules: &config::Cache,
    ) -> Option<Duration> {
        // So a search says that it has not found it.
        let is_search = matches!(self.about, About::Search(_));
        if is_search && is_settling && is_empty_list(&body.plain) {
            return self.absent_for(is_settling, rules);
        }
        match self.ttl {
            TtlRule::Report if is_recent(&body.plain) => Some(rules.ttl.min(TTL_RECENT)),
            TtlRule::Report | TtlRule::Usual => Some(rules.ttl),
            TtlRule::Analysis => answer::is_completed(&body.plain)
                .ok()
                .filter(|is_over| *is_over)
                .map(|_| DAY),
        }
    }

    /// Returns how long "not found" counts as fresh; none where it is not kept.
    ///
    /// `is_settling`: whether the object was written to within the last hour.
    pub(super) fn absent_for(&self, is_settling: bool, rules: &config::Cache) -> Option<Duration> {
        let ttl = rules.ttl_not_found;
        match self.ttl {
            TtlRule::Analysis => None,
            TtlRule::Report | TtlRule::Usual if is_settling => Some(ttl.min(TTL_SETTLING)),
            TtlRule::Report | TtlRule::Usual => Some(ttl),
        }
    }
}

fn is_empty_list(page: &[u8]) -> bool {
    answer::extent(page).is_ok_and(|extent| extent.objects == 0)
}

/// Whether VirusTotal has analysed this within the last day.
///
/// Looked for in the text, without reading it all: the name elsewhere in a report only makes
/// it count as fresh for less long.
fn is_recent(report: &[u8]) -> bool {
    date_in(report, b"\"last_analysis_date\":").is_some_and(is_within_a_day)
}

/// Whether an analysis was begun within the last day, as far as its text tells.
pub(super) fn is_recent_analysis(analysis: &[u8]) -> bool {
    date_in(analysis, b"\"date\":").is_none_or(is_within_a_day)
}

/// Returns the Unix second that stands behind this name in a JSON text.
fn date_in(text: &[u8], name: &[u8]) -> Option<u64> {
    let at = memmem::find(text, name)?;
    let digits = text[at + name.len()..].trim_ascii_start();
    let length = digits
        .iter()
        .take(12)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    str::from_utf8(&digits[..length]).ok()?.parse().ok()
}

fn is_within_a_day(seconds: u64) -> bool {
    // A date that is shown, so the wall clock's.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    now.saturating_sub(seconds) < DAY.as_secs()
}
