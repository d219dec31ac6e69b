//! Warnings that would be written again and again.

use std::time::{Duration, Instant};

/// The time in which one warning stands for all of its kind.
const WINDOW: Duration = Duration::from_mins(1);

/// The occurrences of one warning, which is written at most once a minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeated {
    written: Option<Instant>,
    count: u64,
}

impl Repeated {
    /// Notes an occurrence. Returns how many there were since the last line, this one included,
    /// if it is time for a line.
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
    fn a_repeated_warning_is_written_once_a_minute_with_its_count() {
        let (mut repeated, start) = (Repeated::default(), Instant::now());
        let mut at = |second| repeated.note_at(start + Duration::from_secs(second));
        assert_eq!(at(0), Some(1));
        assert_eq!([at(1), at(30), at(59)], [None; 3]);
        assert_eq!(at(60), Some(4));
        assert_eq!(at(61), None);
        assert_eq!(at(1000), Some(2));
    }
}
