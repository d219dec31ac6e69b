//! Points in time on the monotonic clock of this process.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A point in time on the monotonic clock, in microseconds since about the start of the process.
///
/// Negative for times before the start: another replica may have asked for an answer earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub(super) i64);

impl Moment {
    /// The time before all others.
    pub(super) const NEVER: Self = Self(i64::MIN);

    /// Returns the present time.
    pub fn now() -> Self {
        // Starts at 1, because 0 means "never" in the tables of changes.
        Self(micros(START.elapsed()).saturating_add(1))
    }

    /// Returns the time this long before.
    #[must_use]
    pub fn before(self, ago: Duration) -> Self {
        Self(self.0.saturating_sub(micros(ago)))
    }

    /// Returns the time this long after.
    #[must_use]
    pub(super) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(micros(time)))
    }

    /// Returns the time from this moment to a later one, or zero if `later` is not later.
    pub fn until(self, later: Self) -> Duration {
        let micros = later.0.saturating_sub(self.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
