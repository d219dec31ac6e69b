//! An analysis, asked about until it is over or the caller's time is.

use std::{str::FromStr, time::Duration};

use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::{Lookup, LookupError, pages::is_quota};
use crate::{
    answer::{self, Answer, Subject, View},
    key::ApiKey,
    vt::{Call, VtError},
};

/// The pause after the first time it is asked about; each further one is twice as long.
///
/// Every time costs a unit, and most analyses take minutes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// How long VirusTotal's own client waits after a 429 that does not say how long.
const AFTER_429: Duration = Duration::from_mins(1);

/// The id of an analysis: base64 with its padding, or `u-<sha256>-<timestamp>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysisId(String);

/// A text that is no id of an analysis.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an analysis is given by the id that VirusTotal gave it: letters, digits, `-`, `_`, `=`, \
     256 at most"
)]
pub struct InvalidAnalysisId;

/// Where an analysis stands.
#[derive(Debug)]
pub struct Analysis {
    /// What VirusTotal says of it.
    pub answer: Answer,
    /// When to ask again, where it is not over.
    pub retry_after: Option<Duration>,
}

impl FromStr for AnalysisId {
    type Err = InvalidAnalysisId;

    fn from_str(text: &str) -> Result<Self, InvalidAnalysisId> {
        // The two letters beyond are those of the other alphabet of base64.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte);
        let sound = (1..=256).contains(&text.len()) && text.bytes().all(allowed);
        sound
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidAnalysisId)
    }
}

impl Lookup {
    /// Asks about an analysis, and again until it is completed or `wait` is over.
    ///
    /// A unit of quota each time. Once there is a state, quota that runs out is waited for
    /// as long as there is time, and ends nothing.
    pub async fn analysis(
        &self,
        key: &ApiKey,
        id: &AnalysisId,
        wait: Duration,
        view: &View<'_>,
    ) -> Result<Analysis, LookupError> {
        let call = Call::get(&["analyses", &id.0]);
        let end = Instant::now() + wait;
        let mut pauses = Pauses(FIRST_PAUSE);
        let mut known = None;
        loop {
            let asked = self.fetch(key, &call).await;
            let left = end.saturating_duration_since(Instant::now());
            let pause = match asked {
                Ok(bytes) => {
                    let is_over = answer::is_completed(&bytes)?;
                    let pause = pauses.next();
                    let answer = answer::report(&bytes, &id.subject(), view)?;
                    let retry_after = (!is_over).then_some(pause);
                    let analysis = Analysis {
                        answer,
                        retry_after,
                    };
                    if is_over || left.is_zero() {
                        return Ok(analysis);
                    }
                    known = Some(analysis);
                    pause
                }
                Err(error) => match (until_quota(&error), known.take()) {
                    (Some(pause), state) if pause < left => {
                        known = state;
                        pause
                    }
                    (retry_after @ Some(_), Some(state)) => {
                        return Ok(Analysis {
                            retry_after,
                            ..state
                        });
                    }
                    _ => return Err(error),
                },
            };
            // The last time is when the caller's time is up: that is what it waits for.
            sleep(pause.min(left)).await;
        }
    }
}

/// Each twice as long as the one before, up to a longest.
struct Pauses(Duration);

impl Pauses {
    fn next(&mut self) -> Duration {
        let next = (self.0 * 2).min(LAST_PAUSE);
        std::mem::replace(&mut self.0, next)
    }
}

/// How long until there is quota again, where that is what is missing.
fn until_quota(error: &LookupError) -> Option<Duration> {
    match error {
        LookupError::Exhausted(exhausted) => Some(exhausted.retry_after),
        LookupError::Upstream(VtError::Refused(refusal)) if is_quota(error) => {
            Some(refusal.retry_after.unwrap_or(AFTER_429))
        }
        _ => None,
    }
}

impl AnalysisId {
    fn subject(&self) -> Subject<'_> {
        Subject::other("analysis", &self.0)
    }
}
