//! Single flight: concurrent callers that ask for the same share one call and its outcome.
//!
//! The call runs on its own task, so it continues if a caller hangs up, even the one that started
//! it. It can detect that no caller follows any more, and stop early.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::metrics::Metrics;

/// The calls under way, by key.
#[derive(Debug)]
pub struct SingleFlight<K, T> {
    calls: CallMap<K, T>,
    tasks: TaskTracker,
    metrics: Arc<Metrics>,
}

/// The calls under way. Clones share the map.
#[derive(Debug)]
struct CallMap<K, T>(Arc<Mutex<HashMap<K, watch::Sender<Stage<T>>>>>);

/// The stage of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage<T> {
    /// The call runs, or is about to.
    Running,
    /// The call waits for its turn; nothing has been asked or spent.
    Queued,
    /// The call has an outcome.
    Done(T),
}

/// The error for a call that ended without an outcome, because its task panicked or stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderFailed;

/// A caller's view of a call.
#[derive(Debug)]
pub struct Follower<T> {
    stage: watch::Receiver<Stage<T>>,
    /// Whether this caller started the call.
    pub is_leader: bool,
}

/// The call's handle, which publishes its stage and tells whether there are followers.
pub struct Progress<K: Eq + Hash, T> {
    key: K,
    stage: watch::Sender<Stage<T>>,
    calls: CallMap<K, T>,
}

impl<K, T> Clone for CallMap<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Creates an empty set of calls. They run on `tasks`, and `metrics` counts their panics.
    pub fn new(tasks: TaskTracker, metrics: Arc<Metrics>) -> Self {
        Self {
            calls: CallMap(Arc::default()),
            tasks,
            metrics,
        }
    }

    /// Joins the call with this key if one is under way, or starts it.
    pub fn join<F>(&self, key: &K, call: impl FnOnce(Progress<K, T>) -> F) -> Follower<T>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut calls = self.calls.0.lock();
        if let Some(stage) = calls.get(key) {
            return Follower {
                stage: stage.subscribe(),
                is_leader: false,
            };
        }
        let (stage, follower) = watch::channel(Stage::Running);
        calls.insert(key.clone(), stage.clone());
        drop(calls);
        let progress = Progress {
            key: key.clone(),
            stage,
            calls: self.calls.clone(),
        };
        // The call runs within the leader's span.
        let call = call(progress).instrument(Span::current());
        let metrics = Arc::clone(&self.metrics);
        self.tasks.spawn(async move {
            // On a panic the followers see that the call ended without an outcome.
            let _ = metrics.count_panic(call).await;
        });
        Follower {
            stage: follower,
            is_leader: true,
        }
    }
}

impl<T: Clone> Follower<T> {
    /// Returns the stage of the call, and marks it as seen.
    pub fn stage(&mut self) -> Stage<T> {
        self.stage.borrow_and_update().clone()
    }

    /// Waits for the outcome.
    pub async fn outcome(&mut self) -> Result<T, LeaderFailed> {
        let done = self.stage.wait_for(|stage| matches!(stage, Stage::Done(_)));
        match done.await.as_deref() {
            Ok(Stage::Done(outcome)) => Ok(outcome.clone()),
            _ => Err(LeaderFailed),
        }
    }

    /// Waits for a stage that has not been seen.
    pub async fn changed(&mut self) -> Result<(), LeaderFailed> {
        self.stage.changed().await.map_err(|_| LeaderFailed)
    }
}

impl<K: Eq + Hash, T> Progress<K, T> {
    /// Publishes that the call waits for its turn.
    pub fn queue(&self) {
        self.stage.send_replace(Stage::Queued);
    }

    /// Publishes that the call runs.
    pub fn run(&self) {
        self.stage.send_replace(Stage::Running);
    }

    /// Publishes an outcome that is not the last one.
    pub fn report(&self, outcome: T) {
        self.stage.send_replace(Stage::Done(outcome));
    }

    /// Publishes the outcome and ends the call.
    pub fn finish(self, outcome: T) {
        let stage = self.stage.clone();
        // Removed before the outcome is published: a caller that finds no call from here on finds
        // the outcome in the cache.
        drop(self);
        stage.send_replace(Stage::Done(outcome));
    }

