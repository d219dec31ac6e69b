//! Quota: units for calls to VirusTotal, and back-offs after it refused one.
//!
//! A call needs an endpoint that is not in back-off and a unit of its key's minute, day and month
//! ([`accounts`]), in this process and, with Redis, among all replicas. A key's allowances are
//! learned from VirusTotal, which costs no quota. The key's first call waits briefly for that. Later
//! refreshes run in the background while the key is used.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio_util::task::TaskTracker;

use self::{
    accounts::{Accounts, MinuteQuota, Report, SpentUnit, UnitsOfAll},
    backoff::{BackoffChange, Backoffs},
};
use crate::{
    access::{AcceptedKeys, Full, KeyHash, RequestContext, Slot, SlotPool},
    clock::Now,
    config,
    redis::{QuotaReply, Redis, WindowLimits},
    virustotal::{Endpoint, Reason, Refusal, UpstreamError, VirusTotal},
};

pub use self::{accounts::Exhausted, permit::Permit};

pub mod accounts;
mod acquire;
pub mod backoff;
mod permit;
mod refresh;

/// The time for which other replicas remember that VirusTotal has accepted a key.
const ACCEPTANCE_LIFE: Duration = Duration::from_hours(7 * 24);

/// The terms under which a call takes a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Any unit, without waiting.
    Now,
    /// Any unit but the last of a minute, without waiting.
    Spare,
    /// Any unit, after waiting in the queue for at most this time.
    Within(Duration),
}

impl Terms {
    /// Returns the terms with this time deducted from the maximum wait.
    fn after(self, time: Duration) -> Self {
        match self {
            Self::Within(wait) => Self::Within(wait.saturating_sub(time)),
            Self::Now | Self::Spare => self,
        }
    }
}

/// The reason why a call may not be made now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AcquireError {
    /// The quota is exhausted.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The endpoint is in back-off, or VirusTotal does not know the key.
    #[error("VirusTotal refused: `{}`", .0.code)]
    BackedOff(Refusal),
}

impl AcquireError {
    /// Adds that the caller found no waiting place.
    #[must_use]
    pub fn for_lack_of_place(self, full: Full) -> Self {
        match self {
            Self::Exhausted(exhausted) => Self::Exhausted(Exhausted {
                full: Some(full),
                ..exhausted
            }),
            backed_off @ Self::BackedOff(_) => backed_off,
        }
    }

    /// Returns the time until another attempt may succeed.
    pub fn wait(&self) -> Duration {
        match self {
            Self::Exhausted(exhausted) => exhausted.retry_after,
            Self::BackedOff(refusal) => refusal.wait().unwrap_or_default(),
        }
    }
}

/// The quota of every key, which also learns from the outcomes of calls. Clones share it.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    virustotal: VirusTotal,
    accounts: Accounts,
    backoffs: Backoffs,
    accepted: AcceptedKeys,
    redis: Redis,
    /// The slots for calls in flight.
    calls: SlotPool,
    tasks: TaskTracker,
}

/// The parts of a [`Quota`].
#[derive(Debug)]
pub struct Parts {
    /// The upstream, which reports allowances.
    pub virustotal: VirusTotal,
    /// The configured limits of each key.
    pub limits: config::QuotaLimits,
    /// The maximum number of requests that queue for each key.
    pub max_waiting: usize,
    /// The maximum number of calls in flight.
    pub max_in_flight: usize,
    /// The keys that VirusTotal has accepted.
    pub accepted: AcceptedKeys,
    /// The connection to Redis, through which replicas share units and back-offs.
    pub redis: Redis,
    /// The tracker of tasks that refresh allowances.
    pub tasks: TaskTracker,
}

impl Quota {
    /// Creates a quota in which nothing is spent.
    pub fn new(parts: Parts) -> Self {
        let accepted = parts.accepted;
        Self(Arc::new(Inner {
            virustotal: parts.virustotal,
            accounts: Accounts::new(parts.limits, parts.max_waiting, accepted.clone()),
            backoffs: Backoffs::new(accepted.clone()),
            accepted,
            redis: parts.redis,
            calls: SlotPool::new(parts.max_in_flight),
            tasks: parts.tasks,
        }))
    }

    /// Waits for a slot among the calls in flight (`VT4AI_MAX_IN_FLIGHT`). The call holds it until
    /// it is over, even if all of its callers hang up.
    pub async fn wait_for_call_slot(&self, context: &RequestContext) -> Slot {
        let slot = self.0.calls.take(context.caller);
        context.cost.waiting(slot).await
    }

    /// Records the outcome of a call that had no permit of its own.
    ///
    /// Returns the result for the caller: a 429 now states the time until the back-off ends.
    #[must_use = "only the returned error states the back-off"]
    pub fn record<T>(
        &self,
        context: &RequestContext,
        endpoint: &Endpoint,
        answer: Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        let key = context.key.hash();
        if self.is_about_endpoint(key, endpoint, &answer) {
            return answer;
        }
        self.note_acceptance(key, None, &answer);
        self.note_backoff(key, endpoint, answer)
    }

