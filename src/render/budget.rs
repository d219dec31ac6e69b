//! The budget of a view: which parts fit into a number of tokens.
//!
//! Parts are taken in the order of their [`ranks`]. One that does not fit is shortened: first the
//! tails of its lists, then of its texts. Sizes are measured on the text that each part becomes in
//! the format, so they add up to the size of the document.

use super::{
    measure::Measure,
    parts::{Member, Row},
};
use crate::render::template::filter::Tails;

mod ranks;
pub(super) mod tokens;

/// The number of elements to which lists are cut, one step after the other.
const ELEMENTS: [usize; 23] = [
    1000, 600, 400, 250, 150, 100, 75, 60, 48, 38, 30, 24, 19, 15, 12, 10, 8, 6, 5, 4, 3, 2, 1,
];

/// The number of characters to which texts are cut after that. A digest is never cut.
const LETTERS: [usize; 9] = [4000, 2000, 1000, 500, 300, 200, 150, 100, 64];

/// The number of characters of texts in objects that are cut.
const FEWEST_LETTERS: usize = 24;

/// The number of members to which objects are cut at last.
const MEMBERS: [usize; 6] = [32, 16, 8, 4, 2, 1];

/// The number of tokens that a row of a list has for its facts, beside its id and type.
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
    let mut heads = Vec::with_capacity(rows.len());
    let mut left = room;
    for row in &mut *rows {
        row.show_all();
        let head = measure.head(row);
        let least = LEAST_OF_ROW.min(row.length() / 2);
        let Some(rest) = left.checked_sub(head + least) else {
            break;
        };
        left = rest;
        heads.push(head);
    }
    let shown = heads.len();
    let mut is_complete = shown == rows.len();
    let mut left = room - heads.iter().sum::<usize>();
    for (at, row) in rows[..shown].iter_mut().enumerate() {
        let share = left / (shown - at);
        let used = fit(row, measure, share);
        is_complete &= row.is_whole();
        left -= used.min(left);
    }
    Plan { shown, is_complete }
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
fn fit(row: &mut Row<'_>, measure: &mut Measure<'_>, room: usize) -> usize {
    let is_listed = measure.is_of_list();
    let mut left = room;
    let mut members: Vec<_> = row.members_mut().collect();
    members.sort_by_key(|member| match &*member.key.meant() {
        // A row without its object would be of no use.
        "indicator" | "id" | "type" if is_listed => 0,
        key => 1 + ranks::rank(key),
    });
    for member in members {
        if member.place.is_some() {
            left -= shorten(member, measure, left);
        }
    }
    room - left
}

/// Cuts a member until it fits, or leaves it out. Returns the number of tokens that it takes.
fn shorten(member: &mut Member<'_>, measure: &mut Measure<'_>, room: usize) -> usize {
    if let Some(cost) = measure.member(member, room) {
        return cost;
    }
    // The steps are ordered by size, so the first one that fits is found by bisection.
    let (mut low, mut high) = (0, ELEMENTS.len() + LETTERS.len() + MEMBERS.len());
    let mut best = None;
    while low < high {
        let middle = usize::midpoint(low, high);
        member.tails = Some(step(middle));
        match measure.member(member, room) {
            Some(cost) => {
                best = Some((middle, cost));
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    let Some((at, cost)) = best else {
        member.tails = None;
        return 0;
    };
    member.tails = Some(step(at));
    cost
}

/// Returns the bounds of a step of shortening.
fn step(at: usize) -> Tails {
    if let Some(elements) = ELEMENTS.get(at) {
        return Tails {
            elements: *elements,
            ..Tails::WHOLE
        };
    }
    let at = at - ELEMENTS.len();
    if let Some(letters) = LETTERS.get(at) {
        return Tails {
            elements: 1,
            letters: *letters,
            ..Tails::WHOLE
        };
    }
    Tails {
        elements: 1,
        letters: FEWEST_LETTERS,
        members: MEMBERS[(at - LETTERS.len()).min(MEMBERS.len() - 1)],
    }
}
