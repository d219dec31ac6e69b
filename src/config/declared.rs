//! The declarations of the settings, completed for clap and for documents.

use clap::{Arg, ArgAction, Args as _, Command, builder::BoolishValueParser};

use super::Config;

/// Returns all settings for clap, each with its flag, variable, group, default and text.
pub fn settings() -> Command {
    Config::augment_args(Command::new("vt4ai")).mut_args(|mut arg| {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            arg = boolean(arg);
        }
        let (word, variable) = (value_name(&arg), variable(&arg));
        let is_described = arg
            .get_default_values()
            .first()
            .is_some_and(|it| it.is_empty());
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
