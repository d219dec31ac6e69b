//! The command line: subcommands, each with the settings that it reads.

use std::ffi::OsString;

use clap::{
    Arg, ArgMatches, Command, CommandFactory as _, Parser, builder::ValueParser, error::ErrorKind,
};
use clap_complete::Shell;

use super::{
    declared::settings,
    lookup::{LookupArgs, McpArgs, WITHOUT_LOOKUP},
};

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
    /// Look up indicators and print their verdicts.
    ///
    /// The exit status is that of the worst row: 0 no detections or likely benign, 1 suspicious, 2 malicious, 3 unknown. 64 is a
    /// mistake in the command, 69 no answer, 75 the end of the quota, 77 no key or a refused one.
    #[command(arg_required_else_help = true)]
    Lookup(LookupArgs),
    /// Look up files by their hashes, as `lookup` does.
    #[command(arg_required_else_help = true)]
    File(LookupArgs),
    /// Look up URLs, as `lookup` does.
    #[command(arg_required_else_help = true)]
    Url(LookupArgs),
    /// Look up domains, as `lookup` does.
    #[command(arg_required_else_help = true)]
    Domain(LookupArgs),
    /// Look up IP addresses, as `lookup` does.
    #[command(arg_required_else_help = true)]
    Ip(LookupArgs),
    /// Serve models on standard input and output: the Model Context Protocol over stdio.
    ///
    /// It ends with its input. The log is on standard error.
    Mcp(McpArgs),
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

/// The subcommands that look up.
const LOOKUPS: [&str; 5] = ["lookup", "file", "url", "domain", "ip"];

/// The settings in the help of `vt4ai lookup` and `vt4ai mcp`. They read the others, too.
const FOR_LOOKUP: [&str; 8] = [
    "demo",
    "api-key",
    "api-key-file",
    "private-file",
    "templates-dir",
    "cache-dir",
    "upstream-url",
    "log-level",
];

/// Returns the whole command line, for completions and manual pages. All settings are read as text.
pub fn command() -> Command {
    let text = |arg: &Arg| arg.clone().value_parser(ValueParser::os_string());
    let settings: Vec<_> = settings().get_arguments().map(text).collect();
    let for_healthcheck = settings.iter().filter(|arg| is_for_healthcheck(arg));
    let mut command = Cli::command()
        .mut_subcommand("serve", |it| it.args(&settings))
        .mut_subcommand("check", |it| it.args(&settings))
        .mut_subcommand("healthcheck", |it| it.args(for_healthcheck));
    for name in LOOKUPS {
        let help = indicators_of(name);
        command = command.mut_subcommand(name, |it| {
            it.mut_arg("indicator", |arg| arg.help(help))
                .args(settings.iter().map(for_lookup))
        });
    }
    command
        .mut_subcommand("mcp", |it| it.args(settings.iter().map(for_lookup)))
        .args(&settings)
}

/// Returns the help on the indicators of a subcommand that looks up.
fn indicators_of(subcommand: &str) -> String {
    let indicators = match subcommand {
        "file" => "Hashes",
        "url" => "URLs, defanged or not",
        "domain" => "Domains, defanged or not",
        "ip" => "IP addresses, defanged or not",
        _ => "Hashes, URLs, domains and IP addresses, defanged or not",
    };
    format!("{indicators}; `-` reads a list or free text from standard input")
}

/// Returns a setting as the subcommands that look up have it.
fn for_lookup(setting: &Arg) -> Arg {
    let flag = setting.get_long().unwrap_or_default();
    let setting = setting.clone().hide(!FOR_LOOKUP.contains(&flag));
    if flag == "log-level" {
        return setting.default_value("WARN");
    }
    // Only behind `=`, so that an indicator is not taken for the value of a switch.
    let is_switch = is_optional_value(&setting);
    setting.require_equals(is_switch)
}

/// Reads a command line. With flags of `lookup` the word itself may be missing.
pub(super) fn read(mut arguments: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    set_switches(&mut arguments);
    let error = match command().try_get_matches_from(&arguments) {
        Ok(matches) => return Ok(matches),
        Err(error) => error,
    };
    let is_of_lookup = |argument: &OsString| {
        let text = argument.to_string_lossy();
        let flag = text.split_once('=').map_or(&*text, |(flag, _)| flag);
        WITHOUT_LOOKUP.contains(&flag)
    };
    let command = Cli::command();
    let is_subcommand = |word: &OsString| command.find_subcommand(word).is_some();
    if error.kind() != ErrorKind::UnknownArgument
        || !arguments.iter().any(is_of_lookup)
        || arguments.iter().any(is_subcommand)
    {
        return Err(error);
    }
    arguments.insert(1, "lookup".into());
    self::command().try_get_matches_from(&arguments)
}

/// Whether a command line is that of a command that looks up.
pub(super) fn looks_up(arguments: Vec<OsString>) -> bool {
    let Ok(matches) = read(arguments) else {
        return false;
    };
    let name = matches.subcommand_name();
    name.is_some_and(|name| LOOKUPS.contains(&name))
}

/// Sets the value of switches before a subcommand, as in `vt4ai --demo lookup`: else the subcommand is it.
fn set_switches(arguments: &mut [OsString]) {
    let (command, settings) = (Cli::command(), settings());
    let is_switch = |flag: &OsString| {
        let mut all = settings.get_arguments();
        let name = flag.to_str().and_then(|flag| flag.strip_prefix("--"));
        name.is_some_and(|name| {
            all.any(|arg| arg.get_long() == Some(name) && is_optional_value(arg))
        })
    };
    let is_subcommand = |word: &OsString| command.find_subcommand(word).is_some();
    for at in 1..arguments.len() {
        if let Some([flag, word]) = arguments.get_mut(at..at + 2)
            && is_switch(flag)
            && is_subcommand(word)
        {
            flag.push("=true");
        }
    }
}

/// Whether a flag may stand without a value.
fn is_optional_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|it| it.min_values() == 0)
}

/// Returns whether `vt4ai healthcheck` reads this setting.
pub(super) fn is_for_healthcheck(arg: &Arg) -> bool {
    matches!(arg.get_long(), Some("host" | "port"))
}
