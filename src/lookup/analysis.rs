//! Analyses: polled until the analysis is completed or the caller's wait ends.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{
    FetchError, Freshness, Lookup, LookupError, Reply, TwoReplies, TwoViews,
    names::Rendered,
    reply::{RenderFn, Renderer, view_key},
};
use crate::{
    access::{KeyHash, RequestContext},
    cache::{
        About, Fetched, FlightKey, Question, TtlRule,
        single_flight::{Follower, Progress, Stage},
    },
    render::{self, Title, View},
    virustotal::{Call, Endpoint, UpstreamError},
};

/// The pause after the first poll; each further pause is twice as long.
///
/// Every poll costs a unit, and most analyses take minutes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The age from which a caller polls once more at the end of its wait.
const OLD: Duration = Duration::from_millis(500);

/// The longest pause between polls.
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// The shortest time after which a caller that does not wait should ask again.
const LATER: Duration = Duration::from_secs(15);

/// The id of an analysis, such as base64 with its padding, or `u-<sha256>-<timestamp>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysisId(String);

/// The error for a text that is not an analysis id.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an analysis id is the one that VirusTotal returned: 1 to 256 visible ASCII characters, \
     none of them `?`, `#` or `%`, and `/` only in base64"
)]
pub struct InvalidAnalysisId;

/// The state of an analysis.
#[derive(Debug)]
pub struct Analysis {
    /// The analysis as VirusTotal describes it.
    pub reply: Reply,
    /// The time after which to ask again, or `None` if the analysis is completed.
    pub retry_after: Option<Duration>,
}

impl FromStr for AnalysisId {
    type Err = InvalidAnalysisId;

    fn from_str(text: &str) -> Result<Self, InvalidAnalysisId> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        // These segments would change the path.
        let is_relative = matches!(text, "." | "..");
        let is_split = text.contains('/') && !is_base64(text);
        if !is_visible
            || is_relative
            || is_split
            || !(1..=256).contains(&text.len())
            || text.contains(['?', '#', '%'])
        {
            return Err(InvalidAnalysisId);
        }
        Ok(Self(text.to_owned()))
    }
}

impl AnalysisId {
    fn question(&self) -> Question {
        Question {
            call: Call::about(Endpoint::Analysis, &self.0),
            about: About::Analysis(self.0.clone()),
            ttl: TtlRule::Analysis,
        }
    }
}

/// Returns the way to render an analysis.
fn renderer<'a>(title: &'a Title<'_>, view: &'a View<'_>) -> Renderer<impl RenderFn + 'a> {
    Renderer {
        key: view_key(view),
        detail: view.detail,
        render: move |bytes: &Bytes| Rendered::plain(render::report(bytes, title, view)),
    }
}

/// Whether this is base64 in the standard alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

/// A question to be asked again and again, and the request that began it.
struct Poll {
    context: RequestContext,
    question: Question,
    freshness: Freshness,
}

/// The state of an analysis, as VirusTotal's answer shows it.
#[derive(Clone, Debug)]
struct AnalysisState {
    fetched: Fetched,
    /// The time after which to ask again, or `None` if the analysis is completed.
    retry_after: Option<Duration>,
}

/// The outcome of the last poll of an analysis.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    result: Result<AnalysisState, LookupError>,
    /// The key that was used.
    by: KeyHash,
    at: Instant,
    /// The time until the next poll.
    pause: Duration,
    /// The signal that triggers the next poll at once.
    poll_now: Arc<Notify>,
}

