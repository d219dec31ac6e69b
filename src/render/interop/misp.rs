//! Objects of MISP, ready for an event: `file`, `url` or `domain-ip` of each indicator, with a
//! reference to its `virustotal-report`.

use std::collections::HashSet;

use serde::Serialize;
use uuid::Uuid;

use super::{
    ids,
    subject::{ExactUrl, Observable, Subject, SubjectFailure, clipped, timestamp},
};
use crate::render::brief::{Detections, FileHashes, IndicatorBrief};

/// The information about an event on several indicators.
pub(super) const SEVERAL: &str = "VirusTotal reports";

/// The characters of the name of an indicator in the information about an event.
const LONGEST_INFO: usize = 200;

/// The characters of a comment.
const LONGEST_COMMENT: usize = 1000;

/// The objects, under the names that they have in an event, so that it loads as one.
#[derive(Debug, Serialize)]
pub(super) struct MispObjects {
    info: String,
    #[serde(rename = "Object")]
    objects: Vec<MispObject>,
    /// The reason for which there is no report, which MISP does not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SubjectFailure>,
}

/// A template, by which MISP knows the attributes of an object.
struct MispTemplate {
    name: &'static str,
    category: &'static str,
    description: &'static str,
    uuid: &'static str,
    version: &'static str,
}

const REPORT: MispTemplate = MispTemplate {
    name: "virustotal-report",
    category: "misc",
    description: "VirusTotal report",
    uuid: "d7dd0154-e04f-4c34-a2fb-79f3a3a52aa4",
    version: "5",
};

const FILE: MispTemplate = MispTemplate {
    name: "file",
    category: "file",
    description: "File object describing a file with meta-information",
    uuid: "688c46fb-5edb-40a3-8273-1af7923e2215",
    version: "25",
};

const URL: MispTemplate = MispTemplate {
    name: "url",
    category: "network",
    description: "url object describes an url along with its normalized field (like extracted using faup parsing \
                  library) and its metadata.",
    uuid: "60efb77b-40b5-4c46-871b-ed1ed999fce5",
    version: "10",
};

const DOMAIN_IP: MispTemplate = MispTemplate {
    name: "domain-ip",
    category: "network",
    description: "A domain/hostname and IP address seen as a tuple in a specific time frame.",
    uuid: "43b3b146-77eb-4931-b4cc-b66c60f28734",
    version: "11",
};

/// An object.
#[derive(Debug, Serialize)]
struct MispObject {
    name: &'static str,
    #[serde(rename = "meta-category")]
    category: &'static str,
    description: &'static str,
    template_uuid: &'static str,
    template_version: &'static str,
    uuid: Uuid,
    timestamp: String,
    /// Inherited from the event.
    distribution: &'static str,
    comment: String,
    #[serde(rename = "ObjectReference", skip_serializing_if = "Vec::is_empty")]
    references: Vec<MispReference>,
    #[serde(rename = "Attribute")]
    attributes: Vec<MispAttribute>,
}

/// A reference to another object.
#[derive(Debug, Serialize)]
struct MispReference {
    uuid: Uuid,
    object_uuid: Uuid,
    referenced_uuid: Uuid,
    relationship_type: &'static str,
    comment: &'static str,
}

/// An attribute of an object.
#[derive(Debug, Serialize)]
struct MispAttribute {
    uuid: Uuid,
    object_relation: &'static str,
    r#type: &'static str,
    category: &'static str,
    /// MISP updates an attribute that it knows by its time.
    timestamp: String,
    value: String,
    to_ids: bool,
    disable_correlation: bool,
}

