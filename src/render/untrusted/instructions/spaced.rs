//! Words written with gaps between their letters.

use super::fold::{is_dense, is_letter};

/// The least number of letters that are joined.
pub(super) const LEAST_SPACED: usize = 4;

/// Joins the letters of `i g n o r e` or `i.g.n.o.r.e`. A wider or another gap divides words.
pub(super) fn join_spaced_letters(text: &[char]) -> Vec<char> {
    let mut joined = Vec::with_capacity(text.len());
    let mut index = 0;
    while let Some(letter) = text.get(index) {
        let run = spaced_run(text, index);
        if run >= 2 * LEAST_SPACED - 1 {
            join(
                text.get(index..index + run).unwrap_or_default(),
                &mut joined,
            );
            index += run;
        } else {
            joined.push(*letter);
            index += 1;
        }
    }
    joined
}

/// Joins the letters of a run.
fn join(run: &[char], joined: &mut Vec<char>) {
    // The gap between letters outnumbers those between words.
    let (mut usual, mut votes): (&[char], usize) = (&[], 0);
    for gap in run.split(|it| is_letter(*it)).filter(|it| !it.is_empty()) {
        match votes {
            0 => (usual, votes) = (gap, 1),
            _ if gap == usual => votes += 1,
            _ => votes -= 1,
        }
    }
    let mut gap: &[char] = &[];
    let mut from = 0;
    for (index, letter) in run.iter().enumerate() {
        if is_letter(*letter) {
            if !gap.is_empty() && gap != usual {
                joined.push(' ');
            }
            joined.push(*letter);
            from = index + 1;
        }
        gap = run.get(from..=index).unwrap_or_default();
    }
}

/// Returns the length of the run of single letters, each with one to three separators behind it, that
/// begins at an index. It ends with a letter.
fn spaced_run(text: &[char], index: usize) -> usize {
    let at = |index: usize| text.get(index).copied().filter(|it| !is_dense(*it));
    let is_word = |index: usize| at(index).is_some_and(is_letter);
    if !is_word(index) || is_word(index + 1) || (index > 0 && is_word(index - 1)) {
        return 0;
    }
    let mut end = index;
    loop {
        let mut next = end + 1;
        while next < end + 4 && next < text.len() && !is_word(next) {
            next += 1;
        }
        if next == end + 1 || !is_word(next) || is_word(next + 1) {
            return end + 1 - index;
        }
        end = next;
    }
}
