//! The streams of an HTTP/2 connection, each of which ends when its client is too slow.

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
    pace::{Pace, Watchdog},
};

/// Runs the streams of one connection.
///
/// hyper calls the service with a request, and then has what becomes of it run here, before it
/// turns to the next one: that is how a stream is matched with its exchange.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    next: Arc<Mutex<Option<Arc<Exchange>>>>,
    pace: Pace,
    tasks: TaskTracker,
    /// Ends the connection.
    close: CancellationToken,
}

impl Streams {
    pub(super) fn new(pace: Pace, tasks: TaskTracker, close: CancellationToken) -> Self {
        Self {
            next: Arc::default(),
            pace,
            tasks,
            close,
        }
    }

    /// Names the exchange of the stream that is run next.
    pub(super) fn announce(&self, exchange: &Arc<Exchange>) {
        *self.lock() = Some(Arc::clone(exchange));
    }

    /// A panic elsewhere leaves a value behind that is still true.
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Exchange>>> {
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

/// Runs a stream to its end, or until its client is too slow: dropping it resets it.
async fn run(
    stream: impl Future<Output = ()>,
    exchange: Arc<Exchange>,
    pace: Pace,
    close: CancellationToken,
) {
    let mut stream = pin!(stream);
    let mut watchdog = Watchdog::default();
    let is_too_slow = poll_fn(|context| {
        // First, since it is what changes the exchange.
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        let too_slow = watchdog.poll(context, || exchange.verdict(pace));
        too_slow.map(|()| true)
    })
    .await;
    if is_too_slow {
        debug!("a stream was ended: its client was too slow");
        if exchange.is_last_that_moves(pace) {
            close.cancel();
        }
    }
}
