//! An analysis, asked about until it is over or the caller's time is.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use super::{Flight, Got, Lookup, LookupError, Reply, Wish, fetch::Life};
use crate::{
    access::RequestContext,
    answer::{self, Subject, View},
    bill,
    redis::Patience,
    vt::{Call, VtError},
};

/// The pause after the first time it is asked about; each further one is twice as long.
///
/// Every time costs a unit, and most analyses take minutes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A state older than this is not the last that a caller can know.
const OLD: Duration = Duration::from_millis(500);

/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// When a caller who does not wait longer may come back, at the earliest.
const LATER: Duration = Duration::from_secs(15);

/// The id of an analysis, such as base64 with its padding, or `u-<sha256>-<timestamp>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysisId(String);

/// A text that is no id of an analysis.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an analysis is given by the id that VirusTotal gave it: 1 to 256 visible ASCII characters, \
     none of them `?`, `#` or `%`, and `/` only in base64"
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
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        // Two dots would be the folder above, one the folder itself.
        let is_relative = matches!(text, "." | "..");
        let may_have_slash = is_base64(text);
        let is_kept_out =
            |letter| matches!(letter, '?' | '#' | '%') || letter == '/' && !may_have_slash;
        if !is_visible
            || is_relative
            || !(1..=256).contains(&text.len())
            || text.contains(is_kept_out)
        {
            return Err(InvalidAnalysisId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether this is base64 in the standard alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

/// What came of asking about an analysis.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    /// What VirusTotal says, and whether it is over.
    asked: Result<(Got, bool), LookupError>,
    at: Instant,
    /// When it is asked again.
    pause: Duration,
    /// What has it asked at once.
    nudge: Arc<Notify>,
}

impl Lookup {
    /// Asks about an analysis, and again until it is completed or the wish's `wait` is over.
    ///
    /// A unit of quota each time, however many wait. Quota that runs out is waited for as long
    /// as there is time. Once there is a state, neither its end nor VirusTotal's failure spoils
    /// it.
    pub async fn analysis(
        self: &Arc<Self>,
        context: &RequestContext,
        id: &AnalysisId,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Analysis, LookupError> {
        let call = Call::get(&["analyses", &id.0]);
        let (got, retry_after) = if wish.wait.is_zero() {
            let got = self.read(context, &call, Life::Analysis, wish).await?;
            let is_over = is_over(&got)?;
            (got, (!is_over).then_some(LATER))
        } else {
            bill::waiting(self.wait_for(context, &call, wish)).await?
        };
        let subject = Subject::other("analysis", &id.0);
        let show = |bytes: &Bytes| answer::report(bytes, &subject, view);
        let reply = self.show(got, view, wish, show)?;
        Ok(Analysis { reply, retry_after })
    }

    /// Follows who asks until the wait is over; whom another's calls served has saved a unit.
    async fn wait_for(
        self: &Arc<Self>,
        context: &RequestContext,
        call: &Call,
        wish: &Wish,
    ) -> Result<(Got, Option<Duration>), LookupError> {
        let end = Instant::now() + wish.wait;
        let flight = Flight {
            name: self.name(context, call),
            stranger: self.stranger(context, wish).await,
            is_patient: true,
        };
        let (polls, is_first) = self.polls.follow(&flight, |tell| {
            Arc::clone(self).poll((context.clone(), call.clone()), wish.clone(), tell)
        });
        let waited = until(end, polls).await;
        if waited.is_ok() && !is_first {
            self.purse.save(&context.key);
        }
        waited
    }

    /// Asks about an analysis, time and again, for all who wait for it.
    async fn poll(
        self: Arc<Self>,
        (context, call): (RequestContext, Call),
        wish: Wish,
        tell: watch::Sender<Option<Polled>>,
    ) {
        let (mut pauses, nudge) = (Pauses(FIRST_PAUSE), Arc::new(Notify::new()));
        // The pauses are kept here: a unit is not queued for beside them.
        let mut wish = Wish {
            wait: Duration::ZERO,
            ..wish
        };
        loop {
            let got = self.read(&context, &call, Life::Analysis, &wish).await;
            let asked = got.and_then(|got| is_over(&got).map(|is_over| (got, is_over)));
            let pause = pauses.next();
            let (pause, is_done) = match &asked {
                Ok((_, is_over)) => (pause, *is_over),
                // However soon VirusTotal lets us, never at once again.
                Err(error) => match error.until_quota() {
                    Some(wait) => (wait.max(pause), false),
                    None => (pause, true),
                },
            };
            let nudged = nudge.notified();
            tell.send_replace(Some(Polled {
                asked,
                at: Instant::now(),
                pause,
                nudge: Arc::clone(&nudge),
            }));
            if is_done {
                return;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = nudged => {}
                () = tell.closed() => return,
                () = self.stop.cancelled() => return,
            }
            // The first asked for anybody; those who wait leave the last unit of a minute.
            wish = Wish {
                is_sparing: true,
                patience: Patience::default(),
                ..wish
            };
        }
    }
}

/// The last that is known when the wait is over, and when to ask again.
async fn until(
    end: Instant,
    mut polls: watch::Receiver<Option<Polled>>,
) -> Result<(Got, Option<Duration>), LookupError> {
    let mut known = None;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let polled = polls.borrow_and_update().clone();
        if let Some(polled) = &polled {
            match &polled.asked {
                Ok((got, true)) => return Ok((got.clone(), None)),
                Ok((got, false)) => known = Some((got.clone(), polled.pause.max(LATER))),
                Err(error) => match (error.until_quota(), known.take()) {
                    (Some(_), state) if polled.pause < left => known = state,
                    (Some(_), Some((got, _))) => return Ok((got, Some(polled.pause))),
                    (None, Some((got, later))) if error.is_trouble() => {
                        return Ok((got, Some(later)));
                    }
                    _ => return Err(error.clone()),
                },
            }
            if left.is_zero() {
                break;
            }
        }
        tokio::select! {
            // The last time is when the caller's time is up: that is what it waits for.
            () = sleep(left), if polled.is_some() => {
                let polled = polled.filter(|it| it.at.elapsed() >= OLD);
                let Some(polled) = polled else { break };
                polled.nudge.notify_waiters();
                if polls.changed().await.is_err() {
                    break;
                }
            }
            changed = polls.changed() => if changed.is_err() {
                // The gateway stops: what is known has to do.
                break;
            }
        }
    }
    let (got, later) = known.ok_or(VtError::Timeout)?;
    Ok((got, Some(later)))
}

/// Whether an analysis is completed.
fn is_over(got: &Got) -> Result<bool, LookupError> {
    // What counts as fresh is: no other is kept.
    let is_fresh = !got.entry.fresh_for.is_zero();
    Ok(is_fresh || answer::is_completed(&got.plain()?)?)
}

/// Each twice as long as the one before, up to a longest.
struct Pauses(Duration);

impl Pauses {
    fn next(&mut self) -> Duration {
        let next = (self.0 * 2).min(LAST_PAUSE);
        std::mem::replace(&mut self.0, next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTc2MDAwMDAwMA==", true)]
    #[case(
        "u-1db0ad7dbcec0676710ea0eaacd35d5e471d3e11944d53bcbd31f0cbd11bce31-1760000000",
        true
    )]
    #[case("a+b/c==", true)]
    #[case("//", true)]
    #[case("a.b:c@d~!$&'()*,;|", true)]
    #[case("...", true)]
    #[case("", false)]
    #[case(".", false)]
    #[case("..", false)]
    #[case("a/../b", false)]
    #[case("a-b/c", false)]
    #[case("a=/b", false)]
    #[case("a/===", false)]
    #[case("a?b", false)]
    #[case("a#b", false)]
    #[case("a%b", false)]
    #[case("a b", false)]
    #[case("a\u{7f}", false)]
    #[case("é", false)]
    fn ids_are_visible_ascii(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(text.parse::<AnalysisId>().is_ok(), expected);
    }

    proptest! {
        #[test]
        fn no_id_changes_the_path(text in prop_oneof![any::<String>(), "[!-~]{0,9}", "[./]{0,4}"]) {
            if let Ok(id) = text.parse::<AnalysisId>() {
                let call = Call::get(&["analyses", &id.0]);
                let url = url::Url::parse("https://v.test/").unwrap().join(call.path()).unwrap();
                prop_assert_eq!(url.path(), call.path());
                prop_assert_eq!(url.path_segments().unwrap().count(), 2);
            }
        }
    }
}
