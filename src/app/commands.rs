//! The commands beside serving, and reports of failures on standard error.

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
};

use tokio::runtime;

use super::{StartError, check, health, openapi};
use crate::{
    access::clients::Issued,
    config::{Config, EXIT_CHECK_FAILED, EXIT_USAGE, Server, report_mistakes},
};

/// Reports every mistake in the settings and in the files that they name.
pub fn check(config: &Config, mut mistakes: Vec<String>) -> io::Result<ExitCode> {
    for warning in &config.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    mistakes.extend(runtime.block_on(check::files(config)));
    if mistakes.is_empty() {
        return print(b"the settings can be used\n");
    }
    report_mistakes(&mistakes);
    Ok(EXIT_CHECK_FAILED.into())
}

/// Asks the gateway on this machine whether it is alive.
pub fn check_health(server: &Server) -> io::Result<ExitCode> {
    match health::check(server) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let message = format!("the gateway is not healthy: {error}");
            Err(io::Error::new(error.kind(), message))
        }
    }
}

/// Prints the OpenAPI document.
pub fn print_openapi() -> io::Result<ExitCode> {
    let document = openapi().map_err(io::Error::other)?;
    print(format!("{document}\n").as_bytes())
}

/// Makes and prints a token for a client of this name.
pub fn print_new_token(name: &str) -> io::Result<ExitCode> {
    match Issued::new(name) {
        Ok(issued) => print(format!("{issued}\n").as_bytes()),
        Err(error) => {
            report_mistakes(&[error.to_string()]);
            Ok(EXIT_USAGE.into())
        }
    }
}

/// Prints a text.
pub fn print(text: &[u8]) -> io::Result<ExitCode> {
    io::stdout().write_all(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Reports settings with which a gateway can't start. Any other error is returned.
pub fn report_start(error: StartError) -> Result<ExitCode, StartError> {
    let mistakes = error.mistakes();
    if mistakes.is_empty() {
        return Err(error);
    }
    report_mistakes(&mistakes);
    Ok(EXIT_USAGE.into())
}

/// Reports an error, with its causes, that ends the process.
pub fn report(error: &impl fmt::Display) -> ExitCode {
    // A closed terminal is no reason to fail differently.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}
