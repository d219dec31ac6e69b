//! The `vt4ai` command.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use tokio::{runtime, select, signal::unix};
use vt4ai::{
    app::{self, App},
    config::{Command, Config, EXIT_USAGE, report_mistakes},
    telemetry,
};

/// The system's allocator spends a tenth more CPU on a report, and more still once a full cache has
/// left gaps everywhere (`benches/compare.py`, `cached.py`).
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
        Ok(Command::Serve(config)) => serve(*config),
        Ok(Command::Openapi) => {
            writeln!(io::stdout(), "{}", app::openapi()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Command::NewToken(name)) => match app::new_token(&name) {
            Ok(issued) => {
                writeln!(io::stdout(), "{issued}")?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                report_mistakes([error.to_string()]);
                Ok(EXIT_USAGE.into())
            }
        },
        Ok(Command::Healthcheck(server)) => {
            app::health::check(&server).context("the gateway is not healthy")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(rejected) => Ok(rejected.report().into()),
    }
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
        // Asked twice, it waits for nothing any more.
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

/// How the serving ended.
#[derive(PartialEq, Eq)]
enum Ended {
    /// Settings that can't be used.
    NotBegun,
    /// Told to stop, it has.
    InOrder,
    /// Told twice.
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
