//! The activity of a connection: its requests, and the pace at which the client receives responses.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    held::Charge,
    pace::{ClientPace, ClientProgress, PaceVerdict},
};

/// The reference for times that are stored as numbers.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The bytes that a socket appears to accept at once: half of what the system keeps unsent.
const SOCKET_LUMP: u64 = 8 * 1024;

/// The bytes that a slow client's stream appears to accept at once, with a margin.
const STREAM_LUMP: u64 = 2 * 1024;

/// The activity of a connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<ActivityCounts>);

#[derive(Debug)]
struct ActivityCounts {
    /// The number of complete heads so far.
    heads: AtomicU64,
    /// The number of requests whose responses have not been received completely.
    running: AtomicUsize,
    /// The number of those that wait for the client.
    waiting: AtomicUsize,
    /// The time of the last progress, in milliseconds since [`START`].
    last: AtomicU64,
    is_http2: AtomicBool,
    /// Whether hyper cannot read the framing of the next head.
    is_odd: AtomicBool,
    /// The bytes that the socket accepted.
    socket: ClientProgress,
}

/// The state of a connection, which decides whether it may be closed to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// No complete head has arrived.
    Silent,
    /// All requests are answered, and have been for this long.
    Idle(Duration),
    /// All running requests wait for the client, and nothing has moved for this long.
    Stalled(Duration),
    /// A request is being handled, or bytes are moving.
    Busy,
}

/// A request and its response, until the client has received it. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange(Arc<ExchangeState>);

#[derive(Debug)]
struct ExchangeState {
    connection: Activity,
    /// The pace at which the client receives the response.
    progress: ClientProgress,
    is_waiting: AtomicBool,
    is_answered: AtomicBool,
    /// The memory that the request takes by itself.
    _charge: Charge,
}

impl Default for ActivityCounts {
    fn default() -> Self {
        Self {
            heads: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            last: AtomicU64::new(millis(Instant::now())),
            is_http2: AtomicBool::new(false),
            is_odd: AtomicBool::new(false),
            socket: ClientProgress::new(SOCKET_LUMP),
        }
    }
}

impl Activity {
    /// Records that the head of a request has arrived.
    pub(crate) fn begin(&self, charge: Charge) -> Exchange {
        self.0.heads.fetch_add(1, Ordering::Relaxed);
        self.0.running.fetch_add(1, Ordering::Relaxed);
        self.note_progress(Instant::now());
        Exchange(Arc::new(ExchangeState {
            connection: self.clone(),
            progress: ClientProgress::new(STREAM_LUMP),
            is_waiting: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
            _charge: charge,
        }))
    }

    /// Returns the progress of the socket.
    pub(super) fn socket(&self) -> &ClientProgress {
        &self.0.socket
    }

    /// Records that the connection uses HTTP/2, where bytes on the socket are not necessarily
    /// progress.
    pub(super) fn set_http2(&self) {
        self.0.is_http2.store(true, Ordering::Relaxed);
    }

    /// Whether the head of an HTTP/1.1 request is expected.
    pub(super) fn expects_head(&self) -> bool {
        !self.0.is_http2.load(Ordering::Relaxed) && self.0.running.load(Ordering::Relaxed) == 0
    }

    /// Records that hyper cannot read the framing of the next head.
    pub(super) fn set_odd(&self) {
        self.0.is_odd.store(true, Ordering::Relaxed);
    }

    /// Returns whether hyper cannot read the framing of this head, and resets the flag.
    pub(super) fn take_odd(&self) -> bool {
        // The load spares the hot path an atomic write.
        self.0.is_odd.load(Ordering::Relaxed) && self.0.is_odd.swap(false, Ordering::Relaxed)
    }

    /// Records that the socket accepted bytes.
    pub(super) fn wrote(&self, bytes: usize, now: Instant) {
        self.0.socket.moved(bytes as u64, now);
        // Over HTTP/2 pings and headers move bytes, too, so only the streams report progress.
        if !self.0.is_http2.load(Ordering::Relaxed) {
            self.note_progress(now);
        }
    }

