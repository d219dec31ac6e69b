//! The rows of a gateway's answer.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    source::{GivenIndicator, Withheld},
    status::Status,
};
use crate::{http::bulk::RowCounts, render::rows::RowText};

/// A finished row.
#[derive(Debug)]
pub(super) struct CliRow {
    /// The number, from 1.
    pub(super) number: usize,
    /// The text as it was given.
    pub(super) given: String,
    /// The row as JSON.
    json: Map<String, Value>,
    facts: RowFacts,
}

/// The members of a row that are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RowFacts {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    verdict: Option<RowLevel>,
    detections: Option<RowCounts>,
    label: Option<String>,
    source: String,
    cost: u64,
    error: Option<RowFailure>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RowLevel {
    level: String,
    reason: String,
    stale: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RowFailure {
    code: String,
    detail: String,
}

impl CliRow {
    /// Reads a row of the answer, which the command counts as `number` and knows as `given`.
    pub(super) fn read(
        mut json: Map<String, Value>,
        number: usize,
        given: &str,
    ) -> serde_json::Result<Self> {
        json.insert("row".to_owned(), number.into());
        json.insert("given".to_owned(), given.into());
        let value = Value::Object(json);
        let facts = RowFacts::deserialize(&value)?;
        let Value::Object(json) = value else {
            return Err(serde::de::Error::custom("no object"));
        };
        Ok(Self {
            number,
            given: given.to_owned(),
            json,
            facts,
        })
    }

    /// Returns the row of an indicator that no gateway is asked about.
    pub(super) fn withheld(given: &GivenIndicator, number: usize) -> Option<Self> {
        let mut row = json!({"type": null, "id": null, "verdict": null, "detections": null,
            "source": "local", "cost": 0});
        match given.withheld.as_ref()? {
            Withheld::TooLong => {
                let detail = "longer than any hash, URL, domain or IP address";
                row["error"] = json!({"code": "InvalidArgumentError", "detail": detail});
            }
            Withheld::Private(reason) => {
                row["verdict"] = json!({"level": "unknown", "reason": reason, "stale": false});
            }
        }
        let Value::Object(row) = row else { return None };
        Self::read(row, number, &given.given).ok()
    }

    /// Returns the row as JSON.
    pub(super) fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// Returns the id, if the text is an indicator.
    pub(super) fn id(&self) -> Option<&str> {
        self.facts.id.as_deref()
    }

    /// Whether the answer may be a report, which can be shown in full.
    pub(super) fn has_report(&self) -> bool {
        self.facts.error.is_none() && self.facts.source != "local"
    }

    /// Whether engines have looked at it. VirusTotal may not know it otherwise.
    pub(super) fn has_detections(&self) -> bool {
        self.facts.detections.is_some()
    }

    /// Whether the answer was kept and is past its time.
    pub(super) fn is_stale(&self) -> bool {
        self.facts.source == "stale"
    }

    /// Returns the outcome.
    pub(super) fn status(&self) -> Status {
        match (&self.facts.error, &self.facts.verdict) {
            (Some(error), _) => Status::of_code(&error.code),
            (None, Some(verdict)) => Status::of_level(&verdict.level),
            (None, None) => Status::Unknown,
        }
    }

    /// Returns the row for CSV and tables.
    pub(super) fn text(&self) -> RowText<'_> {
        let RowFacts {
            kind,
            id,
            verdict,
            detections,
            label,
            source,
            cost,
            error,
        } = &self.facts;
        let counts = detections.as_ref();
        RowText {
            number: self.number,
            given: &self.given,
            kind: kind.as_deref().unwrap_or_default(),
            id: id.as_deref().unwrap_or_default(),
            level: verdict.as_ref().map_or("", |verdict| &verdict.level),
            reason: verdict.as_ref().map_or("", |verdict| &verdict.reason),
            stale: verdict.as_ref().map(|verdict| verdict.stale),
            malicious: counts.and_then(|counts| counts.malicious),
            suspicious: counts.and_then(|counts| counts.suspicious),
            engines: counts.and_then(|counts| counts.engines),
            label: label.as_deref().unwrap_or_default(),
            source,
            cost: *cost,
            error: error.as_ref().map_or("", |error| &error.code),
            detail: error.as_ref().map_or("", |error| &error.detail),
        }
    }
}
