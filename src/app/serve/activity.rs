//! The activity of a connection: its requests, and the pace at which their answers are taken.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    held::Charge,
    pace::{Pace, Progress, Verdict},
};

/// The moment from which times are counted that are kept as numbers.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The bytes that a socket is seen to take at once: half of what the system keeps unsent.
const SOCKET_LUMP: u64 = 8 * 1024;

/// The bytes that a slow client's stream is seen to take at once, with some to spare.
const STREAM_LUMP: u64 = 2 * 1024;

/// The activity on a connection.
#[derive(Debug)]
pub(in crate::app) struct Activity {
    /// Whole heads so far.
    heads: AtomicU64,
    /// Requests whose answers have not been taken to the end.
    running: AtomicUsize,
    /// Those of them that wait for the client.
    waiting: AtomicUsize,
    /// The time of the last progress, in milliseconds since [`START`].
    last: AtomicU64,
    is_http2: AtomicBool,
    /// Whether the head that comes next is framed in a way that hyper does not read.
    is_odd: AtomicBool,
    /// The bytes that the socket took.
    pub(super) socket: Progress,
}

/// The state of a connection, as far as it decides which one makes room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Standing {
    /// No whole head has come yet.
    Silent,
    /// Everything is answered, and has been for this long.
    Idle(Duration),
    /// All that is under way waits for the client, and nothing has moved for this long.
    Stalled(Duration),
    /// Something is being worked on, or moves.
    Busy,
}

/// A request and its answer, until the client has taken it.
#[derive(Debug)]
pub(in crate::app) struct Exchange {
    connection: Arc<Activity>,
    /// The pace at which its answer is taken.
    progress: Progress,
    is_waiting: AtomicBool,
    is_answered: AtomicBool,
    /// The memory that it takes by itself.
    _charge: Charge,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            heads: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            last: AtomicU64::new(millis(Instant::now())),
            is_http2: AtomicBool::new(false),
            is_odd: AtomicBool::new(false),
            socket: Progress::new(SOCKET_LUMP),
        }
    }
}

impl Activity {
    /// Notes that a request's head has come.
    pub(in crate::app) fn begin(self: &Arc<Self>, charge: Charge) -> Exchange {
        self.heads.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        self.note_progress(Instant::now());
        Exchange {
            connection: Arc::clone(self),
            progress: Progress::new(STREAM_LUMP),
            is_waiting: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
            _charge: charge,
        }
    }

    /// Notes that the connection speaks HTTP/2, where bytes on the socket need not be progress.
    pub(super) fn set_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    /// Whether a head of HTTP/1.1 is expected.
    pub(super) fn expects_head(&self) -> bool {
        !self.is_http2.load(Ordering::Relaxed) && self.running.load(Ordering::Relaxed) == 0
    }

