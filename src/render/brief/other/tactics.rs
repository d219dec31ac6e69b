//! MITRE trees in brief: the techniques by tactic, over all sandboxes.

use serde_json::{Map, Value};

use crate::render::brief::{
    report::Report,
    values::{Bounds, add_distinct, elements, entries, field, fields, short},
};

/// The number of tactics.
const MAX_TACTICS: usize = 14;

/// The bounds of the techniques of a tactic.
const TECHNIQUES: Bounds = Bounds {
    texts: 6,
    bytes: 80,
};

/// The techniques that belong to a tactic.
struct Tactic {
    name: String,
    techniques: Vec<String>,
}

/// Returns the ids of techniques by the names of their tactics.
pub(super) fn tactics(report: &Report<'_, '_>) -> Map<String, Value> {
    let mut tactics: Vec<Tactic> = Vec::new();
    for sandbox in entries(report.object.attributes.unwrap_or_default()) {
        for tactic in elements(field(sandbox.raw, "tactics")) {
            add_tactic(&mut tactics, tactic);
        }
    }
    let mut shown = Map::new();
    for tactic in tactics {
        shown.insert(tactic.name, tactic.techniques.into());
    }
    shown
}

fn add_tactic(tactics: &mut Vec<Tactic>, raw: &str) {
    let [name, techniques] = fields(raw, ["name", "techniques"]);
    let Some(name) = name.and_then(short) else {
        return;
    };
    let known = tactics.iter().position(|tactic| tactic.name == name);
    let at = known.unwrap_or(tactics.len());
    if known.is_none() {
        if at == MAX_TACTICS {
            return;
        }
        tactics.push(Tactic {
            name,
            techniques: Vec::new(),
        });
    }
    let Some(tactic) = tactics.get_mut(at) else {
        return;
    };
    for technique in elements(techniques) {
        let id = field(technique, "id").and_then(short).unwrap_or_default();
        add_distinct(&mut tactic.techniques, id, TECHNIQUES);
    }
}
