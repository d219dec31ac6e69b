//! Admission of calls to VirusTotal: the endpoint must not be in back-off, and the key needs a unit
//! of quota.
//!
//! A key's allowances are learned from VirusTotal, which costs no quota. The key's first call waits
//! briefly for that. Later refreshes run in the background while the key is used.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use self::permit::HeldUnit;

use self::permit::Provisional;
use crate::{
    access::{AcceptedKeys, ApiKey, Full, KeyHash, RequestContext, Shares, cost},
    clock::Now,
    quota::{
        accounts::{Accounts, Exhausted, Spent, Window},
        backoff::{Backoffs, Change},
    },
    redis::{self, Limits, Redis, RedisBudget, Taken},
    virustotal::{Reason, Refusal, UpstreamError, VirusTotal},
};

pub mod accounts;
pub mod backoff;
mod permit;
mod refresh;

/// The time for which other replicas remember that VirusTotal has accepted a key.
const ACCEPTED_LASTS: Duration = Duration::from_hours(7 * 24);

/// The number of attempts to get a unit while other replicas keep taking the ones that are due.
const TRIES: usize = 20;

/// The terms under which a call takes a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Any unit, without waiting.
    Now,
    /// Any unit but the last of a minute, without waiting.
    Spare,
    /// Any unit, after waiting in the queue for at most this time.
    Within(Duration),
}

impl Claim {
    /// Returns the claim with this time deducted from the maximum wait.
    fn after(self, time: Duration) -> Self {
        match self {
            Self::Within(wait) => Self::Within(wait.saturating_sub(time)),
            Self::Now | Self::Spare => self,
        }
    }
}

/// A refusal to let a call proceed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AcquireError {
    /// The quota is exhausted.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The endpoint is in back-off, or VirusTotal does not know the key.
    #[error("VirusTotal refused: `{}`", .0.code)]
    Backoffs(Refusal),
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
            closed @ Self::Backoffs(_) => closed,
        }
    }

    /// Returns the time until another attempt may succeed.
    pub fn wait(&self) -> Duration {
        match self {
            Self::Exhausted(exhausted) => exhausted.retry_after,
            Self::Backoffs(refusal) => refusal.wait().unwrap_or_default(),
        }
    }
}

/// A unit of quota that was spent.
#[derive(Debug)]
pub struct Unit {
    own: accounts::Unit,
    /// The unit in the count that replicas share; `None` if Redis was not available.
    common: Option<redis::Token>,
}

/// The source of units of quota, which also learns from the outcomes of calls.
#[derive(Debug)]
pub struct Quota {
    virustotal: Arc<VirusTotal>,
    accounts: Arc<Accounts>,
    closed: Backoffs,
    accepted: AcceptedKeys,
    redis: Redis,
    calls: Shares,
    tasks: TaskTracker,
}

/// The parts of a [`Quota`].
#[derive(Debug)]
pub struct Parts {
    /// The upstream.
    pub virustotal: Arc<VirusTotal>,
    /// The count of units in this process.
    pub accounts: Arc<Accounts>,
    /// The keys that VirusTotal has accepted.
    pub accepted: AcceptedKeys,
    /// The connection to Redis, through which replicas share units and back-offs.
    pub redis: Redis,
    /// The places for calls to VirusTotal.
    pub calls: Shares,
    /// The tracker of tasks that refresh allowances.
    pub tasks: TaskTracker,
}

