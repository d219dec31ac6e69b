//! Callers at the same time share one call to VirusTotal, each on its own terms.
//!
//! - A request from before a write to the object shares no call with one from after it.
//! - A caller whose call waits in a queue for quota leaves at its own deadline, with the 429
//!   that it would have got alone.
//! - Where keys share what they fetch, a success or a "not found" is for all who joined; any
//!   other outcome is the asker's own, and the others ask with their own keys.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{Lookup, LookupError, fetch::FetchJob};
use crate::{
    bill,
    cache::{CacheKey, CachedAnswer, Moment, ObjectName},
    key::KeyHash,
    quota::Exhausted,
    single_flight::{Follower, LeaderFailed, Stage},
    spend::NotNow,
};

/// The time before another look whether a queued call could have its unit by now.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The identity of a call under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    key: CacheKey,
    /// The object's last change: only an answer that is asked for after it serves.
    since: Moment,
    /// The key that asks for itself alone; none where others may join.
    alone: Option<KeyHash>,
}

/// An answer that has just come.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) answer: Arc<CachedAnswer>,
    /// Its bytes, which the answer only has compressed; none where another replica asked, or they
    /// are many: callers that wait hold no large answer unpacked.
    pub(super) plain: Option<Bytes>,
    /// Whether another replica asked.
    pub(super) is_others: bool,
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    /// The key that it was made with.
    pub(super) by: KeyHash,
    pub(super) result: Result<Fetched, LookupError>,
}

/// The outcome of following a call.
enum Followed {
    Landed(Landed),
    /// The call waits for quota, and no unit comes in the caller's time.
    TimeUp(NotNow),
    /// The call waits for the quota of another key.
    OwnWay,
    /// The task that made the call ended without an outcome.
    Lost,
}

impl Lookup {
    /// Asks VirusTotal, or has the answer of a call under way.
    pub(super) async fn ask_once(&self, job: &FetchJob) -> Result<Fetched, LookupError> {
        let own = job.context.key.hash();
        let end = Instant::now() + job.wish.wait;
        let mut alone = (!job.may_share).then_some(own);
        loop {
            let flight = self.flight_key(job.key.clone(), &job.names, alone);
            let mut call = self.0.flights.join(&flight, |progress| {
                let (lookup, job) = (self.clone(), job.clone());
                // In a box, since it is large and wrapped several times before it runs.
                Box::pin(async move { lookup.fly(job, alone.is_some(), progress).await })
            });
            let began = Instant::now();
            let followed = self.follow(&mut call, job, end, alone).await;
            // The leader has on its account what the call itself waited.
            if !call.is_leader {
                bill::waited(began.elapsed());
            }
            match followed {
                Followed::Lost => return Err(LookupError::Lost),
                Followed::TimeUp(refused) => return Err(refused.into()),
                Followed::OwnWay => alone = Some(own),
                Followed::Landed(Landed { by, result }) => match result {
                    Ok(fetched) => {
                        if !call.is_leader || fetched.is_others {
                            self.parts().purse.save(&job.context.key);
                        }
                        return Ok(fetched);
                    }
                    // The lack of a place to wait in is the leader's own.
                    Err(LookupError::Exhausted(Exhausted { full: Some(_), .. }))
                        if !call.is_leader =>
                    {
                        alone = Some(own);
                    }
                    // With the time that this caller has, it can wait for a unit itself.
                    Err(LookupError::Exhausted(refused))
                        if !call.is_leader && Instant::now() + refused.retry_after <= end => {}
                    Err(error) if by == own => return Err(error),
                    Err(_) => alone = Some(own),
                },
            }
        }
    }

    /// Returns the identity of a call about an object with these names, or of the polls of an
    /// analysis: one that is begun anew has others.
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

    /// Follows a call to its outcome, or as long as it makes sense to the caller.
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
            refused = self.parts().purse.forecast(&job.context).err().or(refused);
            let left = end.saturating_duration_since(Instant::now());
            if let Some(refused) = &refused
                && (left.is_zero() || !follower.is_leader && refused.wait() > left)
            {
                return Followed::TimeUp(refused.clone());
            }
            // Until a unit is missing there is no 429 to leave with.
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
