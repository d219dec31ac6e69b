//! The call itself: a lease, a unit of quota for each attempt, VirusTotal, and the cache entry.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{
    Lookup, LookupError,
    freshness::Freshness,
    question::{About, Question, is_recent_analysis},
    shared::{Fetched, FlightKey, Landed},
};
use crate::{
    access::{RequestContext, cost},
    cache::{
        Answer, CacheKey, CachedAnswer, Certainty, Claim, Moment, ObjectName, Ticket,
        single_flight::Progress,
    },
    quota::{self, AcquireError, Unit},
    redis::SharedTime,
    virustotal::{Body, LargeAnswers, Reason, Refusal, UpstreamError},
};

/// The pauses before the second and the third attempt, each varied by up to half.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// The longest time that a call stays in the queue for a unit; it leaves earlier when no caller
/// waits for it.
const LONGEST_QUEUE: Duration = Duration::from_mins(5);

/// A question, the request that asks it, and the known answer.
#[derive(Clone)]
pub(super) struct FetchJob {
    pub(super) question: Question,
    pub(super) context: RequestContext,
    pub(super) key: CacheKey,
    /// The names of the object that the answer is about.
    pub(super) names: Arc<[ObjectName]>,
    /// The cached answer that is not fresh enough.
    pub(super) known: Option<Arc<CachedAnswer>>,
    pub(super) freshness: Freshness,
    /// Whether the caller's key may see what others fetched.
    pub(super) may_share: bool,
}

/// The right to make one call: a unit of quota and the lease among replicas.
struct Turn {
    unit: Unit,
    ticket: Ticket,
}

/// The time at which VirusTotal was asked, on this replica's clock and on the shared clock.
#[derive(Clone, Copy)]
struct Asked {
    here: Moment,
    shared: Option<SharedTime>,
}

/// The outcome of preparing a call.
enum Ready {
    Call(Turn),
    /// Another call has fetched the answer in the meantime.
    Answered(Arc<CachedAnswer>),
}

type Flight = Progress<FlightKey, Landed>;

impl Lookup {
    /// Makes the call and publishes its outcome to all callers that follow it.
    pub(super) async fn fly(&self, job: FetchJob, is_alone: bool, flight: Flight) {
        let result = self.fetch(&job, is_alone, &flight).await;
        let by = job.context.key.hash();
        flight.finish(Landed { by, result });
    }

    async fn fetch(
        &self,
        job: &FetchJob,
        is_alone: bool,
        flight: &Flight,
    ) -> Result<Fetched, LookupError> {
        let ready = tokio::select! {
            ready = self.make_ready(job, is_alone, flight) => ready?,
            // With no caller left, nothing is asked or spent.
            () = flight.abandoned() => return Err(LookupError::Lost),
        };
        let turn = match ready {
            Ready::Call(turn) => turn,
            Ready::Answered(answer) => {
                return Ok(Fetched {
                    answer,
                    plain: None,
                    is_others: true,
                });
            }
        };
        let Turn { unit, ticket } = turn;
        let (asked, body) = ticket.during(self.call(job, unit, flight)).await?;
        let asked = Asked {
            here: asked,
            shared: ticket.at(),
        };
        let size = body.as_ref().map_or(0, |body| body.plain.len());
        // Compressing a large answer would block this thread for too long. The body has a permit.
        let take_in = || self.take_in(job, asked, body);
        let (answer, plain, is_kept) = LargeAnswers::run_now(size, take_in);
        if let (About::Analysis(id), Answer::Found(_)) = (&job.question.about, &answer.answer) {
            if is_kept {
                self.note_completed(id, &plain).await;
            } else {
                self.parts().cache.note_pending(id);
            }
        }
        if is_kept {
            self.parts().cache.land(&job.key, &answer, ticket);
        }
        Ok(Fetched {
            answer,
            plain: (!LargeAnswers::is_large(size)).then_some(plain),
            is_others: false,
        })
    }

    /// Acquires a unit and a lease, waiting in the queue for a unit if necessary.
    ///
    /// No lease is held while the call is queued, so that other replicas do not wait for this one's
    /// queue.
    async fn make_ready(
        &self,
        job: &FetchJob,
        is_alone: bool,
        flight: &Flight,
    ) -> Result<Ready, LookupError> {
        let (parts, endpoint) = (self.parts(), job.question.call.endpoint());
        let ticket = match self.claim(job, is_alone).await {
            Claim::Ask(ticket) => ticket,
            Claim::Answered(kept) => return Ok(Ready::Answered(kept.answer)),
        };
        let claim = job.freshness.claim();
        let refused = match parts
            .quota
            .unit(&job.context, &endpoint, claim, &job.freshness.patience)
            .await
        {
            Ok(unit) => return Ok(Ready::Call(Turn { unit, ticket })),
            Err(refused) => refused,
        };
        drop(ticket);
        // A back-off after a 429 is not waited for.
        let AcquireError::Exhausted(exhausted) = &refused else {
            return Err(refused.into());
        };
        if job.freshness.wait.is_zero() || exhausted.retry_after > job.freshness.wait {
            return Err(refused.into());
        }
        flight.queue();
        let in_queue = quota::Claim::Within(LONGEST_QUEUE);
        let patience = &job.freshness.patience;
        let unit = parts
            .quota
            .unit(&job.context, &endpoint, in_queue, patience)
            .await?;
        let held = parts.quota.hold(&job.context.key, &unit);
        flight.run();
        // Another call may have fetched the answer while this one was queued.
        if let Some(kept) = self.kept_meanwhile(job).await {
            return Ok(Ready::Answered(kept));
        }
        match self.claim(job, is_alone).await {
            Claim::Ask(ticket) => {
                held.release();
                Ok(Ready::Call(Turn { unit, ticket }))
            }
            Claim::Answered(kept) => Ok(Ready::Answered(kept.answer)),
        }
    }

