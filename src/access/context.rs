//! The parts of a request that the layers below the entrance need.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{ApiKey, CallerId, CostCounter, Place};

/// A request as the layers below the entrance see it: whose key it spends, the caller it is
/// attributed to, and its budgets.
///
/// The entrance makes it once. A call that outlives its request keeps a clone.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The VirusTotal key that the request spends.
    pub key: ApiKey,
    /// The caller that the request is attributed to.
    pub caller: CallerId,
    /// The place that the request holds. Work that only waits runs within [`Place::waiting`].
    pub place: Place,
    /// The cost so far.
    pub cost: CostCounter,
    /// The budget of time that the request may spend waiting for Redis.
    pub redis_budget: RedisBudget,
}

/// The budget of time that a request may wait for Redis, `VT4AI_REDIS_TIMEOUT` in total; holds the
/// microseconds that are spent. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct RedisBudget(Arc<AtomicU64>);

impl RequestContext {
    /// Returns the same context with a Redis budget of its own, for work that begins after a wait
    /// which was not for Redis.
    #[must_use]
    pub fn with_new_redis_budget(&self) -> Self {
        Self {
            redis_budget: RedisBudget::default(),
            ..self.clone()
        }
    }

    /// Returns the same context with another counter of its cost: for a task whose waits are
    /// measured by the requests that await it, or whose cost no request reports.
    #[must_use]
    pub fn with_cost(&self, cost: CostCounter) -> Self {
        Self {
            cost,
            ..self.clone()
        }
    }
}

impl RedisBudget {
    /// Returns the rest of a budget of this size.
    pub fn left(&self, of: Duration) -> Duration {
        of.saturating_sub(Duration::from_micros(self.0.load(Ordering::Relaxed)))
    }

    /// Adds time spent waiting.
    pub fn spend(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}
