//! Bundles of STIX 2.1.
//!
//! Each indicator becomes a cyber observable with its deterministic identifier, and a note with the
//! verdict. Where there is an analysis, a `malware-analysis` and, of a malicious indicator, an
//! `indicator` with its pattern follow. Identifiers are deterministic, so that an import that is
//! repeated brings no duplicates.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::json;

use self::{
    objects::{
        AutonomousSystemObject, ExternalReference, FileObject, Hashes, IdentityObject,
        IndicatorObject, MalwareAnalysisObject, MalwareObject, NoteObject, Prelude,
        RelationshipObject, StixObject, ValueObject,
    },
    values::{address_value, is_hostname, pattern},
};
use super::{
    ids,
    subject::{Observable, Subject, clipped, founded, timestamp},
};
use crate::render::{
    brief::{FileHashes, IndicatorBrief},
    verdict::Level,
};

pub(super) mod objects;
mod values;

/// The characters of a text for people.
const LONGEST_TEXT: usize = 2000;

/// The characters of the name of an indicator in a note.
const SUBJECT_NAME: usize = 120;

/// The characters of a hash of ssdeep in STIX's schema. There are longer ones.
const LONGEST_SSDEEP: usize = 128;

/// A bundle.
#[derive(Debug, Serialize)]
pub(super) struct Bundle {
    r#type: &'static str,
    id: String,
    objects: Vec<StixObject>,
}

/// The objects of a bundle, without repeated ones.
struct Collected {
    objects: Vec<StixObject>,
    seen: HashSet<String>,
}

/// Returns the bundle of these indicators.
pub(super) fn bundle(subjects: &[Subject]) -> Bundle {
    let mut all = Collected {
        objects: Vec::new(),
        seen: HashSet::new(),
    };
    all.add(identity());
    for subject in subjects {
        all.add_subject(subject);
    }
    let mut parts: Vec<&str> = Vec::with_capacity(all.objects.len());
    parts.extend(all.objects.iter().map(StixObject::id));
    Bundle {
        r#type: "bundle",
        id: ids::of_stix("bundle", &parts),
        objects: all.objects,
    }
}

impl Collected {
    fn add(&mut self, object: StixObject) {
        if self.seen.insert(object.id().to_owned()) {
            self.objects.push(object);
        }
    }

    fn add_subject(&mut self, subject: &Subject) {
        let mut referred = Vec::new();
        let mut observable = None;
        if let Some(found) = &subject.observable {
            let object = observable_object(subject, found);
            let id = object.id().to_owned();
            if has_object(found) {
                referred.push(id.clone());
                self.add(object);
                self.add_autonomous_system(subject, &id);
            }
            observable = Some(id);
        }
        if let Some(id) = &observable {
            if let Some(analysis) = malware_analysis(subject, id) {
                referred.push(analysis.id().to_owned());
                self.add(analysis);
            }
            if let Some(indicator) = indicator(subject, id) {
                let indicator_id = indicator.id().to_owned();
                self.add(indicator);
                if subject.observable.as_ref().is_some_and(has_object) {
                    self.add(relationship(subject, [&indicator_id, "related-to", id]));
                }
                self.add_family(subject, &indicator_id);
                referred.push(indicator_id);
            }
        }
        if referred.is_empty() {
            referred.push(identity_id());
        }
        self.add(note(subject, referred));
    }

    /// Adds the family of a malicious file, which its indicator indicates. Further names are mostly
    /// other names of the same.
    fn add_family(&mut self, subject: &Subject, indicator: &str) {
        if let Some(family) = subject.families().first() {
            let malware = malware(family);
            let id = malware.id().to_owned();
            self.add(malware);
            self.add(relationship(subject, [indicator, "indicates", &id]));
        }
    }

