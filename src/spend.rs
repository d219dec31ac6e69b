//! What every call to VirusTotal takes: an open endpoint, and a unit of the key's quota.
//!
//! What a key may spend is learned from VirusTotal itself, which costs nothing: at its first
//! call, which waits for that a little, and now and then while it is used.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use self::common::HeldUnit;

use self::common::Provisional;
use crate::{
    access::{AcceptedKeys, Full, RequestContext, Shares},
    bill,
    clock::Now,
    closed::{Change, Closed},
    key::{ApiKey, KeyHash},
    quota::{self, Exhausted, Quota, Spent, Window},
    redis::{self, Limits, Patience, Redis, Taken},
    vt::{Reason, Refusal, VirusTotal, VtError},
};

mod common;
mod lesson;

/// The time for which other replicas remember that VirusTotal has accepted a key.
const ACCEPTED_LASTS: Duration = Duration::from_hours(7 * 24);

/// How often a unit is tried for that other replicas keep taking.
const TRIES: usize = 20;

/// How a unit is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Any, now.
    Now,
    /// Now, but not the last of a minute.
    Spare,
    /// Any, queued for this long at most.
    Within(Duration),
}

impl Claim {
    /// Returns what is left of the claim after some time.
    fn after(self, time: Duration) -> Self {
        match self {
            Self::Within(wait) => Self::Within(wait.saturating_sub(time)),
            Self::Now | Self::Spare => self,
        }
    }
}

/// Why there is no unit for a call.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotNow {
    /// The allowance has run out.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal has closed the endpoint for a while, or does not know the key.
    #[error("VirusTotal refused: `{}`", .0.code)]
    Closed(Refusal),
}

impl NotNow {
    /// Returns the same, said of a caller that found no place to wait in.
    #[must_use]
    pub fn for_lack_of_place(self, full: Full) -> Self {
        match self {
            Self::Exhausted(exhausted) => Self::Exhausted(Exhausted {
                full: Some(full),
                ..exhausted
            }),
            closed @ Self::Closed(_) => closed,
        }
    }

    /// Returns the time until a unit may be had.
    pub fn wait(&self) -> Duration {
        match self {
            Self::Exhausted(exhausted) => exhausted.retry_after,
            Self::Closed(refusal) => refusal.wait().unwrap_or_default(),
        }
    }
}

/// A unit that was spent.
#[derive(Debug)]
pub struct Unit {
    own: quota::Unit,
    /// The same where all replicas count; none where that can't be reached.
    common: Option<redis::Token>,
}

/// Hands out units, and hears what became of them.
#[derive(Debug)]
pub struct Purse {
    vt: Arc<VirusTotal>,
    quota: Arc<Quota>,
    closed: Closed,
    accepted: AcceptedKeys,
    redis: Redis,
    calls: Shares,
    tasks: TaskTracker,
}

/// The parts that units are handed out with.
#[derive(Debug)]
pub struct Parts {
    /// The upstream.
    pub vt: Arc<VirusTotal>,
    /// The units that are spent, and those that may be.
    pub quota: Arc<Quota>,
    /// Keys that VirusTotal has accepted.
    pub accepted: AcceptedKeys,
    /// The same for all replicas.
    pub redis: Redis,
    /// Places for calls to VirusTotal.
    pub calls: Shares,
    /// Tasks that learn what a key may spend.
    pub tasks: TaskTracker,
}

