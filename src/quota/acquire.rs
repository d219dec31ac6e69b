//! Acquires permits: a unit of this replica's count and, with Redis, one of the shared count.

use tokio::{sync::oneshot, time::Instant};
use tracing::{Instrument as _, Span};

use super::{
    AcquireError, Exhausted, Permit, Quota, Terms,
    accounts::{SpentUnit, Window},
};
use crate::{
    access::{KeyHash, RedisBudget, RequestContext},
    clock::{BackOff, Now},
    redis::{QuotaReply, Redis, SharedWindow},
    virustotal::{Endpoint, Reason, Refusal},
};

/// The number of attempts to get a unit while other replicas keep taking the ones that are due.
const MAX_ATTEMPTS: usize = 20;

/// A call that needs a unit.
#[derive(Clone, Copy, Debug)]
struct UnitRequest<'a> {
    context: &'a RequestContext,
    endpoint: &'a Endpoint,
    terms: Terms,
    /// Whether it queues at the front, since it has waited its turn before.
    goes_first: bool,
}

/// The reason why an attempt to take a unit from both counts failed.
#[derive(Debug)]
enum TakeError {
    /// This replica's count has no unit under these terms, or there is a back-off.
    Refused(AcquireError),
    /// This replica's count has a unit, but the shared one has none: other replicas spent it.
    SpentByOthers(Exhausted),
}

/// A reply of Redis on its way to the request. A unit in it is released if the request is gone.
#[derive(Debug)]
struct UndeliveredReply {
    redis: Redis,
    key: KeyHash,
    reply: Option<QuotaReply>,
}

