//! An analysis, asked about until it is over or the caller's time is.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::{Lookup, LookupError, Reply, Wish, fetch::Life};
use crate::{
    answer::{self, Subject, View},
    key::ApiKey,
    vt::{Call, VtError},
};

/// The pause after the first time it is asked about; each further one is twice as long.
///
/// Every time costs a unit, and most analyses take minutes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// When a caller who does not wait longer may come back, at the earliest.
const LATER: Duration = Duration::from_secs(15);

/// The id of an analysis: base64 with its padding, or `u-<sha256>-<timestamp>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysisId(String);

/// A text that is no id of an analysis.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an analysis is given by the id that VirusTotal gave it: letters, digits and `-_=+/`, \
     256 at most"
)]
pub struct InvalidAnalysisId;

/// Where an analysis stands.
#[derive(Debug)]
pub struct Analysis {
    /// What VirusTotal says of it.
    pub reply: Reply,
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
    /// Asks about an analysis, and again until it is completed or the wish's `wait` is over.
    ///
    /// A unit of quota each time. Quota that runs out is waited for as long as there is time.
    /// Once there is a state, neither its end nor VirusTotal's failure spoils it.
    pub async fn analysis(
        self: &Arc<Self>,
        key: &ApiKey,
        id: &AnalysisId,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Analysis, LookupError> {
        let call = Call::get(&["analyses", &id.0]);
        let end = Instant::now() + wish.wait;
        let mut pauses = Pauses(FIRST_PAUSE);
        let mut known = None;
        // The pauses are ours to keep: a unit is not queued for beside them.
        let mut wish = Wish {
            wait: Duration::ZERO,
            ..wish.clone()
        };
        loop {
            let asked = self.read(key, &call, Life::Analysis, &wish).await;
            wish.is_sparing = true;
            let asked = asked.and_then(|got| {
                // What counts as fresh is over: no other is kept.
                let is_fresh = !got.entry.fresh_for.is_zero();
                let is_over = is_fresh || answer::is_completed(&got.plain()?)?;
                let subject = Subject::other("analysis", &id.0);
                let show = |bytes: &Bytes| answer::report(bytes, &subject, view);
                Ok((self.show(got, view, &wish, show)?, is_over))
            });
            let left = end.saturating_duration_since(Instant::now());
            let pause = match asked {
                Ok((reply, is_over)) => {
                    let pause = pauses.next();
                    let retry_after = (!is_over).then_some(pause.max(LATER));
                    let analysis = Analysis { reply, retry_after };
                    if is_over || left.is_zero() {
                        return Ok(analysis);
                    }
                    known = Some(analysis);
                    pause
                }
                Err(error) => {
                    // However soon VirusTotal lets us, never at once again.
                    let quota = error.until_quota().map(|pause| pause.max(pauses.next()));
                    match (quota, known.take()) {
                        (Some(pause), state) if pause < left => {
                            known = state;
                            pause
                        }
                        (Some(pause), Some(state)) => {
                            let retry_after = Some(pause);
                            return Ok(Analysis {
                                retry_after,
                                ..state
                            });
                        }
                        (None, Some(state)) if error.is_trouble() => return Ok(state),
                        _ => return Err(error),
                    }
                }
            };
            // The last time is when the caller's time is up: that is what it waits for.
            let slept = self.stop.run_until_cancelled(sleep(pause.min(left)));
            if slept.await.is_none() {
                // The gateway stops: what is known has to do.
                return known.ok_or(VtError::Timeout.into());
            }
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