    /// Claims the lease among replicas. A caller that does not coalesce only learns the shared
    /// time.
    async fn claim(&self, job: &FetchJob, is_alone: bool) -> Claim {
        let (cache, patience) = (&self.parts().cache, &job.freshness.patience);
        if is_alone {
            return Claim::Ask(cache.begin_alone(patience).await);
        }
        cache
            .claim(&job.key, &job.names, job.known.as_deref(), patience)
            .await
    }

    async fn kept_meanwhile(&self, job: &FetchJob) -> Option<Arc<CachedAnswer>> {
        if !job.may_share {
            return None;
        }
        let parts = self.parts();
        let recalled = parts
            .cache
            .recall(&job.key, &job.names, &job.freshness.patience);
        let kept = recalled.await?;
        let known = job.known.as_deref();
        let is_newer = known.is_none_or(|known| kept.answer.is_newer_than(known));
        let serves = job.freshness.takes(&kept, Moment::now(), &parts.rules);
        serves.filter(|_| is_newer).map(|_| kept.answer)
    }

    /// Asks VirusTotal, retrying transient failures, and spends a unit for each attempt.
    ///
    /// Returns the time of the request with a body or with VirusTotal's "not found". An attempt
    /// that never reached VirusTotal releases its unit. Retries share the deadline of the first
    /// attempt, and stop without an error of their own if no unit is left.
    async fn call(
        &self,
        job: &FetchJob,
        unit: Unit,
        flight: &Flight,
    ) -> Result<(Moment, Result<Body, Refusal>), LookupError> {
        let (parts, context, call) = (self.parts(), &job.context, &job.question.call);
        let endpoint = call.endpoint();
        // The place is held until the call ends, even if its callers hang up: this bounds
        // concurrent calls.
        let held = parts.quota.hold(&context.key, &unit);
        let _place = tokio::select! {
            place = cost::waiting(parts.calls.take(context.caller)) => place,
            () = flight.abandoned() => return Err(LookupError::Lost),
        };
        held.release();
        // A 429 may have started a back-off while this call waited for its place.
        parts.quota.confirm(&context.key, &endpoint, &unit)?;
        let deadline = parts.virustotal.deadline();
        let (mut unit, mut pauses) = (unit, PAUSES.into_iter());
        loop {
            let asked = Moment::now();
            let answer = parts.virustotal.ask(&context.key, call, deadline).await;
            let error = match parts.quota.settle(&context.key, &endpoint, &unit, answer) {
                Ok(body) => return Ok((asked, Ok(body))),
                Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::NotFound => {
                    return Ok((asked, Err(refusal)));
                }
                Err(error) => error,
            };
            // A refusal would be repeated, so only transient failures are retried.
            let Some(pause) = pauses.next().map(jittered).filter(|_| error.is_passing()) else {
                return Err(error.into());
            };
            if Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            cost::waiting(sleep(pause)).await;
            let patience = &job.freshness.patience;
            let again = parts
                .quota
                .unit(context, &endpoint, quota::Claim::Now, patience);
            unit = match again.await {
                Ok(unit) => unit,
                Err(_) => return Err(error.into()),
            };
        }
    }

    /// Builds the cache entry for an answer. Returns the entry, the uncompressed bytes, and whether
    /// to cache it.
    fn take_in(
        &self,
        job: &FetchJob,
        asked: Asked,
        body: Result<Body, Refusal>,
    ) -> (Arc<CachedAnswer>, Bytes, bool) {
        let (parts, question) = (self.parts(), &job.question);
        let is_settling = parts.cache.is_settling(&job.names);
        let (answer, plain, fresh_for) = match body {
            Ok(body) => {
                let fresh_for = question.fresh_for(&body, is_settling, &parts.rules);
                (Answer::Found(body.pack()), body.plain, fresh_for)
            }
            Err(refusal) => {
                let fresh_for = question.absent_for(is_settling, &parts.rules);
                (Answer::NotFound(refusal), Bytes::new(), fresh_for)
            }
        };
        let answer = Arc::new(CachedAnswer {
            answer,
            asked: asked.here,
            as_of: asked.here,
            names: job.names.as_ref().into(),
            told: OnceLock::new(),
            shared_at: asked.shared,
            is_doubtful: false,
            fresh_for: fresh_for.unwrap_or_default(),
        });
        (answer, plain, fresh_for.is_some())
    }

    /// Notes that the object of a completed analysis counts as written to from now on.
    ///
    /// This happens once for each analysis, and only if the analysis is at most a day old, was
    /// started here, or was seen before it was completed. Reading an old analysis again invalidates
    /// nothing.
    async fn note_completed(&self, id: &str, analysis: &[u8]) {
        let cache = &self.parts().cache;
        let begun = cache.begun(id);
        let is_own = !begun.is_empty() || cache.was_pending(id);
        // Without this check, reading an old analysis would invalidate a fresh report.
        if !cache.note_completed(id) || !is_own && !is_recent_analysis(analysis) {
            return;
        }
        let mut names = ObjectName::of_analysis(id);
        names.extend(ObjectName::in_analysis(analysis));
        names.extend(begun);
        cache.note_write(&names, Certainty::Certain);
        cache.learn_names(&names).await;
    }
}

/// Returns half to one and a half of the pause, so that callers that failed together do not retry
/// together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
