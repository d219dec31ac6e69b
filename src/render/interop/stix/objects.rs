//! The objects of a bundle, as STIX 2.1 defines them.

use serde::Serialize;

/// An object of a bundle.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum StixObject {
    /// The producer.
    Identity(IdentityObject),
    /// A file.
    File(FileObject),
    /// A URL, domain or IP address.
    Value(ValueObject),
    /// An autonomous system.
    AutonomousSystem(AutonomousSystemObject),
    /// An analysis.
    MalwareAnalysis(MalwareAnalysisObject),
    /// A pattern of what is malicious.
    Indicator(IndicatorObject),
    /// A family of malware.
    Malware(MalwareObject),
    /// A relationship between two objects.
    Relationship(RelationshipObject),
    /// A text about objects.
    Note(NoteObject),
}

/// The properties that all objects but observables have.
#[derive(Debug, Serialize)]
pub(super) struct Prelude {
    pub(super) r#type: &'static str,
    pub(super) spec_version: &'static str,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_by_ref: Option<String>,
    pub(super) created: String,
    pub(super) modified: String,
}

/// An `identity`.
#[derive(Debug, Serialize)]
pub(super) struct IdentityObject {
    #[serde(flatten)]
    pub(super) prelude: Prelude,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) identity_class: &'static str,
}

/// A `file`.
#[derive(Debug, Serialize)]
pub(super) struct FileObject {
    pub(super) r#type: &'static str,
    pub(super) spec_version: &'static str,
    pub(super) id: String,
    pub(super) hashes: Hashes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

/// The digests of a file.
#[derive(Debug, Serialize)]
pub(super) struct Hashes {
    #[serde(rename = "MD5", skip_serializing_if = "Option::is_none")]
    pub(super) md5: Option<String>,
    #[serde(rename = "SHA-1", skip_serializing_if = "Option::is_none")]
    pub(super) sha1: Option<String>,
    #[serde(rename = "SHA-256", skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(rename = "SSDEEP", skip_serializing_if = "Option::is_none")]
    pub(super) ssdeep: Option<String>,
    #[serde(rename = "TLSH", skip_serializing_if = "Option::is_none")]
    pub(super) tlsh: Option<String>,
}

/// A `url`, `domain-name`, `ipv4-addr` or `ipv6-addr`.
#[derive(Debug, Serialize)]
pub(super) struct ValueObject {
    pub(super) r#type: &'static str,
    pub(super) spec_version: &'static str,
    pub(super) id: String,
    pub(super) value: String,
}

/// An `autonomous-system`.
#[derive(Debug, Serialize)]
pub(super) struct AutonomousSystemObject {
    pub(super) r#type: &'static str,
    pub(super) spec_version: &'static str,
    pub(super) id: String,
    pub(super) number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// A `malware-analysis`.
#[derive(Debug, Serialize)]
pub(super) struct MalwareAnalysisObject {
    #[serde(flatten)]
    pub(super) prelude: Prelude,
    pub(super) product: &'static str,
    pub(super) analysis_ended: String,
    pub(super) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sample_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) analysis_sco_refs: Option<[String; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference>,
}

/// An `indicator`.
#[derive(Debug, Serialize)]
pub(super) struct IndicatorObject {
    #[serde(flatten)]
    pub(super) prelude: Prelude,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) indicator_types: [&'static str; 1],
    pub(super) pattern: String,
    pub(super) pattern_type: &'static str,
    pub(super) pattern_version: &'static str,
    pub(super) valid_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) confidence: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference>,
}

/// A `malware`.
#[derive(Debug, Serialize)]
pub(super) struct MalwareObject {
    #[serde(flatten)]
    pub(super) prelude: Prelude,
    pub(super) name: String,
    pub(super) is_family: bool,
}

/// A `relationship`.
#[derive(Debug, Serialize)]
pub(super) struct RelationshipObject {
    #[serde(flatten)]
    pub(super) prelude: Prelude,
    pub(super) relationship_type: String,
    pub(super) source_ref: String,
    pub(super) target_ref: String,
}

/// A `note`.
#[derive(Debug, Serialize)]
pub(super) struct NoteObject {
    #[serde(flatten)]
    pub(super) prelude: Prelude,
    pub(super) r#abstract: String,
    pub(super) content: String,
    pub(super) object_refs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference>,
}

/// A reference to a page outside of the bundle.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ExternalReference {
    pub(super) source_name: &'static str,
    pub(super) url: String,
    pub(super) external_id: String,
}

impl StixObject {
    /// Returns the identifier.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Identity(object) => &object.prelude.id,
            Self::File(object) => &object.id,
            Self::Value(object) => &object.id,
            Self::AutonomousSystem(object) => &object.id,
            Self::MalwareAnalysis(object) => &object.prelude.id,
            Self::Indicator(object) => &object.prelude.id,
            Self::Malware(object) => &object.prelude.id,
            Self::Relationship(object) => &object.prelude.id,
            Self::Note(object) => &object.prelude.id,
        }
    }
}
