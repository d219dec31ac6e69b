//! Coalesces concurrent lookups into one call, within the limits of each caller.
//!
//! - A request from before a write to the object never shares a call with a later one.
//! - A caller whose call is queued for quota leaves at its own deadline, with the 429 that it would
//!   have received alone.
//! - Where keys share what they fetch, a success or a "not found" serves all callers. Any other
//!   outcome belongs to the key that asked, and the others ask with their own keys.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{Lookup, LookupError, fetch::FetchJob};
use crate::{
    access::{KeyHash, cost},
    cache::{
        CacheKey, CachedAnswer, Moment, ObjectName,
        single_flight::{Follower, LeaderFailed, Stage},
    },
    quota::{AcquireError, accounts::Exhausted},
};

/// The interval for checking whether quota has run out for a queued call.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The identity of a call under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    key: CacheKey,
    /// The object's last change. Only an answer that was asked for after it serves.
    since: Moment,
    /// The key that does not coalesce with others; `None` where others may join.
    alone: Option<KeyHash>,
}

/// An answer that has just arrived.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) answer: Arc<CachedAnswer>,
    /// The uncompressed bytes, or `None` if another replica fetched the answer or it is large:
    /// callers that wait for a permit must not hold it uncompressed.
    pub(super) plain: Option<Bytes>,
    /// Whether another replica fetched the answer.
    pub(super) is_others: bool,
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    /// The key that was used.
    pub(super) by: KeyHash,
    pub(super) result: Result<Fetched, LookupError>,
}

/// The outcome of following a call.
enum Followed {
    Landed(Landed),
    /// The call is queued, and no unit becomes available within the caller's wait.
    TimeUp(AcquireError),
    /// The call is queued for the quota of another key.
    OwnWay,
    /// The task that made the call ended without an outcome.
    Lost,
}

impl Lookup {
    /// Joins the call for this answer that is under way, or starts one.
    pub(super) async fn ask_once(&self, job: &FetchJob) -> Result<Fetched, LookupError> {
        let own = job.context.key.hash();
        let end = Instant::now() + job.freshness.wait;
        let mut alone = (!job.may_share).then_some(own);
        loop {
            let flight = self.flight_key(job.key.clone(), &job.names, alone);
            let mut call = self.0.flights.join(&flight, |progress| {
                let (lookup, job) = (self.clone(), job.clone());
                // Boxed, because the future is large and is wrapped several times before it runs.
                Box::pin(async move { lookup.fly(job, alone.is_some(), progress).await })
            });
            let began = Instant::now();
            let followed = self.follow(&mut call, job, end, alone).await;
            // The leader's wait is counted where it makes the call.
            if !call.is_leader {
                cost::waited(began.elapsed());
            }
            match followed {
                Followed::Lost => return Err(LookupError::Lost),
                Followed::TimeUp(refused) => return Err(refused.into()),
                Followed::OwnWay => alone = Some(own),
                Followed::Landed(Landed { by, result }) => match result {
                    Ok(fetched) => {
                        // Another caller or another replica paid for the answer.
                        if !call.is_leader || fetched.is_others {
                            self.parts().quota.save(&job.context.key);
                        }
                        return Ok(fetched);
                    }
                    // The queue was full for the leader. This caller has a share of its own.
                    Err(LookupError::Exhausted(Exhausted { full: Some(_), .. }))
                        if !call.is_leader =>
                    {
                        alone = Some(own);
                    }
                    // This caller can wait long enough for a unit, so it joins or starts another
                    // call.
                    Err(LookupError::Exhausted(refused))
                        if !call.is_leader && Instant::now() + refused.retry_after <= end => {}
                    // Another key's failure says nothing about this key, so this caller asks for
                    // itself.
                    Err(error) if by == own => return Err(error),
                    Err(_) => alone = Some(own),
                },
            }
        }
    }

    /// Returns the identity of a call about an object with these names, or of the polls of an
    /// analysis.
    ///
    /// A write to the object changes the identity.
    pub(super) fn flight_key(
        &self,
        key: CacheKey,
        names: &[ObjectName],
        alone: Option<KeyHash>,
    ) -> FlightKey {
        FlightKey {
            key,
            since: self.parts().cache.last_change(names),
            alone,
        }
    }

    /// Follows a call until its outcome, or until waiting no longer helps the caller.
    async fn follow(
        &self,
        follower: &mut Follower<Landed>,
        job: &FetchJob,
        end: Instant,
        alone: Option<KeyHash>,
    ) -> Followed {
        let waits_for_own_key = job.key.owner.is_some() || alone.is_some();
        let mut refused = None;
        loop {
            match follower.stage() {
                Stage::Done(landed) => return Followed::Landed(landed),
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
            refused = self.parts().quota.forecast(&job.context).err().or(refused);
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
