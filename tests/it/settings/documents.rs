//! `.env.example` and `docs/configuration.md`, held against the declarations of the settings.
//!
//! With `UPDATE_DOCUMENTS=1` in the environment the tests write them anew.

use std::{env, fmt::Write as _, fs, path::Path};

use clap::Arg;
use vt4ai::config::settings;

const ENV_EXAMPLE: &str = "\
# Settings of vt4ai, each with its default. Copy this file to `.env` and change what you need. A
# flag of the same name (`--api-key`, `--port`, …) beats the environment, which beats `.env`. An
# empty value counts as not set.
#
# Generated from src/config by `UPDATE_DOCUMENTS=1 cargo test --test it settings::documents`.
";

const CONFIGURATION: &str = "\
<!-- Generated from src/config by `UPDATE_DOCUMENTS=1 cargo test --test it settings::documents`. -->
# Configuration

Every setting is a flag and an environment variable of the same name: `--cache-ttl 2h` and
`VT4AI_CACHE_TTL=2h`. A flag beats the environment, which beats the file `.env` in the current
folder. An empty value counts as not set.

- A duration is a number with a unit: `100ms`, `30s`, `5m`, `1h`, `7d`.
- A boolean is `true` or `false`, also `1`, `yes`, `on`, `0`, `no`, `off`. A flag without a value
  is `true`.
- Members of a list are separated by commas.

All mistakes are reported at once before a port is taken, each by its flag or variable and without
the value. The exit status is then 64. A variable that begins with `VT4AI_` and is not a setting is
logged at start as a warning that names the nearest setting. So is a server's key that is not
64 hexadecimal digits; one of fewer than 8 characters is a mistake.

`vt4ai check` checks the settings, the file of clients, the folder of templates and the files of
certificate authorities. Its exit status is 0 or 2. `vt4ai -h` lists the flags in short, `vt4ai
--help` with the texts below, and `vt4ai completions bash` prints a script that completes them.
[`.env.example`](../.env.example) lists every variable with its default.

[`vt4ai lookup`](command-line.md) reads the settings, too, but no `.env`, and with `WARN` as the level of its log. Two variables are for it alone:
`VT4AI_GATEWAY` names a gateway that looks up in its place, and `VT4AI_TOKEN` is the credential for that.
";

/// A setting as the documents describe it.
pub(super) struct Declared {
    /// The group that `--help` lists it in.
    pub(super) group: String,
    /// The name of its environment variable.
    pub(super) variable: String,
    /// Its default; empty if it has no default or one that its text describes.
    default: String,
    /// Its whole text, in one line.
    text: String,
}

/// Returns all settings, group by group.
pub(super) fn declared() -> Vec<Declared> {
    settings().get_arguments().map(Declared::from).collect()
}

impl From<&Arg> for Declared {
    fn from(arg: &Arg) -> Self {
        let default = arg.get_default_values().first();
        let default = default.and_then(|default| default.to_str());
        let text = match (arg.get_long_help(), arg.get_help()) {
            (Some(long), _) => long.to_string().replace("\n\n", " "),
            // clap drops the full stop of a text that is one paragraph.
            (None, short) => format!("{}.", short.unwrap()),
        };
        Self {
            group: arg.get_help_heading().unwrap().to_owned(),
            variable: arg.get_env().unwrap().to_str().unwrap().to_owned(),
            default: default.unwrap_or_default().to_owned(),
            text,
        }
    }
}

#[test]
fn the_example_of_an_env_file_is_generated() {
    check(".env.example", &env_example());
}

#[test]
fn the_page_on_configuration_is_generated() {
    check("docs/configuration.md", &configuration());
}

/// Compares a document with its file, or writes the file.
fn check(file: &str, document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(path, document).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document,
        "{file} differs from the settings in src/config. Run \
         `UPDATE_DOCUMENTS=1 cargo test --test it settings::documents` and look at the difference"
    );
}

fn env_example() -> String {
    let mut document = ENV_EXAMPLE.to_owned();
    let mut last = String::new();
    for setting in declared() {
        if setting.group != last {
            write!(document, "\n## {}\n", setting.group).unwrap();
        }
        for line in lines(&setting.text, 97) {
            write!(document, "\n# {line}").unwrap();
        }
        write!(document, "\n{}={}\n", setting.variable, setting.default).unwrap();
        last = setting.group;
    }
    document
}

fn configuration() -> String {
    let mut document = CONFIGURATION.to_owned();
    let mut last = String::new();
    for setting in declared() {
        if setting.group != last {
            let header = "| variable | default | |\n|---|---|---|";
            write!(document, "\n## {}\n\n{header}\n", setting.group).unwrap();
        }
        writeln!(document, "{}", row(&setting)).unwrap();
        last = setting.group;
    }
    document
}

fn row(setting: &Declared) -> String {
    let default = match setting.default.as_str() {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let text = setting.text.replace('|', "\\|");
    format!("| `{}` | {default} | {text} |", setting.variable)
}

/// Breaks a text into lines of this width at most.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
