//! Documents of the Elastic Common Schema, version 9: one of each indicator.
//!
//! The structs have fields of the schema only, under its names. `.ci/formats` checks documents
//! against the list of fields that Elastic publishes.

use self::fields::{
    EcsAs, EcsDocument, EcsError, EcsEvent, EcsFeed, EcsFile, EcsGeo, EcsHash, EcsIndicator,
    EcsOrganization, EcsRelated, EcsSoftware, EcsThreat, EcsUrl, EcsVersion,
};
use super::subject::{ExactUrl, Observable, Subject, SubjectFailure, clipped, timestamp};
use crate::{
    indicator::{Kind, suffix},
    render::brief::{FileHashes, IndicatorBrief},
};

mod fields;

/// The version of the schema.
const VERSION: &str = "9.4.0";

/// The characters of a keyword, of which Elasticsearch indexes no longer ones.
const LONGEST_KEYWORD: usize = 1024;

/// Returns the document of an indicator.
pub(super) fn document(subject: &Subject) -> EcsDocument {
    let summary = clipped(&subject.summary(), LONGEST_KEYWORD);
    let analysed = subject.exact.analysed;
    EcsDocument {
        timestamp: timestamp(analysed.unwrap_or(subject.now)),
        ecs: EcsVersion { version: VERSION },
        tags: tags(subject),
        event: event(subject),
        error: subject.failure.as_ref().map(EcsError::of),
        threat: EcsThreat {
            feed: EcsFeed {
                name: "VirusTotal",
                reference: "https://www.virustotal.com/",
            },
            indicator: indicator(subject, &summary),
            software: software(subject),
        },
        related: EcsRelated::of(subject),
        message: summary,
    }
}

/// Returns the level of the verdict and the tags of the community.
fn tags(subject: &Subject) -> Vec<String> {
    let mut tags = Vec::new();
    tags.extend(subject.level().map(|level| level.name().to_owned()));
    for tag in subject.tags() {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}

fn event(subject: &Subject) -> EcsEvent {
    let reason = subject.verdict.as_ref().map(|verdict| &verdict.reason);
    EcsEvent {
        kind: "enrichment",
        category: ["threat"],
        r#type: ["indicator"],
        module: "vt4ai",
        dataset: "vt4ai.report",
        provider: "VirusTotal",
        outcome: if subject.failure.is_some() {
            "failure"
        } else {
            "success"
        },
        reason: reason.map(|reason| clipped(reason, LONGEST_KEYWORD)),
        reference: subject.link().map(str::to_owned),
    }
}

/// Returns the fields of the indicator; none of a text that is no indicator.
fn indicator(subject: &Subject, summary: &str) -> Option<EcsIndicator> {
    subject.kind?;
    let time = |time: Option<i64>| time.map(timestamp);
    let exact = &subject.exact;
    let mut indicator = EcsIndicator {
        name: clipped(&subject.name(), LONGEST_KEYWORD),
        id: [subject.id.clone()],
        description: summary.to_owned(),
        provider: "VirusTotal",
        confidence: confidence(subject),
        reference: subject.link().map(str::to_owned),
        scanner_stats: long(subject.detections().map(|counts| counts.malicious)),
        first_seen: time(exact.first_seen),
        last_seen: time(exact.last_seen),
        modified_at: time(exact.modified),
        r#type: type_of(subject),
        ..EcsIndicator::default()
    };
    match &subject.observable {
        Some(Observable::File(hashes)) => indicator.file = Some(file(subject, hashes)),
        Some(Observable::Url(url)) => indicator.url = Some(EcsUrl::of(url)),
        Some(Observable::Domain(name)) => indicator.url = Some(EcsUrl::of_domain(name)),
        Some(Observable::Ip(address)) => indicator.ip = Some(address.to_string()),
        None => {}
    }
    if let Some(IndicatorBrief::Ip(brief)) = &subject.brief {
        indicator.autonomous_system = brief.autonomous_system.as_ref().map(|system| EcsAs {
            number: long(system.number),
            organization: system.owner.clone().map(|name| EcsOrganization { name }),
        });
        let country = brief.country.clone();
        let country = country.filter(|code| code.len() == 2 && code.is_ascii());
        indicator.geo = country.map(|country_iso_code| EcsGeo { country_iso_code });
    }
    Some(indicator)
}

/// Returns the type as the schema names it.
fn type_of(subject: &Subject) -> Option<&'static str> {
    Some(match (&subject.observable, subject.kind?) {
        (Some(Observable::Ip(address)), _) if address.is_ipv6() => "ipv6-addr",
        (_, Kind::File) => "file",
        (_, Kind::Url) => "url",
        (_, Kind::Domain) => "domain-name",
        (_, Kind::Ip) => "ipv4-addr",
    })
}