impl Purse {
    /// Spends from the quota among these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            vt,
            quota,
            accepted,
            redis,
            calls,
            tasks,
        } = parts;
        Self {
            vt,
            quota,
            closed: Closed::new(accepted.clone()),
            accepted,
            redis,
            calls,
            tasks,
        }
    }

    /// A unit for a call to this endpoint: `GET /files/{}`.
    ///
    /// It has to be there by this replica's own count and, where Redis helps, by that of all
    /// of them. To drop this before it is done spends nothing.
    pub async fn unit(
        self: &Arc<Self>,
        context: &RequestContext,
        endpoint: &str,
        claim: Claim,
        patience: &Patience,
    ) -> Result<Unit, NotNow> {
        let hash = context.key.hash();
        self.check_open(hash, endpoint)?;
        if self.learn(context).await {
            // It may have turned out that VirusTotal does not know the key.
            self.check_open(hash, endpoint)?;
        }
        let came = Instant::now();
        let mut wait = Duration::ZERO;
        for attempt in 0..TRIES {
            let claim = claim.after(came.elapsed());
            let own = self.take_own(context, claim, attempt > 0).await?;
            let own = Provisional::new(&self.quota, hash, own);
            // Who has queued for minutes has not spent them waiting for Redis.
            let patience = match claim {
                Claim::Within(_) => &Patience::default(),
                Claim::Now | Claim::Spare => patience,
            };
            let taken = self.take_common(hash, endpoint, patience).await;
            if let Some(taken @ Taken { token: None, .. }) = &taken {
                drop(own);
                self.share(hash, taken);
                self.check_open(hash, endpoint)?;
                wait = taken.wait;
                continue;
            }
            // Without Redis the own count is all there is.
            let common = taken.and_then(|taken| {
                self.share(hash, &taken);
                taken.token
            });
            // A 429 may have come while this one queued; what is dropped here is given back.
            if let Err(closed) = self.check_open(hash, endpoint) {
                if let Some(token) = &common {
                    self.redis.undo(hash, token);
                }
                return Err(closed);
            }
            if let Some(own) = own.keep() {
                bill::spend();
                return Ok(Unit { own, common });
            }
        }
        let (allowed, _) = self.quota.allowed(hash);
        Err(NotNow::Exhausted(Exhausted {
            window: Window::Minute,
            limit: allowed.minute.unwrap_or_default(),
            retry_after: wait,
            is_kept_back: false,
            full: None,
        }))
    }

    /// Takes a unit of this replica's own count.
    ///
    /// A request that queues for it holds a waiting place meanwhile. If its caller finds no such
    /// place, it gets what it would have got without waiting.
    async fn take_own(
        &self,
        context: &RequestContext,
        claim: Claim,
        is_again: bool,
    ) -> Result<quota::Unit, Exhausted> {
        let (key, caller) = (context.key.hash(), context.caller);
        let wait = match claim {
            Claim::Now => return self.quota.take(key, Now::read()),
            Claim::Spare => return self.quota.take_spare(key, Now::read()),
            Claim::Within(wait) => wait,
        };
        let queued = async {
            if is_again {
                self.quota.take_within_again(key, caller, wait).await
            } else {
                self.quota.take_within(key, caller, wait).await
            }
        };
        match context.place.waiting(bill::waiting(queued)).await {
            Ok(taken) => taken,
            Err(full) => self
                .quota
                .take(key, Now::read())
                .map_err(|refused| Exhausted {
                    full: Some(full),
                    ..refused
                }),
        }
    }

    /// Learns from VirusTotal's answer, and gives the unit of a call that never reached it back.
    ///
    /// Returns the answer as callers may have it: a 429 says how long the endpoint is closed.
    #[must_use = "only what this returns says how long an endpoint is closed"]
    pub fn settle<T>(
        &self,
        key: &ApiKey,
        endpoint: &str,
        unit: &Unit,
        answer: Result<T, VtError>,
    ) -> Result<T, VtError> {
        self.note_acceptance(key.hash(), Some(unit), &answer);
        if matches!(answer, Err(VtError::Unreachable)) {
            self.give_back(key, unit);
        }
        self.note_closure(key.hash(), endpoint, answer)
    }

    /// Learns from VirusTotal's answer to a call whose unit stays spent.
    #[must_use = "only what this returns says how long an endpoint is closed"]
    pub fn hear<T>(
        &self,
        key: &ApiKey,
        endpoint: &str,
        answer: Result<T, VtError>,
    ) -> Result<T, VtError> {
        self.note_acceptance(key.hash(), None, &answer);
        self.note_closure(key.hash(), endpoint, answer)
    }

    /// Notes whether VirusTotal accepts the key: only a success says so, and a 401 takes it back.
    fn note_acceptance<T>(&self, key: KeyHash, unit: Option<&Unit>, answer: &Result<T, VtError>) {
        match answer {
            Ok(_) => {
                if self.accepted.accept(key) {
                    self.redis.accept(key, ACCEPTED_LASTS);
                }
                let unit = unit.map(|unit| &unit.own);
                self.quota.keep(key, unit, Now::read());
                self.closed.keep(key);
            }
            Err(VtError::Refused(refusal)) if refusal.reason == Reason::Unauthorized => {
                if self.accepted.refuse(key) {
                    self.redis.refuse(key);
                }
            }
            Err(_) => {}
        }
    }

    /// Notes what the answer closes to the key, or opens, here and for all replicas. Returns the
    /// answer as callers may have it.
    fn note_closure<T>(
        &self,
        key: KeyHash,
        endpoint: &str,
        mut answer: Result<T, VtError>,
    ) -> Result<T, VtError> {
        match self.closed.learn(key, endpoint, &mut answer, Now::read()) {
            Some(Change::Shut(endpoint, left, closure)) => {
                self.redis.close(key, endpoint.as_deref(), left, &closure);
            }
            Some(Change::Opened) => self.redis.open(key, endpoint),
            None => {}
        }
        answer
    }

    /// Fails, and takes the unit back, if VirusTotal has closed the endpoint since it was spent.
    pub fn confirm(&self, key: &ApiKey, endpoint: &str, unit: &Unit) -> Result<(), NotNow> {
        self.check_open(key.hash(), endpoint)
            .inspect_err(|_| self.give_back(key, unit))
    }

    /// Holds a unit until its call begins: if the request goes away before, it is given back.
    pub fn hold<'a>(&'a self, key: &'a ApiKey, unit: &'a Unit) -> HeldUnit<'a> {
        HeldUnit::new(self, key, unit)
    }

    /// Takes a unit back that was not needed after all.
    pub fn give_back(&self, key: &ApiKey, unit: &Unit) {
        bill::give_back();
        self.undo(key.hash(), unit);
    }

    fn undo(&self, key: KeyHash, unit: &Unit) {
        self.quota.give_back(key, &unit.own);
        if let Some(token) = &unit.common {
            self.redis.undo(key, token);
        }
    }

    /// Whether a unit could be had now, behind all who wait for one; spends nothing.
    pub fn forecast(&self, context: &RequestContext) -> Result<(), NotNow> {
        Ok(self.quota.forecast(context.key.hash(), Now::read())?)
    }

    /// Forgets the back-offs that are over.
    pub fn forget_idle(&self) {
        self.closed.forget_idle(Now::read());
    }

    /// Counts a unit that another caller's call, or a kept answer, saved the key.
    pub fn save(&self, key: &ApiKey) {
        self.quota.saved(key.hash(), Now::read());
    }

    fn check_open(&self, key: KeyHash, endpoint: &str) -> Result<(), NotNow> {
        let refusal = self.closed.refusal(key, endpoint, Now::read().steady);
        refusal.map_or(Ok(()), |refusal| Err(NotNow::Closed(refusal)))
    }

    fn limits(&self, key: KeyHash) -> Limits {
        let (allowed, lasts) = self.quota.allowed(key);
        Limits {
            lasts,
            minute: allowed.minute,
            day: allowed.day,
            month: allowed.month,
        }
    }

    /// Takes over what all replicas together have spent, and heard from VirusTotal.
    fn share(&self, key: KeyHash, taken: &Taken) {
        let spent = Spent {
            used: taken.used,
            minute: taken.others.clone(),
            day: taken.day,
            month: taken.month,
        };
        let now = Now::read();
        self.quota.share(key, &spent, now);
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
        config::{self, Allowance},
        meter::Meter,
    };

    const FILES: &str = "GET /files/{}";

    /// One lookup a minute, and an upstream that takes no connections.
    fn purse() -> (Arc<Purse>, Arc<Quota>) {
        let upstream = config::Upstream {
            url: "http://127.0.0.1:1".parse().unwrap(),
            timeout: Duration::from_secs(1),
            max_body: 1,
            ca_file: None,
        };
        let limits = config::Limits {
            per_minute: Allowance::AtMost(1.try_into().unwrap()),
            per_day: Allowance::Off,
            per_month: Allowance::Off,
        };
        let vt = Arc::new(VirusTotal::new(&upstream, Arc::new(Meter::new())).unwrap());
        let (quota, tasks) = (
            Arc::new(Quota::new(limits, 9, AcceptedKeys::new())),
            TaskTracker::new(),
        );
        let redis = Redis::new(None, tasks.clone()).unwrap();
        let accepted = AcceptedKeys::new();
        let purse = Purse::new(Parts {
            vt,
            quota: Arc::clone(&quota),
            accepted,
            redis,
            calls: Shares::new(9),
            tasks,
        });
        (Arc::new(purse), quota)
    }

    fn refusal(reason: Reason, code: &'static str) -> Result<(), VtError> {
        Err(VtError::Refused(Refusal {
            reason,
            code: code.into(),
            message: None,
            retry_after: None,
        }))
    }

    #[tokio::test]
    async fn a_unit_comes_back_if_its_request_goes_away_before_its_call() {
        let (purse, quota) = purse();
        let key = ApiKey::parse(b"k").unwrap();
        let take = || quota.take(key.hash(), Now::read());
        let spent = |own| Unit { own, common: None };
        let unit = spent(take().unwrap());
        drop(purse.hold(&key, &unit));
        let unit = spent(take().unwrap());
        purse.hold(&key, &unit).release();
        take().unwrap_err();
    }

    #[tokio::test]
    async fn what_queued_before_a_429_is_not_sent_after_it() {
        let (purse, quota) = purse();
        let context = RequestContext {
            key: ApiKey::parse(b"k").unwrap(),
            caller: CallerId::at(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            place: Place::unbounded(CallerId::at(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        };
        let hash = context.key.hash();
        // A unit that is back in half a second.
        let mut spent = Now::read();
        spent.steady -= Duration::from_millis(60_500);
        quota.take(hash, spent).unwrap();
        let (wait, patience) = (Duration::from_secs(9), Patience::default());
        let claim = Claim::Within(wait);
        let queued = purse.unit(&context, FILES, claim, &patience);
        let refused = async {
            while quota.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let answer = refusal(Reason::TooManyRequests, "QuotaExceededError");
            purse.hear(&context.key, FILES, answer)
        };
        let (queued, refused) = tokio::join!(queued, refused);
        let Err(VtError::Refused(refused)) = refused else {
            panic!("{refused:?}")
        };
        let Err(NotNow::Closed(closed)) = queued else {
            panic!("{queued:?}")
        };
        assert!(closed.retry_after.is_some() && closed.retry_after <= refused.retry_after);
        // It spent nothing.
        assert!(quota.take(hash, Now::read()).is_ok());
    }

    #[tokio::test]
    async fn a_status_without_virustotals_own_error_takes_no_acceptance_back() {
        let (purse, _) = purse();
        let key = ApiKey::parse(b"k").unwrap();
        let is_accepted = || purse.accepted.contains(key.hash());
        purse.hear(&key, FILES, Ok(())).unwrap();
        purse
            .hear::<()>(&key, FILES, Err(VtError::Unexpected(401)))
            .unwrap_err();
        assert!(is_accepted());
        let refused = refusal(Reason::Unauthorized, "WrongCredentialsError");
        purse.hear(&key, FILES, refused).unwrap_err();
        assert!(!is_accepted());
    }
}
