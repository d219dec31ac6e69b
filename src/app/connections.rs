//! The connections that are open, how many there may be, and which of them make room.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All that are open.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    /// By the order in which they came.
    open: Mutex<BTreeMap<u64, Connection>>,
    next: AtomicU64,
    /// Woken when one has ended.
    room: Notify,
}

#[derive(Debug)]
struct Connection {
    activity: Arc<Activity>,
    close: CancellationToken,
}

/// What goes on over a connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Whole heads so far.
    heads: AtomicU64,
    /// Requests that are not yet answered to the end.
    running: AtomicUsize,
}

/// A connection's place; whoever drops it gives it up.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Connections>,
    number: u64,
    pub(super) activity: Arc<Activity>,
    /// Cancelled when it has to make room.
    pub(super) close: CancellationToken,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Connections {
    /// Up to so many.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            room: Notify::new(),
        })
    }

    /// A place for one more, as soon as there is one.
    ///
    /// At the cap the oldest that has not sent a whole head makes room, be it its first or
    /// one after an answer. Where all are busy, it waits.
    pub(super) async fn enter(self: &Arc<Self>) -> Place {
        loop {
            let room = self.room.notified();
            if let Some(place) = self.try_enter() {
                return place;
            }
            room.await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let mut open = self.lock();
        if open.len() >= self.most {
            let heads = |it: &Connection| it.activity.heads.load(Ordering::Relaxed) > 0;
            let idle = open.iter().filter(|(_, it)| it.activity.is_idle());
            // Who has never said anything goes before who may go on.
            let number = idle.min_by_key(|(number, it)| (heads(it), **number));
            let number = number.map(|(number, _)| *number)?;
            if let Some(connection) = open.remove(&number) {
                connection.close.cancel();
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (activity, close) = (Arc::<Activity>::default(), CancellationToken::new());
        let connection = Connection {
            activity: Arc::clone(&activity),
            close: close.clone(),
        };
        open.insert(number, connection);
        Some(Place {
            all: Arc::clone(self),
            number,
            activity,
            close,
        })
    }

    /// A panic elsewhere leaves a list behind that is still true.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Connection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
        self.all.room.notify_one();
    }
}

impl Activity {
    /// A request's head has come.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.heads.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// Whether a head has ever come.
    pub(super) fn has_begun(&self) -> bool {
        self.heads.load(Ordering::Relaxed) > 0
    }

    fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0
    }
}

impl Running {
    /// This body, which counts until it is sent.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(body.map_err(move |error| {
            // Named here so that the body owns it.
            let _ = &self;
            error
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_that_has_said_nothing_makes_room_first() {
        let all = Connections::new(3);
        let (busy, was_busy, silent) = (all.enter().await, all.enter().await, all.enter().await);
        let running = busy.activity.begin();
        drop(was_busy.activity.begin());
        let fourth = all.enter().await;
        assert!(silent.close.is_cancelled() && !was_busy.close.is_cancelled());
        let _kept = fourth.activity.begin();
        let _fifth = all.enter().await;
        assert!(was_busy.close.is_cancelled() && !busy.close.is_cancelled());
        drop(running);
        let _sixth = all.enter().await;
        assert_eq!(all.lock().len(), 3);
    }

    #[tokio::test]
    async fn where_all_are_busy_the_next_waits_for_an_end() {
        let all = Connections::new(1);
        let first = all.enter().await;
        let running = first.activity.begin();
        assert!(all.try_enter().is_none());
        let (second, ()) = tokio::join!(all.enter(), async { drop((running, first)) });
        assert!(!second.close.is_cancelled());
        assert_eq!(all.lock().len(), 1);
    }
}