    /// Notes that the head that comes next is framed in a way that hyper does not read.
    pub(super) fn set_odd(&self) {
        self.is_odd.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted of the head that has come.
    pub(super) fn take_odd(&self) -> bool {
        self.is_odd.load(Ordering::Relaxed) && self.is_odd.swap(false, Ordering::Relaxed)
    }

    /// Notes that the socket took bytes.
    pub(super) fn wrote(&self, bytes: usize, now: Instant) {
        self.socket.moved(bytes as u64, now);
        if !self.is_http2.load(Ordering::Relaxed) {
            self.note_progress(now);
        }
    }

    /// Whether a head has ever come.
    pub(in crate::app) fn has_begun(&self) -> bool {
        self.heads.load(Ordering::Relaxed) > 0
    }

    /// Returns what the connection is doing.
    pub(in crate::app) fn standing(&self, now: Instant) -> Standing {
        let (running, waiting) = (
            self.running.load(Ordering::Relaxed),
            self.waiting.load(Ordering::Relaxed),
        );
        let still = self.still_for(now);
        if self.socket.is_waiting() || (running > 0 && waiting >= running) {
            Standing::Stalled(still)
        } else if running > 0 {
            Standing::Busy
        } else if self.has_begun() {
            Standing::Idle(still)
        } else {
            Standing::Silent
        }
    }

    /// Whether nothing is left that moves, once one of its streams is ended for being too slow.
    fn is_given_up(&self, pace: Pace, now: Instant) -> bool {
        let running = self.running.load(Ordering::Relaxed);
        let is_last = running <= 1;
        let is_still = self.still_for(now) >= pace.stall / 2;
        self.waiting.load(Ordering::Relaxed) >= running && (is_last || is_still)
    }

    fn still_for(&self, now: Instant) -> Duration {
        let last = self.last.load(Ordering::Relaxed);
        Duration::from_millis(millis(now).saturating_sub(last))
    }

    fn note_progress(&self, now: Instant) {
        self.last.fetch_max(millis(now), Ordering::Relaxed);
    }
}

impl Exchange {
    /// Notes that the client has to send more of its request.
    ///
    /// Once there is an answer, the rest of the request is only drained and does not count.
    pub(super) fn wait_for_request(&self) {
        if !self.is_answered.load(Ordering::Relaxed) {
            self.start_waiting();
        }
    }

    /// Notes that more of the request came, or that no more of it is wanted.
    pub(super) fn received(&self, bytes: usize) {
        if !self.is_answered.load(Ordering::Relaxed) && self.stop_waiting() && bytes > 0 {
            self.connection.note_progress(Instant::now());
        }
    }

    /// Notes that there is an answer.
    pub(super) fn answer(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
        self.stop_waiting();
    }

    /// Notes that the client has to take a piece of the answer.
    pub(super) fn wait(&self) {
        self.progress.wait(Instant::now());
        self.start_waiting();
    }

    /// Notes that the client took it. Returns how long it was waited for.
    pub(super) fn moved(&self, bytes: usize) -> Duration {
        if !self.stop_waiting() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        self.connection.note_progress(now);
        self.progress.moved(bytes as u64, now)
    }

    /// Compares how the client takes this answer with the pace.
    pub(super) fn verdict(&self, pace: Pace) -> Verdict {
        self.progress.verdict(pace, Instant::now())
    }

    /// Whether the connection has to end with this exchange, which is too slow.
    pub(super) fn is_last_that_moves(&self, pace: Pace) -> bool {
        self.connection.is_given_up(pace, Instant::now())
    }

    /// Notes that the client is waited for.
    pub(super) fn start_waiting(&self) {
        if !self.is_waiting.swap(true, Ordering::Relaxed) {
            self.connection.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that it is not any more. Returns whether it was.
    pub(super) fn stop_waiting(&self) -> bool {
        let was_waiting = self.is_waiting.swap(false, Ordering::Relaxed);
        if was_waiting {
            self.connection.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        was_waiting
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.stop_waiting();
        self.connection.running.fetch_sub(1, Ordering::Relaxed);
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
    fn a_connection_is_stalled_once_all_that_runs_waits_for_its_client() {
        let activity = Arc::<Activity>::default();
        let standing = || activity.standing(Instant::now());
        assert_eq!(standing(), Standing::Silent);
        let (one, other) = (
            activity.begin(Charge::none()),
            activity.begin(Charge::none()),
        );
        assert_eq!(standing(), Standing::Busy);
        one.wait();
        assert_eq!(standing(), Standing::Busy);
        other.wait();
        assert!(matches!(standing(), Standing::Stalled(_)));
        one.moved(1);
        assert_eq!(standing(), Standing::Busy);
        drop(one);
        assert!(matches!(standing(), Standing::Stalled(_)));
        drop(other);
        assert!(matches!(standing(), Standing::Idle(_)));
        activity.socket.wait(Instant::now());
        assert!(matches!(standing(), Standing::Stalled(_)));
    }
}
