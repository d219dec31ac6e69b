//! Places of requests: one kind for those that work, another for those that only wait.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use parking_lot::Mutex;

use super::{CallerId, Full, Slot, SlotPool};

/// Places for requests that work, and as many for requests that only wait.
///
/// No caller holds more than a quarter of either kind. A handle: clones share the places.
#[derive(Clone, Debug)]
pub struct Places {
    working: SlotPool,
    waiting: SlotPool,
}

/// A request's claim to its place. Dropping it frees the place.
///
/// It moves into the response's body, which holds it until it is sent.
#[derive(Debug)]
pub struct Hold(Place);

/// A handle to a request's place, for work on behalf of the request.
///
/// The handle does not keep the place: it is free once the request is over, even if a task started
/// by the request goes on.
#[derive(Clone, Debug)]
pub struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Places,
    caller: CallerId,
    state: Mutex<PlaceState>,
}

#[derive(Debug, Default)]
struct PlaceState {
    /// The held slot; `None` once the request is over.
    slot: Option<Slot>,
    /// The number of concurrent waits. They can be nested: a request waits for a call that waits
    /// for quota.
    waits: usize,
}

/// A wait in progress, which may be within another one.
struct NestedWait<'a>(&'a Place);

impl Places {
    /// Creates `all` places of each kind.
    pub fn new(all: usize) -> Self {
        Self {
            working: SlotPool::new(all),
            waiting: SlotPool::new(all),
        }
    }

    /// Takes a place for a request that works.
    pub fn enter(&self, caller: CallerId) -> Result<Hold, Full> {
        let slot = self.working.try_take(caller)?;
        Ok(Hold(Place::with_slot(self.clone(), caller, Some(slot))))
    }
}

impl Hold {
    /// Returns a handle to the place.
    pub fn place(&self) -> Place {
        self.0.clone()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.state.lock().slot = None;
    }
}

impl Place {
    /// Creates a place without a bound, where waiting is always possible.
    pub fn unbounded(caller: CallerId) -> Self {
        Self::with_slot(Places::new(1), caller, None)
    }

    /// Awaits `work` while holding a waiting place instead of a working one.
    ///
    /// If all waiting places are taken, or the caller has its quarter of them, `work` is dropped
    /// and the reason returned. Work that is ready at once needs no waiting place.
    ///
    /// Afterwards the request returns to a working place even if none is free, because it may have
    /// acquired a unit of quota, which expires. The excess is bounded by the number of waiting
    /// places, and the caller can't start new requests until it is below its quarter again.
    pub async fn waiting<F: Future>(&self, work: F) -> Result<F::Output, Full> {
        let mut work = pin!(work);
        // Polled once before taking a waiting place, since work that is ready at once needs none.
        let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
        if let Poll::Ready(output) = first.await {
            return Ok(output);
        }
        let _wait = NestedWait::begin(self)?;
        Ok(work.await)
    }

    fn with_slot(places: Places, caller: CallerId, slot: Option<Slot>) -> Self {
        let state = Mutex::new(PlaceState { slot, waits: 0 });
        Self(Arc::new(Inner {
            places,
            caller,
            state,
        }))
    }
}

impl<'a> NestedWait<'a> {
    fn begin(place: &'a Place) -> Result<Self, Full> {
        let Inner { places, caller, .. } = &*place.0;
        let mut state = place.0.state.lock();
        // Only the outermost wait swaps the place, and only while the request lasts.
        if state.waits == 0 && state.slot.is_some() {
            // Assigning drops, and so frees, the working place.
            state.slot = Some(places.waiting.try_take(*caller)?);
        }
        state.waits += 1;
        Ok(Self(place))
    }
}

impl Drop for NestedWait<'_> {
    fn drop(&mut self) {
        let Inner { places, caller, .. } = &*self.0.0;
        let mut state = self.0.0.state.lock();
        state.waits -= 1;
        if state.waits == 0 && state.slot.is_some() {
            state.slot = Some(places.working.take_anyway(*caller));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn caller(last: u8) -> CallerId {
        CallerId::at([192, 0, 2, last].into())
    }

    /// Returns the numbers of working and waiting requests.
    fn held(places: &Places) -> [usize; 2] {
        [places.working.taken(), places.waiting.taken()]
    }

    /// Polls a future once, which must then be pending.
    async fn begin<F: Future + Unpin>(future: &mut F) {
        poll_fn(|context| {
            assert!(std::pin::Pin::new(&mut *future).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn waiting_request_holds_no_working_place() {
        let places = Places::new(1);
        let one = places.enter(caller(1)).unwrap();
        assert_eq!(places.enter(caller(2)).unwrap_err(), Full::All);
        let place = one.place();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let mut waits = pin!(place.waiting(gone));
        begin(&mut waits).await;
        assert_eq!(held(&places), [0, 1]);
        let two = places.enter(caller(2)).unwrap();
        go.send(()).unwrap();
        assert!(waits.await.is_ok());
        assert_eq!(held(&places), [2, 0], "it goes on at once");
        drop(two);
        assert_eq!(places.enter(caller(2)).unwrap_err(), Full::All);
        drop(one);
        assert_eq!(held(&places), [0, 0]);
    }

    #[tokio::test]
    async fn no_caller_holds_more_than_a_quarter_of_the_waiting_places() {
        let places = Places::new(8);
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let hold = places.enter(caller(1)).unwrap();
            let place = hold.place();
            let mut waits = Box::pin(async move { place.waiting(pending::<()>()).await });
            begin(&mut waits).await;
            waiting.push((hold, waits));
        }
        let third = places.enter(caller(1)).unwrap();
        assert_eq!(third.place().waiting(ready(3)).await, Ok(3));
        let refused = third.place().waiting(pending::<()>()).await;
        assert_eq!(refused, Err(Full::Caller));
        assert_eq!(held(&places), [1, 2], "and goes on holding its own place");
        let other = places.enter(caller(2)).unwrap().place();
        begin(&mut pin!(other.waiting(pending::<()>()))).await;
        waiting.pop();
        assert_eq!(held(&places), [1, 1]);
    }

    #[tokio::test]
    async fn nested_waits_hold_one_waiting_place() {
        let places = Places::new(4);
        let hold = places.enter(caller(1)).unwrap();
        let place = hold.place();
        let mut outer = Box::pin(place.waiting(place.waiting(pending::<()>())));
        begin(&mut outer).await;
        assert_eq!(held(&places), [0, 1]);
        drop(outer);
        assert_eq!(held(&places), [1, 0]);
    }

    #[tokio::test]
    async fn work_after_the_request_holds_no_place() {
        let places = Places::new(4);
        let hold = places.enter(caller(1)).unwrap();
        let place = hold.place();
        let mut waits = Box::pin(place.waiting(pending::<()>()));
        begin(&mut waits).await;
        drop(hold);
        assert_eq!(held(&places), [0, 0]);
        drop(waits);
        assert_eq!(held(&places), [0, 0]);
    }
}
