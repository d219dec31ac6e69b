//! Environment variables that look like settings and are not.

use super::{declared::declared, spelling};

/// The beginning of every variable that is a setting of the gateway's own.
const PREFIX: &str = "VT4AI_";

/// Returns a warning for each name that looks like a setting and is not.
pub(super) fn warnings(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: Vec<_> = declared().into_iter().map(|it| it.variable).collect();
    known.sort_unstable();
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
        .iter()
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .map(|name| warning(name, &known))
        .collect()
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
        let warnings = warnings(names.map(str::to_owned));
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
