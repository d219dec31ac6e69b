//! Many who ask for the same at once make one call, and all get what comes of it.
//!
//! The call runs on its own task, so that it goes on whoever hangs up, the first included.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::bill::Bill;

/// The calls under way, by what they ask for.
#[derive(Debug)]
pub struct Flights<K, T> {
    under_way: Arc<Mutex<UnderWay<K, T>>>,
    tasks: TaskTracker,
}

type UnderWay<K, T> = HashMap<K, watch::Receiver<Option<T>>>;

/// The task that made the call broke down; nobody knows what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// Takes a call off the list, however its task ends.
struct Departure<K: Eq + Hash, T> {
    name: K,
    under_way: Arc<Mutex<UnderWay<K, T>>>,
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// No calls yet; they run among these tasks.
    pub fn new(tasks: TaskTracker) -> Self {
        Self {
            under_way: Arc::default(),
            tasks,
        }
    }

    /// What comes of the call of this name: the one under way, else this one.
    ///
    /// Says too whether it was this one.
    pub async fn join<F>(&self, name: &K, call: impl FnOnce() -> F) -> (Result<T, Lost>, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (mut landed, is_first) = self.board(name, |land, departure| {
            // On the bill of who came first, and within its span.
            let call = Bill::current().cover(call()).instrument(Span::current());
            async move {
                let value = call.await;
                // Off the list first: who comes now finds in the cache what this has put there.
                drop(departure);
                // Nobody may be waiting any more.
                let _ = land.send(Some(value));
            }
        });
        let value = landed.wait_for(Option::is_some).await;
        let value = value.ok().and_then(|value| value.clone());
        (value.ok_or(Lost), is_first)
    }

    /// What comes, time and again, of the work of this name: that under way, else this.
    ///
    /// The work tells it by what it is handed, by which it sees too whether anybody listens.
    /// Says too whether it was this one.
    pub fn follow<F>(
        &self,
        name: &K,
        work: impl FnOnce(watch::Sender<Option<T>>) -> F,
    ) -> (watch::Receiver<Option<T>>, bool)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.board(name, |tell, departure| {
            // How long that takes, those who listen write down.
            let bill = Bill::current().timed_elsewhere();
            let work = bill.cover(work(tell)).instrument(Span::current());
            async move {
                work.await;
                drop(departure);
            }
        })
    }

    fn board<F>(
        &self,
        name: &K,
        work: impl FnOnce(watch::Sender<Option<T>>, Departure<K, T>) -> F,
    ) -> (watch::Receiver<Option<T>>, bool)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some(landed) = under_way.get(name) {
            return (landed.clone(), false);
        }
        let (land, landed) = watch::channel(None);
        under_way.insert(name.clone(), landed.clone());
        let departure = Departure {
            name: name.clone(),
            under_way: Arc::clone(&self.under_way),
        };
        self.tasks.spawn(work(land, departure));
        (landed, true)
    }
}

impl<K: Eq + Hash, T> Drop for Departure<K, T> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.name);
    }
}

/// A panic elsewhere leaves a list behind that is still true.
fn lock<K, T>(list: &Mutex<UnderWay<K, T>>) -> MutexGuard<'_, UnderWay<K, T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn all_who_ask_at_once_share_one_call() {
        let flights = Flights::new(TaskTracker::new());
        let (calls, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let call = || {
            let (calls, go) = (Arc::clone(&calls), Arc::clone(&go));
            async move {
                go.notified().await;
                calls.fetch_add(1, Ordering::Relaxed)
            }
        };
        let (first, second, other, ()) = tokio::join!(
            flights.join(&"a", call),
            flights.join(&"a", call),
            flights.join(&"b", async || 7),
            async { go.notify_one() },
        );
        assert_eq!((first, second), ((Ok(0), true), (Ok(0), false)));
        assert_eq!(other, (Ok(7), true));
        go.notify_one();
        assert_eq!(flights.join(&"a", call).await, (Ok(1), true));
    }

    #[tokio::test]
    async fn a_call_goes_on_when_everybody_has_gone() {
        let tasks = TaskTracker::new();
        let flights = Flights::new(tasks.clone());
        let (done, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (ended, begin) = (Arc::clone(&done), Arc::clone(&go));
        let call = || async move {
            begin.notified().await;
            ended.store(1, Ordering::Relaxed);
        };
        {
            let mut asking = Box::pin(flights.join(&"a", call));
            assert!(futures_poll(&mut asking).is_pending());
        }
        go.notify_one();
        tasks.close();
        tasks.wait().await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_call_that_breaks_down_is_lost_and_forgotten() {
        async fn break_down() -> u8 {
            panic!("for the test")
        }
        let flights = Flights::new(TaskTracker::new());
        assert_eq!(flights.join(&"a", break_down).await, (Err(Lost), true));
        assert_eq!(flights.join(&"a", async || 1).await, (Ok(1), true));
    }

    #[tokio::test]
    async fn who_follows_hears_all_that_is_told_from_then_on() {
        let flights = Flights::<_, u8>::new(TaskTracker::new());
        let work = |tell: watch::Sender<_>| async move {
            tell.send_replace(Some(1));
            tell.closed().await;
        };
        let (mut first, is_first) = flights.follow(&"a", work);
        assert_eq!(*first.wait_for(Option::is_some).await.unwrap(), Some(1));
        let (second, is_second) = flights.follow(&"a", work);
        assert_eq!(
            ((is_first, is_second), *second.borrow()),
            ((true, false), Some(1))
        );
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(future).poll(&mut context)
    }
}
