//! Throttling of repeated warnings.

use std::time::{Duration, Instant};

/// The minimum time between two lines of the same warning.
const WINDOW: Duration = Duration::from_mins(1);

/// A counter for one warning, which is logged at most once a minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeated {
    written: Option<Instant>,
    count: u64,
}

impl Repeated {
    /// Counts an occurrence. If a line is due, returns the number of occurrences since the last
    /// one, including this.
    pub fn note(&mut self) -> Option<u64> {
        self.note_at(Instant::now())
    }

    fn note_at(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let is_due = self
            .written
            .is_none_or(|written| now.saturating_duration_since(written) >= WINDOW);
        if !is_due {
            return None;
        }
        self.written = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_warning_is_logged_once_a_minute_with_its_count() {
        let (mut repeated, start) = (Repeated::default(), Instant::now());
        let mut at = |second| repeated.note_at(start + Duration::from_secs(second));
        assert_eq!(at(0), Some(1));
        assert_eq!([at(1), at(30), at(59)], [None; 3]);
        assert_eq!(at(60), Some(4));
        assert_eq!(at(61), None);
        assert_eq!(at(1000), Some(2));
    }
}
