//! The cost of a request: units of quota, and time spent waiting for others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::UsageMeter;

/// The cost of a request so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The units of quota that were spent and not released.
    pub units: u64,
    /// The units that were taken from the budget for retries.
    pub retries: u64,
    /// The time spent waiting for VirusTotal, for quota or for the client.
    pub waited: Duration,
}

/// A counter of what a request costs. Clones share the sums.
///
/// It belongs to one [`RequestContext`](super::RequestContext), through which the layers below
/// reach it. It keeps counting after the request's handler was dropped, since a call that was
/// started goes on.
#[derive(Clone, Debug, Default)]
pub struct CostCounter {
    sums: Arc<Sums>,
    /// The units of the whole request, of which this counts a part.
    whole: Option<Arc<Sums>>,
    /// The meter of the request, for the usage of its caller.
    meter: UsageMeter,
    /// Whether the request measures the wait itself, so that waits here are not counted twice.
    counts_units_only: bool,
    /// The units from which retries are paid, if those are limited.
    budget: Option<UnitBudget>,
    /// The turn that the next lookup of a job waits for, until a unit is acquired.
    turn: Option<Arc<Mutex<Option<oneshot::Sender<()>>>>>,
}

/// The units that a job may still spend. Clones share them.
#[derive(Clone, Debug)]
pub struct UnitBudget(Arc<AtomicU64>);

impl UnitBudget {
    /// Creates a budget of this many units.
    pub fn of(units: u64) -> Self {
        Self(Arc::new(AtomicU64::new(units)))
    }

    /// Takes a unit. Returns false if none is left.
    pub fn take(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.0.fetch_update(set, fetch, take).is_ok()
    }

    /// Puts units back that were not spent.
    pub fn put_back(&self, units: u64) {
        self.0.fetch_add(units, Ordering::Relaxed);
    }

    /// Whether no unit is left.
    pub fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[derive(Debug, Default)]
struct Sums {
    units: AtomicU64,
    retries: AtomicU64,
    waited_micros: AtomicU64,
}

/// A wait that is added to the cost when this is dropped.
struct WaitTimer<'a> {
    counter: &'a CostCounter,
    began: Instant,
}

impl CostCounter {
    /// Returns the counter of a request that adds to the usage of its caller.
    pub fn metered(meter: UsageMeter) -> Self {
        Self {
            meter,
            ..Self::default()
        }
    }

    /// Returns a counter of a part of the request, with a budget from which retries are paid.
    ///
    /// Its units count for the whole request, too.
    #[must_use]
    pub fn part_paid_from(&self, budget: Option<UnitBudget>) -> Self {
        let whole = self.whole.as_ref().unwrap_or(&self.sums);
        Self {
            whole: Some(Arc::clone(whole)),
            meter: self.meter.clone(),
            budget,
            ..Self::default()
        }
    }

    /// Returns the meter of the request.
    pub fn meter(&self) -> &UsageMeter {
        &self.meter
    }

    /// Passes a turn on once a unit is acquired, or once all clones are dropped.
    ///
    /// Lookups of a job that take turns acquire their units in their order.
    #[must_use]
    pub fn passing_on(self, turn: oneshot::Sender<()>) -> Self {
        Self {
            turn: Some(Arc::new(Mutex::new(Some(turn)))),
            ..self
        }
    }

    /// Takes a unit for a retry from the budget. Returns false if none is left there.
    pub fn take_for_retry(&self) -> bool {
        let is_taken = self.budget.as_ref().is_none_or(UnitBudget::take);
        self.sums
            .retries
            .fetch_add(u64::from(is_taken), Ordering::Relaxed);
        is_taken
    }

    /// Returns a counter of the same request that counts no waits, for work that the request awaits
    /// and measures itself.
    #[must_use]
    pub fn units_only(&self) -> Self {
        Self {
            counts_units_only: true,
            ..self.clone()
        }
    }

    /// Returns the cost so far.
    pub fn cost(&self) -> Cost {
        let waited = self.sums.waited_micros.load(Ordering::Relaxed);
        Cost {
            units: self.sums.units.load(Ordering::Relaxed),
            retries: self.sums.retries.load(Ordering::Relaxed),
            waited: Duration::from_micros(waited),
        }
    }

    /// Adds a unit that was acquired.
    pub fn add_unit(&self) {
        self.sums.units.fetch_add(1, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.units.fetch_add(1, Ordering::Relaxed);
        }
        self.meter.count_units(1);
        if let Some(turn) = &self.turn {
            // The one that waits learns of the drop.
            turn.lock().take();
        }
    }

    /// Removes a unit that was released.
    pub fn remove_unit(&self) {
        self.sums.units.fetch_sub(1, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.units.fetch_sub(1, Ordering::Relaxed);
        }
        self.meter.count_units(-1);
    }

    /// Runs `work` and adds its duration as waiting.
    ///
    /// The time counts even if the future is dropped before it is ready.
    pub async fn waiting<F: Future>(&self, work: F) -> F::Output {
        let _wait = WaitTimer {
            counter: self,
            began: Instant::now(),
        };
        work.await
    }

    /// Adds a wait that was measured elsewhere.
    pub fn add_wait(&self, time: Duration) {
        if !self.counts_units_only {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            self.sums.waited_micros.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

impl Drop for WaitTimer<'_> {
    fn drop(&mut self) {
        self.counter.add_wait(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clones_add_to_the_same_cost() {
        let counter = CostCounter::default();
        counter.add_unit();
        counter.clone().add_unit();
        counter.remove_unit();
        counter.clone().add_wait(Duration::from_millis(5));
        let aside = counter.units_only();
        aside.add_unit();
        aside.waiting(async {}).await;
        aside.add_wait(Duration::from_secs(1));
        let cost = Cost {
            retries: 0,
            units: 2,
            waited: Duration::from_millis(5),
        };
        assert_eq!(counter.cost(), cost);
    }

    #[test]
    fn units_of_a_part_count_for_the_whole() {
        let whole = CostCounter::default();
        let part = whole.part_paid_from(Some(UnitBudget::of(1)));
        whole.add_unit();
        part.add_unit();
        part.add_unit();
        part.remove_unit();
        part.part_paid_from(None).add_unit();
        assert!(part.take_for_retry() && !part.take_for_retry());
        let units = [&whole, &part].map(|counter| counter.cost().units);
        assert_eq!(units, [3, 1]);
    }

    #[tokio::test]
    async fn an_interrupted_wait_counts() {
        let counter = CostCounter::default();
        let wait = counter.waiting(tokio::time::sleep(Duration::from_mins(1)));
        let _ = tokio::time::timeout(Duration::from_millis(5), wait).await;
        assert!(counter.cost().waited >= Duration::from_millis(5));
    }
}