    /// Whether any head has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.heads.load(Ordering::Relaxed) > 0
    }

    /// Returns the state of the connection.
    pub(crate) fn state(&self, now: Instant) -> ConnectionState {
        let (running, waiting) = (
            self.0.running.load(Ordering::Relaxed),
            self.0.waiting.load(Ordering::Relaxed),
        );
        let still = self.still_for(now);
        // A blocked socket stalls the connection, even between two requests.
        if self.0.socket.is_waiting() || (running > 0 && waiting >= running) {
            ConnectionState::Stalled(still)
        } else if running > 0 {
            ConnectionState::Busy
        } else if self.has_begun() {
            ConnectionState::Idle(still)
        } else {
            ConnectionState::Silent
        }
    }

    /// Whether nothing moves any more once one of the streams is ended for being too slow.
    fn is_given_up(&self, pace: ClientPace, now: Instant) -> bool {
        let running = self.0.running.load(Ordering::Relaxed);
        let is_last = running <= 1;
        let is_still = self.still_for(now) >= pace.stall / 2;
        self.0.waiting.load(Ordering::Relaxed) >= running && (is_last || is_still)
    }

    fn still_for(&self, now: Instant) -> Duration {
        let last = self.0.last.load(Ordering::Relaxed);
        Duration::from_millis(millis(now).saturating_sub(last))
    }

    fn note_progress(&self, now: Instant) {
        self.0.last.fetch_max(millis(now), Ordering::Relaxed);
    }
}

impl Exchange {
    /// Records that the client has to send more of its request.
    ///
    /// After the response has started, the rest of the request is only drained and does not count.
    pub(super) fn wait_for_request(&self) {
        if !self.0.is_answered.load(Ordering::Relaxed) {
            self.start_waiting();
        }
    }

    /// Records that more of the request arrived, or that no more is needed.
    pub(super) fn received(&self, bytes: usize) {
        if !self.0.is_answered.load(Ordering::Relaxed) && self.stop_waiting() && bytes > 0 {
            self.0.connection.note_progress(Instant::now());
        }
    }

    /// Records that the response has started.
    pub(super) fn start_response(&self) {
        self.0.is_answered.store(true, Ordering::Relaxed);
        self.stop_waiting();
    }

    /// Records that the client has to receive a piece of the response.
    pub(super) fn wait(&self) {
        self.0.progress.wait(Instant::now());
        self.start_waiting();
    }

    /// Records that the client received it. Returns the time that this took.
    pub(super) fn moved(&self, bytes: usize) -> Duration {
        if !self.stop_waiting() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        self.0.connection.note_progress(now);
        self.0.progress.moved(bytes as u64, now)
    }

    /// Compares the client's progress with the pace.
    pub(super) fn verdict(&self, pace: ClientPace) -> PaceVerdict {
        self.0.progress.verdict(pace, Instant::now())
    }

    /// Whether the connection has to end together with this exchange, which is too slow.
    pub(super) fn is_last_that_moves(&self, pace: ClientPace) -> bool {
        self.0.connection.is_given_up(pace, Instant::now())
    }

    /// Records that the exchange waits for the client.
    pub(super) fn start_waiting(&self) {
        if !self.0.is_waiting.swap(true, Ordering::Relaxed) {
            self.0.connection.0.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records that the exchange no longer waits for the client. Returns whether it did.
    pub(super) fn stop_waiting(&self) -> bool {
        self.0.stop_waiting()
    }
}

impl ExchangeState {
    fn stop_waiting(&self) -> bool {
        let was_waiting = self.is_waiting.swap(false, Ordering::Relaxed);
        if was_waiting {
            self.connection.0.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        was_waiting
    }
}

impl Drop for ExchangeState {
    fn drop(&mut self) {
        self.stop_waiting();
        self.connection.0.running.fetch_sub(1, Ordering::Relaxed);
        self.connection.note_progress(Instant::now());
    }
}

fn millis(at: Instant) -> u64 {
    let since = at.saturating_duration_since(*START);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_stalled_once_all_its_requests_wait_for_the_client() {
        let activity = Activity::default();
        let state = || activity.state(Instant::now());
        assert_eq!(state(), ConnectionState::Silent);
        let (one, other) = (
            activity.begin(Charge::none()),
            activity.begin(Charge::none()),
        );
        assert_eq!(state(), ConnectionState::Busy);
        one.wait();
        assert_eq!(state(), ConnectionState::Busy);
        other.wait();
        assert!(matches!(state(), ConnectionState::Stalled(_)));
        one.moved(1);
        assert_eq!(state(), ConnectionState::Busy);
        drop(one);
        assert!(matches!(state(), ConnectionState::Stalled(_)));
        drop(other);
        assert!(matches!(state(), ConnectionState::Idle(_)));
        activity.socket().wait(Instant::now());
        assert!(matches!(state(), ConnectionState::Stalled(_)));
    }
}
