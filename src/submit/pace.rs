//! The minimum pace of an upload, which occupies a request slot while it arrives.

use std::time::Duration;

/// The time within which the first byte has to arrive.
const MAX_SILENCE_AT_FIRST: Duration = Duration::from_secs(10);

/// The interval at which the rate is checked.
const INTERVAL: Duration = Duration::from_secs(30);

/// The minimum number of bytes per interval: 1 KB/s, minus a tolerance for a sender that keeps
/// exactly to that rate and is one piece late.
const MIN_BYTES: u64 = 28_000;

/// The pace of a sender, measured over the time that the gateway waits for it.
///
/// Time in which VirusTotal accepts no more data does not count against the sender.
#[derive(Debug)]
pub(super) struct Pace {
    /// The longest silence, once the first byte has arrived.
    longest_silence: Duration,
    /// The time since the last byte arrived.
    silent: Duration,
    /// The elapsed part of the current interval.
    passed: Duration,
    /// The bytes that arrived in the current interval.
    bytes: u64,
    has_begun: bool,
}

/// The error for a sender that is too slow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Pace {
    /// Creates the pace of an upload that may be silent for at most `longest_silence`.
    pub(super) fn new(longest_silence: Duration) -> Self {
        Self {
            longest_silence,
            silent: Duration::ZERO,
            passed: Duration::ZERO,
            bytes: 0,
            has_begun: false,
        }
    }

    /// Returns the time to wait for the sender before the next check.
    pub(super) fn left(&self) -> Duration {
        let silence = self.max_silence().saturating_sub(self.silent);
        silence.min(INTERVAL.saturating_sub(self.passed))
    }

    /// Adds time spent waiting for the sender.
    pub(super) fn waited(&mut self, time: Duration) {
        self.silent += time;
        self.passed += time;
    }

    /// Checks the sender; called after its bytes and the time have been counted.
    pub(super) fn judge(&mut self) -> Result<(), TooSlow> {
        if self.silent >= self.max_silence() {
            return Err(TooSlow);
        }
        if self.passed < INTERVAL {
            return Ok(());
        }
        if self.bytes < MIN_BYTES {
            return Err(TooSlow);
        }
        self.passed = Duration::ZERO;
        self.bytes = 0;
        Ok(())
    }

    /// Adds bytes that arrived.
    pub(super) fn received(&mut self, bytes: usize) {
        if bytes > 0 {
            self.silent = Duration::ZERO;
            self.has_begun = true;
            self.bytes = self.bytes.saturating_add(bytes as u64);
        }
    }

    /// Returns the longest silence allowed at this point.
    fn max_silence(&self) -> Duration {
        if self.has_begun {
            self.longest_silence
        } else {
            self.longest_silence.min(MAX_SILENCE_AT_FIRST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends `bytes` every `every` seconds; returns the second at which the sender is too slow.
    fn ends(pace: &mut Pace, every: u64, bytes: usize) -> Option<u64> {
        for second in 1..=600 {
            pace.waited(SECOND);
            if second % every == 0 {
                pace.received(bytes);
            }
            if pace.judge().is_err() {
                return Some(second);
            }
        }
        None
    }

    fn begun() -> Pace {
        let mut pace = Pace::new(Duration::from_mins(1));
        pace.received(100);
        pace
    }

    #[test]
    fn an_upload_has_ten_seconds_to_begin() {
        let mut pace = Pace::new(Duration::from_secs(30));
        assert_eq!(pace.left(), MAX_SILENCE_AT_FIRST);
        assert_eq!(ends(&mut pace, 60, 1), Some(10));
        let mut hasty = Pace::new(Duration::from_secs(5));
        assert_eq!(ends(&mut hasty, 60, 1), Some(5));
        let mut empty = Pace::new(Duration::from_secs(30));
        assert_eq!(ends(&mut empty, 1, 0), Some(10), "nothing is no beginning");
    }

    #[test]
    fn less_than_a_kilobyte_a_second_ends_it_after_thirty_seconds() {
        for (every, bytes) in [(1, 1), (15, 1), (1, 900), (15, 13_500)] {
            assert_eq!(
                ends(&mut begun(), every, bytes),
                Some(30),
                "{every} {bytes}"
            );
        }
        for (every, bytes) in [(1, 1000), (10, 10_000), (20, 40_000)] {
            let end = ends(&mut begun(), every, bytes);
            assert_eq!(end, None, "{every} {bytes}");
        }
    }

    #[test]
    fn a_fast_start_does_not_excuse_a_trickle() {
        let mut pace = begun();
        pace.received(100 << 20);
        assert_eq!(ends(&mut pace, 1, 1), Some(60));
    }

    #[test]
    fn silence_ends_it_before_the_interval_is_over() {
        let mut pace = Pace::new(Duration::from_secs(5));
        pace.received(100 << 20);
        assert_eq!(pace.left(), Duration::from_secs(5));
        assert_eq!(ends(&mut pace, 7, 1 << 20), Some(5));
    }
}
