//! Reloading of the clients' file and the templates while the gateway runs.

use std::{
    io,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

use crate::{
    access::clients::{Clients, Refreshed, file::Mistake},
    cache::PrivateGuard,
    render::template::{ReloadableTemplates, Templates},
    telemetry::Repeated,
};

/// The interval at which the metadata of the clients' file is checked.
///
/// A check costs one system call. Change notifications would miss changes on network file systems
/// and in mounted secrets, where a link above the file is exchanged.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The time limit for reading files, as a network file system may never reply.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// Starts to receive `SIGHUP`, which would otherwise end the process.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Reloads the templates at each `SIGHUP`, where no clients are configured.
pub(super) async fn keep_up_templates(templates: ReloadableTemplates, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        if templates.has_directory() {
            reload_templates(&templates).await;
        } else {
            info!("nothing to reload, no clients and no folder of templates are configured");
        }
    }
}

/// Reloads the templates and the clients at each `SIGHUP`, and the clients when their file has
/// changed.
pub(super) async fn keep_up(clients: Clients, templates: ReloadableTemplates, mut hangups: Signal) {
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
        if asked && templates.has_directory() {
            reload_templates(&templates).await;
        }
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
            Refreshed::Kept(mistakes) => warnings.log(mistakes, asked),
        }
    }
}

/// Reads the file of private indicators again when it has changed. With a mistake in it, or without
/// it, the former list stays in effect.
pub(super) async fn keep_up_private(guard: PrivateGuard) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut warnings = Repeated::default();
    let mut reading = ReadThread::new("private-file");
    loop {
        ticks.tick().await;
        let guard = guard.clone();
        let message = match reading.run(move || guard.refresh()).await {
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(count))) => {
                info!(private.count = count, "private indicators reloaded");
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if let Some(count) = warnings.note() {
            warn!(
                error.message = message,
                repeated = count - 1,
                "private indicators not reloaded, previous ones stay in effect"
            );
        }
    }
}

/// Loads the templates again. With a mistake, the previous ones stay in effect.
async fn reload_templates(templates: &ReloadableTemplates) {
    let templates = templates.clone();
    let mut reading = ReadThread::new("templates");
    match reading.run(move || templates.reload()).await {
        Ok(Ok(templates)) => {
            info!(templates.count = templates.count(), "templates reloaded");
            warn_of_fields(&templates);
        }
        Ok(Err(mistakes)) => {
            for mistake in mistakes {
                warn!(
                    error.message = %mistake,
                    "templates not reloaded, previous ones stay in effect"
                );
            }
        }
        Err(error) => warn!(error.message = %error, "templates not reloaded"),
    }
}

/// A thread that reads files: a file system may never reply, and neither the runtime nor the end of
/// the process waits for a thread of its own.
struct ReadThread {
    name: &'static str,
    running: Option<JoinHandle<()>>,
}

impl ReadThread {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            running: None,
        }
    }

    /// Runs a function that reads files. Fails if it takes too long, or if a former one still runs.
    async fn run<T: Send + 'static>(
        &mut self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        if self.running.as_ref().is_some_and(|it| !it.is_finished()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (sender, receiver) = oneshot::channel();
        let thread = thread::Builder::new().name(self.name.to_owned());
        // The receiver is gone if the reading took too long.
        self.running = Some(thread.spawn(move || drop(sender.send(read())))?);
        match timeout(READ_LIMIT, receiver).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) | Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Logs the fields of templates that are likely misspelt.
pub(super) fn warn_of_fields(templates: &Templates) {
    for warning in templates.warnings() {
        warn!("{warning}");
    }
}

/// The warnings about the clients' file, which are not repeated at every check.
#[derive(Default)]
struct Warnings {
    last: Vec<Mistake>,
    repeated: Repeated,
}

impl Warnings {
    /// Logs mistakes if they are new, were asked for, or are due again.
    fn log(&mut self, mistakes: Vec<Mistake>, asked: bool) {
        let Some(count) = self.note(mistakes, asked) else {
            return;
        };
        for mistake in &self.last {
            warn!(
                error.message = %mistake,
                repeated = count - 1,
                "clients not reloaded, previous ones stay in effect"
            );
        }
    }

    /// Counts mistakes. If they are to be logged, returns how often the same were found since they
    /// last were.
    fn note(&mut self, mistakes: Vec<Mistake>, asked: bool) -> Option<u64> {
        if asked || self.last != mistakes {
            self.repeated = Repeated::default();
        }
        self.last = mistakes;
        self.repeated.note()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_warning_is_not_logged_at_every_check() {
        let mut warnings = Warnings::default();
        assert_eq!(warnings.note(Vec::new(), false), Some(1));
        assert_eq!(warnings.note(Vec::new(), false), None);
        assert_eq!(warnings.note(Vec::new(), true), Some(1));
    }
}
