//! The call itself: a permit for each attempt, a lease among replicas, VirusTotal, and the cache
//! entry.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{
    About, Answer, AnswerRecord, Cache, CachedAnswer, Certainty, FetchError, Moment, ObjectName,
    flight::{FetchJob, Flight, NewAnswer},
    question::is_recent_analysis,
    shared::{LeaseResult, Ticket},
};
use crate::{
    quota::{AcquireError, Permit, Terms},
    redis::SharedTime,
    virustotal::{Body, LargeAnswers, Reason, Refusal, UpstreamError},
};

/// The pauses before the second and the third attempt, each varied by up to half.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// The longest time that a call stays in the queue for a unit; it leaves earlier when no caller
/// waits for it.
const LONGEST_QUEUE: Duration = Duration::from_mins(5);

/// The time at which VirusTotal was asked, on this replica's clock and on the shared clock.
#[derive(Clone, Copy)]
struct Asked {
    here: Moment,
    shared: Option<SharedTime>,
}

/// The outcome of preparing a call.
#[expect(
    clippy::large_enum_variant,
    reason = "exists for a moment, and the large one is the usual"
)]
enum Ready {
    /// The call can be made, with this permit and under this lease.
    Call(Permit, Ticket),
    /// Another call has fetched the answer in the meantime.
    Answered(CachedAnswer),
}

impl Cache {
    /// Makes the call on behalf of all callers that follow it, and keeps its answer.
    ///
    /// `asks_alone` tells that only requests with the same key join.
    pub(super) async fn fetch(
        &self,
        job: &FetchJob,
        asks_alone: bool,
        flight: &Flight,
    ) -> Result<NewAnswer, FetchError> {
        let ready = tokio::select! {
            ready = self.prepare(job, asks_alone, flight) => ready?,
            // With no caller left, nothing is asked or spent.
            () = flight.abandoned() => return Err(FetchError::Lost),
        };
        let (permit, ticket) = match ready {
            Ready::Call(permit, ticket) => (permit, ticket),
            Ready::Answered(answer) => {
                return Ok(NewAnswer {
                    answer,
                    plain: None,
                    is_own: false,
                });
            }
        };
        let called = ticket.during(self.call(job, permit, flight)).await;
        if let Err(error) = &called {
            self.forget_if_refused(job.context.key.hash(), error);
        }
        let (asked, body) = called?;
        let asked = Asked {
            here: asked,
            shared: ticket.at(),
        };
        let size = body.as_ref().map_or(0, |body| body.plain.len());
        // Compressing a large answer would block this thread for too long. The body holds its place
        // among the large ones already.
        let pack = || self.pack(job, asked, body);
        let (answer, plain, is_kept) = LargeAnswers::run_now(size, pack);
        if let (About::Analysis(id), Answer::Found(_)) = (&job.question.about, &answer.answer) {
            if is_kept {
                self.note_completed(id, &plain).await;
            } else {
                self.0.changes.note_pending(id);
            }
        }
        if is_kept {
            self.publish(&job.key, &answer, ticket);
        }
        Ok(NewAnswer {
            answer,
            plain: (!LargeAnswers::is_large(size)).then_some(plain),
            is_own: true,
        })
    }

    /// Acquires a permit and a lease, waiting in the queue for a unit if necessary.
    ///
    /// No lease is held while the call is queued, so that other replicas do not wait for this one's
    /// queue.
    async fn prepare(
        &self,
        job: &FetchJob,
        asks_alone: bool,
        flight: &Flight,
    ) -> Result<Ready, FetchError> {
        let (quota, endpoint) = (&self.0.quota, job.question.call.endpoint());
        let ticket = match self.lease(job, asks_alone).await {
            LeaseResult::Ask(ticket) => ticket,
            LeaseResult::Answered(candidate) => return Ok(Ready::Answered(candidate.answer)),
        };
        let terms = job.freshness.terms();
        // The lease is renewed meanwhile: a key's first call waits here for its allowances.
        let acquiring = quota.acquire(&job.context, endpoint, terms);
        let refused = match ticket.during(acquiring).await {
            Ok(permit) => return Ok(Ready::Call(permit, ticket)),
            Err(refused) => refused,
        };
        drop(ticket);
        // A back-off after a 429 is not waited for.
        if job.freshness.wait.is_zero() || matches!(refused, AcquireError::BackedOff(_)) {
            return Err(refused.into());
        }
        // Callers take turns, so this one may go before requests of others that are queued already.
        if let Err(exhausted) = quota.forecast(&job.context)
            && exhausted.retry_after > job.freshness.wait
        {
            return Err(exhausted.into());
        }
        flight.queue();
        let in_queue = Terms::Within(LONGEST_QUEUE);
        // Released on drop, if the call turns out not to be needed.
        let permit = quota.acquire(&job.context, endpoint, in_queue).await?;
        flight.run();
        // Another call may have fetched the answer while this one was queued.
        if let Some(answer) = self.fetched_meanwhile(job).await {
            return Ok(Ready::Answered(answer));
        }
        match self.lease(job, asks_alone).await {
            LeaseResult::Ask(ticket) => Ok(Ready::Call(permit, ticket)),
            LeaseResult::Answered(candidate) => Ok(Ready::Answered(candidate.answer)),
        }
    }

