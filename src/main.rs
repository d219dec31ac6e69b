//! The `vt4ai` command.

use std::process::ExitCode;

use vt4ai::app::{App, commands, runtime};
use vt4ai::cli;
use vt4ai::config::{Command, Config};
use vt4ai::telemetry;

/// The allocator. The system's spends a tenth more CPU on a report, and more still once a full cache
/// has fragmented the heap (`benches/compare.py`, `cached.py`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| commands::report(&error))
}

fn run() -> anyhow::Result<ExitCode> {
    Ok(match Command::read() {
        Ok(Command::Serve(config)) => serve(*config)?,
        Ok(Command::Check(config, mistakes)) => commands::check(&config, mistakes)?,
        Ok(Command::Healthcheck(server)) => commands::check_health(&server)?,
        Ok(Command::Openapi) => commands::print_openapi()?,
        Ok(Command::NewToken(name)) => commands::print_new_token(&name)?,
        Ok(Command::Lookup(task, config)) => cli::look_up(&task, *config)?,
        Ok(Command::Mcp(gateway, config)) => cli::serve_mcp(gateway.as_ref(), *config)?,
        Ok(Command::Completions(script)) => commands::print(&script)?,
        Err(rejected) => rejected.report().into(),
    })
}

fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let runtime = runtime::start(&config.server)?;
    telemetry::start(&config.log, config.collector.as_ref(), runtime.handle());
    match runtime.block_on(App::build(config)) {
        Ok(app) => Ok(runtime::serve(runtime, app)?),
        Err(error) => Ok(commands::report_start(error)?),
    }
}
