//! The `vt4ai` command.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use tokio::{runtime, select, signal::unix};
use vt4ai::{
    app::{self, App},
    config::{Command, Config, EXIT_CHECK_FAILED, EXIT_USAGE, report_mistakes},
    telemetry,
};

/// The allocator. The system's spends a tenth more CPU on a report, and more still once a full cache
/// has fragmented the heap (`benches/compare.py`, `cached.py`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // A closed terminal is no reason to fail differently.
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match Command::read() {
        Ok(Command::Serve(config)) => return serve(*config),
        Ok(Command::Check(config, mistakes)) => return check(&config, mistakes),
        Ok(Command::Healthcheck(server)) => {
            app::health::check(&server).context("the gateway is not healthy")?;
        }
        Ok(Command::Openapi) => writeln!(io::stdout(), "{}", app::openapi()?)?,
        Ok(Command::NewToken(name)) => match app::new_token(&name) {
            Ok(issued) => writeln!(io::stdout(), "{issued}")?,
            Err(error) => {
                report_mistakes([error.to_string()]);
                return Ok(EXIT_USAGE.into());
            }
        },
        Ok(Command::Completions(script)) => io::stdout().write_all(&script)?,
        Err(rejected) => return Ok(rejected.report().into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reports every mistake in the settings and in the files that they name.
fn check(config: &Config, mut mistakes: Vec<String>) -> anyhow::Result<ExitCode> {
    for warning in &config.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    mistakes.extend(runtime.block_on(app::check::files(config)));
    if mistakes.is_empty() {
        writeln!(io::stdout(), "the settings can be used")?;
        return Ok(ExitCode::SUCCESS);
    }
    report_mistakes(mistakes);
    Ok(EXIT_CHECK_FAILED.into())
}

fn serve(config: Config) -> anyhow::Result<ExitCode> {
    app::descriptors::raise_limit();
    let workers = config.server.workers.get();
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?;
    telemetry::start(&config.log, config.collector.as_ref(), runtime.handle());
    let ended = runtime.block_on(run_until_told(config))?;
    if ended == Ended::AtOnce {
        // Asked twice, the process waits for nothing any more.
        runtime.shutdown_background();
    } else {
        telemetry::traces::finish();
    }
    Ok(match ended {
        Ended::NotBegun => EXIT_USAGE.into(),
        Ended::InOrder => ExitCode::SUCCESS,
        Ended::AtOnce => ExitCode::FAILURE,
    })
}

/// The end of serving.
#[derive(PartialEq, Eq)]
enum Ended {
    /// It never began: the settings can't be used.
    NotBegun,
    /// The requests were finished after a signal, or the time for that was up.
    InOrder,
    /// A second signal ended it.
    AtOnce,
}

async fn run_until_told(config: Config) -> anyhow::Result<Ended> {
    let app = match App::build(config).await {
        Err(error) if !error.mistakes().is_empty() => {
            report_mistakes(error.mistakes());
            return Ok(Ended::NotBegun);
        }
        app => app?,
    };
    let (stop, mut term) = (app.stop(), unix::signal(unix::SignalKind::terminate())?);
    let mut asked = async || select! { _ = term.recv() => {}, _ = tokio::signal::ctrl_c() => {} };
    let asked_twice = async {
        asked().await;
        stop.cancel();
        asked().await;
    };
    select! { () = app.serve() => Ok(Ended::InOrder), () = asked_twice => Ok(Ended::AtOnce) }
}