    /// Claims the lease among replicas. A caller that does not coalesce only learns the shared
    /// time.
    async fn lease(&self, job: &FetchJob, asks_alone: bool) -> LeaseResult {
        let budget = &job.context.redis_budget;
        if asks_alone {
            return LeaseResult::Ask(self.begin_alone(budget).await);
        }
        self.claim_lease(&job.key, &job.names, job.known.as_ref(), budget)
            .await
    }

    async fn fetched_meanwhile(&self, job: &FetchJob) -> Option<CachedAnswer> {
        if !job.may_use_cache {
            return None;
        }
        let budget = &job.context.redis_budget;
        let candidate = self.get_newest(&job.key, &job.names, budget).await?;
        if let Some(known) = &job.known
            && !candidate.answer.is_newer_than(known)
        {
            return None;
        }
        self.origin_if_fresh(&candidate, &job.freshness)?;
        Some(candidate.answer)
    }

    /// Asks VirusTotal, retrying transient failures, and spends a unit for each attempt.
    ///
    /// Returns the time of the request with a body or with VirusTotal's "not found". An attempt
    /// that never reached VirusTotal releases its unit. Retries share the deadline of the first
    /// attempt, and stop without an error of their own if no unit is left.
    async fn call(
        &self,
        job: &FetchJob,
        mut permit: Permit,
        flight: &Flight,
    ) -> Result<(Moment, Result<Body, Refusal>), FetchError> {
        let (quota, virustotal) = (&self.0.quota, &self.0.virustotal);
        let (context, call) = (&job.context, &job.question.call);
        // The place is held until the call ends, even if its callers hang up: this bounds
        // concurrent calls.
        let _place = tokio::select! {
            slot = quota.wait_for_call_slot(context) => slot,
            () = flight.abandoned() => return Err(FetchError::Lost),
        };
        // A 429 may have started a back-off while this call waited for its place.
        permit.begin()?;
        let deadline = virustotal.deadline();
        let mut pauses = PAUSES.into_iter();
        loop {
            let asked = Moment::now();
            let answer = virustotal.ask(context, call, deadline).await;
            let error = match permit.record(answer) {
                Ok(body) => return Ok((asked, Ok(body))),
                Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::NotFound => {
                    return Ok((asked, Err(refusal)));
                }
                Err(error) => error,
            };
            // A refusal would be repeated, so only transient failures are retried.
            let pause = match pauses.next() {
                Some(pause) if error.is_retryable() => jittered(pause),
                _ => return Err(error.into()),
            };
            if Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            if !context.cost.take_for_retry() {
                return Err(error.into());
            }
            context.cost.waiting(sleep(pause)).await;
            let again = quota.acquire(context, call.endpoint(), Terms::Now).await;
            let Ok(again) = again else {
                return Err(error.into());
            };
            permit = again;
            if permit.begin().is_err() {
                return Err(error.into());
            }
        }
    }

    /// Builds the cache entry for an answer. Returns the entry, the uncompressed bytes, and whether
    /// to cache it.
    fn pack(
        &self,
        job: &FetchJob,
        asked: Asked,
        body: Result<Body, Refusal>,
    ) -> (CachedAnswer, Bytes, bool) {
        let (question, rules) = (&job.question, &self.0.rules);
        // "Not found" is likely to change soon after a write.
        let is_settling = self.0.changes.is_settling(&job.names);
        let (answer, plain, fresh_for) = match body {
            Ok(body) => {
                let fresh_for = question.fresh_for(&body, is_settling, rules);
                (Answer::Found(body.pack()), body.plain, fresh_for)
            }
            Err(refusal) => {
                let fresh_for = question.absent_for(is_settling, rules);
                (Answer::NotFound(refusal), Bytes::new(), fresh_for)
            }
        };
        let record = AnswerRecord {
            answer,
            asked: asked.here,
            as_of: asked.here,
            names: job.names.as_ref().into(),
            revealed: OnceLock::new(),
            shared_at: asked.shared,
            is_doubtful: false,
            fresh_for: fresh_for.unwrap_or_default(),
        };
        (record.into(), plain, fresh_for.is_some())
    }

    /// Notes that the object of a completed analysis counts as written to from now on.
    ///
    /// This happens once for each analysis, and only if the analysis is at most a day old, was
    /// started here, or was seen before it was completed. Reading an old analysis again invalidates
    /// nothing.
    async fn note_completed(&self, id: &str, analysis: &[u8]) {
        let changes = &self.0.changes;
        let begun = changes.begun(id);
        let is_own = !begun.is_empty() || changes.was_pending(id);
        // Without this check, reading an old analysis would invalidate a fresh report.
        if !changes.note_completed(id) || !is_own && !is_recent_analysis(analysis) {
            return;
        }
        let mut names = ObjectName::of_analysis(id);
        names.extend(ObjectName::in_analysis(analysis));
        names.extend(begun);
        self.note_write(&names, Certainty::Certain);
        self.learn_names(&names).await;
    }
}

/// Returns half to one and a half of the pause, so that callers that failed together do not retry
/// together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
