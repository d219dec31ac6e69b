//! The cost of a request: units of quota, and time spent waiting for others.
//!
//! The cost arises in functions and tasks deep below the handler. It is collected in a task-local,
//! so that it need not pass through every signature.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

tokio::task_local! {
    static BILL: Bill;
}

/// The cost of one request. Clones share the sums.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    sums: Arc<Sums>,
    /// Whether the caller measures the wait itself, so that waits here are not counted twice.
    is_timed_elsewhere: bool,
}

#[derive(Debug, Default)]
struct Sums {
    units: AtomicU64,
    waited_micros: AtomicU64,
}

impl Bill {
    /// Runs `work` with this as the current bill.
    pub async fn cover<F: Future>(self, work: F) -> F::Output {
        BILL.scope(self, work).await
    }

    /// Returns the current bill, or a detached one outside of any request.
    pub fn current() -> Self {
        BILL.try_with(Self::clone).unwrap_or_default()
    }

    /// Returns a bill for work that the request awaits and measures itself.
    #[must_use]
    pub fn timed_elsewhere(self) -> Self {
        Self {
            is_timed_elsewhere: true,
            ..self
        }
    }

    /// Returns the units of quota that were spent and not returned.
    pub fn units(&self) -> u64 {
        self.sums.units.load(Ordering::Relaxed)
    }

    /// Returns the time spent waiting for VirusTotal, quota or the client.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.sums.waited_micros.load(Ordering::Relaxed))
    }
}

/// Adds a unit to the current bill.
pub fn spend() {
    let _ = BILL.try_with(|bill| bill.sums.units.fetch_add(1, Ordering::Relaxed));
}

/// Removes a returned unit from the current bill.
pub fn give_back() {
    let _ = BILL.try_with(|bill| {
        // `checked_sub` leaves zero as it is, should a return be recorded under another bill than
        // its unit.
        let less = |units: u64| units.checked_sub(1);
        let order = Ordering::Relaxed;
        bill.sums.units.fetch_update(order, order, less)
    });
}

/// Runs `work` and adds its duration to the current bill as waiting.
///
/// The time counts even if the future is dropped before it is ready.
pub async fn waiting<F: Future>(work: F) -> F::Output {
    let _wait = Wait(Instant::now());
    work.await
}

struct Wait(Instant);

impl Drop for Wait {
    fn drop(&mut self) {
        waited(self.0.elapsed());
    }
}

/// Adds a measured wait to the current bill.
pub fn waited(time: Duration) {
    let _ = BILL.try_with(|bill| {
        if !bill.is_timed_elsewhere {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            bill.sums.waited_micros.fetch_add(micros, Ordering::Relaxed);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cost_is_added_to_the_current_bill() {
        let bill = Bill::default();
        let work = async {
            spend();
            spend();
            give_back();
            waited(Duration::from_millis(5));
            let aside = Bill::current().timed_elsewhere();
            aside.cover(async { spend() }).await;
            let aside = Bill::current().timed_elsewhere();
            aside.cover(waiting(async {})).await;
        };
        bill.clone().cover(work).await;
        assert_eq!((bill.units(), bill.waited().as_millis()), (2, 5));
    }

    #[tokio::test]
    async fn without_a_bill_nothing_is_recorded() {
        spend();
        give_back();
        waited(Duration::from_secs(1));
        assert_eq!(Bill::current().units(), 0);
    }
}
