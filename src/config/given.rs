//! The settings that a process was given, parsed one by one so that all mistakes are found.
//!
//! clap stops at the first value that it can't parse, and prints it. So it reads the command line
//! with all values as text, and then the texts once more, as often as one of them is a mistake.

use std::{env, error::Error as _};

use clap::{
    Arg, ArgMatches, FromArgMatches as _,
    builder::Resettable,
    error::{ContextKind, ContextValue},
    parser::ValueSource,
};

use super::{
    Config,
    cli::is_for_healthcheck,
    declared::{settings, variable},
};

/// The settings without which those with the same beginning count for nothing.
const HEADS: [(&str, &str); 2] = [
    ("redis-", "redis-url"),
    ("otel-", "otel-exporter-otlp-endpoint"),
];

/// The text of one setting.
struct Text {
    /// Its flag, without dashes.
    flag: String,
    /// The flag or variable that it was given by.
    source: String,
    value: String,
}

/// The settings that were given, and the mistakes in them so far.
pub(super) struct Given {
    texts: Vec<Text>,
    pub(super) mistakes: Vec<String>,
}

impl Given {
    /// Collects the settings from the environment and a command line that was read as text.
    ///
    /// An empty value, as compose files leave it, counts as not set.
    pub(super) fn collect(matches: &ArgMatches, mistakes: Vec<String>) -> Self {
        let texts = Vec::new();
        let mut given = Self { texts, mistakes };
        let is_healthcheck = matches.subcommand_name() == Some("healthcheck");
        for arg in settings().get_arguments() {
            if is_healthcheck && !is_for_healthcheck(arg) {
                continue;
            }
            let flag = arg.get_long().unwrap_or_default();
            let (source, value) = match value_of_flag(arg, matches) {
                Some(value) => (format!("--{flag}"), Some(value)),
                None => (variable(arg), env::var_os(variable(arg))),
            };
            let Ok(value) = value.unwrap_or_default().into_string() else {
                given.mistakes.push(format!("{source}: expected UTF-8"));
                continue;
            };
            if !value.trim().is_empty() {
                let (flag, value) = (flag.to_owned(), value.trim().to_owned());
                given.texts.push(Text {
                    flag,
                    source,
                    value,
                });
            }
        }
        given
    }

    /// Parses the settings. A value that is a mistake counts as its default meanwhile.
    pub(super) fn settings(&mut self) -> Result<Config, clap::Error> {
        let mut matches = self.matches()?;
        for (beginning, head) in HEADS {
            if !matches.contains_id(head) {
                self.texts.retain(|text| !text.flag.starts_with(beginning));
            }
        }
        matches = self.matches()?;
        Config::from_arg_matches(&matches)
    }

    fn matches(&mut self) -> Result<ArgMatches, clap::Error> {
        // The environment was read already.
        let command = settings().mut_args(|arg| arg.env(Resettable::Reset));
        loop {
            let flags = self.texts.iter();
            let flags = flags.map(|text| format!("--{}={}", text.flag, text.value));
            let arguments = ["vt4ai".to_owned()].into_iter().chain(flags);
            let error = match command.clone().try_get_matches_from(arguments) {
                Ok(matches) => return Ok(matches),
                Err(error) => error,
            };
            let Some(at) = self.texts.iter().position(|text| text.is_blamed(&error)) else {
                return Err(error);
            };
            let Text { source, .. } = self.texts.remove(at);
            // The message repeats the value; its source, our parser's error, does not.
            let expected = error.source().map(ToString::to_string);
            let expected = expected.unwrap_or_else(|| "expected another value".to_owned());
            self.mistakes.push(format!("{source}: {expected}"));
        }
    }

    /// Adds a mistake in the setting of this flag.
    pub(super) fn mistake(&mut self, flag: &str, mistake: &str) {
        let text = self.texts.iter().find(|text| text.flag == flag);
        let source = text.map_or(flag, |text| &text.source);
        self.mistakes.push(format!("{source}: {mistake}"));
    }

    /// Returns whether the setting of this flag is given.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.texts.iter().any(|text| text.flag == flag)
    }
}

impl Text {
    /// Returns whether clap rejected this text.
    fn is_blamed(&self, error: &clap::Error) -> bool {
        let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
            return false;
        };
        // clap writes it as in `--port <PORT>`.
        let flag = arg.split([' ', '[']).next().unwrap_or_default();
        flag.strip_prefix("--") == Some(&self.flag)
    }
}

/// Returns the value of a flag, which may stand before or after the subcommand.
fn value_of_flag(arg: &Arg, matches: &ArgMatches) -> Option<std::ffi::OsString> {
    let id = arg.get_id();
    let subcommands = matches.subcommand().map(|(_, matches)| matches);
    for matches in subcommands.into_iter().chain([matches]) {
        // clap panics about a setting that a subcommand does not have.
        let is_known = matches.ids().any(|known| known == id);
        if is_known && matches.value_source(id.as_str()) == Some(ValueSource::CommandLine) {
            return matches.get_one(id.as_str()).cloned();
        }
    }
    None
}
