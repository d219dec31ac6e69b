//! Takes up what the operator changes in the file of clients while the gateway runs.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

use crate::clients::{Clients, Refreshed, file::Mistake};

/// How often the file is looked at.
///
/// What it costs is one call to the system. To be told of changes would miss those on file
/// systems of the network and in mounted secrets, where a link above the file is exchanged.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The time in which the same warning is logged once.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// `SIGHUP`, from now on: without this it would end the process.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Where nobody has set up clients, a `SIGHUP` is no reason to end either.
pub(super) async fn pass_over(mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        info!("there is nothing to reload: no clients are set up");
    }
}

/// Reads the file again at every `SIGHUP`, and when it has changed.
pub(super) async fn keep_up(clients: Arc<Clients>, mut hangups: Signal) {
    let mut ticks = interval(LOOK_EVERY);
    // A file that hangs takes longer than a tick.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut warnings = Warnings::default();
    loop {
        let asked = select! {
            Some(()) = hangups.recv() => true,
            _ = ticks.tick() => false,
        };
        match clients.refresh(asked).await {
            Refreshed::Unchanged => {}
            Refreshed::Reloaded(count) => {
                warnings = Warnings::default();
                info!(clients.count = count, "clients reloaded");
            }
            Refreshed::Deleted => {
                warnings = Warnings::default();
                warn!("the file of clients is gone: no token holds");
            }
            Refreshed::Kept(mistakes) => warnings.log(mistakes, asked, Instant::now()),
        }
    }
}

/// The warnings that were logged last, which are not repeated at every look.
#[derive(Default)]
struct Warnings {
    last: Option<(Vec<Mistake>, Instant)>,
    /// Warnings like these since then.
    held_back: u32,
}

impl Warnings {
    /// Logs mistakes that are new, that were asked for, or whose time has come again.
    fn log(&mut self, mistakes: Vec<Mistake>, asked: bool, now: Instant) {
        if !asked && !self.is_due(&mistakes, now) {
            self.held_back += 1;
            return;
        }
        for mistake in &mistakes {
            warn!(
                error.cause = %mistake,
                repeated = self.held_back,
                "clients not reloaded, those before still hold"
            );
        }
        *self = Self {
            last: Some((mistakes, now)),
            held_back: 0,
        };
    }

    fn is_due(&self, mistakes: &[Mistake], now: Instant) -> bool {
        let Some((last, logged)) = &self.last else {
            return true;
        };
        last != mistakes || now.duration_since(*logged) >= WARN_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_warning_is_due_once_a_minute() {
        let (mut warnings, now) = (Warnings::default(), Instant::now());
        assert!(warnings.is_due(&[], now));
        warnings.log(Vec::new(), false, now);
        let soon = now + WARN_EVERY / 2;
        assert!(!warnings.is_due(&[], soon));
        warnings.log(Vec::new(), false, soon);
        assert_eq!(warnings.held_back, 1);
        assert!(warnings.is_due(&[], now + WARN_EVERY));
    }
}
