//! The call itself: a lease, a unit of quota for each try, VirusTotal, and what is kept of its
//! answer.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{
    Lookup, LookupError,
    question::{About, Question, is_recent_analysis},
    shared::{Fetched, FlightKey, Landed},
    wish::Wish,
};
use crate::{
    access::RequestContext,
    bill,
    cache::{Answer, CacheKey, CachedAnswer, Certainty, Claim, Moment, ObjectName, Ticket},
    redis::SharedTime,
    single_flight::Progress,
    spend::{self, NotNow, Unit},
    vt::{Body, LargeAnswers, Reason, Refusal, VtError},
};

/// How long to wait before the second and the third try, give or take a half.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// The time for which a call waits in the queue for a unit while any caller waits for it.
const LONGEST_QUEUE: Duration = Duration::from_mins(5);

/// A question, on whose behalf it is asked, and what is known of the answer.
#[derive(Clone)]
pub(super) struct FetchJob {
    pub(super) question: Question,
    pub(super) context: RequestContext,
    pub(super) key: CacheKey,
    /// The names of the object that the answer is about.
    pub(super) names: Arc<[ObjectName]>,
    /// The kept answer that will not do.
    pub(super) known: Option<Arc<CachedAnswer>>,
    pub(super) wish: Wish,
    /// Whether the caller's key may see what others fetched.
    pub(super) may_share: bool,
}

/// The right to make one call: towards VirusTotal a unit, towards other replicas a ticket.
struct Turn {
    unit: Unit,
    ticket: Ticket,
}

/// When VirusTotal was asked, on this replica's clock and on that of all.
#[derive(Clone, Copy)]
struct Asked {
    here: Moment,
    shared: Option<SharedTime>,
}

/// The way in which a call is made ready.
enum Ready {
    Call(Turn),
    /// Another call has asked meanwhile.
    Answered(Arc<CachedAnswer>),
}

type Flight = Progress<FlightKey, Landed>;

impl Lookup {
    /// Makes the call, on a task of its own, and tells its outcome to all who follow it.
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
            // Without a caller nothing is asked or spent.
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
        // To compress a large answer takes longer than others should wait for this thread. The
        // body has its permit.
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

    /// Gets a unit and a ticket, in the queue for a unit if need be.
    ///
    /// Nothing is held while the call is queued, so that other replicas wait for no queue.
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
        let claim = job.wish.claim();
        let refused = match parts
            .purse
            .unit(&job.context, &endpoint, claim, &job.wish.patience)
            .await
        {
            Ok(unit) => return Ok(Ready::Call(Turn { unit, ticket })),
            Err(refused) => refused,
        };
        drop(ticket);
        let NotNow::Exhausted(exhausted) = &refused else {
            return Err(refused.into());
        };
        if job.wish.wait.is_zero() || exhausted.retry_after > job.wish.wait {
            return Err(refused.into());
        }
        flight.queue();
        let in_queue = spend::Claim::Within(LONGEST_QUEUE);
        let patience = &job.wish.patience;
        let unit = parts
            .purse
            .unit(&job.context, &endpoint, in_queue, patience)
            .await?;
        let held = parts.purse.hold(&job.context.key, &unit);
        flight.run();
        // Others may have asked for it while this waited.
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

    /// Claims the right to ask, for all replicas; a caller that shares its call with no other only
    /// learns the time.
    async fn claim(&self, job: &FetchJob, is_alone: bool) -> Claim {
        let (cache, patience) = (&self.parts().cache, &job.wish.patience);
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
        let recalled = parts.cache.recall(&job.key, &job.names, &job.wish.patience);
        let kept = recalled.await?;
        let known = job.known.as_deref();
        let is_newer = known.is_none_or(|known| kept.answer.is_newer_than(known));
        let serves = job.wish.takes(&kept, Moment::now(), &parts.rules);
        serves.filter(|_| is_newer).map(|_| kept.answer)
    }

    /// Asks, again where that may help, and spends a unit each time. Returns the answer with the
    /// moment at which it was asked for: a body, or VirusTotal's "not found".
    ///
    /// A try that never reached VirusTotal gives its unit back. Further tries fall under
    /// the first one's time limit, and end quietly where no unit is left for them.
    async fn call(
        &self,
        job: &FetchJob,
        unit: Unit,
        flight: &Flight,
    ) -> Result<(Moment, Result<Body, Refusal>), LookupError> {
        let (parts, context, call) = (self.parts(), &job.context, &job.question.call);
        let endpoint = call.endpoint();
        // Held until the call is over, even if its callers hang up: that bounds the calls at once.
        let held = parts.purse.hold(&context.key, &unit);
        let _place = tokio::select! {
            place = bill::waiting(parts.calls.take(context.caller)) => place,
            () = flight.abandoned() => return Err(LookupError::Lost),
        };
        held.release();
        // A 429 may have come while this one waited for its place.
        parts.purse.confirm(&context.key, &endpoint, &unit)?;
        let deadline = parts.vt.deadline();
        let (mut unit, mut pauses) = (unit, PAUSES.into_iter());
        loop {
            let asked = Moment::now();
            let answer = parts.vt.ask(&context.key, call, deadline).await;
            let error = match parts.purse.settle(&context.key, &endpoint, &unit, answer) {
                Ok(body) => return Ok((asked, Ok(body))),
                Err(VtError::Refused(refusal)) if refusal.reason == Reason::NotFound => {
                    return Ok((asked, Err(refusal)));
                }
                Err(error) => error,
            };
            let Some(pause) = pauses.next().map(jittered).filter(|_| error.is_passing()) else {
                return Err(error.into());
            };
            if Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            bill::waiting(sleep(pause)).await;
            let patience = &job.wish.patience;
            let again = parts
                .purse
                .unit(context, &endpoint, spend::Claim::Now, patience);
            unit = match again.await {
                Ok(unit) => unit,
                Err(_) => return Err(error.into()),
            };
        }
    }

    /// Makes an answer to be kept. Returns it, its bytes, and whether it is kept.
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
    /// Each analysis does so once, and only while it is of the last day, was begun here or was
    /// seen before it was completed: to read an old one again changes nothing.
    async fn note_completed(&self, id: &str, analysis: &[u8]) {
        let cache = &self.parts().cache;
        let begun = cache.begun(id);
        let is_own = !begun.is_empty() || cache.was_pending(id);
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

/// Returns half to one and a half of the pause, so that callers that failed together part.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
