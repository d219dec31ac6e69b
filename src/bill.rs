//! What one request costs: units of quota, and time in which it waits for others.
//!
//! It is written down where it happens, by tasks that the request never sees, and read once
//! where the request ends. So it goes along with the task instead of through every signature.

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

/// The account of one request; its copies are the same account.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    sums: Arc<Sums>,
    /// Whether waiting is somebody else's to write down.
    is_timed_elsewhere: bool,
}

#[derive(Debug, Default)]
struct Sums {
    units: AtomicU64,
    waited_micros: AtomicU64,
}

impl Bill {
    /// Runs this on the account.
    pub async fn cover<F: Future>(self, work: F) -> F::Output {
        BILL.scope(self, work).await
    }

    /// The account of whoever calls; where there is none, one that nobody reads.
    pub fn current() -> Self {
        BILL.try_with(Self::clone).unwrap_or_default()
    }

    /// The same account for work beside which its caller waits, and counts that itself.
    #[must_use]
    pub fn timed_elsewhere(self) -> Self {
        Self {
            is_timed_elsewhere: true,
            ..self
        }
    }

    /// Units of quota that were spent and not given back.
    pub fn units(&self) -> u64 {
        self.sums.units.load(Ordering::Relaxed)
    }

    /// How long it waited for others: VirusTotal, a unit of quota, its own client.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.sums.waited_micros.load(Ordering::Relaxed))
    }
}

/// Writes down a unit.
pub fn spend() {
    let _ = BILL.try_with(|bill| bill.sums.units.fetch_add(1, Ordering::Relaxed));
}

/// Strikes a unit off that was given back.
pub fn give_back() {
    let _ = BILL.try_with(|bill| {
        let less = |units: u64| units.checked_sub(1);
        let order = Ordering::Relaxed;
        bill.sums.units.fetch_update(order, order, less)
    });
}

/// Writes down how long something took for which others are to blame.
///
/// So it does for what is given up on the way.
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

/// The same for a time that was measured.
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
    async fn what_happens_on_an_account_stands_on_it() {
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
    async fn without_an_account_nothing_is_written_down() {
        spend();
        give_back();
        waited(Duration::from_secs(1));
        assert_eq!(Bill::current().units(), 0);
    }
}
