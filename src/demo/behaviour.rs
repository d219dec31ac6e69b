//! The combined sandbox results for a file.

use axum::extract::{Path, State};
use serde_json::{Map, Value};

use super::{
    answer::{DemoError, JsonAnswer},
    caller::KeyHolder,
    item::DataEnvelope,
    object::{Collection, Reference},
    stand_in::StandIn,
    world::RelatedObjects,
};

/// Returns the lists of all sandboxes' reports, merged.
pub(super) async fn read_behaviour_summary(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(id): Path<String>,
) -> Result<JsonAnswer, DemoError> {
    let of = site.find(Collection::FILES, &id)?;
    let related = match site.world().related(caller.tier, &of, "behaviours") {
        Ok(related) => related,
        Err(error) => return Err(error.in_path("behaviours")),
    };
    let RelatedObjects::Many(reports) = related else {
        return Err(without_behaviour(&of));
    };
    if reports.is_empty() {
        return Err(without_behaviour(&of));
    }
    let mut summary = Map::new();
    for report in reports {
        if let Some(Value::Object(report)) = site.world().attributes(&report.of) {
            merge(&mut summary, report);
        }
    }
    Ok(JsonAnswer::ok(&DataEnvelope::of(summary)))
}

/// Returns the techniques that each sandbox observed.
pub(super) async fn read_mitre_trees(
    _: KeyHolder,
    State(site): State<StandIn>,
    Path(id): Path<String>,
) -> Result<JsonAnswer, DemoError> {
    let of = site.find(Collection::FILES, &id)?;
    match site.world().mitre_trees(&of) {
        Some(trees) => Ok(JsonAnswer::ok(&DataEnvelope::of(trees))),
        None => Err(without_behaviour(&of)),
    }
}

fn without_behaviour(of: &Reference) -> DemoError {
    DemoError::not_found("Behaviour of file", &of.id)
}

/// Adds the lists of a report to the summary, without duplicates.
fn merge(summary: &mut Map<String, Value>, report: &Map<String, Value>) {
    for (name, value) in report {
        let Value::Array(more) = value else { continue };
        let list = summary.entry(name).or_insert(Value::Array(Vec::new()));
        let Value::Array(list) = list else { continue };
        for item in more {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
    }
}
