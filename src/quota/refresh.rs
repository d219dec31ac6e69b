//! Refreshes of keys' allowances from VirusTotal, which cost no quota.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tracing::{Instrument as _, Span};

use super::Quota;
use crate::{
    access::{ApiKey, KeyHash, RequestContext, cost},
    clock::Now,
    quota::accounts::{RefreshDue, RefreshGuard, UpstreamQuota, Usage},
    redis::RedisBudget,
    virustotal::{Reason, Refusal, UpstreamError},
};

/// The endpoint that reports a key's allowances.
const QUOTAS: &str = "GET /users/{}/overall_quotas";

/// The time for which a key's first call waits for its allowances, and the time limit of a refresh.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

impl Quota {
    /// Refreshes a key's quota as far as possible without spending a unit. Fails if VirusTotal
    /// refuses the key.
    pub async fn look(self: &Arc<Self>, context: &RequestContext) -> Result<(), Refusal> {
        let hash = context.key.hash();
        self.check_known(hash)?;
        if self.accepted.contains(hash) {
            self.learn(context).await;
            self.check_known(hash)?;
        } else {
            self.verify(context).await?;
        }
        let (limits, patience) = (self.limits(hash), RedisBudget::default());
        if let Some(taken) = self.redis.look(hash, &limits, &patience).await {
            self.share(hash, &taken);
        }
        Ok(())
    }

    /// Refreshes the key's allowances if that is due.
    ///
    /// A key's first call waits for that, two seconds at most. Later calls don't. Returns whether
    /// this one has waited.
    pub(super) async fn learn(self: &Arc<Self>, context: &RequestContext) -> bool {
        let (key, caller) = (&context.key, context.caller);
        match self.accounts.due(key.hash(), Now::read()) {
            RefreshDue::First(attempt) => {
                // In a task of its own, which continues after the first caller hangs up.
                let (waited_for, over) = oneshot::channel();
                let refresh =
                    Arc::clone(self).make_first_refresh(context.clone(), attempt, waited_for);
                self.tasks.spawn(refresh.instrument(Span::current()));
                let _ = cost::waiting(timeout(REFRESH_TIMEOUT, over)).await;
                true
            }
            RefreshDue::Pending(first) => {
                let _ = cost::waiting(timeout(REFRESH_TIMEOUT, first.over())).await;
                true
            }
            RefreshDue::Again(attempt) => {
                let (quota, key) = (Arc::clone(self), key.clone());
                self.tasks.spawn(async move {
                    let _place = quota.calls.take(caller).await;
                    let _ = Arc::clone(&quota).refresh(key, Some(attempt)).await;
                });
                false
            }
            RefreshDue::No => false,
        }
    }

    /// Makes the first refresh as soon as there is a place for the call, unless the caller has
    /// stopped waiting by then.
    async fn make_first_refresh(
        self: Arc<Self>,
        context: RequestContext,
        attempt: RefreshGuard,
        mut waited_for: oneshot::Sender<()>,
    ) {
        let _place = tokio::select! {
            place = self.calls.take(context.caller) => place,
            () = waited_for.closed() => return self.accounts.put_off(context.key.hash(), attempt),
        };
        let _ = Arc::clone(&self).refresh(context.key, Some(attempt)).await;
        // Wakes the caller.
        drop(waited_for);
    }

    /// Asks VirusTotal about a key that it has not accepted yet.
    ///
    /// The key counts as good if VirusTotal does not answer the question.
    async fn verify(self: &Arc<Self>, context: &RequestContext) -> Result<(), Refusal> {
        let key = &context.key;
        let attempt = match self.accounts.due(key.hash(), Now::read()) {
            RefreshDue::First(attempt) | RefreshDue::Again(attempt) => Some(attempt),
            RefreshDue::Pending(first) => {
                let _ = cost::waiting(timeout(REFRESH_TIMEOUT, first.over())).await;
                if self.accepted.contains(key.hash()) {
                    return Ok(());
                }
                None
            }
            RefreshDue::No => None,
        };
        let _place = cost::waiting(self.calls.take(context.caller)).await;
        cost::waiting(Arc::clone(self).refresh(key.clone(), attempt)).await
    }

    /// Fetches and applies a key's allowances. Fails if VirusTotal refuses the key.
    async fn refresh(
        self: Arc<Self>,
        key: ApiKey,
        attempt: Option<RefreshGuard>,
    ) -> Result<(), Refusal> {
        let (hash, asked) = (key.hash(), Now::read());
        let answer = self
            .virustotal
            .overall_quotas(&key, Instant::now() + REFRESH_TIMEOUT)
            .await;
        // A success without allowances comes from an intermediary and proves nothing. After a
        // failure the last allowances stay.
        let truth = answer.map(|body| UpstreamQuota::read(&body.plain));
        if !matches!(truth, Ok(None)) {
            self.note_acceptance(hash, None, &truth);
        }
        let truth = match truth {
            Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::Unauthorized => {
                let refused = Err::<(), _>(UpstreamError::Refused(refusal.clone()));
                let _ = self.note_closure(hash, QUOTAS, refused);
                return Err(refusal);
            }
            truth => truth.ok().flatten(),
        };
        if let Some(truth) = truth {
            self.accounts.learn(hash, &truth, asked);
            let used = |usage: Option<Usage>| usage.map(|usage| usage.used);
            let (day, month) = (used(truth.daily), used(truth.monthly));
            self.redis.learn(hash, asked.utc, day, month);
        }
        // Released last, when the waiting lookups can see the new allowances.
        drop(attempt);
        Ok(())
    }

    /// Fails if VirusTotal has recently refused the key.
    fn check_known(&self, key: KeyHash) -> Result<(), Refusal> {
        let refusal = self.closed.refusal(key, QUOTAS, Now::read().steady);
        refusal.map_or(Ok(()), Err)
    }
}
