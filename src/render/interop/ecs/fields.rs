//! The fields of the Elastic Common Schema that documents have, under their names.

use serde::Serialize;

/// A document.
#[derive(Debug, Serialize)]
pub(in crate::render::interop) struct EcsDocument {
    #[serde(rename = "@timestamp")]
    pub(super) timestamp: String,
    pub(super) ecs: EcsVersion,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    pub(super) event: EcsEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<EcsError>,
    pub(super) threat: EcsThreat,
    #[serde(skip_serializing_if = "EcsRelated::is_empty")]
    pub(super) related: EcsRelated,
}

/// `ecs`.
#[derive(Debug, Serialize)]
pub(super) struct EcsVersion {
    pub(super) version: &'static str,
}

/// `event`. A row of a job has `sequence` and `original` as well.
#[derive(Debug, Serialize)]
pub(super) struct EcsEvent {
    pub(super) kind: &'static str,
    pub(super) category: [&'static str; 1],
    pub(super) r#type: [&'static str; 1],
    pub(super) module: &'static str,
    pub(super) dataset: &'static str,
    pub(super) provider: &'static str,
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
}

/// `error`.
#[derive(Debug, Serialize)]
pub(super) struct EcsError {
    pub(super) code: String,
    pub(super) message: String,
}

/// `threat`.
#[derive(Debug, Serialize)]
pub(super) struct EcsThreat {
    pub(super) feed: EcsFeed,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) indicator: Option<EcsIndicator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) software: Option<EcsSoftware>,
}

/// `threat.feed`.
#[derive(Debug, Serialize)]
pub(super) struct EcsFeed {
    pub(super) name: &'static str,
    pub(super) reference: &'static str,
}

/// `threat.software`.
#[derive(Debug, Serialize)]
pub(super) struct EcsSoftware {
    pub(super) name: String,
    pub(super) r#type: &'static str,
}

/// `threat.indicator`.
#[derive(Debug, Default, Serialize)]
pub(super) struct EcsIndicator {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'static str>,
    pub(super) name: String,
    pub(super) id: [String; 1],
    pub(super) description: String,
    pub(super) provider: &'static str,
    pub(super) confidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scanner_stats: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<EcsFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<EcsUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<String>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub(super) autonomous_system: Option<EcsAs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) geo: Option<EcsGeo>,
}

/// `threat.indicator.file`.
#[derive(Debug, Serialize)]
pub(super) struct EcsFile {
    pub(super) hash: EcsHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    pub(super) r#type: &'static str,
}

/// `threat.indicator.file.hash`.
#[derive(Debug, Serialize)]
pub(super) struct EcsHash {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) md5: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ssdeep: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tlsh: Option<String>,
}

/// `threat.indicator.url`.
#[derive(Debug, Default, Serialize)]
pub(super) struct EcsUrl {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) full: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) original: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registered_domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_level_domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fragment: Option<String>,
}

/// `threat.indicator.as`.
#[derive(Debug, Serialize)]
pub(super) struct EcsAs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<EcsOrganization>,
}

/// `threat.indicator.as.organization`.
#[derive(Debug, Serialize)]
pub(super) struct EcsOrganization {
    pub(super) name: String,
}

/// `threat.indicator.geo`.
#[derive(Debug, Serialize)]
pub(super) struct EcsGeo {
    pub(super) country_iso_code: String,
}

/// `related`.
#[derive(Debug, Default, Serialize)]
pub(super) struct EcsRelated {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hash: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ip: Vec<String>,
}

impl EcsRelated {
    /// Whether nothing is related.
    pub(super) fn is_empty(&self) -> bool {
        self.hash.is_empty() && self.hosts.is_empty() && self.ip.is_empty()
    }
}
