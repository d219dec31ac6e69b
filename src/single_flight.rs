//! Single flight: callers that ask for the same at once share one call and its outcome.
//!
//! The call runs on a task of its own, so that it goes on when a caller hangs up, even the first.
//! It can notice that no caller waits any more, and give up in time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::{bill::Bill, meter::Meter};

/// The calls under way, by what they ask for.
#[derive(Debug)]
pub struct SingleFlight<K, T> {
    calls: Arc<Mutex<Calls<K, T>>>,
    tasks: TaskTracker,
    meter: Arc<Meter>,
}

type Calls<K, T> = HashMap<K, Arc<watch::Sender<Stage<T>>>>;

/// The stage that a call is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage<T> {
    /// It is being made, or is about to be.
    Running,
    /// It waits for its turn, and has asked and spent nothing.
    Queued,
    /// Its latest outcome.
    Done(T),
}

/// The task that made the call ended without an outcome: it panicked, or gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderFailed;

/// A caller's view of a call.
#[derive(Debug)]
pub struct Follower<T> {
    stage: watch::Receiver<Stage<T>>,
    /// Whether this caller started the call.
    pub is_leader: bool,
}

/// The call's own handle: tells its followers how far it is, and whether there are any.
pub struct Progress<K: Eq + Hash, T> {
    key: K,
    stage: Arc<watch::Sender<Stage<T>>>,
    calls: Arc<Mutex<Calls<K, T>>>,
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Creates one without calls; they will run among these tasks, and panics in them are counted.
    pub fn new(tasks: TaskTracker, meter: Arc<Meter>) -> Self {
        Self {
            calls: Arc::default(),
            tasks,
            meter,
        }
    }

    /// Joins the call with this key if one is under way, else starts it.
    pub fn join<F>(&self, key: &K, call: impl FnOnce(Progress<K, T>) -> F) -> Follower<T>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut calls = lock(&self.calls);
        if let Some(stage) = calls.get(key) {
            return Follower {
                stage: stage.subscribe(),
                is_leader: false,
            };
        }
        let (stage, follower) = watch::channel(Stage::Running);
        let stage = Arc::new(stage);
        calls.insert(key.clone(), Arc::clone(&stage));
        drop(calls);
        let progress = Progress {
            key: key.clone(),
            stage,
            calls: Arc::clone(&self.calls),
        };
        // On the account of the leader, and within its span.
        let call = Bill::current().cover(call(progress));
        let call = call.instrument(Span::current());
        let meter = Arc::clone(&self.meter);
        self.tasks.spawn(async move {
            // Its followers see that it ended without an outcome.
            let _ = meter.count_panic(call).await;
        });
        Follower {
            stage: follower,
            is_leader: true,
        }
    }
}

impl<T: Clone> Follower<T> {
    /// Returns the stage that the call is at, and marks it as seen.
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

    /// Waits for a stage that was not seen yet.
    pub async fn changed(&mut self) -> Result<(), LeaderFailed> {
        self.stage.changed().await.map_err(|_| LeaderFailed)
    }
}

impl<K: Eq + Hash, T> Progress<K, T> {
    /// Tells that the call waits for its turn.
    pub fn queue(&self) {
        self.stage.send_replace(Stage::Queued);
    }

    /// Tells that its turn has come.
    pub fn run(&self) {
        self.stage.send_replace(Stage::Running);
    }

    /// Tells an outcome that is not the last one.
    pub fn report(&self, outcome: T) {
        self.stage.send_replace(Stage::Done(outcome));
    }

    /// Tells the outcome and ends the call.
    pub fn finish(self, outcome: T) {
        let stage = Arc::clone(&self.stage);
        // Out of the list first: a caller that comes now finds in the cache what this put there.
        drop(self);
        stage.send_replace(Stage::Done(outcome));
    }

    /// Waits until no caller follows the call any more and takes it out of the list: the next one
    /// starts another call.
    pub async fn abandoned(&self) {
        loop {
            self.stage.closed().await;
            let mut calls = lock(&self.calls);
            // A follower can have joined since; under the lock none can.
            if self.stage.receiver_count() == 0 {
                self.remove_from(&mut calls);
                return;
            }
        }
    }

    fn remove_from(&self, calls: &mut Calls<K, T>) {
        let is_own = |stage: &Arc<_>| Arc::ptr_eq(stage, &self.stage);
        if calls.get(&self.key).is_some_and(is_own) {
            calls.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, T> Drop for Progress<K, T> {
    fn drop(&mut self) {
        self.remove_from(&mut lock(&self.calls));
    }
}

/// A panic elsewhere leaves a list behind that is still true.
fn lock<K, T>(list: &Mutex<Calls<K, T>>) -> MutexGuard<'_, Calls<K, T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn callers_at_the_same_time_share_one_call() {
        let flights = SingleFlight::new(TaskTracker::new(), Arc::new(Meter::new()));
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
    async fn a_call_goes_on_when_all_callers_have_gone() {
        let tasks = TaskTracker::new();
        let flights = SingleFlight::<_, ()>::new(tasks.clone(), Arc::new(Meter::new()));
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
    async fn a_call_notices_that_its_last_follower_has_gone() {
        let flights = SingleFlight::<_, u8>::new(TaskTracker::new(), Arc::new(Meter::new()));
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
    async fn a_call_that_panics_fails_its_followers_and_is_forgotten() {
        let flights = SingleFlight::<_, u8>::new(TaskTracker::new(), Arc::new(Meter::new()));
        let mut first = flights.join(&"a", async |_progress| panic!("for the test"));
        assert_eq!(first.outcome().await, Err(LeaderFailed));
        let mut second = flights.join(&"a", async |progress| progress.finish(1));
        assert_eq!(second.outcome().await, Ok(1));
    }

    #[tokio::test]
    async fn followers_see_the_stage_of_a_call() {
        let flights = SingleFlight::new(TaskTracker::new(), Arc::new(Meter::new()));
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
