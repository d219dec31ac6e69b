//! Analyses, each of which is queued, in progress, then completed, one step per reading.

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{
    answer::{DemoError, JsonAnswer},
    caller::KeyHolder,
    object::{Collection, Reference},
    stand_in::{StandIn, now},
    unseen,
};

/// Starts a new analysis of an object.
pub(super) async fn request_analysis(
    _: KeyHolder,
    State(site): State<StandIn>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<JsonAnswer, DemoError> {
    let of = site.find(Collection::at(&collection)?, &id)?;
    if of.letter().is_none() {
        return Err(DemoError::wrong_method());
    }
    Ok(start(&site, &of))
}

/// Returns an analysis, and advances its status.
pub(super) async fn read_analysis(
    _: KeyHolder,
    State(site): State<StandIn>,
    Path(id): Path<String>,
) -> Result<JsonAnswer, DemoError> {
    let Some(analysis) = site.live().read_analysis(&id, now()) else {
        return Err(DemoError::not_found("Analysis", &id));
    };
    let attributes = site.attributes(&analysis.of).unwrap_or_default();
    let mut stats = unseen::stats("");
    let mut results = json!({});
    if analysis.status() == "completed" {
        stats = attributes["last_analysis_stats"].clone();
        results = attributes["last_analysis_results"].clone();
    }
    let mut answer = json!({
        "data": {
            "id": analysis.id,
            "type": "analysis",
            "links": { "self": analysis.link(), "item": analysis.of.link() },
            "attributes": {
                "date": analysis.date,
                "status": analysis.status(),
                "stats": stats,
                "results": results,
            },
        },
    });
    if let Some(meta) = meta(&analysis.of, &attributes) {
        answer["meta"] = meta;
    }
    Ok(JsonAnswer::ok(&answer))
}

/// Starts an analysis of an existing object, and returns its descriptor.
pub(super) fn start(site: &StandIn, of: &Reference) -> JsonAnswer {
    let attributes = site.attributes(of).unwrap_or_default();
    let md5 = attributes["md5"].as_str();
    let analysis = site.live().start_analysis(of, md5, now());
    let links = json!({ "self": analysis.link() });
    JsonAnswer::ok(&json!({ "data": { "type": "analysis", "id": analysis.id, "links": links } }))
}

/// Returns the `meta` of an analysis of a file or URL.
fn meta(of: &Reference, attributes: &Value) -> Option<Value> {
    match &*of.kind {
        "file" => {
            let size = &attributes["size"];
            Some(json!({ "file_info": { "sha256": of.id, "size": size } }))
        }
        "url" => {
            let url = &attributes["url"];
            Some(json!({ "url_info": { "id": of.id, "url": url } }))
        }
        _ => None,
    }
}
