//! How much a key may spend: what the operator set, what was learned, or the usual.

use super::{Truth, Window, truth::Usage};
use crate::config::{Allowance, Limits};

/// What VirusTotal allows a public key: lookups a minute, a day and a month.
const PUBLIC: [u64; 3] = [4, 500, 15_500];

/// The last that VirusTotal said of a key's allowances.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Learned {
    minute: Option<u64>,
    day: Option<u64>,
    month: Option<u64>,
}

/// What counts for a key now, in lookups; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// In any 60 s; at least 1.
    pub minute: Option<u64>,
    /// A day, in UTC.
    pub day: Option<u64>,
    /// A month, in UTC.
    pub month: Option<u64>,
}

impl Learned {
    /// Takes over what is said; of what is not, the last truth holds.
    pub(super) fn update(&mut self, truth: &Truth) {
        // Less than one a minute would be none, for ever.
        let per_minute = |hour: Usage| (hour.allowed / 60).max(1);
        let allowed = |usage: Usage| usage.allowed;
        self.minute = truth.hourly.map(per_minute).or(self.minute);
        self.day = truth.daily.map(allowed).or(self.day);
        self.month = truth.monthly.map(allowed).or(self.month);
    }
}

impl Allowed {
    /// What counts, given what the operator set and what was learned.
    pub(super) fn new(limits: &Limits, learned: &Learned) -> Self {
        let [minute, day, month] = PUBLIC;
        Self {
            minute: effective(limits.per_minute, learned.minute, minute),
            day: effective(limits.per_day, learned.day, day),
            month: effective(limits.per_month, learned.month, month),
        }
    }

    /// What counts in one window.
    pub(super) fn of(&self, window: Window) -> Option<u64> {
        match window {
            Window::Minute => self.minute,
            Window::Day => self.day,
            Window::Month => self.month,
        }
    }
}

/// Off is off, whatever is learned; a number is a ceiling; else what was learned counts.
fn effective(set: Allowance, learned: Option<u64>, public: u64) -> Option<u64> {
    match set {
        Allowance::Off => None,
        Allowance::AtMost(most) => {
            let most = u64::from(most.get());
            Some(learned.map_or(most, |learned| learned.min(most)))
        }
        Allowance::Unset => Some(learned.unwrap_or(public)),
    }
}
