//! The budget of a view: which parts fit into a number of tokens.
//!
//! Parts are taken in the order of their [`ranks`]. One that does not fit is shortened: first the
//! tails of its lists, then of its texts. Sizes are measured on the text that each part becomes in
//! the format, so they add up to the size of the document.

use self::ranks::Rank;
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

/// The number of members to which objects are cut at last.
const MEMBERS: [usize; 7] = [32, 16, 8, 4, 3, 2, 1];

/// The number of characters of a verdict's reason where there is no room for all of it.
const REASON_LETTERS: usize = 24;

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
    let mut heads = Vec::with_capacity(rows.len());
    let mut left = room;
    for row in &mut *rows {
        row.show_all();
        let head = measure.head(row);
        let Some(rest) = left.checked_sub(head + least_of(row, measure)) else {
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
/// If a part is shortened or left out, so are all parts of lower ranks: a view never has the less
/// important in place of the more important.
fn fit(row: &mut Row<'_>, measure: &mut Measure<'_>, room: usize) -> usize {
    let is_listed = measure.is_of_list();
    let rank = |member: &Member<'_>| match &*member.key.meant() {
        // A row without its object would be of no use.
        "indicator" | "id" | "type" if is_listed => Rank::IDENTITY,
        key => Rank::of(key),
    };
    let mut members: Vec<_> = row.members_mut().collect();
    members.sort_by_key(|member| rank(member));
    let mut left = room;
    let mut last = usize::MAX;
    for member in members {
        if member.place.is_none() {
            continue;
        }
        let Rank { list, .. } = rank(member);
        if list > last {
            member.tails = None;
            continue;
        }
        left -= shorten(member, measure, left);
        if member.tails != Some(Tails::WHOLE) {
            last = list;
        }
    }
    room - left
}

/// Cuts a member until it fits, or leaves it out. Returns the number of tokens that it takes.
fn shorten(member: &mut Member<'_>, measure: &mut Measure<'_>, room: usize) -> usize {
    if let Some(cost) = measure.member(member, room) {
        return cost;
    }
    let steps = Steps::of(&member.key.meant(), measure.is_brief());
    // The steps are ordered by size, so the first one that fits is found by bisection.
    let (mut low, mut high) = (0, steps.count);
    let mut best = None;
    while low < high {
        let middle = usize::midpoint(low, high);
        member.tails = Some(steps.at(middle));
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
    member.tails = Some(steps.at(at));
    cost
}

/// The steps in which a member is shortened.
struct Steps {
    count: usize,
    /// The number of characters of texts in objects that are cut.
    letters: usize,
}

impl Steps {
    /// Returns the steps of the member with this key.
    fn of(key: &str, is_brief: bool) -> Self {
        let all = ELEMENTS.len() + LETTERS.len() + MEMBERS.len();
        let letters = LETTERS[LETTERS.len() - 1];
        match key {
            "verdict" if is_brief => Self {
                count: all,
                letters: REASON_LETTERS,
            },
            // Counts without the number of engines would mislead.
            "detections" if is_brief => Self {
                count: all - 2,
                letters,
            },
            // Half an indicator is none.
            _ if is_brief => Self {
                count: ELEMENTS.len() + LETTERS.len(),
                letters,
            },
            _ => Self {
                count: all,
                letters,
            },
        }
    }

    /// Returns the bounds of a step.
    fn at(&self, step: usize) -> Tails {
        if let Some(elements) = ELEMENTS.get(step) {
            return Tails {
                elements: *elements,
                ..Tails::WHOLE
            };
        }
        let step = step - ELEMENTS.len();
        if let Some(letters) = LETTERS.get(step) {
            return Tails {
                elements: 1,
                letters: *letters,
                ..Tails::WHOLE
            };
        }
        Tails {
            elements: 1,
            letters: self.letters,
            members: MEMBERS[(step - LETTERS.len()).min(MEMBERS.len() - 1)],
        }
    }
}
