//! Reloading of the clients' file while the gateway runs.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

use crate::access::clients::{Clients, Refreshed, file::Mistake};

/// The interval at which the file's metadata is checked.
///
/// A check costs one system call. Change notifications would miss changes on network file systems
/// and in mounted secrets, where a link above the file is exchanged.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The interval at which an unchanged warning is logged again.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// Starts to receive `SIGHUP`, which would otherwise end the process.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Ignores `SIGHUP` if no clients are configured.
pub(super) async fn pass_over(mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        info!("nothing to reload, no clients are configured");
    }
}

/// Reads the file again at each `SIGHUP`, and when it has changed.
pub(super) async fn keep_up(clients: Clients, mut hangups: Signal) {
    let mut ticks = interval(LOOK_EVERY);
    // Reading a file that blocks takes longer than a tick.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut warnings = Warnings::default();
    loop {
        // A `SIGHUP` reads the file even if it has not changed.
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
                warn!("clients' file deleted, all tokens are rejected");
            }
            Refreshed::Kept(mistakes) => warnings.log(mistakes, asked, Instant::now()),
        }
    }
}

/// The warnings logged last, which are not repeated at every check.
#[derive(Default)]
struct Warnings {
    last: Option<(Vec<Mistake>, Instant)>,
    /// The number of identical warnings suppressed since then.
    held_back: u32,
}

impl Warnings {
    /// Logs mistakes if they are new, were asked for, or are due again.
    fn log(&mut self, mistakes: Vec<Mistake>, asked: bool, now: Instant) {
        if !asked && !self.is_due(&mistakes, now) {
            self.held_back += 1;
            return;
        }
        for mistake in &mistakes {
            warn!(
                error.cause = %mistake,
                repeated = self.held_back,
                "clients not reloaded, previous ones stay in effect"
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
