//! The settings that a process was given, parsed one by one so that all mistakes are found.
//!
//! clap stops at the first value that it can't parse, and prints it. So it reads the command line
//! with all values as text, then each text by itself, and then those that are no mistakes.

use std::{env, error::Error as _, ffi::OsString};

use clap::{
    Arg, ArgMatches, Command, FromArgMatches as _, builder::Resettable, parser::ValueSource,
};

use super::{
    Config,
    cli::is_for_healthcheck,
    declared::{settings, variable},
};

/// The beginnings of settings that take effect only if the setting named second is given.
const HEADS: [(&str, &str); 2] = [
    ("redis-", "redis-url"),
    ("otel-", "otel-exporter-otlp-endpoint"),
];

/// The settings that were given, and the mistakes in them so far.
pub(super) struct Given {
    values: Vec<GivenValue>,
    pub(super) mistakes: Vec<String>,
}

/// The value of one setting.
struct GivenValue {
    /// Its flag, without dashes.
    flag: String,
    /// The flag or variable that it was given by.
    source: String,
    /// The flag with the value, as on a command line.
    argument: String,
}

impl Given {
    /// Collects the settings from the environment and a command line that was read as text.
    ///
    /// An empty value, as compose files leave it, counts as not set. So does a mistake.
    pub(super) fn collect(matches: &ArgMatches, mistakes: Vec<String>) -> Self {
        let values = Vec::new();
        let mut given = Self { values, mistakes };
        let is_healthcheck = matches.subcommand_name() == Some("healthcheck");
        for arg in settings().get_arguments() {
            if !is_healthcheck || is_for_healthcheck(arg) {
                given.add(arg, matches);
            }
        }
        given
    }

    fn add(&mut self, arg: &Arg, matches: &ArgMatches) {
        let flag = arg.get_long().unwrap_or_default().to_owned();
        let (source, value) = match value_of_flag(arg, matches) {
            Some(value) => (format!("--{flag}"), value),
            None => (
                variable(arg),
                env::var_os(variable(arg)).unwrap_or_default(),
            ),
        };
        let Ok(value) = value.into_string() else {
            self.mistakes.push(format!("{source}: expected UTF-8"));
            return;
        };
        if value.trim().is_empty() {
            return;
        }
        let argument = format!("--{flag}={}", value.trim());
        match command().try_get_matches_from(["vt4ai", &argument]) {
            Ok(_) => self.values.push(GivenValue {
                flag,
                source,
                argument,
            }),
            Err(error) => {
                // The message repeats the value; its source, our parser's error, does not.
                let expected = match error.source() {
                    Some(expected) => expected.to_string(),
                    None => "expected another value".to_owned(),
                };
                self.mistakes.push(format!("{source}: {expected}"));
            }
        }
    }

    /// Returns the settings, with defaults in place of those that are missing or mistakes.
    pub(super) fn settings(&self) -> Result<Config, clap::Error> {
        let mut arguments = vec!["vt4ai"];
        for value in &self.values {
            let head = HEADS
                .iter()
                .find(|(start, _)| value.flag.starts_with(start));
            if head.is_none_or(|(_, head)| self.has(head)) {
                arguments.push(&value.argument);
            }
        }
        Config::from_arg_matches(&command().try_get_matches_from(arguments)?)
    }

    /// Adds a mistake in the setting of this flag.
    pub(super) fn mistake(&mut self, flag: &str, mistake: &str) {
        let value = self.values.iter().find(|it| it.flag == flag);
        let source = value.map_or(flag, |value| &value.source);
        self.mistakes.push(format!("{source}: {mistake}"));
    }

    /// Returns whether the setting of this flag is given.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.values.iter().any(|it| it.flag == flag)
    }
}

/// Returns all settings for clap, without the environment, which was read already.
fn command() -> Command {
    settings().mut_args(|arg| arg.env(Resettable::Reset))
}

/// Returns the value of a flag, which may stand before or after the subcommand.
fn value_of_flag(arg: &Arg, matches: &ArgMatches) -> Option<OsString> {
    let id = arg.get_id().as_str();
    let subcommand = matches.subcommand().map(|(_, matches)| matches);
    for matches in subcommand.into_iter().chain([matches]) {
        // clap panics about a setting that a subcommand does not have.
        let is_known = matches.ids().any(|known| known == id);
        if is_known && matches.value_source(id) == Some(ValueSource::CommandLine) {
            return matches.get_one(id).cloned();
        }
    }
    None
}
