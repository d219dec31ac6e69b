//! The least pace of an upload, which holds a place for requests while it arrives.

use std::time::Duration;

/// The time in which the first byte has to come.
const TO_BEGIN: Duration = Duration::from_secs(10);

/// The time after which the rate is judged, time and again.
const STRETCH: Duration = Duration::from_secs(30);

/// The least number of bytes in each stretch: 1 KB/s, with a little to spare for a sender that
/// keeps exactly to that and is late by a piece.
const LEAST: u64 = 28_000;

/// The pace of a sender, by the time in which it is waited for.
///
/// Time in which it could not send, because VirusTotal takes no more, does not count.
#[derive(Debug)]
pub(super) struct Pace {
    /// The longest time without a byte, once it has begun.
    most_silent: Duration,
    /// The time since the last byte came.
    silent: Duration,
    /// The part of this stretch that has passed.
    passed: Duration,
    /// The bytes that came in it.
    bytes: u64,
    has_begun: bool,
}

/// A sender that is too slow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Pace {
    /// Creates the pace of an upload that may be silent for so long.
    pub(super) fn new(most_silent: Duration) -> Self {
        Self {
            most_silent,
            silent: Duration::ZERO,
            passed: Duration::ZERO,
            bytes: 0,
            has_begun: false,
        }
    }

    /// Returns the time for which the sender can be waited for before it is judged.
    pub(super) fn left(&self) -> Duration {
        let silence = self.patience().saturating_sub(self.silent);
        silence.min(STRETCH.saturating_sub(self.passed))
    }

    /// Counts time in which the sender was waited for.
    pub(super) fn waited(&mut self, time: Duration) {
        self.silent += time;
        self.passed += time;
    }

    /// Judges the sender by what came and what passed; after either has been counted.
    pub(super) fn judge(&mut self) -> Result<(), TooSlow> {
        if self.silent >= self.patience() {
            return Err(TooSlow);
        }
        if self.passed < STRETCH {
            return Ok(());
        }
        if self.bytes < LEAST {
            return Err(TooSlow);
        }
        self.passed = Duration::ZERO;
        self.bytes = 0;
        Ok(())
    }

    /// Counts bytes that came.
    pub(super) fn received(&mut self, bytes: usize) {
        if bytes > 0 {
            self.silent = Duration::ZERO;
            self.has_begun = true;
            self.bytes = self.bytes.saturating_add(bytes as u64);
        }
    }

    /// Returns the longest time without a byte at this point.
    fn patience(&self) -> Duration {
        if self.has_begun {
            self.most_silent
        } else {
            self.most_silent.min(TO_BEGIN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends so many bytes each time after so many seconds; returns when that ends.
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
        assert_eq!(pace.left(), TO_BEGIN);
        assert_eq!(ends(&mut pace, 60, 1), Some(10));
        let mut hasty = Pace::new(Duration::from_secs(5));
        assert_eq!(ends(&mut hasty, 60, 1), Some(5));
        let mut empty = Pace::new(Duration::from_secs(30));
        assert_eq!(ends(&mut empty, 1, 0), Some(10), "nothing is no beginning");
    }

    #[test]
    fn after_thirty_seconds_a_kilobyte_a_second_is_the_least() {
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
    fn bytes_of_before_do_not_pay_for_a_trickle() {
        let mut pace = begun();
        pace.received(100 << 20);
        assert_eq!(ends(&mut pace, 1, 1), Some(60));
    }

    #[test]
    fn silence_ends_it_before_the_stretch_is_over() {
        let mut pace = Pace::new(Duration::from_secs(5));
        pace.received(100 << 20);
        assert_eq!(pace.left(), Duration::from_secs(5));
        assert_eq!(ends(&mut pace, 7, 1 << 20), Some(5));
    }
}
