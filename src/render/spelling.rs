//! Names that are close to a misspelt one, for the hints of errors and warnings.

/// The longest name that is compared, in letters.
///
/// A comparison costs the product of both lengths, and no known name is as long.
const LONGEST: usize = 64;

/// Returns the number of edits between a known name and a given one, or `None` if the given one is
/// too long to be near.
pub fn distance(known: &str, given: &str) -> Option<usize> {
    if given.chars().nth(LONGEST).is_some() {
        return None;
    }
    Some(strsim::osa_distance(known, given))
}

/// Returns the known name that was most likely meant: the nearest, if at most a third of its letters
/// differ. Of several that are equally near, it is the first.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for known in known {
        let edits = distance(known, given)?;
        if best.is_none_or(|(least, _)| edits < least) {
            best = Some((edits, known));
        }
    }
    let (edits, nearest) = best?;
    (edits <= (nearest.len() / 3).max(1)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_differs_in_a_third_of_its_letters_at_most() {
        let known = ["format", "limit", "order"];
        assert_eq!(nearest("fomrt", known), Some("format"));
        assert_eq!(nearest("lmt", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("format", []), None);
        assert_eq!(nearest(&"limit".repeat(13), known), None);
    }
}
