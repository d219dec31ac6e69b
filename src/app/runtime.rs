//! The runtime of a process that serves, and the signals that stop it.

use std::{io, process::ExitCode};

use tokio::{
    runtime::{Builder, Runtime},
    select, signal,
    signal::unix::{self, SignalKind},
};

use super::{App, descriptors};
use crate::{config::Server, telemetry::traces};

/// Starts the worker threads, with as many file descriptors as the system allows.
pub fn start(server: &Server) -> io::Result<Runtime> {
    descriptors::raise_limit();
    Builder::new_multi_thread()
        .worker_threads(server.workers.get())
        .enable_all()
        .build()
}

/// Serves until SIGTERM or SIGINT. A second signal ends the process at once, as a failure.
pub fn serve(runtime: Runtime, app: App) -> io::Result<ExitCode> {
    if runtime.block_on(serve_until_told(app))? {
        traces::finish();
        return Ok(ExitCode::SUCCESS);
    }
    // Asked twice, the process waits for nothing any more.
    runtime.shutdown_background();
    Ok(ExitCode::FAILURE)
}

/// Returns whether requests got the time to finish.
async fn serve_until_told(app: App) -> io::Result<bool> {
    let stop = app.stop();
    let mut term = unix::signal(SignalKind::terminate())?;
    let mut asked = async || select! { _ = term.recv() => {}, _ = signal::ctrl_c() => {} };
    let asked_twice = async {
        asked().await;
        stop.cancel();
        asked().await;
    };
    select! { () = app.serve() => Ok(true), () = asked_twice => Ok(false) }
}
