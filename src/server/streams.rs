//! The streams of an HTTP/2 connection, each of which ends if its client is too slow.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use hyper::rt::Executor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use super::{
    activity::Exchange,
    pace::{ClientPace, Watchdog},
};

/// An executor for the streams of one connection.
///
/// hyper calls the service with a request and hands the resulting future to this executor before it
/// turns to the next request. This order matches a stream with its exchange.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    next: Arc<Mutex<Option<Exchange>>>,
    pace: ClientPace,
    tasks: TaskTracker,
    /// Ends the connection.
    close: CancellationToken,
}

impl Streams {
    pub(super) fn new(pace: ClientPace, tasks: TaskTracker, close: CancellationToken) -> Self {
        Self {
            next: Arc::default(),
            pace,
            tasks,
            close,
        }
    }

    /// Sets the exchange of the stream that is executed next.
    pub(super) fn announce(&self, exchange: &Exchange) {
        *self.lock() = Some(exchange.clone());
    }

    /// Locks the exchange. A panic while it was locked leaves a consistent value behind, so
    /// poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, Option<Exchange>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let exchange = self.lock().take();
        match exchange {
            None => self.tasks.spawn(stream),
            Some(exchange) => {
                let (pace, close) = (self.pace, self.close.clone());
                self.tasks.spawn(run(stream, exchange, pace, close))
            }
        };
    }
}

/// Runs a stream to its end, or until its client is too slow. Dropping the future resets the
/// stream.
async fn run(
    stream: impl Future<Output = ()>,
    exchange: Exchange,
    pace: ClientPace,
    close: CancellationToken,
) {
    let mut stream = pin!(stream);
    let mut watchdog = Watchdog::default();
    let is_too_slow = poll_fn(|context| {
        // The stream is polled first, since that changes the exchange.
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        let too_slow = watchdog.poll(context, || exchange.verdict(pace));
        too_slow.map(|()| true)
    })
    .await;
    if is_too_slow {
        debug!("stream reset, client too slow");
        if exchange.is_last_that_moves(pace) {
            close.cancel();
        }
    }
}
