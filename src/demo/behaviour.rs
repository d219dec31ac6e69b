//! The combined sandbox results for a file.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Caller, Refusal},
    item::Envelope,
    object::{Collection, Reference},
    stand_in::StandIn,
    world::Related,
};

/// Returns the lists of all sandboxes' reports, merged.
pub(super) async fn read_behaviour_summary(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    let of = site.find(Collection::at("files")?, &id)?;
    let related = site.world.related(caller.account, &of, "behaviours")?;
    let reports = match related {
        Related::Many(all) => all.as_slice(),
        Related::One(_) => &[],
    };
    if reports.is_empty() {
        return Err(unseen(&of));
    }
    let reports = reports.iter();
    let summary = join(reports.filter_map(|it| site.world.attributes(&it.of)?.as_object()));
    Ok(Answer::ok(&Envelope::of(summary)))
}

/// Returns the techniques that each sandbox observed.
pub(super) async fn read_mitre_trees(
    _: Caller,
    State(site): State<Arc<StandIn>>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    let of = site.find(Collection::at("files")?, &id)?;
    let trees = site.world.mitre_trees(&of);
    let trees = trees.ok_or_else(|| unseen(&of))?;
    Ok(Answer::ok(&Envelope::of(trees)))
}

fn unseen(of: &Reference) -> Refusal {
    Refusal::not_found("Behaviour of file", &of.id)
}

/// Merges the lists of all reports, without duplicates.
fn join<'a>(reports: impl Iterator<Item = &'a Map<String, Value>>) -> Map<String, Value> {
    let mut summary = Map::new();
    for (name, value) in reports.flatten() {
        let Value::Array(more) = value else { continue };
        let list = summary.entry(name).or_insert_with(|| Value::Array(vec![]));
        let Value::Array(list) = list else { continue };
        for item in more {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
    }
    summary
}