impl Quota {
    /// Acquires the permit for a call to an endpoint, which spends a unit.
    ///
    /// The unit must be available in this replica's count and, if Redis is available, in the shared
    /// one. Dropping the future, or the permit before its call begins, spends nothing.
    ///
    /// # Errors
    ///
    /// Fails if the endpoint is in back-off, or if no unit is available under these terms.
    pub async fn acquire(
        &self,
        context: &RequestContext,
        endpoint: &Endpoint,
        terms: Terms,
    ) -> Result<Permit, AcquireError> {
        let key = context.key.hash();
        self.check_backoff(key, endpoint)?;
        if self.refresh_if_due(context).await {
            // VirusTotal may have refused the key meanwhile.
            self.check_backoff(key, endpoint)?;
        }
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let request = UnitRequest {
                context,
                endpoint,
                terms: terms.after(started.elapsed()),
                goes_first: attempt > 1,
            };
            match self.take_both_counts(request).await {
                Ok(permit) => return Ok(permit),
                Err(TakeError::Refused(refused)) => return Err(refused),
                // The next attempt queues until the unit that Redis predicts.
                Err(TakeError::SpentByOthers(_)) if attempt < MAX_ATTEMPTS => attempt += 1,
                Err(TakeError::SpentByOthers(exhausted)) => return Err(exhausted.into()),
            }
        }
    }

    /// Takes a unit from this replica's count and then from the shared one.
    ///
    /// If the shared count has none, the own unit is released and the shared counts are adopted.
    async fn take_both_counts(&self, request: UnitRequest<'_>) -> Result<Permit, TakeError> {
        let UnitRequest {
            context, endpoint, ..
        } = request;
        let key = context.key.hash();
        let unit = self.take_own(request).await?;
        let mut permit = Permit::new(self, context, endpoint, unit);
        // A queued request gets a new Redis time budget: its wait was not for Redis.
        let budget = match request.terms {
            Terms::Within(_) => &RedisBudget::default(),
            Terms::Now | Terms::Spare => &context.redis_budget,
        };
        // Without Redis only the own count applies.
        if let Some(reply) = self.take_shared(key, endpoint, budget).await {
            if reply.permit.is_none() {
                // Released before the merge, which compares the two counts.
                drop(permit);
                self.merge_shared(key, &reply);
                self.check_backoff(key, endpoint)?;
                return Err(self.shared_refusal(key, &reply));
            }
            self.merge_shared(key, &reply);
            permit.shared = reply.permit;
        }
        // A 429 may have arrived while this request queued.
        self.check_backoff(key, endpoint)?;
        Ok(permit)
    }

    /// Returns the error for a reply without a unit.
    fn shared_refusal(&self, key: KeyHash, reply: &QuotaReply) -> TakeError {
        let window = match reply.exhausted {
            Some(SharedWindow::Minute) => Window::Minute,
            Some(SharedWindow::Day) => Window::Day,
            Some(SharedWindow::Month) => Window::Month,
            // A back-off whose content this version can't read. It lasts all the same.
            None => {
                return TakeError::Refused(AcquireError::BackedOff(Refusal {
                    reason: Reason::TooManyRequests,
                    code: "QuotaExceededError".into(),
                    message: None,
                    retry_after: Some(BackOff::new(reply.wait)),
                    raw: None,
                }));
            }
        };
        let (allowed, _) = self.0.accounts.allowed(key);
        TakeError::SpentByOthers(Exhausted {
            window,
            limit: allowed.of(window).unwrap_or_default(),
            retry_after: reply.wait,
            is_kept_back: false,
            full: None,
        })
    }

    /// Takes a unit from this replica's count.
    ///
    /// A queued request holds a waiting place meanwhile. If its caller has no waiting place left,
    /// the request gets the same result as one that does not wait.
    async fn take_own(&self, request: UnitRequest<'_>) -> Result<SpentUnit, Exhausted> {
        let UnitRequest {
            context,
            terms,
            goes_first,
            ..
        } = request;
        let (accounts, key) = (&self.0.accounts, context.key.hash());
        let wait = match terms {
            Terms::Now => return accounts.take(key, Now::read()),
            Terms::Spare => return accounts.take_spare(key, Now::read()),
            Terms::Within(wait) => wait,
        };
        let queued = async {
            if goes_first {
                accounts
                    .take_within_from_front(key, context.caller, wait)
                    .await
            } else {
                accounts.take_within(key, context.caller, wait).await
            }
        };
        match context.place.waiting(context.cost.waiting(queued)).await {
            Ok(taken) => taken,
            Err(full) => match accounts.take(key, Now::read()) {
                Ok(unit) => Ok(unit),
                Err(refused) => Err(Exhausted {
                    full: Some(full),
                    ..refused
                }),
            },
        }
    }

    /// Takes a unit from the count that replicas share. Returns `None` if Redis is not available.
    ///
    /// Runs in a task of its own: Redis may have counted the unit by the time the request is
    /// dropped, and only the reply contains the id by which the unit can be returned.
    async fn take_shared(
        &self,
        key: KeyHash,
        endpoint: &Endpoint,
        budget: &RedisBudget,
    ) -> Option<QuotaReply> {
        // Without Redis there is nothing to wait for, so it needs no task.
        if !self.0.redis.is_up() {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let (quota, endpoint, budget) = (self.clone(), endpoint.to_string(), budget.clone());
        let take = async move {
            let redis = quota.0.redis.clone();
            let limits = quota.window_limits(key);
            let reply = redis.acquire_unit(key, &endpoint, &limits, &budget).await;
            // If the receiver is gone, the send fails and dropping the reply releases the unit.
            drop(sender.send(UndeliveredReply { redis, key, reply }));
        };
        self.0.tasks.spawn(take.instrument(Span::current()));
        receiver.await.ok()?.reply.take()
    }
}

impl From<AcquireError> for TakeError {
    fn from(refused: AcquireError) -> Self {
        Self::Refused(refused)
    }
}

impl From<Exhausted> for TakeError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Refused(exhausted.into())
    }
}

impl Drop for UndeliveredReply {
    fn drop(&mut self) {
        if let Some(reply) = &self.reply
            && let Some(id) = &reply.permit
        {
            self.redis.release_unit(self.key, id);
        }
    }
}
