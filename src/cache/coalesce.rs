//! Coalesces concurrent lookups into one call, within the limits of each caller.
//!
//! - A request from before a write to the object never shares a call with a later one.
//! - A caller whose call is queued for quota leaves at its own deadline, with the 429 that it would
//!   have received alone.
//! - Where keys share what they fetch, a success or a "not found" serves all callers. Any other
//!   outcome belongs to the key that asked, and the others ask with their own keys. For the same
//!   reason no caller waits there for quota in another's call.
//!
//! A caller that asks alone has a call that only requests with the same key join.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Cache, FetchError, Question,
    flight::{FetchJob, FlightKey, FlightOutcome, NewAnswer},
    single_flight::{Follower, LeaderFailed, Stage},
};
use crate::{
    access::{KeyHash, RequestContext},
    quota::Exhausted,
};

/// The interval for checking whether quota has run out for a queued call.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The outcome of following a call.
enum Followed {
    Done(FlightOutcome),
    /// The call is queued, and no unit becomes available within the caller's wait.
    TimeUp(Exhausted),
    /// The call is queued for quota, and the caller does not wait for that in another's call.
    Queued,
    /// The task that made the call ended without an outcome.
    Lost,
}

/// The consequence of an outcome for one caller.
enum NextStep {
    Return(Result<NewAnswer, FetchError>),
    /// Join the call that is under way by now, or start another.
    JoinAgain,
    /// Ask alone, with the caller's own key.
    AskAlone,
}

impl Cache {
    /// Joins the call for this answer that is under way, or starts one.
    pub(super) async fn fetch_once(&self, job: &FetchJob) -> Result<NewAnswer, FetchError> {
        if job.freshness.only_kept {
            return Err(FetchError::NotKept);
        }
        let own_key = job.context.key.hash();
        let deadline = Instant::now() + job.freshness.wait;
        let mut only_key = (!job.may_use_cache).then_some(own_key);
        loop {
            let flight = FlightKey {
                key: job.key.clone(),
                since: self.last_change(&job.names),
                only_key,
            };
            let mut call = self.0.calls.join(&flight, |progress| {
                let (cache, job) = (self.clone(), job.clone());
                // Boxed, because the future is large and is wrapped several times before it runs.
                Box::pin(async move {
                    let result = cache.fetch(&job, only_key.is_some(), &progress).await;
                    progress.finish(FlightOutcome {
                        by: own_key,
                        result,
                    });
                })
            });
            let began = Instant::now();
            let followed = self.follow(&mut call, job, deadline, only_key).await;
            let is_leader = call.is_leader;
            // The leader's wait is counted where the call is made, unless the leader leaves early.
            if !is_leader || matches!(followed, Followed::TimeUp(_)) {
                job.context.cost.add_wait(began.elapsed());
            }
            let next = match followed {
                Followed::Lost => NextStep::Return(Err(FetchError::Lost)),
                Followed::TimeUp(refused) => NextStep::Return(Err(refused.into())),
                Followed::Queued => NextStep::AskAlone,
                Followed::Done(outcome) if is_leader => NextStep::Return(outcome.result),
                Followed::Done(outcome) => after_following(outcome, own_key, deadline),
            };
            match next {
                NextStep::Return(result) => {
                    // Another caller or another replica paid for the answer.
                    if result.as_ref().is_ok_and(|new| !is_leader || !new.is_own) {
                        self.0.quota.count_saved(&job.context);
                    }
                    return result;
                }
                NextStep::JoinAgain => {}
                NextStep::AskAlone => only_key = Some(own_key),
            }
        }
    }

    /// Returns the identity of the polls that ask a question again and again.
    ///
    /// A write to the object changes the identity. `only_key` is the key whose
    /// requests alone may join.
    pub fn flight_key(
        &self,
        context: &RequestContext,
        question: &Question,
        only_key: Option<KeyHash>,
    ) -> FlightKey {
        FlightKey {
            key: self.key(context, question),
            since: self.last_change(&question.names()),
            only_key,
        }
    }

    /// Follows a call until its outcome, or until waiting no longer helps the caller.
    async fn follow(
        &self,
        follower: &mut Follower<FlightOutcome>,
        job: &FetchJob,
        deadline: Instant,
        only_key: Option<KeyHash>,
    ) -> Followed {
        let own_key = job.context.key.hash();
        let is_of_own_key = job.key.owner.is_some() || only_key.is_some();
        let mut refused = None;
        loop {
            match follower.stage() {
                Stage::Done(outcome) => return Followed::Done(outcome),
                Stage::Running => {
                    if follower.changed().await.is_err() {
                        return Followed::Lost;
                    }
                    continue;
                }
                Stage::Queued => {}
            }
            if !follower.is_leader && !is_of_own_key {
                return Followed::Queued;
            }
            // The forecast can change while the call is queued; the last refusal is what a 429
            // reports.
            let quota = &self.0.quota;
            refused = quota.forecast(&job.context).err().or(refused);
            let left = deadline.saturating_duration_since(Instant::now());
            // A wait for quota would outlast the time that a stopping gateway has.
            let is_over = left.is_zero() || self.0.stop.is_cancelled();
            // The call that is followed goes before what this caller would ask alone. It is hopeless
            // only if not even the first request in the queue gets a unit in time.
            let is_hopeless = || match quota.forecast_first(own_key) {
                Err(first) => !follower.is_leader && first.retry_after > left,
                Ok(()) => false,
            };
            if let Some(refused) = &refused
                && (is_over || is_hopeless())
            {
                return Followed::TimeUp(*refused);
            }
            // Until quota is known to be short, there is no 429 to return.
            let look_again = if refused.is_some() { left } else { LOOK_AGAIN };
            let wait = async {
                tokio::select! {
                    changed = follower.changed() => changed,
                    () = sleep(look_again) => Ok(()),
                    () = self.0.stop.cancelled(), if !self.0.stop.is_cancelled() => Ok(()),
                }
            };
            match job.context.place.waiting(wait).await {
                Ok(Ok(())) => {}
                Ok(Err(LeaderFailed)) => return Followed::Lost,
                Err(full) => match refused {
                    Some(refused) => {
                        return Followed::TimeUp(Exhausted {
                            full: Some(full),
                            ..refused
                        });
                    }
                    None => sleep(LOOK_AGAIN).await,
                },
            }
        }
    }
}

/// Decides what the outcome of another caller's call means for a caller with this key.
fn after_following(outcome: FlightOutcome, own_key: KeyHash, deadline: Instant) -> NextStep {
    let FlightOutcome { by, result } = outcome;
    match result {
        Ok(new) => NextStep::Return(Ok(new)),
        // The queue was full for the leader. This caller has a share of its own.
        Err(FetchError::Exhausted(Exhausted { full: Some(_), .. })) => NextStep::AskAlone,
        // This caller can wait long enough for a unit.
        Err(FetchError::Exhausted(refused)) if Instant::now() + refused.retry_after <= deadline => {
            NextStep::JoinAgain
        }
        Err(error) if by == own_key => NextStep::Return(Err(error)),
        // Another key's failure says nothing about this key.
        Err(_) => NextStep::AskAlone,
    }
}