    /// Adds the autonomous system of an address.
    fn add_autonomous_system(&mut self, subject: &Subject, address: &str) {
        let Some(IndicatorBrief::Ip(brief)) = &subject.brief else {
            return;
        };
        let Some(system) = &brief.autonomous_system else {
            return;
        };
        let Some(number) = system
            .number
            .filter(|number| u32::try_from(*number).is_ok())
        else {
            return;
        };
        let id = ids::of_observable("autonomous-system", &[("number", json!(number))]);
        self.add(StixObject::AutonomousSystem(AutonomousSystemObject {
            r#type: "autonomous-system",
            spec_version: "2.1",
            id: id.clone(),
            number,
            name: system.owner.clone(),
        }));
        self.add(relationship(subject, [address, "belongs-to", &id]));
    }
}

fn identity_id() -> String {
    ids::of_stix("identity", &["VT4AI"])
}

fn identity() -> StixObject {
    StixObject::Identity(IdentityObject {
        prelude: Prelude {
            r#type: "identity",
            spec_version: "2.1",
            id: identity_id(),
            created_by_ref: None,
            created: founded(),
            modified: founded(),
        },
        name: "VT4AI",
        description: "A gateway to VirusTotal, whose verdicts rest on VirusTotal's reports",
        identity_class: "system",
    })
}

/// Returns what all objects of a subject have in common, of an object that is made from these parts.
fn prelude(subject: &Subject, object_type: &'static str, parts: &[&str]) -> Prelude {
    Prelude {
        r#type: object_type,
        spec_version: "2.1",
        id: ids::of_stix(object_type, parts),
        created_by_ref: Some(identity_id()),
        created: timestamp(subject.created()),
        modified: timestamp(subject.modified()),
    }
}

/// Whether STIX has an object of an observable: it has none of a domain that is no name of hosts.
fn has_object(observable: &Observable) -> bool {
    match observable {
        Observable::Domain(name) => is_hostname(name),
        _ => true,
    }
}

fn observable_object(subject: &Subject, observable: &Observable) -> StixObject {
    let (object_type, value) = match observable {
        Observable::File(hashes) => return StixObject::File(file(subject, hashes)),
        Observable::Url(url) => ("url", url.uri.clone()),
        Observable::Domain(name) => ("domain-name", name.clone()),
        Observable::Ip(address) => address_value(*address),
    };
    StixObject::Value(ValueObject {
        r#type: object_type,
        spec_version: "2.1",
        id: ids::of_observable(object_type, &[("value", json!(value))]),
        value,
    })
}

/// Returns the observable of a file.
///
/// It has no name: a name would contribute to the identifier, and `VirusTotal` knows the same file
/// by many.
fn file(subject: &Subject, hashes: &FileHashes) -> FileObject {
    let FileHashes {
        md5,
        sha1,
        sha256,
        ssdeep,
        tlsh,
    } = hashes.clone();
    // The first of them contributes to the identifier.
    let first = [("MD5", &md5), ("SHA-1", &sha1), ("SHA-256", &sha256)];
    let first = first
        .into_iter()
        .find_map(|(name, digest)| Some((name, digest.as_ref()?)));
    let contributing = first.map(|(name, digest)| ("hashes", json!({name: digest})));
    let size = match &subject.brief {
        Some(IndicatorBrief::File(brief)) => brief.size,
        _ => None,
    };
    FileObject {
        r#type: "file",
        spec_version: "2.1",
        id: ids::of_observable("file", contributing.as_slice()),
        hashes: Hashes {
            md5,
            sha1,
            sha256,
            ssdeep: ssdeep.filter(|hash| hash.len() <= LONGEST_SSDEEP),
            // The pattern of the specification is older than the prefix with a version.
            tlsh: tlsh.map(|hash| hash.strip_prefix("T1").unwrap_or(&hash).to_owned()),
        },
        // JSON of STIX has no larger numbers.
        size: size.filter(|size| *size <= MOST_EXACT),
    }
}

