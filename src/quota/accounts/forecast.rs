//! Predicts when a request at a given place in the queue gets a unit.

use std::{borrow::Cow, time::Duration};

use super::{Exhausted, Rules, Window, ledger::Ledger};
use crate::{access::SlidingWindow, clock::Now};

/// The kind of unit that is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Any unit.
    Any,
    /// A unit that is not the last of a minute.
    Spare,
}

/// A request's position in the queue for units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of requests before it.
    pub(super) before: usize,
    pub(super) demand: Demand,
}

/// A simulation of future spending, in which each queued request takes its unit as soon as every
/// window has one.
#[derive(Debug)]
struct Forecast<'a> {
    rules: &'a Rules,
    /// The units of the minute, and those that earlier requests in the queue will spend. Copied
    /// only if there are such requests.
    minute_units: Cow<'a, SlidingWindow>,
    day: u64,
    month: u64,
    at: Now,
    /// The window that was waited for last.
    window: Option<Window>,
}

/// Checks whether a unit is available now to a request at this position.
///
/// If not, the error names the window that has room last and the time until then. `ledger` must be
/// rolled to `now`.
pub(super) fn check(
    ledger: &Ledger,
    rules: &Rules,
    position: Position,
    now: Now,
) -> Result<(), Exhausted> {
    let mut forecast = Forecast {
        rules,
        minute_units: ledger.minute_units(),
        day: ledger.day(),
        month: ledger.month(),
        at: now,
        window: None,
    };
    for _ in 0..position.before {
        forecast.advance_to_unit(Demand::Any);
        forecast.spend();
    }
    forecast.advance_to_unit(position.demand);
    let Some(window) = forecast.window else {
        return Ok(());
    };
    // A spare unit may be missing although a unit is left. A second run without that condition
    // tells.
    let any = Position::any(position.before);
    Err(Exhausted {
        window,
        limit: rules.allowed.of(window).unwrap_or_default(),
        retry_after: forecast.at.steady.saturating_duration_since(now.steady),
        is_kept_back: position.demand == Demand::Spare && check(ledger, rules, any, now).is_ok(),
        full: None,
    })
}

impl Position {
    /// Returns the position of a request for any unit behind this many others.
    pub(super) fn any(before: usize) -> Self {
        Self {
            before,
            demand: Demand::Any,
        }
    }
}

impl Forecast<'_> {
    /// Advances to the time at which a unit is available.
    fn advance_to_unit(&mut self, demand: Demand) {
        if let Some(wait) = self.until_minute(demand) {
            self.move_on(wait, Window::Minute);
        }
        // A daily allowance of zero may be raised tomorrow, so the wait ends then.
        let allowed = &self.rules.allowed;
        if is_used_up(allowed.month, self.month) {
            self.move_on(self.at.until_next_month(), Window::Month);
        } else if is_used_up(allowed.day, self.day) {
            self.move_on(self.at.until_tomorrow(), Window::Day);
        }
    }

    /// Returns the wait until fewer units than the limit are spent within the minute.
    fn until_minute(&self, demand: Demand) -> Option<Duration> {
        let limit = usize::try_from(self.rules.allowed.minute?).unwrap_or(usize::MAX);
        let limit = match demand {
            Demand::Spare if limit > 1 => limit - 1,
            _ => limit,
        };
        self.minute_units
            .wait(limit, self.rules.minute_length, self.at.steady)
    }

    /// Advances the clock, and clears the counts of the day and month that end.
    fn move_on(&mut self, wait: Duration, window: Window) {
        let then = self.at.after(wait);
        if then.day() != self.at.day() {
            self.day = 0;
        }
        if then.month() != self.at.month() {
            self.month = 0;
        }
        self.at = then;
        self.window = Some(window);
    }

    /// Spends a simulated unit now.
    fn spend(&mut self) {
        self.minute_units.to_mut().add(self.at.steady);
        self.day = self.day.saturating_add(1);
        self.month = self.month.saturating_add(1);
    }
}

fn is_used_up(allowed: Option<u64>, used: u64) -> bool {
    match allowed {
        Some(allowed) => used >= allowed,
        None => false,
    }
}
