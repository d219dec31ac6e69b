//! Environment variables that look like settings and are not.

use std::{fs, path::Path};

use toml::Table;

use super::{
    declared::{settings, variable},
    lookup::{GATEWAY, TOKEN},
};
use crate::render::spelling;

/// The beginning of every variable that is a setting of the gateway's own.
const PREFIX: &str = "VT4AI_";

/// The bytes of a clients' file at most; a larger one is reported when it is loaded.
const MAX_CLIENTS_FILE: u64 = 4 * 1024 * 1024;

/// Returns a warning for each name that looks like a setting and is not, nor holds a client's key.
pub(super) fn warnings(
    names: impl IntoIterator<Item = String>,
    clients: Option<&Path>,
) -> Vec<String> {
    let mut known: Vec<_> = settings().get_arguments().map(variable).collect();
    known.extend([GATEWAY.to_owned(), TOKEN.to_owned()]);
    known.sort_unstable();
    let mut names: Vec<_> = names.into_iter().collect();
    names.retain(|name| name.starts_with(PREFIX) && !known.contains(name));
    if !names.is_empty()
        && let Some(clients) = clients
    {
        let variables = clients_variables(clients).unwrap_or_default();
        names.retain(|name| !variables.contains(name));
    }
    names.sort_unstable();
    names.iter().map(|name| warning(name, &known)).collect()
}

/// Returns the variables that a clients' file names, or `None` if it can't be read.
fn clients_variables(file: &Path) -> Option<Vec<String>> {
    let metadata = file.metadata().ok()?;
    // Reading anything else could block or never end.
    if !metadata.is_file() || metadata.len() > MAX_CLIENTS_FILE {
        return None;
    }
    let table: Table = fs::read_to_string(file).ok()?.parse().ok()?;
    let mut variables = Vec::new();
    for client in table.get("client")?.as_array()? {
        if let Some(variable) = client.get("key_env") {
            variables.extend(variable.as_str().map(str::to_owned));
        }
    }
    Some(variables)
}

fn warning(name: &str, known: &[String]) -> String {
    let suffix = name.strip_prefix(PREFIX).unwrap_or(name);
    let known_suffixes = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    match spelling::nearest(suffix, known_suffixes) {
        Some(nearest) => format!("{name} is not a setting: is {PREFIX}{nearest} meant?"),
        None => format!("{name} is not a setting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_named_with_the_nearest() {
        let names = [
            "VT4AI_PROT",
            "VT4AI_LOGLEVEL",
            "VT4AI_PORT",
            "PATH",
            "VT4AI_",
            "VT4AI_XYZ",
        ];
        let warnings = warnings(names.map(str::to_owned), None);
        assert_eq!(
            warnings,
            [
                "VT4AI_ is not a setting",
                "VT4AI_LOGLEVEL is not a setting: is VT4AI_LOG_LEVEL meant?",
                "VT4AI_PROT is not a setting: is VT4AI_PORT meant?",
                "VT4AI_XYZ is not a setting",
            ]
        );
    }
}