    /// Checks whether a unit is available to a new request, after the queued ones that go before it.
    /// Spends nothing.
    pub fn forecast(&self, context: &RequestContext) -> Result<(), Exhausted> {
        let key = context.key.hash();
        self.0.accounts.forecast(key, context.caller, Now::read())
    }

    /// Checks whether a unit is available to the first queued request of a key. Spends nothing.
    pub fn forecast_first(&self, key: KeyHash) -> Result<(), Exhausted> {
        self.0.accounts.forecast_first(key, Now::read())
    }

    /// Counts a unit that a coalesced call or a cached answer saved.
    pub fn count_saved(&self, context: &RequestContext) {
        context.cost.meter().count_saved_unit();
        let key = context.key.hash();
        self.0.accounts.count_saved(key, Now::read());
    }

    /// Returns the state of a key's minute, or `None` if it is unlimited.
    pub fn standing(&self, key: KeyHash) -> Option<MinuteQuota> {
        self.0.accounts.standing(key, Now::read())
    }

    /// Returns the state of every window of a key, and the units that the cache has saved.
    pub fn report(&self, key: KeyHash) -> Report {
        self.0.accounts.report(key, Now::read())
    }

    /// Returns whether VirusTotal refused this key of the server or of a client when it was last
    /// used.
    pub fn is_refused(&self, key: KeyHash) -> bool {
        self.0.accepted.is_refused(key)
    }

    /// Returns the number of queued requests of all keys.
    pub fn waiting(&self) -> usize {
        self.0.accounts.waiting()
    }

    /// Evicts accounts that no longer affect anything, and back-offs that are over.
    pub fn forget_idle(&self) {
        let now = Now::read();
        self.0.accounts.forget_idle(now);
        self.0.backoffs.forget_idle(now);
    }

    /// Whether a 401 is about the endpoint rather than the key.
    ///
    /// Of an endpoint that the gateway has no name for, nothing is known. If its 401 shut a key that
    /// VirusTotal has accepted, one caller could do that to all.
    fn is_about_endpoint<T>(
        &self,
        key: KeyHash,
        endpoint: &Endpoint,
        answer: &Result<T, UpstreamError>,
    ) -> bool {
        let Err(UpstreamError::Refused(refusal)) = answer else {
            return false;
        };
        let is_unknown = matches!(endpoint, Endpoint::Other(_));
        refusal.reason == Reason::Unauthorized && is_unknown && self.0.accepted.contains(key)
    }

    /// Records whether VirusTotal accepts the key: only a success proves it, and a 401 revokes it.
    ///
    /// `unit` is the one that the call spent.
    fn note_acceptance<T>(
        &self,
        key: KeyHash,
        unit: Option<&SpentUnit>,
        answer: &Result<T, UpstreamError>,
    ) {
        let inner = &self.0;
        match answer {
            Ok(_) => {
                if inner.accepted.accept(key) {
                    inner.redis.accept(key, ACCEPTANCE_LIFE);
                }
                inner.accounts.make_permanent(key, unit, Now::read());
                inner.backoffs.make_permanent(key);
            }
            Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::Unauthorized => {
                if inner.accepted.refuse(key) {
                    inner.redis.refuse(key);
                }
            }
            Err(_) => {}
        }
    }

    /// Starts or clears the back-off that the result implies, here and for all replicas. Returns
    /// the result for the caller.
    fn note_backoff<T>(
        &self,
        key: KeyHash,
        endpoint: &Endpoint,
        mut answer: Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        let Inner {
            backoffs, redis, ..
        } = &*self.0;
        match backoffs.learn(key, endpoint, &mut answer, Now::read()) {
            Some(BackoffChange::Started(endpoint, left, backoff)) => {
                redis.start_backoff(key, endpoint.as_deref(), left, &backoff);
            }
            Some(BackoffChange::Cleared) => redis.clear_backoff(key, &endpoint.to_string()),
            None => {}
        }
        answer
    }

    /// Fails if the endpoint, or every endpoint of the key, is in back-off.
    fn check_backoff(&self, key: KeyHash, endpoint: &Endpoint) -> Result<(), AcquireError> {
        match self.0.backoffs.refusal(key, endpoint, Now::read().steady) {
            Some(refusal) => Err(AcquireError::BackedOff(refusal)),
            None => Ok(()),
        }
    }

    fn window_limits(&self, key: KeyHash) -> WindowLimits {
        let (allowed, minute_length) = self.0.accounts.allowed(key);
        WindowLimits {
            minute_length,
            minute: allowed.minute,
            day: allowed.day,
            month: allowed.month,
        }
    }