    /// Waits until no caller follows the call, and removes it. The next caller starts another call.
    pub async fn abandoned(&self) {
        loop {
            self.stage.closed().await;
            let mut calls = self.calls.0.lock();
            // A follower may have joined since. Under the lock no caller can join.
            if self.stage.receiver_count() == 0 {
                self.remove_from(&mut calls);
                return;
            }
        }
    }

    /// Removes this call, unless another one with the same key has taken its place.
    fn remove_from(&self, calls: &mut HashMap<K, watch::Sender<Stage<T>>>) {
        if let Some(stage) = calls.get(&self.key)
            && stage.same_channel(&self.stage)
        {
            calls.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, T> Drop for Progress<K, T> {
    fn drop(&mut self) {
        self.remove_from(&mut self.calls.0.lock());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn concurrent_callers_share_one_call() {
        let flights = SingleFlight::new(TaskTracker::new(), Arc::new(Metrics::new()));
        let (calls, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let call = |progress: Progress<_, _>| {
            let (calls, go) = (Arc::clone(&calls), Arc::clone(&go));
            async move {
                go.notified().await;
                progress.finish(calls.fetch_add(1, Ordering::Relaxed));
            }
        };
        let (mut first, mut second) = (flights.join(&"a", call), flights.join(&"a", call));
        let mut other = flights.join(&"b", async |progress| progress.finish(7));
        assert!(first.is_leader && !second.is_leader && other.is_leader);
        go.notify_one();
        assert_eq!(
            (first.outcome().await, second.outcome().await),
            (Ok(0), Ok(0))
        );
        assert_eq!(other.outcome().await, Ok(7));
        go.notify_one();
        assert_eq!(flights.join(&"a", call).outcome().await, Ok(1));
    }

    #[tokio::test]
    async fn a_call_continues_after_all_callers_have_left() {
        let tasks = TaskTracker::new();
        let flights = SingleFlight::<_, ()>::new(tasks.clone(), Arc::new(Metrics::new()));
        let (done, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (ended, begin) = (Arc::clone(&done), Arc::clone(&go));
        drop(flights.join(&"a", async move |progress| {
            begin.notified().await;
            ended.store(1, Ordering::Relaxed);
            progress.finish(());
        }));
        go.notify_one();
        tasks.close();
        tasks.wait().await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_call_detects_that_its_last_follower_has_left() {
        let flights = SingleFlight::<_, u8>::new(TaskTracker::new(), Arc::new(Metrics::new()));
        let (gone, noticed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let notice = Arc::clone(&gone);
        let first = flights.join(&"a", async move |progress| {
            progress.abandoned().await;
            notice.notify_one();
            noticed.notified().await;
        });
        let second = flights.join(&"a", async |_| {});
        assert!(!second.is_leader);
        drop((first, second));
        gone.notified().await;
        let mut next = flights.join(&"a", async |progress| progress.finish(2));
        assert!(next.is_leader, "no caller joins a call that gave up");
        assert_eq!(next.outcome().await, Ok(2));
    }

    #[tokio::test]
    async fn a_call_that_panics_fails_its_followers_and_is_removed() {
        let flights = SingleFlight::<_, u8>::new(TaskTracker::new(), Arc::new(Metrics::new()));
        let mut first = flights.join(&"a", async |_progress| panic!("for the test"));
        assert_eq!(first.outcome().await, Err(LeaderFailed));
        let mut second = flights.join(&"a", async |progress| progress.finish(1));
        assert_eq!(second.outcome().await, Ok(1));
    }

    #[tokio::test]
    async fn followers_see_the_stage_of_a_call() {
        let flights = SingleFlight::new(TaskTracker::new(), Arc::new(Metrics::new()));
        let mut follower = flights.join(&"a", async |progress| {
            progress.queue();
            progress.report(1);
            progress.abandoned().await;
        });
        assert_eq!(follower.stage(), Stage::Running);
        assert_eq!(follower.outcome().await, Ok(1));
        assert_eq!(follower.stage(), Stage::Done(1));
    }
}
