//! Indicators without a report, as rows of a job have them.

use super::{
    Interop,
    place::shown_text,
    subject::{Observable, Subject, SubjectFailure, shown_id},
};
use crate::{
    indicator::{Indicator, Kind},
    render::{
        brief::ExactFacts,
        verdict::{Level, Verdict},
    },
};

/// A text of a list for which there is no report.
#[derive(Clone, Copy, Debug)]
pub struct Unreported<'u> {
    /// The text as it was given.
    pub given: &'u str,
    /// The kind and the id of the indicator; `None` for a text that is not an indicator.
    pub indicator: Option<(Kind, &'u str)>,
    /// The reason.
    pub reason: UnreportedReason<'u>,
    /// The current time, in Unix seconds.
    pub now: i64,
}

/// The reason for which there is no report.
#[derive(Clone, Copy, Debug)]
pub enum UnreportedReason<'u> {
    /// Nothing is known of the indicator, for this reason, such as `not found`.
    Unknown(&'u str),
    /// The lookup failed or was put off.
    Failed {
        /// The code of the error.
        code: &'u str,
        /// The error in words.
        detail: &'u str,
    },
}

/// Returns the JSON text of an indicator without a report, in the same form as of one with a report.
pub fn unreported(format: Interop, row: &Unreported<'_>) -> String {
    let indicator = row
        .indicator
        .and_then(|(kind, id)| Indicator::parse(kind, id).ok());
    let mut verdict = None;
    let mut failure = None;
    match row.reason {
        UnreportedReason::Unknown(reason) => {
            verdict = Some(Verdict {
                level: Level::Unknown,
                reason: reason.to_owned(),
                stale: false,
            });
        }
        UnreportedReason::Failed { code, detail } => {
            failure = Some(SubjectFailure {
                given: shown_text(row.given),
                code: code.to_owned(),
                detail: shown_text(detail),
            });
        }
    }
    let subject = Subject {
        kind: indicator.as_ref().map(Indicator::kind),
        observable: indicator.as_ref().and_then(Observable::of),
        id: shown_id(row.indicator.map_or("", |(_, id)| id)),
        verdict,
        failure,
        brief: None,
        exact: ExactFacts::default(),
        now: row.now,
    };
    format.one(&subject)
}
