//! The budget of a view: which parts fit into a number of tokens.
//!
//! Parts are taken in the order of their [`ranks`]. One that does not fit is [cut]: first the tails
//! of its lists, then of its texts. Sizes are measured on the text that each part becomes in
//! the format, so they add up to the size of the document.

use self::{
    cut::{Cutter, key_cost},
    ranks::Rank,
};
use super::{
    measure::Measure,
    parts::{Member, Row},
};
use crate::render::template::filter::Cut;

pub(super) mod cut;
mod ranks;
pub(super) mod tokens;

/// The number of times that a part is cut again because it is larger than expected.
const ATTEMPTS: usize = 4;

/// The number of tokens that a row of a list has for its attributes, beside its id and type.
const LEAST_OF_ROW: usize = 30;

/// The result of planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The number of rows that are shown, from the first.
    pub(super) shown: usize,
    /// Whether nothing was left out for size.
    pub(super) is_complete: bool,
}

/// Chooses the parts of all rows that fit into `room` tokens together.
///
/// Each row gets an equal share of what the rows before it left. Rows from the end are left out if
/// the rest would have no room for their most important facts.
pub(super) fn plan(rows: &mut [Row<'_>], measure: &mut Measure<'_>, room: usize) -> Plan {
    let mut leasts = Vec::with_capacity(rows.len());
    let mut left = room;
    for row in &mut *rows {
        let head = measure.head(row);
        let least = least_of(row, measure);
        let Some(rest) = left.checked_sub(head + least) else {
            break;
        };
        left = rest;
        leasts.push(least);
    }
    let shown = leasts.len();
    let mut is_complete = shown == rows.len();
    for (at, row) in rows[..shown].iter_mut().enumerate() {
        let share = leasts[at] + left / (shown - at);
        let used = fit(row, measure, share);
        is_complete &= row.is_whole();
        left = (left + leasts[at]).saturating_sub(used);
    }
    Plan { shown, is_complete }
}

/// Returns the number of tokens below which a row of a list would be of no use.
///
/// A brief needs its object and its verdict. Of other objects the id and the type, which are always
/// shown, say something.
fn least_of(row: &Row<'_>, measure: &mut Measure<'_>) -> usize {
    if !measure.is_brief() {
        return LEAST_OF_ROW.min(row.length() / 2);
    }
    let mut least = 0;
    for key in ["indicator", "id", "type", "verdict"] {
        if let Some(member) = row.member(key) {
            least += measure.member(member, usize::MAX).unwrap_or(0);
        }
    }
    least
}

/// Chooses the parts of a single object that fit into `room` tokens.
pub(super) fn plan_one(row: &mut Row<'_>, measure: &mut Measure<'_>, room: usize) -> Plan {
    row.show_all();
    fit(row, measure, room);
    Plan {
        shown: 1,
        is_complete: row.is_whole(),
    }
}

/// Chooses the parts of a row that fit, and returns the number of tokens that they take.
///
/// If a part is shortened or left out, all parts of later lists are left out: a view never has the
/// less important in place of the more important.
fn fit(row: &mut Row<'_>, measure: &mut Measure<'_>, room: usize) -> usize {
    let is_listed = measure.is_of_list();
    let rank = |member: &Member<'_>| match &*member.key.meant() {
        // A row without its object would be of no use.
        "indicator" | "id" | "type" if is_listed => Rank::IDENTITY,
        key => Rank::of(key),
    };
    let mut members: Vec<_> = row
        .members_mut()
        .map(|member| (rank(member), member))
        .collect();
    members.sort_by_key(|(rank, _)| *rank);
    let mut left = room;
    let mut is_full = false;
    // The parts of one list of ranks: those that fit whole leave the others what remains.
    for group in members.chunk_by_mut(|(a, _), (b, _)| a.list == b.list) {
        let mut too_large = Vec::new();
        let mut is_cut = false;
        for (rank, member) in group {
            if is_full {
                member.cut = Cut::Nothing;
            } else if member.place.is_some() {
                match measure.member(member, left) {
                    Some(cost) => left -= cost,
                    // The verdict and the families do not wait for dates.
                    None if rank.list <= ranks::DECIDING => {
                        left -= shorten(member, measure, left);
                        is_cut |= member.cut != Cut::Whole;
                    }
                    None => too_large.push(&mut **member),
                }
            }
        }
        let count = too_large.len();
        for (at, member) in too_large.into_iter().enumerate() {
            left -= shorten(member, measure, left / (count - at));
            is_cut |= member.cut != Cut::Whole;
        }
        is_full |= is_cut;
    }
    room - left
}

/// Cuts a member that does not fit, or leaves it out. Returns the number of tokens that it takes.
fn shorten(member: &mut Member<'_>, measure: &mut Measure<'_>, room: usize) -> usize {
    let key = member.key.meant();
    if member.place.is_none() {
        return 0;
    }
    let cutter = Cutter::of(&key);
    // The cutter counts tokens of JSON; a part may take more in the format of the document.
    let mut target = room.saturating_sub(key_cost(member.key)) / measure.weight();
    for _ in 0..ATTEMPTS {
        let (cut, cost) = cutter.cut(member.filtered(), target);
        member.cut = cut;
        if measure.is_brief() && misleads(&key, &member.cut) {
            break;
        }
        if member.cut == Cut::Nothing {
            return 0;
        }
        match measure.part(member, cost) {
            Some(cost) if cost <= room => return cost,
            // The part has as much less room as it takes too much.
            Some(cost) => target = target.saturating_sub((cost - room) / measure.weight() + 1),
            None => break,
        }
    }
    member.cut = Cut::Nothing;
    0
}

/// Whether a part of a member of a brief says something else than the whole.
fn misleads(key: &str, cut: &Cut) -> bool {
    let Cut::Members(parts) = cut else {
        return false;
    };
    match key {
        "verdict" | "untrusted" | "rules" => false,
        // The counts and the number of engines belong together; only their labels may be missing.
        "detections" => parts.iter().take(3).any(|part| *part != Cut::Whole),
        _ => true,
    }
}