impl Quota {
    /// Assembles the parts.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            virustotal,
            accounts,
            accepted,
            redis,
            calls,
            tasks,
        } = parts;
        Self {
            virustotal,
            accounts,
            closed: Backoffs::new(accepted.clone()),
            accepted,
            redis,
            calls,
            tasks,
        }
    }

    /// Takes a unit for a call to an endpoint such as `GET /files/{}`.
    ///
    /// The unit must be available in this replica's count and, if Redis is available, in the shared
    /// one. Dropping the future spends nothing.
    pub async fn unit(
        self: &Arc<Self>,
        context: &RequestContext,
        endpoint: &str,
        claim: Claim,
        patience: &RedisBudget,
    ) -> Result<Unit, AcquireError> {
        let hash = context.key.hash();
        self.check_open(hash, endpoint)?;
        if self.learn(context).await {
            // VirusTotal may have refused the key meanwhile.
            self.check_open(hash, endpoint)?;
        }
        let came = Instant::now();
        let mut wait = Duration::ZERO;
        for attempt in 0..TRIES {
            let claim = claim.after(came.elapsed());
            let own = self.take_own(context, claim, attempt > 0).await?;
            let own = Provisional::new(&self.accounts, hash, own);
            // A queued request gets a new Redis time budget: its wait was not for Redis.
            let patience = match claim {
                Claim::Within(_) => &RedisBudget::default(),
                Claim::Now | Claim::Spare => patience,
            };
            let taken = self.take_common(hash, endpoint, patience).await;
            if let Some(taken @ Taken { token: None, .. }) = &taken {
                // The shared count refuses. Return the own unit, adopt the shared counts, and try
                // again: the next attempt queues until the unit that Redis predicts.
                drop(own);
                self.share(hash, taken);
                self.check_open(hash, endpoint)?;
                wait = taken.wait;
                continue;
            }
            // Without Redis only the own count applies.
            let common = taken.and_then(|taken| {
                self.share(hash, &taken);
                taken.token
            });
            // A 429 may have arrived while this request queued. The own unit is returned on drop.
            if let Err(closed) = self.check_open(hash, endpoint) {
                if let Some(token) = &common {
                    self.redis.undo(hash, token);
                }
                return Err(closed);
            }
            // From here on the caller returns the unit.
            if let Some(own) = own.keep() {
                cost::spend();
                return Ok(Unit { own, common });
            }
        }
        let (allowed, _) = self.accounts.allowed(hash);
        Err(AcquireError::Exhausted(Exhausted {
            window: Window::Minute,
            limit: allowed.minute.unwrap_or_default(),
            retry_after: wait,
            is_kept_back: false,
            full: None,
        }))
    }

    /// Takes a unit from this replica's count.
    ///
    /// A queued request holds a waiting place meanwhile. If its caller has no waiting place left,
    /// the request gets the same result as one that does not wait.
    async fn take_own(
        &self,
        context: &RequestContext,
        claim: Claim,
        is_again: bool,
    ) -> Result<accounts::Unit, Exhausted> {
        let (key, caller) = (context.key.hash(), context.caller);
        let wait = match claim {
            Claim::Now => return self.accounts.take(key, Now::read()),
            Claim::Spare => return self.accounts.take_spare(key, Now::read()),
            Claim::Within(wait) => wait,
        };
        let queued = async {
            if is_again {
                self.accounts.take_within_again(key, caller, wait).await
            } else {
                self.accounts.take_within(key, caller, wait).await
            }
        };
        match context.place.waiting(cost::waiting(queued)).await {
            Ok(taken) => taken,
            Err(full) => self
                .accounts
                .take(key, Now::read())
                .map_err(|refused| Exhausted {
                    full: Some(full),
                    ..refused
                }),
        }
    }

    /// Records the outcome of a call, and returns the unit if the call never reached VirusTotal.
    ///
    /// Returns the result for the caller: a 429 now states the time until the back-off ends.
    #[must_use = "only the returned error states the back-off"]
    pub fn settle<T>(
        &self,
        key: &ApiKey,
        endpoint: &str,
        unit: &Unit,
        answer: Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        self.note_acceptance(key.hash(), Some(unit), &answer);
        // No connection was made, so VirusTotal can't have charged the unit.
        if matches!(answer, Err(UpstreamError::Unreachable)) {
            self.give_back(key, unit);
        }
        self.note_closure(key.hash(), endpoint, answer)
    }

    /// Records the outcome of a call whose unit stays spent.
    #[must_use = "only the returned error states the back-off"]
    pub fn hear<T>(
        &self,
        key: &ApiKey,
        endpoint: &str,
        answer: Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        self.note_acceptance(key.hash(), None, &answer);
        self.note_closure(key.hash(), endpoint, answer)
    }

    /// Records whether VirusTotal accepts the key: only a success proves it, and a 401 revokes it.
    fn note_acceptance<T>(
        &self,
        key: KeyHash,
        unit: Option<&Unit>,
        answer: &Result<T, UpstreamError>,
    ) {
        match answer {
            Ok(_) => {
                if self.accepted.accept(key) {
                    self.redis.accept(key, ACCEPTED_LASTS);
                }
                let unit = unit.map(|unit| &unit.own);
                self.accounts.keep(key, unit, Now::read());
                self.closed.keep(key);
            }
            Err(UpstreamError::Refused(refusal)) if refusal.reason == Reason::Unauthorized => {
                if self.accepted.refuse(key) {
                    self.redis.refuse(key);
                }
            }
            Err(_) => {}
        }
    }

    /// Starts or clears the back-off that the result implies, here and for all replicas. Returns
    /// the result for the caller.
    fn note_closure<T>(
        &self,
        key: KeyHash,
        endpoint: &str,
        mut answer: Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        match self.closed.learn(key, endpoint, &mut answer, Now::read()) {
            Some(Change::Shut(endpoint, left, closure)) => {
                self.redis.close(key, endpoint.as_deref(), left, &closure);
            }
            Some(Change::Opened) => self.redis.open(key, endpoint),
            None => {}
        }
        answer
    }

    /// Returns the unit and fails if a back-off has started since the unit was spent.
    pub fn confirm(&self, key: &ApiKey, endpoint: &str, unit: &Unit) -> Result<(), AcquireError> {
        self.check_open(key.hash(), endpoint)
            .inspect_err(|_| self.give_back(key, unit))
    }

    /// Guards a unit until its call begins: if the request is dropped before, the unit is returned.
    pub fn hold<'a>(&'a self, key: &'a ApiKey, unit: &'a Unit) -> HeldUnit<'a> {
        HeldUnit::new(self, key, unit)
    }

    /// Returns a unit that was not needed.
    pub fn give_back(&self, key: &ApiKey, unit: &Unit) {
        cost::give_back();
        self.undo(key.hash(), unit);
    }

    fn undo(&self, key: KeyHash, unit: &Unit) {
        self.accounts.give_back(key, &unit.own);
        if let Some(token) = &unit.common {
            self.redis.undo(key, token);
        }
    }

    /// Checks whether a unit is available after all queued requests. Spends nothing.
    pub fn forecast(&self, context: &RequestContext) -> Result<(), AcquireError> {
        Ok(self.accounts.forecast(context.key.hash(), Now::read())?)
    }

    /// Evicts back-offs that are over.
    pub fn forget_idle(&self) {
        self.closed.forget_idle(Now::read());
    }

    /// Counts a unit that a coalesced call or a cached answer saved.
    pub fn save(&self, key: &ApiKey) {
        self.accounts.saved(key.hash(), Now::read());
    }

    fn check_open(&self, key: KeyHash, endpoint: &str) -> Result<(), AcquireError> {
        let refusal = self.closed.refusal(key, endpoint, Now::read().steady);
        refusal.map_or(Ok(()), |refusal| Err(AcquireError::Backoffs(refusal)))
    }

    fn limits(&self, key: KeyHash) -> Limits {
        let (allowed, lasts) = self.accounts.allowed(key);
        Limits {
            lasts,
            minute: allowed.minute,
            day: allowed.day,
            month: allowed.month,
        }
    }

    /// Merges the counts and back-offs that replicas share.
    fn share(&self, key: KeyHash, taken: &Taken) {
        let spent = Spent {
            used: taken.used,
            minute: taken.others.clone(),
            day: taken.day,
            month: taken.month,
        };
        let now = Now::read();
        self.accounts.share(key, &spent, now);
        for (left, closure) in &taken.closures {
            self.closed.adopt(key, closure, *left, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::{
        access::{CallerId, Place},
        config::{self, QuotaLimit},
        metrics::Metrics,
    };

    const FILES: &str = "GET /files/{}";

    /// Creates a quota with one lookup a minute and an upstream that accepts no connections.
    fn quota() -> (Arc<Quota>, Arc<Accounts>) {
        let upstream = config::Upstream {
            url: "http://127.0.0.1:1".parse().unwrap(),
            timeout: Duration::from_secs(1),
            max_body: 1,
            ca_file: None,
        };
        let limits = config::QuotaLimits {
            per_minute: QuotaLimit::AtMost(1.try_into().unwrap()),
            per_day: QuotaLimit::Off,
            per_month: QuotaLimit::Off,
        };
        let virustotal = Arc::new(VirusTotal::new(&upstream, Arc::new(Metrics::new())).unwrap());
        let (accounts, tasks) = (
            Arc::new(Accounts::new(limits, 9, AcceptedKeys::new())),
            TaskTracker::new(),
        );
        let redis = Redis::new(None, tasks.clone()).unwrap();
        let accepted = AcceptedKeys::new();
        let quota = Quota::new(Parts {
            virustotal,
            accounts: Arc::clone(&accounts),
            accepted,
            redis,
            calls: Shares::new(9),
            tasks,
        });
        (Arc::new(quota), accounts)
    }

    fn refusal(reason: Reason, code: &'static str) -> Result<(), UpstreamError> {
        Err(UpstreamError::Refused(Refusal {
            reason,
            code: code.into(),
            message: None,
            retry_after: None,
        }))
    }

    #[tokio::test]
    async fn unit_is_returned_if_its_request_is_dropped_before_the_call() {
        let (quota, accounts) = quota();
        let key = ApiKey::parse(b"k").unwrap();
        let take = || accounts.take(key.hash(), Now::read());
        let spent = |own| Unit { own, common: None };
        let unit = spent(take().unwrap());
        drop(quota.hold(&key, &unit));
        let unit = spent(take().unwrap());
        quota.hold(&key, &unit).release();
        take().unwrap_err();
    }

    #[tokio::test]
    async fn request_queued_before_a_429_is_not_sent_after_it() {
        let (quota, accounts) = quota();
        let context = RequestContext {
            key: ApiKey::parse(b"k").unwrap(),
            caller: CallerId::at(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            place: Place::unbounded(CallerId::at(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        };
        let hash = context.key.hash();
        // A unit that expires in half a second.
        let mut spent = Now::read();
        spent.steady -= Duration::from_millis(60_500);
        accounts.take(hash, spent).unwrap();
        let (wait, patience) = (Duration::from_secs(9), RedisBudget::default());
        let claim = Claim::Within(wait);
        let queued = quota.unit(&context, FILES, claim, &patience);
        let refused = async {
            while accounts.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let answer = refusal(Reason::TooManyRequests, "QuotaExceededError");
            quota.hear(&context.key, FILES, answer)
        };
        let (queued, refused) = tokio::join!(queued, refused);
        let Err(UpstreamError::Refused(refused)) = refused else {
            panic!("{refused:?}")
        };
        let Err(AcquireError::Backoffs(closed)) = queued else {
            panic!("{queued:?}")
        };
        assert!(closed.retry_after.is_some() && closed.retry_after <= refused.retry_after);
        // The refused request spent nothing.
        assert!(accounts.take(hash, Now::read()).is_ok());
    }

    #[tokio::test]
    async fn status_without_virustotals_error_revokes_no_acceptance() {
        let (quota, _) = quota();
        let key = ApiKey::parse(b"k").unwrap();
        let is_accepted = || quota.accepted.contains(key.hash());
        quota.hear(&key, FILES, Ok(())).unwrap();
        quota
            .hear::<()>(&key, FILES, Err(UpstreamError::Unexpected(401)))
            .unwrap_err();
        assert!(is_accepted());
        let refused = refusal(Reason::Unauthorized, "WrongCredentialsError");
        quota.hear(&key, FILES, refused).unwrap_err();
        assert!(!is_accepted());
    }
}
