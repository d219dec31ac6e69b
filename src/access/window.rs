//! Counts within a window of time: one that slides along with the clock, and periods of the
//! calendar.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The times of recent events, in order, to allow "at most N in any T".
///
/// Only [`expire`](Self::expire) drops events, so it has to be called before [`len`](Self::len)
/// counts them.
#[derive(Clone, Debug, Default)]
pub struct SlidingWindow(VecDeque<Instant>);

/// A value, such as a count, that belongs to one period of the calendar and starts anew in the
/// next.
#[derive(Clone, Copy, Debug)]
pub struct CalendarWindow<P, V> {
    period: Option<P>,
    value: V,
}

impl SlidingWindow {
    /// Drops the events from `length` ago and earlier.
    pub fn expire(&mut self, length: Duration, now: Instant) {
        while let Some(first) = self.0.front()
            && now.saturating_duration_since(*first) >= length
        {
            self.0.pop_front();
        }
    }

    /// Adds an event.
    pub fn add(&mut self, at: Instant) {
        let mut index = self.0.len();
        // Nearly always the last: callers read the clock before they take the lock, so times may
        // arrive out of order.
        while index > 0 && self.0[index - 1] > at {
            index -= 1;
        }
        self.0.insert(index, at);
    }

    /// Removes one event of this time, if there is one.
    pub fn remove(&mut self, at: Instant) {
        if let Some(index) = self.index_of(at) {
            self.0.remove(index);
        }
    }

    /// Returns whether there is an event of this time.
    pub fn contains(&self, at: Instant) -> bool {
        self.index_of(at).is_some()
    }

    /// Returns the time until fewer than `most` events are within `length`, or `None` if that is so
    /// now.
    pub fn wait(&self, most: usize, length: Duration, now: Instant) -> Option<Duration> {
        // There can be more events than `most` if the limit was higher when they came.
        let index = self.0.len().checked_sub(most)?;
        let at = self.0.get(index)?;
        let wait = length.saturating_sub(now.saturating_duration_since(*at));
        (!wait.is_zero()).then_some(wait)
    }

    /// Returns the events of both windows.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut all = Vec::with_capacity(self.len() + other.len());
        all.extend(&self.0);
        all.extend(&other.0);
        all.sort_unstable();
        Self(all.into())
    }

    /// Returns the time of the last event.
    pub fn last(&self) -> Option<Instant> {
        self.0.back().copied()
    }

    /// Returns the number of events.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Searches from the end, because the event that a caller looks for is usually a recent one.
    fn index_of(&self, at: Instant) -> Option<usize> {
        self.0.iter().rposition(|other| *other == at)
    }
}

impl<P: Copy + PartialEq, V: Copy + Default> CalendarWindow<P, V> {
    /// Returns the value of a period. If the window was at another one, it moves and starts anew.
    pub fn at(&mut self, period: P) -> &mut V {
        if self.period != Some(period) {
            self.period = Some(period);
            self.value = V::default();
        }
        &mut self.value
    }

    /// Returns the period that the window is at, or `None` if it was never used.
    pub fn period(&self) -> Option<P> {
        self.period
    }

    /// Returns the value of the period that the window is at.
    pub fn value(&self) -> V {
        self.value
    }
}

impl<P, V: Default> Default for CalendarWindow<P, V> {
    fn default() -> Self {
        Self {
            period: None,
            value: V::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn an_event_counts_for_the_length_of_the_window() {
        let (mut window, start) = (SlidingWindow::default(), Instant::now());
        window.add(start);
        window.add(start + seconds(50));
        let wait = |now| window.wait(2, MINUTE, start + seconds(now));
        assert_eq!((wait(59), wait(60)), (Some(seconds(1)), None));
        assert_eq!(window.wait(3, MINUTE, start), None);
        // An event ahead of the clock counts in full.
        assert_eq!(window.wait(1, MINUTE, start), Some(MINUTE));
        window.expire(MINUTE, start + seconds(60));
        assert_eq!(window.len(), 1);
        window.expire(MINUTE, start + seconds(110));
        assert!(window.is_empty());
    }

    #[test]
    fn events_are_in_order_of_time() {
        let (mut window, start) = (SlidingWindow::default(), Instant::now());
        for at in [9, 4, 6] {
            window.add(start + seconds(at));
        }
        assert_eq!(window.last(), Some(start + seconds(9)));
        window.remove(start + seconds(9));
        assert!(!window.contains(start + seconds(9)));
        let mut other = SlidingWindow::default();
        other.add(start + seconds(5));
        let mut all = window.merged(&other);
        assert_eq!((all.len(), all.last()), (3, Some(start + seconds(6))));
        all.expire(seconds(1), start + seconds(6));
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_calendar_window_starts_anew_in_another_period() {
        let mut window = CalendarWindow::default();
        assert_eq!(window.period(), None);
        *window.at(1) += 2;
        *window.at(1) += 1;
        assert_eq!((window.period(), window.value()), (Some(1), 3));
        assert_eq!(*window.at(2), 0);
    }
}
