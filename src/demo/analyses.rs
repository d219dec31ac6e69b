//! Analyses, each of which is queued, in progress, then completed, one step per reading.

use std::{borrow::Cow, sync::Arc};

use axum::extract::{Path, State};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Caller, Refusal},
    community::letter,
    live::Live,
    object::{Collection, Reference},
    stand_in::{StandIn, now},
    unseen,
};

/// A requested analysis.
#[derive(Clone)]
pub(super) struct Analysis {
    id: String,
    of: Reference,
    /// The time of the request, in seconds since 1970.
    date: u64,
    /// The number of times that the analysis was read.
    reads: u32,
}

impl Analysis {
    fn status(&self) -> &'static str {
        match self.reads {
            0 | 1 => "queued",
            2 => "in-progress",
            _ => "completed",
        }
    }

    fn link(&self) -> String {
        Reference::new("analysis", &*self.id).link()
    }

    fn meta(&self, attributes: &Value) -> Option<Value> {
        match &*self.of.kind {
            "file" => {
                let size = &attributes["size"];
                Some(json!({ "file_info": { "sha256": self.of.id, "size": size } }))
            }
            "url" => {
                let url = &attributes["url"];
                Some(json!({ "url_info": { "id": self.of.id, "url": url } }))
            }
            _ => None,
        }
    }
}

/// Starts a new analysis of an object.
pub(super) async fn request_analysis(
    _: Caller,
    State(site): State<Arc<StandIn>>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<Answer, Refusal> {
    let collection = Collection::at(&collection)?;
    let of = site.find(collection, &id)?;
    letter(&of).ok_or_else(Refusal::wrong_method)?;
    Ok(start(&site, &of))
}

/// Returns an analysis, and advances its status.
pub(super) async fn read_analysis(
    _: Caller,
    State(site): State<Arc<StandIn>>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    let read = site.live().read_analysis(&id, now());
    let analysis = read.ok_or_else(|| Refusal::not_found("Analysis", &id))?;
    let attributes = site.attributes(&analysis.of).unwrap_or_default();
    let (stats, results) = if analysis.status() == "completed" {
        let of_object = |name: &str| attributes[name].clone();
        (
            of_object("last_analysis_stats"),
            of_object("last_analysis_results"),
        )
    } else {
        (unseen::stats(""), json!({}))
    };
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
    if let Some(meta) = analysis.meta(&attributes) {
        answer["meta"] = meta;
    }
    Ok(Answer::ok(&answer))
}

/// Starts an analysis of an existing object, and returns its descriptor.
pub(super) fn start(site: &StandIn, of: &Reference) -> Answer {
    let attributes = site.attributes(of);
    let md5 = attributes.as_deref().and_then(|it| it.get("md5")?.as_str());
    let md5 = md5.map_or_else(
        || Cow::Owned(of.id.chars().take(32).collect()),
        Cow::Borrowed,
    );
    let id_at = |date: u64| match &*of.kind {
        "file" => STANDARD.encode(format!("{md5}:{date}")),
        "url" => format!("u-{}-{date}", of.id),
        _ => STANDARD.encode(format!("{}:{date}", of.id)),
    };
    let analysis = site.live().start_analysis(of, id_at, now());
    let links = json!({ "self": analysis.link() });
    Answer::ok(&json!({ "data": { "type": "analysis", "id": analysis.id, "links": links } }))
}

impl Live {
    /// Creates an analysis. If another one started in the same second, the date is advanced so that
    /// the ids differ.
    fn start_analysis(
        &mut self,
        of: &Reference,
        id_at: impl Fn(u64) -> String,
        now: u64,
    ) -> Analysis {
        let (mut date, mut id) = (now, id_at(now));
        while self.analyses.iter().any(|it| it.id == id) {
            date += 1;
            id = id_at(date);
        }
        let analysis = Analysis {
            id,
            of: of.clone(),
            date,
            reads: 0,
        };
        self.analyses.add(analysis.clone());
        analysis
    }

    fn read_analysis(&mut self, id: &str, now: u64) -> Option<Analysis> {
        let analysis = self.analyses.find_mut(|it| it.id == id)?;
        let before = analysis.status();
        analysis.reads = analysis.reads.saturating_add(1);
        let analysis = analysis.clone();
        if analysis.status() != before && analysis.status() == "completed" {
            self.date_analysis(&analysis.of, now);
        }
        Some(analysis)
    }
}