/// Returns the confidence on the scale of the schema, which is that of STIX in words.
fn confidence(subject: &Subject) -> &'static str {
    match subject.confidence() {
        None => "Not Specified",
        Some(0) => "None",
        Some(1..30) => "Low",
        Some(30..70) => "Medium",
        Some(_) => "High",
    }
}

fn file(subject: &Subject, hashes: &FileHashes) -> EcsFile {
    let size = match &subject.brief {
        Some(IndicatorBrief::File(brief)) => brief.size,
        _ => None,
    };
    let FileHashes {
        md5,
        sha1,
        sha256,
        ssdeep,
        tlsh,
    } = hashes.clone();
    EcsFile {
        hash: EcsHash {
            md5,
            sha1,
            sha256,
            ssdeep,
            tlsh,
        },
        name: subject.exact.names.first().cloned(),
        size: long(size),
        r#type: "file",
    }
}

/// Returns a number, unless it is larger than a `long` of Elasticsearch can be.
fn long(number: Option<u64>) -> Option<u64> {
    number.filter(|number| i64::try_from(*number).is_ok())
}

fn software(subject: &Subject) -> Option<EcsSoftware> {
    let family = subject.families().first()?;
    if !subject.is_malicious() {
        return None;
    }
    Some(EcsSoftware {
        name: family.clone(),
        r#type: "Malware",
    })
}

impl EcsError {
    fn of(failure: &SubjectFailure) -> Self {
        Self {
            code: clipped(&failure.code, LONGEST_KEYWORD),
            message: clipped(&failure.detail, LONGEST_KEYWORD),
        }
    }
}

impl EcsUrl {
    fn of(url: &ExactUrl) -> Self {
        let mut fields = Self {
            full: Some(url.uri.clone()),
            original: (url.text != url.uri).then(|| url.text.clone()),
            ..Self::default()
        };
        // What a browser's parser does not take has no parts that could be named.
        let Ok(parsed) = url::Url::parse(&url.uri) else {
            return fields;
        };
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        fields.scheme = text(parsed.scheme());
        fields.port = parsed.port();
        fields.path = text(parsed.path());
        fields.query = parsed.query().and_then(text);
        fields.fragment = parsed.fragment().and_then(text);
        if let Some(host) = parsed.host_str() {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            fields.name_host(host);
        }
        fields
    }

    fn of_domain(name: &str) -> Self {
        let mut fields = Self::default();
        fields.name_host(name);
        fields
    }

    /// Adds a host and, of a domain, the parts that a registry knows.
    fn name_host(&mut self, host: &str) {
        self.domain = Some(host.to_owned());
        let Some(found) = suffix::find(host).filter(|found| !found.is_special) else {
            return;
        };
        self.top_level_domain = last_labels(host, found.labels);
        self.registered_domain = last_labels(host, found.labels + 1);
    }
}

/// Returns the last labels of a name, if it has so many.
fn last_labels(name: &str, count: usize) -> Option<String> {
    let labels: Vec<_> = name.split('.').collect();
    let start = labels.len().checked_sub(count)?;
    Some(labels.get(start..)?.join("."))
}

impl EcsRelated {
    fn of(subject: &Subject) -> Self {
        let mut related = Self::default();
        match &subject.observable {
            Some(Observable::File(hashes)) => {
                let FileHashes {
                    md5, sha1, sha256, ..
                } = hashes.clone();
                related
                    .hash
                    .extend([md5, sha1, sha256].into_iter().flatten());
            }
            Some(Observable::Url(url)) => {
                let parsed = url::Url::parse(&url.uri).ok();
                match parsed.as_ref().and_then(url::Url::host) {
                    Some(url::Host::Domain(name)) => related.hosts.push(name.to_owned()),
                    Some(url::Host::Ipv4(address)) => related.ip.push(address.to_string()),
                    Some(url::Host::Ipv6(address)) => related.ip.push(address.to_string()),
                    None => {}
                }
            }
            Some(Observable::Domain(name)) => {
                related.hosts.push(name.clone());
                for address in &subject.exact.addresses {
                    related.ip.push(address.to_string());
                }
            }
            Some(Observable::Ip(address)) => related.ip.push(address.to_string()),
            None => {}
        }
        related
    }
}
