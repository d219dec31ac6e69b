//! The command line: subcommands, each with the settings that it reads.

use clap::{Arg, Command, CommandFactory as _, Parser, builder::ValueParser};
use clap_complete::Shell;

use super::declared::settings;

/// A gateway in front of VirusTotal for language models and SOC tools.
///
/// Without a subcommand it serves. `--demo` needs no key and no network.
#[derive(Parser)]
#[command(name = "vt4ai", version)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
}

#[derive(clap::Subcommand)]
pub(super) enum Subcommand {
    /// Serve HTTP, as without a subcommand.
    Serve,
    /// Check the settings and the files that they name, then exit.
    ///
    /// The exit status is 0 if a gateway with these settings can start, and 2 if not.
    Check,
    /// Exit with status 0 if the gateway on this machine answers, for containers.
    Healthcheck,
    /// Print the OpenAPI document.
    Openapi,
    /// Manage client tokens.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Print a script that completes commands and flags in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Print a new token, once, and the lines to keep in the file of clients.
    ///
    /// In these lines `scopes` says what the token is for: some of `read`, `search`, `submit` and
    /// `metrics` (`/metrics` on the public port).
    New {
        /// The client's name: 1 to 64 letters, digits, `-`, `_`, `.`, `@`.
        #[arg(long)]
        name: String,
    },
}

/// Returns the whole command line, with all settings as text.
pub(super) fn command() -> Command {
    let text = |arg: &Arg| arg.clone().value_parser(ValueParser::os_string());
    let settings: Vec<_> = settings().get_arguments().map(text).collect();
    let for_healthcheck = settings.iter().filter(|arg| is_for_healthcheck(arg));
    Cli::command()
        .mut_subcommand("serve", |it| it.args(&settings))
        .mut_subcommand("check", |it| it.args(&settings))
        .mut_subcommand("healthcheck", |it| it.args(for_healthcheck))
        .args(&settings)
}

/// Returns whether `vt4ai healthcheck` reads this setting.
pub(super) fn is_for_healthcheck(arg: &Arg) -> bool {
    matches!(arg.get_long(), Some("host" | "port"))
}
