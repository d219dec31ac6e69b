//! The minimum pace at which a client has to receive its responses.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep_until};

/// The pace below which a client's response or connection is ended.
#[derive(Clone, Copy, Debug)]
pub struct ClientPace {
    /// The time within which any byte has to move, and the length of the window for the rate.
    pub stall: Duration,
    /// The lowest rate, in bytes per second.
    pub rate: u64,
}

impl Default for ClientPace {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            rate: 1024,
        }
    }
}

impl ClientPace {
    /// Returns the minimum number of bytes that have to move in a window, if they move in lumps of
    /// this size.
    fn least(self, lump: u64) -> u64 {
        let millis = u64::try_from(self.stall.as_millis()).unwrap_or(u64::MAX);
        let bytes = self.rate.saturating_mul(millis) / 1000;
        bytes.saturating_sub(lump).max(1)
    }
}

/// The progress of a client in receiving bytes.
///
/// Only time in which the gateway waits for the client counts: while the gateway has nothing to
/// send, the clock stands still.
#[derive(Debug)]
pub(super) struct ClientProgress {
    /// The number of bytes that appear to move at once.
    ///
    /// A client that receives bytes at a steady rate appears to accept them in lumps of this size,
    /// so a window can contain one lump fewer than expected.
    lump: u64,
    state: Mutex<ProgressState>,
}

#[derive(Debug, Default)]
struct ProgressState {
    /// The time since which the client has been waited for without progress.
    since: Option<Instant>,
    /// The time from which this wait counts in the window; later than `since` if a window ended in
    /// between.
    counted_from: Option<Instant>,
    /// The time of earlier waits in this window.
    waited: Duration,
    /// The bytes that moved in this window.
    moved: u64,
}

/// The result of comparing a client with the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PaceVerdict {
    /// The client is not waited for.
    Idle,
    /// The client is fast enough so far and is due for another check at this time.
    Until(Instant),
    /// The client is slower than the pace.
    TooSlow,
}

/// A timer for the next verdict on a client.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Watchdog {
    /// Resolves once the client is too slow. Asks for a verdict now, and again whenever one is due.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut verdict: impl FnMut() -> PaceVerdict,
    ) -> Poll<()> {
        loop {
            let until = match verdict() {
                PaceVerdict::Idle => return Poll::Pending,
                PaceVerdict::TooSlow => return Poll::Ready(()),
                PaceVerdict::Until(until) => until.into(),
            };
            // The timer is not reset for each piece: a wake-up that is too early costs less.
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(until)));
            ready!(timer.as_mut().poll(context));
            timer.as_mut().reset(until);
        }
    }
}

impl ClientProgress {
    /// Creates the progress of a client that has nothing to receive yet.
    pub(super) fn new(lump: u64) -> Self {
        Self {
            lump,
            state: Mutex::default(),
        }
    }

    /// Records that the client has to receive something, unless it already had to.
    pub(super) fn wait(&self, now: Instant) {
        let mut state = self.lock();
        if state.since.is_none() {
            state.since = Some(now);
            state.counted_from = Some(now);
        }
    }

    /// Records that bytes moved, which ends the wait for the client. Returns the length of the wait.
    pub(super) fn moved(&self, bytes: u64, now: Instant) -> Duration {
        let mut state = self.lock();
        state.moved = state.moved.saturating_add(bytes);
        let since = state.since.take();
        if let Some(from) = state.counted_from.take() {
            state.waited += now.saturating_duration_since(from);
        }
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether the client is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.lock().since.is_some()
    }

    /// Compares the progress with the pace.
    pub(super) fn verdict(&self, pace: ClientPace, now: Instant) -> PaceVerdict {
        let mut state = self.lock();
        let (Some(since), Some(from)) = (state.since, state.counted_from) else {
            return PaceVerdict::Idle;
        };
        // Nothing has moved at all within the time limit.
        if now.saturating_duration_since(since) >= pace.stall {
            return PaceVerdict::TooSlow;
        }
        let waited = state.waited + now.saturating_duration_since(from);
        let left = pace.stall.saturating_sub(waited);
        if !left.is_zero() {
            // The window is not over: the next check is due when it is, or at the time limit.
            return PaceVerdict::Until((since + pace.stall).min(now + left));
        }
        if state.moved < pace.least(self.lump) {
            return PaceVerdict::TooSlow;
        }
        // The next window starts.
        (state.waited, state.moved) = (Duration::ZERO, 0);
        state.counted_from = Some(now);
        PaceVerdict::Until(since + pace.stall)
    }

    /// Locks the state. A panic while it was locked leaves consistent values behind, so poisoning
    /// is ignored.
    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUMP: u64 = 2048;

    const PACE: ClientPace = ClientPace {
        stall: Duration::from_secs(30),
        rate: 1024,
    };

    /// Receives `bytes` every `every` seconds; returns the second at which the client is too slow.
    fn ended_at(bytes: u64, every: u64) -> Option<u64> {
        let (progress, start) = (ClientProgress::new(LUMP), Instant::now());
        progress.wait(start);
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            if second > 0 && second % every == 0 {
                progress.moved(bytes, now);
                progress.wait(now);
            }
            if progress.verdict(PACE, now) == PaceVerdict::TooSlow {
                return Some(second);
            }
        }
        None
    }

    #[test]
    fn no_progress_for_30_seconds_is_too_slow() {
        assert_eq!(ended_at(1 << 20, 10_000), Some(30));
        assert_eq!(ended_at(1 << 20, 31), Some(30));
        assert_eq!(ended_at(1 << 20, 29), None);
    }

    #[test]
    fn less_than_the_rate_over_30_seconds_is_too_slow() {
        assert_eq!(ended_at(1, 1), Some(30));
        assert_eq!(ended_at(500, 1), Some(30));
        assert_eq!(ended_at(2048, 9), Some(30));
        assert_eq!(ended_at(1024, 1), None);
        assert_eq!(ended_at(900, 1), Some(30));
        assert_eq!(ended_at(LUMP, 2), None);
    }

    #[test]
    fn time_without_anything_to_receive_does_not_count() {
        let (progress, start) = (ClientProgress::new(LUMP), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        for second in (0..600).step_by(15) {
            progress.wait(at(second));
            assert!(matches!(
                progress.verdict(PACE, at(second)),
                PaceVerdict::Until(_)
            ));
            progress.moved(100, at(second));
            assert_eq!(progress.verdict(PACE, at(second + 14)), PaceVerdict::Idle);
        }
    }

    #[test]
    fn a_fast_start_does_not_excuse_a_trickle() {
        let (progress, start) = (ClientProgress::new(LUMP), Instant::now());
        progress.wait(start);
        progress.moved(10 << 20, start);
        let mut verdicts = (1..200).map(|second| {
            let now = start + Duration::from_secs(second);
            progress.moved(1, now);
            progress.wait(now);
            progress.verdict(PACE, now)
        });
        assert!(verdicts.any(|verdict| verdict == PaceVerdict::TooSlow));
    }
}
