//! Refreshes of keys' allowances from VirusTotal, which cost no quota.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tracing::{Instrument as _, Span};

use super::{
    AcquireError, Quota,
    accounts::{RefreshDue, RefreshGuard, RefreshPending, UpstreamQuota, Usage},
};
use crate::{
    access::{CostCounter, KeyHash, RedisBudget, RequestContext},
    clock::Now,
    virustotal::{Endpoint, Reason, Refusal, UpstreamError},
};

/// The time for which a key's first call waits for its allowances, and the time limit of a refresh.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

impl Quota {
    /// Refreshes a key's quota as far as possible without spending a unit.
    ///
    /// # Errors
    ///
    /// Fails if VirusTotal refuses the key.
    pub async fn refresh(&self, context: &RequestContext) -> Result<(), Refusal> {
        let key = context.key.hash();
        self.check_key(key)?;
        if self.0.accepted.contains(key) {
            self.refresh_if_due(context).await;
            self.check_key(key)?;
        } else {
            self.verify(context).await?;
        }
        let (limits, budget) = (self.window_limits(key), RedisBudget::default());
        if let Some(reply) = self.0.redis.read_quota(key, &limits, &budget).await {
            self.merge_shared(key, &reply);
        }
        Ok(())
    }

    /// Refreshes the key's allowances if that is due.
    ///
    /// A key's first call waits for that, two seconds at most. Later calls don't. Returns whether
    /// this one has waited.
    pub(super) async fn refresh_if_due(&self, context: &RequestContext) -> bool {
        match self
            .0
            .accounts
            .begin_refresh_if_due(context.key.hash(), Now::read())
        {
            RefreshDue::First(guard) => {
                // In a task of its own, which continues after the first caller hangs up.
                let (waited_for, over) = oneshot::channel();
                let first = self
                    .clone()
                    .refresh_first(detached(context), guard, waited_for);
                self.0.tasks.spawn(first.instrument(Span::current()));
                let _ = context.cost.waiting(timeout(REFRESH_TIMEOUT, over)).await;
                true
            }
            RefreshDue::Pending(first) => {
                wait_for(context, first).await;
                true
            }
            RefreshDue::Again(guard) => {
                let again = self.clone().refresh_again(detached(context), guard);
                self.0.tasks.spawn(again);
                false
            }
            RefreshDue::No => false,
        }
    }

    /// Makes the first refresh as soon as there is a slot for the call, unless the caller has
    /// stopped waiting by then.
    async fn refresh_first(
        self,
        context: RequestContext,
        guard: RefreshGuard,
        mut waited_for: oneshot::Sender<()>,
    ) {
        let _slot = tokio::select! {
            slot = self.wait_for_call_slot(&context) => slot,
            () = waited_for.closed() => {
                return self.0.accounts.cancel_refresh(context.key.hash(), guard);
            }
        };
        let _ = self.fetch_allowances(&context, Some(guard)).await;
        // Wakes the caller.
        drop(waited_for);
    }

    async fn refresh_again(self, context: RequestContext, guard: RefreshGuard) {
        let _slot = self.wait_for_call_slot(&context).await;
        let _ = self.fetch_allowances(&context, Some(guard)).await;
    }

    /// Asks VirusTotal about a key that it has not accepted yet.
    ///
    /// The key counts as good if VirusTotal does not answer the question.
    async fn verify(&self, context: &RequestContext) -> Result<(), Refusal> {
        let key = context.key.hash();
        let guard = match self.0.accounts.begin_refresh_if_due(key, Now::read()) {
            RefreshDue::First(guard) | RefreshDue::Again(guard) => Some(guard),
            RefreshDue::Pending(first) => {
                wait_for(context, first).await;
                if self.0.accepted.contains(key) {
                    return Ok(());
                }
                None
            }
            RefreshDue::No => None,
        };
        let _slot = self.wait_for_call_slot(context).await;
        self.fetch_allowances(context, guard).await
    }

    /// Fetches and applies a key's allowances. Fails if VirusTotal refuses the key.
    async fn fetch_allowances(
        &self,
        context: &RequestContext,
        guard: Option<RefreshGuard>,
    ) -> Result<(), Refusal> {
        let (key, asked) = (context.key.hash(), Now::read());
        let deadline = Instant::now() + REFRESH_TIMEOUT;
        let answer = self.0.virustotal.overall_quotas(context, deadline).await;
        // A success without allowances comes from an intermediary and proves nothing. After a
        // failure the last allowances stay.
        let allowances = answer.map(|body| UpstreamQuota::read(&body.plain));
        if !matches!(allowances, Ok(None)) {
            self.note_acceptance(key, None, &allowances);
        }
        match allowances {
            Ok(Some(allowances)) => {
                self.0.accounts.learn(key, &allowances, asked);
                let used = |usage: Option<Usage>| usage.map(|usage| usage.used);
                let (day, month) = (used(allowances.daily), used(allowances.monthly));
                self.0.redis.store_usage(key, asked.utc, day, month);
            }
            Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::Unauthorized => {
                let refused = Err::<(), _>(UpstreamError::Refused(refusal.clone()));
                let _ = self.note_backoff(key, &Endpoint::OverallQuotas, refused);
                return Err(refusal);
            }
            Ok(None) | Err(_) => {}
        }
        // Released last, when the waiting lookups can see the new allowances.
        drop(guard);
        Ok(())
    }

    /// Fails if VirusTotal has recently refused the key.
    fn check_key(&self, key: KeyHash) -> Result<(), Refusal> {
        match self.check_backoff(key, &Endpoint::OverallQuotas) {
            Err(AcquireError::BackedOff(refusal)) => Err(refusal),
            Err(AcquireError::Exhausted(_)) | Ok(()) => Ok(()),
        }
    }
}

/// Returns a context for a refresh in the background, which is on no request's account.
fn detached(context: &RequestContext) -> RequestContext {
    context.with_cost(CostCounter::default())
}

/// Waits for the first refresh of a key, which another request is making.
async fn wait_for(context: &RequestContext, first: RefreshPending) {
    let over = timeout(REFRESH_TIMEOUT, first.over());
    let _ = context.cost.waiting(over).await;
}
