//! The summary of a job, and the progress on the way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::row::{FinishedRow, Source};

/// The summary of a job, its last line.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Summary {
    /// The rows that were given.
    pub rows: usize,
    /// The different indicators among them.
    pub unique: usize,
    /// The units of quota that were spent.
    pub units: u64,
    /// The rows that were answered from what is kept.
    pub cached: usize,
    /// The rows that needed no lookup, such as private addresses.
    pub local: usize,
    /// The rows without an answer.
    pub failed: usize,
    /// The texts of rows that were not looked up, as they were given.
    pub remaining: Vec<String>,
    /// The numbers of those rows.
    #[serde(skip)]
    pub remaining_numbers: Vec<usize>,
    /// Whether every row was answered or failed.
    pub complete: bool,
    /// The reason why rows remain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// The reason why a job ended before its last row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The key's quota is used up for longer than the job waits.
    Quota,
    /// The job has spent `max_units`.
    MaxUnits,
    /// The client's allowance is used up.
    Allowance,
    /// The gateway stops.
    Stopping,
}

/// The forecast of a job that is not run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Forecast {
    /// The rows that were given.
    pub(super) rows: usize,
    /// The different indicators among them.
    pub(super) unique: usize,
    /// The indicators of each type.
    pub(super) by_type: BTreeMap<&'static str, usize>,
    /// The indicators whose answer is kept.
    pub(super) kept: usize,
    /// The indicators that need no lookup.
    pub(super) local: usize,
    /// The units of quota that the rest costs.
    pub(super) units: u64,
    /// The seconds that the rest takes at the key's pace; `null` if its allowance never suffices.
    pub(super) seconds: Option<u64>,
    /// The time at which it is done, in RFC 3339.
    pub(super) done_at: Option<String>,
}

/// A line that says how far a job is.
#[derive(Debug, Serialize)]
pub struct Progress {
    /// The rows that are finished.
    pub done: usize,
    /// All rows.
    pub rows: usize,
    /// The units of quota that were spent.
    pub units: u64,
    /// The seconds until the next lookup, while the job waits for quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
}

impl Ended {
    /// Returns the name, as in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::MaxUnits => "max_units",
            Self::Allowance => "allowance",
            Self::Stopping => "stopping",
        }
    }

    /// Returns the reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Quota => "the quota is used up",
            Self::MaxUnits => "`max_units` is spent",
            Self::Allowance => "the client's allowance is used up",
            Self::Stopping => "the gateway stops",
        }
    }
}

impl Summary {
    /// Counts a row.
    pub(super) fn count(&mut self, row: &FinishedRow, is_first: bool) {
        if row.error.is_some() {
            self.failed += 1;
            return;
        }
        match row.finding.source {
            Source::Local => self.local += 1,
            Source::Cache | Source::Stale => self.cached += 1,
            // The other rows of an indicator share its answer.
            Source::Upstream if !is_first => self.cached += 1,
            Source::Upstream => {}
        }
    }
}
