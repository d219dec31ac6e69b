//! Takes up what the operator changes in the file of clients while the gateway runs.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::interval,
};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::clients::{Clients, file::Mistake};

/// How often the file is looked at.
///
/// What it costs is one call to the system. To be told of changes would miss those on file
/// systems of the network and in mounted secrets, where a link above the file is exchanged.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
pub(super) async fn keep_up(clients: Arc<Clients>, mut hangups: Signal, tasks: TaskTracker) {
    let mut ticks = interval(LOOK_EVERY);
    loop {
        let asked = select! {
            Some(()) = hangups.recv() => true,
            _ = ticks.tick() => false,
        };
        let clients = Arc::clone(&clients);
        let reload = move || (asked || clients.has_changed()).then(|| clients.reload());
        // On a thread that may block: a file on the network can take its time.
        if let Ok(Some(outcome)) = tasks.spawn_blocking(reload).await {
            report(outcome);
        }
    }
}

fn report(outcome: Result<usize, Vec<Mistake>>) {
    match outcome {
        Ok(count) => info!(clients.count = count, "clients reloaded"),
        Err(mistakes) => {
            for mistake in mistakes {
                warn!(error.cause = %mistake, "clients not reloaded, those before still hold");
            }
        }
    }
}
