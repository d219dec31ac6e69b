//! What every call to VirusTotal takes: an open endpoint, and a unit of the key's quota.
//!
//! What a key may spend is learned from VirusTotal itself, which costs nothing: at its first
//! call, which waits for that a little, and now and then while it is used.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::{
    closed::Closed,
    key::ApiKey,
    quota::{Attempt, Due, Exhausted, Now, Quota, Truth, Unit},
    vt::{Refusal, VirusTotal, VtError},
};

/// How long a key's first call waits until it is known what the key may spend.
const LESSON: Duration = Duration::from_secs(2);

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

/// Hands out units, and hears what became of them.
#[derive(Debug)]
pub struct Purse {
    vt: Arc<VirusTotal>,
    quota: Arc<Quota>,
    closed: Closed,
    tasks: TaskTracker,
}

impl Purse {
    /// Spends from this quota; what is learned of it is learned among these tasks.
    pub fn new(vt: Arc<VirusTotal>, quota: Arc<Quota>, tasks: TaskTracker) -> Self {
        Self {
            vt,
            quota,
            closed: Closed::new(),
            tasks,
        }
    }

    /// A unit for a call to this endpoint: `GET /files/{}`.
    pub async fn unit(
        self: &Arc<Self>,
        key: &ApiKey,
        endpoint: &str,
        claim: Claim,
    ) -> Result<Unit, NotNow> {
        let refusal = self.closed.refusal(key.hash(), endpoint, Now::read().utc);
        if let Some(refusal) = refusal {
            return Err(NotNow::Closed(refusal));
        }
        self.learn(key).await;
        Ok(match claim {
            Claim::Now => self.quota.take(key.hash(), Now::read()),
            Claim::Spare => self.quota.take_spare(key.hash(), Now::read()),
            Claim::Within(wait) => self.quota.take_within(key.hash(), wait).await,
        }?)
    }

    /// Hears what VirusTotal answered; a call that never reached it gives its unit back.
    pub fn settle<T>(
        &self,
        key: &ApiKey,
        endpoint: &str,
        unit: &Unit,
        answer: &Result<T, VtError>,
    ) {
        self.closed
            .learn(key.hash(), endpoint, answer, Now::read().utc);
        if matches!(answer, Err(VtError::Unreachable)) {
            self.give_back(key, unit);
        }
    }

    /// Takes a unit back that was not needed after all.
    pub fn give_back(&self, key: &ApiKey, unit: &Unit) {
        self.quota.give_back(key.hash(), unit);
    }

    /// Counts a unit that somebody else's call, or a kept answer, saved the key.
    pub fn save(&self, key: &ApiKey) {
        self.quota.saved(key.hash(), Now::read());
    }

    /// Learns what the key may spend, where that is due.
    ///
    /// Its first call waits for that, two seconds at most; later ones don't.
    pub async fn learn(self: &Arc<Self>, key: &ApiKey) {
        match self.quota.due(key.hash(), Now::read()) {
            Due::First(attempt) => {
                // On its own task: it goes on when who asked first has hung up.
                let lesson = Arc::clone(self).take_lesson(key.clone(), attempt);
                let _ = timeout(LESSON, self.tasks.spawn(lesson)).await;
            }
            Due::Underway(first) => {
                let _ = timeout(LESSON, first.over()).await;
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
        // Where it fails, the last truth holds.
        if let Some(truth) = answer.ok().and_then(|body| Truth::read(&body.plain)) {
            self.quota.learn(key.hash(), &truth, asked);
        }
        drop(attempt);
    }
}
