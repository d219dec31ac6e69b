//! What every call to VirusTotal takes: an open endpoint, and a unit of the key's quota.
//!
//! What a key may spend is learned from VirusTotal itself, which costs nothing: at its first
//! call, which waits for that a little, and now and then while it is used.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::{
    access::{AcceptedKeys, RequestContext},
    bill,
    clock::Now,
    closed::{Change, Closed},
    key::{ApiKey, KeyHash},
    quota::{self, Attempt, Due, Exhausted, Quota, Spent, Truth, Usage, Window},
    redis::{self, Limits, Patience, Redis, Taken},
    vt::{Reason, Refusal, VirusTotal, VtError},
};

/// How long a key's first call waits until it is known what the key may spend.
const LESSON: Duration = Duration::from_secs(2);

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
    tasks: TaskTracker,
}

impl Purse {
    /// Spends from this quota; what is learned of it is learned among these tasks.
    pub fn new(
        vt: Arc<VirusTotal>,
        quota: Arc<Quota>,
        accepted: AcceptedKeys,
        redis: Redis,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            vt,
            quota,
            closed: Closed::new(),
            accepted,
            redis,
            tasks,
        }
    }

    /// A unit for a call to this endpoint: `GET /files/{}`.
    ///
    /// It has to be there by this replica's own count and, where Redis helps, by that of all
    /// of them.
    pub async fn unit(
        self: &Arc<Self>,
        context: &RequestContext,
        endpoint: &str,
        claim: Claim,
        patience: &Patience,
    ) -> Result<Unit, NotNow> {
        let hash = context.key.hash();
        self.check_open(hash, endpoint)?;
        self.learn(&context.key).await;
        let came = Instant::now();
        let mut wait = Duration::ZERO;
        for attempt in 0..TRIES {
            let own = match claim {
                Claim::Now => self.quota.take(hash, Now::read()),
                Claim::Spare => self.quota.take_spare(hash, Now::read()),
                Claim::Within(time) if attempt == 0 => {
                    bill::waiting(self.quota.take_within(hash, time)).await
                }
                Claim::Within(time) => {
                    let left = time.saturating_sub(came.elapsed());
                    bill::waiting(self.quota.take_within_again(hash, left)).await
                }
            }?;
            // Who has queued for minutes has not spent them waiting for Redis.
            let patience = match claim {
                Claim::Within(_) => &Patience::default(),
                Claim::Now | Claim::Spare => patience,
            };
            let limits = self.limits(hash);
            let taken = self.redis.take(hash, endpoint, &limits, patience).await;
            if let Some(taken @ Taken { token: None, .. }) = &taken {
                self.quota.give_back(hash, &own);
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
            let unit = Unit { own, common };
            // A 429 may have come while this one queued.
            if let Err(closed) = self.check_open(hash, endpoint) {
                self.undo(hash, &unit);
                return Err(closed);
            }
            bill::spend();
            return Ok(unit);
        }
        let (allowed, _) = self.quota.allowed(hash);
        Err(NotNow::Exhausted(Exhausted {
            window: Window::Minute,
            limit: allowed.minute.unwrap_or_default(),
            retry_after: wait,
            is_kept_back: false,
        }))
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
        if matches!(answer, Err(VtError::Unreachable)) {
            self.give_back(key, unit);
        }
        self.hear(key, endpoint, answer)
    }

    /// Learns from VirusTotal's answer to a call whose unit stays spent.
    #[must_use = "only what this returns says how long an endpoint is closed"]
    pub fn hear<T>(
        &self,
        key: &ApiKey,
        endpoint: &str,
        mut answer: Result<T, VtError>,
    ) -> Result<T, VtError> {
        let hash = key.hash();
        self.note_acceptance(hash, &answer);
        let change = self.closed.learn(hash, endpoint, &mut answer, Now::read());
        match change {
            Some(Change::Shut(endpoint, left, closure)) => {
                self.redis.close(hash, endpoint.as_deref(), left, &closure);
            }
            Some(Change::Opened) => self.redis.open(hash, endpoint),
            None => {}
        }
        answer
    }

    /// Notes whether VirusTotal accepts the key: only a success says so, and a 401 takes it back.
    fn note_acceptance<T>(&self, key: KeyHash, answer: &Result<T, VtError>) {
        match answer {
            Ok(_) => {
                self.accepted.accept(key);
            }
            Err(VtError::Refused(refusal)) if refusal.reason == Reason::Unauthorized => {
                self.accepted.refuse(key);
            }
            Err(_) => {}
        }
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

    /// Counts a unit that somebody else's call, or a kept answer, saved the key.
    pub fn save(&self, key: &ApiKey) {
        self.quota.saved(key.hash(), Now::read());
    }

    /// Finds out where a key stands, as well as can be known without spending anything.
    pub async fn look(self: &Arc<Self>, key: &ApiKey) {
        self.learn(key).await;
        let (hash, patience) = (key.hash(), Patience::default());
        let limits = self.limits(hash);
        if let Some(taken) = self.redis.look(hash, &limits, &patience).await {
            self.share(hash, &taken);
        }
    }

    /// Learns what the key may spend, where that is due.
    ///
    /// Its first call waits for that, two seconds at most; later ones don't.
    async fn learn(self: &Arc<Self>, key: &ApiKey) {
        match self.quota.due(key.hash(), Now::read()) {
            Due::First(attempt) => {
                // On its own task: it goes on when who asked first has hung up.
                let lesson = Arc::clone(self).take_lesson(key.clone(), attempt);
                let lesson = lesson.instrument(Span::current());
                let _ = bill::waiting(timeout(LESSON, self.tasks.spawn(lesson))).await;
            }
            Due::Underway(first) => {
                let _ = bill::waiting(timeout(LESSON, first.over())).await;
            }
            Due::Again(attempt) => {
                self.tasks
                    .spawn(Arc::clone(self).take_lesson(key.clone(), attempt));
            }
            Due::No => {}
        }
    }

    async fn take_lesson(self: Arc<Self>, key: ApiKey, attempt: Attempt) {
        let asked = Now::read();
        let answer = self.vt.overall_quotas(&key, Instant::now() + LESSON).await;
        // A page of something between is no success either. Where it fails, the last truth holds.
        let truth = answer.map(|body| Truth::read(&body.plain));
        if !matches!(truth, Ok(None)) {
            self.note_acceptance(key.hash(), &truth);
        }
        if let Ok(Some(truth)) = truth {
            self.quota.learn(key.hash(), &truth, asked);
            let used = |usage: Option<Usage>| usage.map(|usage| usage.used);
            let (day, month) = (used(truth.daily), used(truth.monthly));
            self.redis.learn(key.hash(), asked.utc, day, month);
        }
        drop(attempt);
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
        access::CallerId,
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
        let (quota, tasks) = (Arc::new(Quota::new(limits, 9)), TaskTracker::new());
        let redis = Redis::new(None, tasks.clone()).unwrap();
        let accepted = AcceptedKeys::new();
        let purse = Purse::new(vt, Arc::clone(&quota), accepted, redis, tasks);
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
    async fn what_queued_before_a_429_is_not_sent_after_it() {
        let (purse, quota) = purse();
        let context = RequestContext {
            key: ApiKey::parse(b"k").unwrap(),
            caller: CallerId::at(IpAddr::V4(Ipv4Addr::LOCALHOST)),
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
