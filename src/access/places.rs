//! The places that requests hold: one of those that work, or one of those that only wait.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use super::{CallerId, Full, Share, Shares};

/// Places for requests that work, and as many for requests that only wait.
///
/// No caller holds more than a quarter of either. A handle: its clones hand out the same places.
#[derive(Clone, Debug)]
pub struct Places {
    working: Shares,
    waiting: Shares,
}

/// The claim of a request to its place; dropping it gives the place back.
///
/// The body of the answer owns it until it is sent.
#[derive(Debug)]
pub struct Hold(Place);

/// The place of a request, for the work that is done on its behalf.
///
/// A handle that keeps no place by itself: once the request is over, nothing is held, however
/// long a task goes on that was begun for it.
#[derive(Clone, Debug)]
pub struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Places,
    caller: CallerId,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// The place; none once the request is over.
    share: Option<Share>,
    /// The number of waits under way. They may overlap: a request waits for a call that waits
    /// for a unit of quota.
    waits: usize,
}

/// A wait that is under way.
struct Wait<'a>(&'a Place);

impl Places {
    /// Creates `all` places for requests that work, and as many for those that only wait.
    pub fn new(all: usize) -> Self {
        Self {
            working: Shares::new(all),
            waiting: Shares::new(all),
        }
    }

    /// Takes a place among those that work.
    pub fn enter(&self, caller: CallerId) -> Result<Hold, Full> {
        let share = self.working.try_take(caller)?;
        Ok(Hold(Place::standing(self.clone(), caller, Some(share))))
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
        self.0.lock().share = None;
    }
}

impl Place {
    /// Creates a place that no bound applies to: waiting costs nothing there.
    pub fn unbounded(caller: CallerId) -> Self {
        Self::standing(Places::new(1), caller, None)
    }

    /// Waits for something without taking a place from a request that could work.
    ///
    /// Meanwhile the request holds a waiting place instead of its own. Where its caller has a
    /// quarter of those, or all are taken, `work` is dropped. What is there at once takes no
    /// waiting place.
    ///
    /// Afterwards the request goes on at once, even if that is one more than may work: it may
    /// have got a unit of quota whose time is running. There are never more of those than
    /// waiting places, and its caller begins nothing new before it is below its quarter again.
    pub async fn waiting<F: Future>(&self, work: F) -> Result<F::Output, Full> {
        let mut work = pin!(work);
        let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
        if let Poll::Ready(output) = first.await {
            return Ok(output);
        }
        let _wait = Wait::begin(self)?;
        Ok(work.await)
    }

    fn standing(places: Places, caller: CallerId, share: Option<Share>) -> Self {
        let standing = Mutex::new(Standing { share, waits: 0 });
        Self(Arc::new(Inner {
            places,
            caller,
            standing,
        }))
    }

    /// A panic elsewhere leaves a standing behind that is still true.
    fn lock(&self) -> MutexGuard<'_, Standing> {
        let standing = self.0.standing.lock();
        standing.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Wait<'a> {
    fn begin(place: &'a Place) -> Result<Self, Full> {
        let Inner { places, caller, .. } = &*place.0;
        let mut standing = place.lock();
        if standing.waits == 0 && standing.share.is_some() {
            standing.share = Some(places.waiting.try_take(*caller)?);
        }
        standing.waits += 1;
        Ok(Self(place))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Inner { places, caller, .. } = &*self.0.0;
        let mut standing = self.0.lock();
        standing.waits -= 1;
        if standing.waits == 0 && standing.share.is_some() {
            standing.share = Some(places.working.take_anyway(*caller));
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

    /// The numbers of those that work and that wait.
    fn held(places: &Places) -> [usize; 2] {
        [places.working.taken(), places.waiting.taken()]
    }

    /// Lets a future go on, which is not over then.
    async fn begin<F: Future + Unpin>(future: &mut F) {
        poll_fn(|context| {
            assert!(std::pin::Pin::new(&mut *future).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_request_that_waits_holds_no_place_of_those_that_work() {
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
    async fn waits_within_waits_hold_one_waiting_place() {
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
    async fn what_goes_on_after_the_request_holds_nothing() {
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
