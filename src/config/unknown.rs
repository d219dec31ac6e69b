//! Environment variables that look like settings and are not.

use std::{fs, path::Path};

use toml::Table;

use super::declared::{settings, variable};

/// The beginning of every variable that is a setting of the gateway's own.
const PREFIX: &str = "VT4AI_";

/// The bytes of a clients' file at most; a larger one is reported when it is loaded.
const MAX_CLIENTS_FILE: u64 = 4 * 1024 * 1024;

/// Returns a warning for each name that looks like a setting and is not, nor holds a client's key.
pub(super) fn warnings(
    names: impl IntoIterator<Item = String>,
    clients: Option<&Path>,
) -> Vec<String> {
    let known: Vec<_> = settings().get_arguments().map(variable).collect();
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
    match nearest(name, known) {
        Some(nearest) => format!("{name} is not a setting: is {nearest} meant?"),
        None => format!("{name} is not a setting"),
    }
}

/// Returns the setting that was most likely meant.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    // Comparing costs the product of both lengths, and nothing long is near.
    if name.len() > 64 {
        return None;
    }
    let distances = known
        .iter()
        .map(|known| (strsim::osa_distance(known, name), known));
    let (distance, nearest) = distances.min()?;
    let length = nearest.len().saturating_sub(PREFIX.len());
    (distance <= (length / 3).max(1)).then_some(nearest)
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