/// The largest whole number that every reader of JSON reads exactly.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// Returns the analysis, if there has been one.
fn malware_analysis(subject: &Subject, observable: &str) -> Option<StixObject> {
    let analysed = subject.exact.analysed?;
    let ended = timestamp(analysed);
    let parts = [observable, &ended];
    let found = subject.observable.as_ref()?;
    let is_file = matches!(found, Observable::File(_));
    Some(StixObject::MalwareAnalysis(MalwareAnalysisObject {
        prelude: Prelude {
            // Another analysis is another object.
            created: ended.clone(),
            modified: ended.clone(),
            ..prelude(subject, "malware-analysis", &parts)
        },
        product: "virustotal",
        analysis_ended: ended,
        result: match subject.level() {
            Some(Level::Malicious) => "malicious",
            Some(Level::Suspicious) => "suspicious",
            Some(Level::LikelyBenign) => "benign",
            // The absence of detections proves nothing.
            Some(Level::NoDetections | Level::Unknown) | None => "unknown",
        },
        result_name: match &subject.brief {
            Some(IndicatorBrief::File(brief)) => brief.label.clone(),
            _ => None,
        },
        sample_ref: is_file.then(|| observable.to_owned()),
        analysis_sco_refs: (!is_file && has_object(found)).then(|| [observable.to_owned()]),
        external_references: references(subject),
    }))
}

/// Returns the indicator of what is malicious.
fn indicator(subject: &Subject, observable: &str) -> Option<StixObject> {
    if !subject.is_malicious() {
        return None;
    }
    let pattern = pattern(subject.observable.as_ref()?)?;
    // Other than `created` it may differ in a later version.
    let known = subject.exact.first_seen.or(subject.exact.analysed);
    let valid_from = timestamp(known.unwrap_or_else(|| subject.created()));
    Some(StixObject::Indicator(IndicatorObject {
        prelude: prelude(subject, "indicator", &[observable]),
        name: clipped(&subject.name(), LONGEST_TEXT),
        description: clipped(&subject.summary(), LONGEST_TEXT),
        indicator_types: ["malicious-activity"],
        pattern,
        pattern_type: "stix",
        pattern_version: "2.1",
        valid_from,
        confidence: subject.confidence(),
        labels: subject.tags().to_vec(),
        external_references: references(subject),
    }))
}

fn malware(family: &str) -> StixObject {
    StixObject::Malware(MalwareObject {
        prelude: Prelude {
            r#type: "malware",
            spec_version: "2.1",
            id: ids::of_stix("malware", &[&family.to_lowercase()]),
            created_by_ref: Some(identity_id()),
            created: founded(),
            modified: founded(),
        },
        name: family.to_owned(),
        is_family: true,
    })
}

/// Returns a relationship: its source, type and target.
fn relationship(subject: &Subject, [source, kind, target]: [&str; 3]) -> StixObject {
    let created = timestamp(subject.created());
    StixObject::Relationship(RelationshipObject {
        prelude: Prelude {
            modified: created,
            ..prelude(subject, "relationship", &[source, kind, target])
        },
        relationship_type: kind.to_owned(),
        source_ref: source.to_owned(),
        target_ref: target.to_owned(),
    })
}

/// Returns the note with the verdict, or with the error in its place.
fn note(subject: &Subject, object_refs: Vec<String>) -> StixObject {
    let name = clipped(&subject.name(), SUBJECT_NAME);
    let (about, summary) = match &subject.failure {
        Some(failure) if name.is_empty() => {
            let given = clipped(&failure.given, SUBJECT_NAME);
            (given, failure.detail.clone())
        }
        _ => (name, subject.summary()),
    };
    let mut content = clipped(&summary, LONGEST_TEXT);
    if !subject.exact.names.is_empty() {
        content.push_str("\nNames: ");
        content.push_str(&clipped(&subject.exact.names.join(", "), LONGEST_TEXT));
    }
    let level = subject.level().map_or("lookup failed", Level::name);
    let first = object_refs.first().map_or("", String::as_str);
    StixObject::Note(NoteObject {
        prelude: prelude(subject, "note", &[first, &about]),
        r#abstract: format!("VirusTotal: {level}"),
        content: format!("{about}\n{content}"),
        object_refs,
        external_references: references(subject),
    })
}

fn references(subject: &Subject) -> Vec<ExternalReference> {
    let mut references = Vec::new();
    if let Some(link) = subject.link() {
        references.push(ExternalReference {
            source_name: "VirusTotal",
            url: link.to_owned(),
            external_id: subject.id.clone(),
        });
    }
    references
}
