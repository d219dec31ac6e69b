//! The declarations of the settings, for clap and for documents.

use clap::{Arg, ArgAction, Args as _, Command, builder::BoolishValueParser};

use super::Config;

/// A setting as `.env.example` and `docs/configuration.md` describe it.
#[derive(Debug)]
pub struct Declared {
    /// The group that `--help` lists it in.
    pub group: String,
    /// The name of its environment variable.
    pub variable: String,
    /// Its default; empty if it has no default or one that its text describes.
    pub default: String,
    /// Its whole text, in one line.
    pub text: String,
}

/// Returns all settings, group by group.
pub fn declared() -> Vec<Declared> {
    settings().get_arguments().map(Declared::from).collect()
}

impl From<&Arg> for Declared {
    fn from(arg: &Arg) -> Self {
        let text = match (arg.get_long_help(), arg.get_help()) {
            (Some(long), _) => long.to_string().replace("\n\n", " "),
            // clap drops the full stop of a text that is one paragraph.
            (None, short) => format!("{}.", short.cloned().unwrap_or_default()),
        };
        Self {
            group: arg.get_help_heading().unwrap_or_default().to_owned(),
            variable: variable(arg),
            default: default_value(arg).unwrap_or_default().to_owned(),
            text,
        }
    }
}

fn default_value(arg: &Arg) -> Option<&str> {
    arg.get_default_values().first()?.to_str()
}

/// Returns all settings for clap.
pub(super) fn settings() -> Command {
    Config::augment_args(Command::new("vt4ai")).mut_args(|mut arg| {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            arg = boolean(arg);
        }
        let (word, variable) = (value_name(&arg), variable(&arg));
        let is_described = default_value(&arg) == Some("");
        arg.value_name(word)
            .env(variable)
            .hide_env_values(true)
            .hide_default_value(is_described)
    })
}

/// Returns the last word of the flag, unless the declaration has a word of its own.
fn value_name(arg: &Arg) -> String {
    let name = match arg.get_value_names() {
        Some([name, ..]) => name.as_str(),
        _ => "",
    };
    let word = name.rsplit(['-', '_']).next().unwrap_or_default();
    word.to_ascii_uppercase()
}

/// Lets a switch take a value, as a variable needs one.
fn boolean(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .value_parser(BoolishValueParser::new())
        .value_name("BOOL")
        .num_args(0..=1)
        .default_value("false")
        .default_missing_value("true")
        .hide_possible_values(true)
}

/// Returns a setting's variable: `VT4AI_PORT` for `--port`.
pub(super) fn variable(arg: &Arg) -> String {
    let flag = arg.get_long().unwrap_or_default();
    let name = flag.replace('-', "_").to_ascii_uppercase();
    if name.starts_with("OTEL_") {
        return name;
    }
    format!("VT4AI_{name}")
}
