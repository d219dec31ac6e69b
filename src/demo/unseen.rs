//! Files and URLs that the table lacks, as objects of which little is known.

use serde_json::{Map, Value, json};

use super::object::{Object, Reference};

/// Made-up engines that detect nothing, with names like those of real engines.
const ENGINES: [&str; 12] = [
    "Acorn",
    "Bluefin-Cloud",
    "Dr.Ferret",
    "Etna Total",
    "Fjord AV (beta)",
    "Gatekeep.ai",
    "Hedgehog",
    "K9GW",
    "Lantern/Static",
    "Nørd32",
    "Quartz & Sons",
    "ZeroMoth",
];

/// Creates the object for a file sent under this name.
pub(super) fn file(sha256: &str, size: u64, name: &str, now: u64) -> Object {
    let attributes = json!({
        "type_description": "unknown",
        "size": size,
        "sha256": sha256,
        "meaningful_name": name,
        "names": [name],
        "tags": [],
        "reputation": 0,
        "total_votes": { "harmless": 0, "malicious": 0 },
        "times_submitted": 1,
        "first_submission_date": now,
        "last_submission_date": now,
        "last_analysis_stats": stats("undetected"),
        "last_analysis_results": results("undetected", &Value::Null),
    });
    Object {
        of: Reference::new("file", sha256),
        attributes,
    }
}

/// Creates the object for a URL.
pub(super) fn url(id: &str, url: &str, now: u64) -> Object {
    let attributes = json!({
        "url": url,
        "last_final_url": url,
        "tags": [],
        "categories": {},
        "reputation": 0,
        "total_votes": { "harmless": 0, "malicious": 0 },
        "times_submitted": 1,
        "first_submission_date": now,
        "last_submission_date": now,
        "last_analysis_stats": stats("harmless"),
        "last_analysis_results": results("harmless", &json!("clean")),
    });
    Object {
        of: Reference::new("url", id),
        attributes,
    }
}

/// Returns the counts if every engine says `category`, which is empty if no engine has answered
/// yet.
pub(super) fn stats(category: &str) -> Value {
    let mut stats = json!({
        "malicious": 0,
        "suspicious": 0,
        "undetected": 0,
        "harmless": 0,
        "timeout": 0,
    });
    if let Some(count) = stats.get_mut(category) {
        *count = json!(ENGINES.len());
    }
    stats
}

fn results(category: &str, result: &Value) -> Value {
    let mut results = Map::new();
    for engine in ENGINES {
        let verdict = json!({
            "method": "blacklist",
            "engine_name": engine,
            "category": category,
            "result": result,
        });
        results.insert(engine.to_owned(), verdict);
    }
    Value::Object(results)
}
