//! The allowances of a key: configured, learned, or VirusTotal's defaults.

use super::{UpstreamQuota, Window};
use crate::config::{QuotaLimit, QuotaLimits};

/// The allowances of a public key: lookups a minute, a day and a month.
const PUBLIC_ALLOWANCES: [u64; 3] = [4, 500, 15_500];

/// The allowances that VirusTotal last reported.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownLimits {
    minute: Option<u64>,
    day: Option<u64>,
    month: Option<u64>,
}

/// The allowances in effect for a key, in lookups. `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Lookups in any 60 s, at least 1.
    pub minute: Option<u64>,
    /// Lookups a day, in UTC.
    pub day: Option<u64>,
    /// Lookups a month, in UTC.
    pub month: Option<u64>,
}

impl KnownLimits {
    /// Applies a report. Windows that it leaves out keep their last value.
    pub(super) fn update(&mut self, report: &UpstreamQuota) {
        if let Some(hour) = report.hourly {
            // Zero a minute would block the key forever.
            self.minute = Some((hour.allowed / 60).max(1));
        }
        if let Some(day) = report.daily {
            self.day = Some(day.allowed);
        }
        if let Some(month) = report.monthly {
            self.month = Some(month.allowed);
        }
    }
}

impl Allowed {
    /// Combines the configured limits with the learned allowances.
    pub(super) fn new(limits: &QuotaLimits, learned: &KnownLimits) -> Self {
        let [minute, day, month] = PUBLIC_ALLOWANCES;
        Self {
            minute: effective(limits.per_minute, learned.minute, minute),
            day: effective(limits.per_day, learned.day, day),
            month: effective(limits.per_month, learned.month, month),
        }
    }

    /// Returns the allowance of one window.
    pub fn of(&self, window: Window) -> Option<u64> {
        match window {
            Window::Minute => self.minute,
            Window::Day => self.day,
            Window::Month => self.month,
        }
    }
}

/// Combines a setting with a learned allowance: `Off` is unlimited, a number is an upper bound, and
/// an unset one leaves the learned or default allowance.
fn effective(set: QuotaLimit, learned: Option<u64>, public: u64) -> Option<u64> {
    match set {
        QuotaLimit::Off => None,
        QuotaLimit::AtMost(most) => {
            let most = u64::from(most.get());
            Some(learned.unwrap_or(most).min(most))
        }
        QuotaLimit::Unset => Some(learned.unwrap_or(public)),
    }
}
