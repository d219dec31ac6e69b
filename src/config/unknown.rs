//! Environment variables that look like settings and are not.

use super::declared::declared;

/// The beginning of every variable that is a setting of the gateway's own.
const PREFIX: &str = "VT4AI_";

/// Returns a warning for each name that looks like a setting and is not.
pub(super) fn warnings(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let known: Vec<_> = declared().into_iter().map(|it| it.variable).collect();
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
        .iter()
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .map(|name| warning(name, &known))
        .collect()
}

fn warning(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("{name} is not a setting and has no effect: is {nearest} meant?"),
        None => format!("{name} is not a setting and has no effect"),
    }
}

/// Returns the setting that was most likely meant.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let given = name.strip_prefix(PREFIX)?;
    // Comparing costs the product of both lengths, and nothing long is near.
    if given.len() > 64 {
        return None;
    }
    let own = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    let distances = own.map(|own| (strsim::osa_distance(own, given), own));
    let (distance, own) = distances.min()?;
    if distance > (own.len() / 3).max(1) {
        return None;
    }
    known
        .iter()
        .map(String::as_str)
        .find(|known| known.strip_prefix(PREFIX) == Some(own))
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
                "VT4AI_ is not a setting and has no effect",
                "VT4AI_LOGLEVEL is not a setting and has no effect: is VT4AI_LOG_LEVEL meant?",
                "VT4AI_PROT is not a setting and has no effect: is VT4AI_PORT meant?",
                "VT4AI_XYZ is not a setting and has no effect",
            ]
        );
    }
}