impl Lookup {
    /// Polls an analysis until it is completed or the caller's `wait` is over.
    ///
    /// Each poll costs one unit of quota, regardless of the number of callers that wait. If quota
    /// runs out, polling resumes when there is quota again, as long as the wait lasts. Once a state
    /// is known, later failures do not replace it: the caller gets the last state.
    pub async fn analysis(
        &self,
        context: &RequestContext,
        id: &AnalysisId,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Analysis, LookupError> {
        let question = id.question();
        let AnalysisState {
            fetched,
            retry_after,
        } = self.state(context, &question, freshness).await?;
        let title = Title::other("analysis", &id.0);
        let renderer = renderer(&title, view);
        let reply = self.render(&fetched, freshness, &renderer).await?;
        Ok(Analysis { reply, retry_after })
    }

    /// Polls an analysis in the same way, and renders two views of it.
    pub async fn analysis_twice(
        &self,
        context: &RequestContext,
        id: &AnalysisId,
        views: &TwoViews<'_>,
        freshness: &Freshness,
    ) -> Result<TwoReplies, LookupError> {
        let AnalysisState { fetched, .. } = self.state(context, &id.question(), freshness).await?;
        let title = Title::other("analysis", &id.0);
        let first = renderer(&title, views.first);
        let first = self.render(&fetched, freshness, &first).await?;
        let view = views.second_after(&first);
        let second = renderer(&title, &view);
        let second = self.render(&fetched, freshness, &second).await?;
        Ok(TwoReplies { first, second })
    }

    /// Returns the state of an analysis, after waiting for its completion.
    ///
    /// A caller for which there is no room to wait gets the state without waiting.
    async fn state(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<AnalysisState, LookupError> {
        if !freshness.wait.is_zero() {
            let waits = context
                .cost
                .waiting(self.wait_for(context, question, freshness));
            if let Ok(waited) = context.place.waiting(waits).await {
                return waited;
            }
        }
        let at_once = Freshness {
            wait: Duration::ZERO,
            ..*freshness
        };
        self.poll_once(context, question, &at_once).await
    }

    /// Follows the polls of an analysis until the wait is over.
    ///
    /// A caller that was served by another caller's polls has saved a unit.
    async fn wait_for(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<AnalysisState, LookupError> {
        let (own, end) = (context.key.hash(), Instant::now() + freshness.wait);
        // A key that may not see other keys' answers follows polls of its own.
        let mut alone = (!self.0.cache.may_use_cache(context).await).then_some(own);
        let mut known = None;
        loop {
            let flight = self.0.cache.flight_key(context, question, alone);
            let mut polls = self.0.polls.join(&flight, |progress| {
                let poll = Poll {
                    // Each caller that waits for a poll counts the time itself.
                    context: context.with_cost(context.cost.units_only()),
                    question: question.clone(),
                    freshness: *freshness,
                };
                let lookup = self.clone();
                async move { lookup.poll(poll, progress).await }
            });
            let is_leader = polls.is_leader;
            match follow(&mut polls, own, end, known.take()).await {
                Waited::Over(over) => {
                    // The leader's key paid for the polls.
                    if over.is_ok() && !is_leader {
                        self.0.quota.count_saved(context);
                    }
                    return over;
                }
                // Continues with polls by the caller's own key, and keeps the last known state.
                Waited::OwnWay(state) => (alone, known) = (Some(own), state),
            }
        }
    }

    /// Polls an analysis on behalf of all callers that wait for it.
    async fn poll(&self, poll: Poll, progress: Progress<FlightKey, Polled>) {
        let Poll {
            mut context,
            question,
            freshness,
        } = poll;
        let (mut pauses, poll_now) = (Pauses(FIRST_PAUSE), Arc::new(Notify::new()));
        // The pauses are made here, so a poll does not queue for a unit as well.
        let mut freshness = Freshness {
            wait: Duration::ZERO,
            ..freshness
        };
        loop {
            let result = self.poll_once(&context, &question, &freshness).await;
            let pause = pauses.next();
            let (pause, is_done) = match &result {
                Ok(state) => (pause, state.retry_after.is_none()),
                // VirusTotal may allow another call at once; the pause applies all the same.
                Err(error) => match error.until_quota() {
                    Some(wait) => (wait.max(pause), false),
                    None => (pause, true),
                },
            };
            // Registered before the outcome is published, so that no signal is missed.
            let requested = poll_now.notified();
            let polled = Polled {
                result,
                by: context.key.hash(),
                at: Instant::now(),
                pause,
                poll_now: Arc::clone(&poll_now),
            };
            if is_done {
                return progress.finish(polled);
            }
            progress.report(polled);
            tokio::select! {
                () = sleep(pause) => {}
                () = requested => {}
                () = progress.abandoned() => return,
                () = self.0.stop.cancelled() => return,
            }
            // The first poll serves a caller that just arrived. Later ones leave the last unit of
            // the minute to others.
            freshness.leaves_last_unit = true;
            context = context.with_new_redis_budget();
        }
    }

    async fn poll_once(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<AnalysisState, LookupError> {
        let cache = &self.0.cache;
        let fetched = cache.get_or_fetch(context, question, freshness).await?;
        // Only completed analyses are cached.
        let is_completed = fetched.is_cacheable() || render::is_completed(&fetched.plain()?)?;
        Ok(AnalysisState {
            fetched,
            retry_after: (!is_completed).then_some(LATER),
        })
    }
}

/// The outcome of a caller's wait for an analysis.
enum Waited {
    Over(Result<AnalysisState, LookupError>),
    /// The poll used another key, whose errors and units are that key's own. Holds the last known
    /// state.
    OwnWay(Option<AnalysisState>),
}

/// Follows the polls until `end`, on behalf of a caller with the key `own`.
///
/// `known` is the state known from earlier polls.
async fn follow(
    polls: &mut Follower<Polled>,
    own: KeyHash,
    end: Instant,
    mut known: Option<AnalysisState>,
) -> Waited {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let polled = match polls.stage() {
            Stage::Done(polled) => Some(polled),
            Stage::Running | Stage::Queued => None,
        };
        if let Some(polled) = &polled {
            match &polled.result {
                Ok(state) if state.retry_after.is_none() => {
                    return Waited::Over(Ok(state.clone()));
                }
                Ok(state) => {
                    known = Some(AnalysisState {
                        fetched: state.fetched.clone(),
                        retry_after: Some(polled.pause.max(LATER)),
                    });
                }
                Err(error)
                    if polled.by != own
                        && !matches!(error, LookupError::Fetch(FetchError::NotFound(..))) =>
                {
                    return Waited::OwnWay(known);
                }
                Err(error) => match (error.until_quota(), known.take()) {
                    // There will be quota in time, so the next poll is worth waiting for.
                    (Some(_), state) if polled.pause < left => known = state,
                    // There will not be, and the last state is better than a 429.
                    (Some(_), Some(state)) => {
                        return Waited::Over(Ok(AnalysisState {
                            retry_after: Some(polled.pause),
                            ..state
                        }));
                    }
                    (None, Some(state)) if error.is_trouble() => return Waited::Over(Ok(state)),
                    _ => return Waited::Over(Err(error.clone())),
                },
            }
            if left.is_zero() {
                break;
            }
        }
        tokio::select! {
            // A state that is not recent is refreshed when the caller's time is up: the end of the
            // wait is the moment that the caller wants to know about.
            () = sleep(left), if polled.is_some() => {
                let polled = polled.filter(|it| it.at.elapsed() >= OLD);
                let Some(polled) = polled else { break };
                // A further poll would be charged to the other key.
                if polled.by != own {
                    return Waited::OwnWay(known);
                }
                polled.poll_now.notify_waiters();
                if polls.changed().await.is_err() {
                    break;
                }
            }
            changed = polls.changed() => if changed.is_err() {
                // The gateway is stopping, so the last known state is returned.
                break;
            }
        }
    }
    Waited::Over(known.ok_or_else(|| FetchError::from(UpstreamError::Timeout).into()))
}

/// Pauses, each twice as long as the one before, up to `LAST_PAUSE`.
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
                let call = Call::about(Endpoint::Analysis, &id.0);
                let url = url::Url::parse("https://v.test/").unwrap().join(call.path()).unwrap();
                prop_assert_eq!(url.path(), call.path());
                prop_assert_eq!(url.path_segments().unwrap().count(), 2);
            }
        }
    }
}
