//! Coalesces concurrent lookups into one call, within the limits of each caller.
//!
//! - A request from before a write to the object never shares a call with a later one.
//! - A caller whose call is queued for quota leaves at its own deadline, with the 429 that it would
//!   have received alone.
//! - Where keys share what they fetch, a success or a "not found" serves all callers. Any other
//!   outcome belongs to the key that asked, and the others ask with their own keys.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Cache, FetchError, Question,
    flight::{FetchJob, FlightKey, FlightOutcome, NewAnswer},
    single_flight::{Follower, LeaderFailed, Stage},
};
use crate::{
    access::{KeyHash, RequestContext},
    quota::{AcquireError, Exhausted},
};

/// The interval for checking whether quota has run out for a queued call.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The outcome of following a call.
enum Followed {
    Done(FlightOutcome),
    /// The call is queued, and no unit becomes available within the caller's wait.
    TimeUp(AcquireError),
    /// The call is queued for the quota of another key.
    OwnWay,
    /// The task that made the call ended without an outcome.
    Lost,
}

impl Cache {
    /// Joins the call for this answer that is under way, or starts one.
    pub(super) async fn fetch_once(&self, job: &FetchJob) -> Result<NewAnswer, FetchError> {
        let own = job.context.key.hash();
        let end = Instant::now() + job.freshness.wait;
        let mut alone = (!job.may_share).then_some(own);
        loop {
            let flight = FlightKey {
                key: job.key.clone(),
                since: self.last_change(&job.names),
                alone,
            };
            let mut call = self.0.calls.join(&flight, |progress| {
                let (cache, job) = (self.clone(), job.clone());
                // Boxed, because the future is large and is wrapped several times before it runs.
                Box::pin(async move {
                    let result = cache.fetch(&job, alone.is_some(), &progress).await;
                    progress.finish(FlightOutcome { by: own, result });
                })
            });
            let began = Instant::now();
            let followed = self.follow(&mut call, job, end, alone).await;
            // The leader's wait is counted where it makes the call.
            if !call.is_leader {
                job.context.cost.add_wait(began.elapsed());
            }
            match followed {
                Followed::Lost => return Err(FetchError::Lost),
                Followed::TimeUp(refused) => return Err(refused.into()),
                Followed::OwnWay => alone = Some(own),
                Followed::Done(FlightOutcome { by, result }) => match result {
                    Ok(fetched) => {
                        // Another caller or another replica paid for the answer.
                        if !call.is_leader || fetched.is_others {
                            self.0.quota.count_saved(own);
                        }
                        return Ok(fetched);
                    }
                    // The queue was full for the leader. This caller has a share of its own.
                    Err(FetchError::Exhausted(Exhausted { full: Some(_), .. }))
                        if !call.is_leader =>
                    {
                        alone = Some(own);
                    }
                    // This caller can wait long enough for a unit, so it joins or starts another
                    // call.
                    Err(FetchError::Exhausted(refused))
                        if !call.is_leader && Instant::now() + refused.retry_after <= end => {}
                    // Another key's failure says nothing about this key, so this caller asks for
                    // itself.
                    Err(error) if by == own => return Err(error),
                    Err(_) => alone = Some(own),
                },
            }
        }
    }

    /// Returns the identity of the polls that ask a question again and again.
    ///
    /// A write to the object changes the identity. `alone` is the key that does not coalesce with
    /// others.
    pub fn flight_key(
        &self,
        context: &RequestContext,
        question: &Question,
        alone: Option<KeyHash>,
    ) -> FlightKey {
        FlightKey {
            key: self.key(context, question),
            since: self.last_change(&question.names()),
            alone,
        }
    }

    /// Follows a call until its outcome, or until waiting no longer helps the caller.
    async fn follow(
        &self,
        follower: &mut Follower<FlightOutcome>,
        job: &FetchJob,
        end: Instant,
        alone: Option<KeyHash>,
    ) -> Followed {
        let own = job.context.key.hash();
        let waits_for_own_key = job.key.owner.is_some() || alone.is_some();
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
            if !follower.is_leader && !waits_for_own_key {
                return Followed::OwnWay;
            }
            // The forecast can change while the call is queued; the last refusal is what a 429
            // reports.
            refused = self.0.quota.forecast(own).err().or(refused);
            let left = end.saturating_duration_since(Instant::now());
            if let Some(refused) = &refused
                && (left.is_zero() || !follower.is_leader && refused.wait() > left)
            {
                return Followed::TimeUp(refused.clone());
            }
            // Until quota is known to be short, there is no 429 to return.
            let look_again = if refused.is_some() { left } else { LOOK_AGAIN };
            let wait = async {
                tokio::select! {
                    changed = follower.changed() => changed,
                    () = sleep(look_again) => Ok(()),
                }
            };
            match job.context.place.waiting(wait).await {
                Ok(Ok(())) => {}
                Ok(Err(LeaderFailed)) => return Followed::Lost,
                Err(full) => match refused {
                    Some(refused) => return Followed::TimeUp(refused.for_lack_of_place(full)),
                    None => sleep(LOOK_AGAIN).await,
                },
            }
        }
    }
}