/// The relation of an attribute to its object, its type and its category.
type Relation = (&'static str, &'static str, &'static str);

const PAYLOAD: &str = "Payload delivery";
const NETWORK: &str = "Network activity";
const EXTERNAL: &str = "External analysis";
const OTHER: &str = "Other";

/// Returns the objects of these indicators.
pub(super) fn objects(subjects: &[Subject]) -> MispObjects {
    let mut objects = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |object: MispObject| {
        if seen.insert(object.uuid) {
            objects.push(object);
        }
    };
    for subject in subjects {
        let report = report(subject);
        let mut object = subject
            .observable
            .as_ref()
            .map(|found| object(subject, found));
        if let (Some(object), Some(report)) = (&mut object, &report) {
            object.refer_to(report.uuid);
        }
        object.into_iter().for_each(&mut add);
        report.into_iter().for_each(&mut add);
    }
    // Of several indicators each has its own place for an error.
    let error = match subjects {
        [subject] => subject.failure.clone(),
        _ => None,
    };
    let info = match subjects {
        [subject] if subject.kind.is_some() => {
            let name = clipped(&subject.name(), LONGEST_INFO);
            format!("VirusTotal report on {name}")
        }
        _ => SEVERAL.to_owned(),
    };
    MispObjects {
        info,
        objects,
        error,
    }
}

impl MispObject {
    fn new(template: &MispTemplate, subject: &Subject) -> Self {
        Self {
            name: template.name,
            category: template.category,
            description: template.description,
            template_uuid: template.uuid,
            template_version: template.version,
            uuid: ids::of_parts(&["misp", template.name, &subject.name()]),
            timestamp: subject.modified().to_string(),
            distribution: "5",
            comment: clipped(&subject.summary(), LONGEST_COMMENT),
            references: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// Adds an attribute by which nothing is detected.
    fn say(&mut self, relation: Relation, value: impl Into<String>) {
        self.add(relation, &value.into(), false);
    }

    /// Adds an attribute by which the indicator is detected, if that is malicious.
    fn detect(&mut self, relation: Relation, value: impl Into<String>, subject: &Subject) {
        self.add(relation, &value.into(), subject.is_malicious());
    }

    fn add(&mut self, (object_relation, r#type, category): Relation, value: &str, to_ids: bool) {
        // MISP takes no blanks around a value.
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let own = self.uuid.to_string();
        self.attributes.push(MispAttribute {
            uuid: ids::of_parts(&["attribute", &own, object_relation, value]),
            object_relation,
            r#type,
            category,
            timestamp: self.timestamp.clone(),
            value: value.to_owned(),
            to_ids,
            // Times, sizes and the like say nothing about other events.
            disable_correlation: r#type == "port" || !matches!(category, PAYLOAD | NETWORK),
        });
    }

    fn refer_to(&mut self, report: Uuid) {
        let own = self.uuid.to_string();
        self.references.push(MispReference {
            uuid: ids::of_parts(&["reference", &own, &report.to_string()]),
            object_uuid: self.uuid,
            referenced_uuid: report,
            relationship_type: "analysed-with",
            comment: "",
        });
    }
}

/// Returns the report, if there is one.
fn report(subject: &Subject) -> Option<MispObject> {
    let link = subject.link()?;
    let mut report = MispObject::new(&REPORT, subject);
    report.say(("permalink", "link", EXTERNAL), link);
    if let Some(Detections {
        malicious, engines, ..
    }) = subject.detections()
    {
        let ratio = format!("{malicious}/{engines}");
        report.say(("detection-ratio", "text", EXTERNAL), ratio);
    }
    if let Some(brief) = &subject.brief
        && let Some(reputation) = brief.standing().reputation
    {
        let score = reputation.to_string();
        report.say(("community-score", "text", EXTERNAL), score);
    }
    for (relation, time) in [
        ("first-submission", subject.exact.first_seen),
        ("last-submission", subject.exact.last_seen),
    ] {
        if let Some(time) = time {
            report.say((relation, "datetime", OTHER), timestamp(time));
        }
    }
    let summary = clipped(&subject.summary(), LONGEST_COMMENT);
    report.say(("comment", "text", EXTERNAL), summary);
    Some(report)
}

fn object(subject: &Subject, observable: &Observable) -> MispObject {
    match observable {
        Observable::File(hashes) => file(subject, hashes),
        Observable::Url(url) => self::url(subject, url),
        Observable::Domain(name) => {
            let mut object = MispObject::new(&DOMAIN_IP, subject);
            object.detect(("domain", "domain", NETWORK), name, subject);
            for address in &subject.exact.addresses {
                // An address serves more than one domain.
                object.say(("ip", "ip-dst", NETWORK), address.to_string());
            }
            if let Some(time) = subject.exact.registered {
                object.say(("registration-date", "datetime", OTHER), timestamp(time));
            }
            object
        }
        Observable::Ip(address) => {
            let mut object = MispObject::new(&DOMAIN_IP, subject);
            object.detect(("ip", "ip-dst", NETWORK), address.to_string(), subject);
            object
        }
    }
}

fn file(subject: &Subject, hashes: &FileHashes) -> MispObject {
    let mut object = MispObject::new(&FILE, subject);
    for (name, digest) in [
        ("md5", &hashes.md5),
        ("sha1", &hashes.sha1),
        ("sha256", &hashes.sha256),
    ] {
        if let Some(digest) = digest {
            object.detect((name, name, PAYLOAD), digest, subject);
        }
    }
    // Other files have a similar hash, too.
    for (name, digest) in [("ssdeep", &hashes.ssdeep), ("tlsh", &hashes.tlsh)] {
        if let Some(digest) = digest {
            object.say((name, name, PAYLOAD), digest);
        }
    }
    if let Some(IndicatorBrief::File(brief)) = &subject.brief {
        if let Some(size) = brief.size {
            object.say(("size-in-bytes", "size-in-bytes", OTHER), size.to_string());
        }
        if let Some(description) = &brief.file_type {
            object.say(("text", "text", OTHER), description);
        }
    }
    for name in &subject.exact.names {
        object.say(("filename", "filename", PAYLOAD), name);
    }
    object
}

fn url(subject: &Subject, url: &ExactUrl) -> MispObject {
    let mut object = MispObject::new(&URL, subject);
    object.detect(("url", "url", NETWORK), &url.text, subject);
    if let Ok(parsed) = url::Url::parse(&url.uri) {
        object.say(("scheme", "text", OTHER), parsed.scheme());
        match parsed.host() {
            Some(url::Host::Domain(name)) => object.say(("domain", "domain", NETWORK), name),
            Some(url::Host::Ipv4(address)) => {
                object.say(("ip", "ip-dst", NETWORK), address.to_string());
            }
            Some(url::Host::Ipv6(address)) => {
                object.say(("ip", "ip-dst", NETWORK), address.to_string());
            }
            None => {}
        }
        if let Some(port) = parsed.port() {
            object.say(("port", "port", NETWORK), port.to_string());
        }
        object.say(("resource_path", "text", OTHER), parsed.path());
        object.say(
            ("query_string", "text", OTHER),
            parsed.query().unwrap_or(""),
        );
        object.say(("fragment", "text", OTHER), parsed.fragment().unwrap_or(""));
    }
    if let Some(time) = subject.exact.first_seen {
        object.say(("first-seen", "datetime", OTHER), timestamp(time));
    }
    object
}