    /// Merges the counts and back-offs that replicas share.
    fn merge_shared(&self, key: KeyHash, reply: &QuotaReply) {
        let spent = UnitsOfAll {
            minute_units: reply.minute_units,
            ages_of_others: reply.ages_of_others.clone(),
            day: reply.day,
            month: reply.month,
        };
        let now = Now::read();
        self.0.accounts.merge(key, &spent, now);
        for (left, backoff) in &reply.backoffs {
            self.0.backoffs.merge(key, backoff, *left, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::{
        access::{ApiKey, CallerId, Cost, CostCounter, Place, RedisBudget},
        config::QuotaLimit,
        indicator::Kind,
        metrics::Metrics,
    };

    const FILES: Endpoint = Endpoint::Report(Kind::File);

    /// Creates a quota with one lookup a minute and an upstream that accepts no connections.
    fn quota() -> Quota {
        let upstream = config::Upstream {
            url: "http://127.0.0.1:1".parse().unwrap(),
            timeout: Duration::from_secs(1),
            max_body: 1,
            ca_file: None,
        };
        let tasks = TaskTracker::new();
        Quota::new(Parts {
            virustotal: VirusTotal::new(&upstream, Arc::new(Metrics::new())).unwrap(),
            limits: config::QuotaLimits {
                per_minute: QuotaLimit::AtMost(1.try_into().unwrap()),
                per_day: QuotaLimit::Off,
                per_month: QuotaLimit::Off,
            },
            max_waiting: 9,
            max_in_flight: 9,
            accepted: AcceptedKeys::new(),
            redis: Redis::new(None, tasks.clone()).unwrap(),
            tasks,
        })
    }

    fn context() -> RequestContext {
        let caller = CallerId::at(IpAddr::V4(Ipv4Addr::LOCALHOST));
        RequestContext {
            key: ApiKey::parse(b"k").unwrap(),
            caller,
            place: Place::unbounded(caller),
            cost: CostCounter::default(),
            redis_budget: RedisBudget::default(),
        }
    }

    fn refusal(reason: Reason, code: &'static str) -> Result<(), UpstreamError> {
        Err(UpstreamError::Refused(Refusal {
            reason,
            code: code.into(),
            message: None,
            retry_after: None,
            raw: None,
        }))
    }

    fn units(context: &RequestContext) -> u64 {
        let Cost { units, .. } = context.cost.cost();
        units
    }

    #[tokio::test]
    async fn unit_is_released_if_its_request_is_dropped_before_the_call() {
        let (quota, context) = (quota(), context());
        let acquire = || quota.acquire(&context, &FILES, Terms::Now);
        let permit = acquire().await.unwrap();
        assert_eq!(units(&context), 1);
        drop(permit);
        assert_eq!(units(&context), 0);
        let mut permit = acquire().await.unwrap();
        permit.begin().unwrap();
        drop(permit);
        assert_eq!(units(&context), 1);
        acquire().await.unwrap_err();
    }

    #[tokio::test]
    async fn unit_of_a_call_that_never_reached_virustotal_is_released() {
        let (quota, context) = (quota(), context());
        let acquire = || quota.acquire(&context, &FILES, Terms::Now);
        for (outcome, is_spent) in [
            (UpstreamError::Unreachable, false),
            (UpstreamError::Timeout, true),
        ] {
            let mut permit = acquire().await.unwrap();
            permit.begin().unwrap();
            permit.record::<()>(Err(outcome)).unwrap_err();
            assert_eq!(units(&context), u64::from(is_spent));
            assert_eq!(acquire().await.is_err(), is_spent);
        }
    }

    #[tokio::test]
    async fn request_queued_before_a_429_is_not_sent_after_it() {
        let (quota, context) = (quota(), context());
        let (accounts, key) = (&quota.0.accounts, context.key.hash());
        // A unit that expires in half a second.
        let mut spent = Now::read();
        spent.steady -= Duration::from_millis(60_500);
        accounts.take(key, spent).unwrap();
        let terms = Terms::Within(Duration::from_secs(9));
        let queued = quota.acquire(&context, &FILES, terms);
        let refused = async {
            while accounts.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let answer = refusal(Reason::TooManyRequests, "QuotaExceededError");
            quota.record(&context, &FILES, answer)
        };
        let (queued, refused) = tokio::join!(queued, refused);
        let Err(UpstreamError::Refused(refused)) = refused else {
            panic!("{refused:?}")
        };
        let Err(AcquireError::BackedOff(backed_off)) = queued else {
            panic!("{queued:?}")
        };
        let wait = backed_off.retry_after;
        assert!(wait.is_some() && wait <= refused.retry_after);
        // The refused request spent nothing.
        assert_eq!(units(&context), 0);
        assert!(accounts.take(key, Now::read()).is_ok());
    }

    #[tokio::test]
    async fn status_without_virustotals_error_revokes_no_acceptance() {
        let (quota, context) = (quota(), context());
        let is_accepted = || quota.0.accepted.contains(context.key.hash());
        quota.record(&context, &FILES, Ok(())).unwrap();
        quota
            .record::<()>(&context, &FILES, Err(UpstreamError::Unexpected(401)))
            .unwrap_err();
        assert!(is_accepted());
        let refused = refusal(Reason::Unauthorized, "WrongCredentialsError");
        quota.record(&context, &FILES, refused).unwrap_err();
        assert!(!is_accepted());
    }
}
