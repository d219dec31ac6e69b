//! Objects too numerous to write down, generated from short tables and the same on every start.

use serde_json::{Value, json};

use super::{
    digest::digest,
    object::{Object, Reference},
};

/// The trojan of the demo data.
pub(super) const TROJAN: &str = "de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185";
const EICAR: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
const PHISHING_URL: &str = "d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721";

/// The time of the newest data: 2025-10-09, in seconds since 1970.
const NOW: usize = 1_760_000_000;
const DROPPED_FILES: usize = 48;

/// The files that the trojan drops, repeated: name without its number, extension, type, and number
/// of engines that detect it.
const DROPPED: [(&str, &str, &str, usize); 6] = [
    ("nwpdf", "exe", "Win32 EXE", 44),
    ("~логин", "db", "SQLite", 0),
    ("feather", "dll", "Win32 DLL", 37),
    ("截图", "png", "PNG", 0),
    ("config", "json", "JSON", 0),
    ("run_*now*", "ps1", "Powershell", 12),
];

/// The hosts that the trojan contacts in a sandbox, and the number of engines that detect each.
const CONTACTED: [(&str, usize); 27] = [
    ("c2-01.feather.test", 14),
    ("c2-02.feather.test", 13),
    ("c2-03.feather.test", 13),
    ("c2-04.feather.test", 9),
    ("c2-05.feather.test", 9),
    ("c2-06.feather.test", 2),
    ("drop.feather.test", 11),
    ("panel.feather.test", 12),
    ("a1.quill-cdn.test", 6),
    ("a2.quill-cdn.test", 6),
    ("a3.quill-cdn.test", 5),
    ("a4.quill-cdn.test", 0),
    ("img.quill-cdn.test", 1),
    ("js.quill-cdn.test", 3),
    ("update.quill-cdn.test", 7),
    ("xn----btbdjdauwqdebchq.test", 8),
    ("xn--ipw173b.test", 4),
    ("qx7f0k2v9d.dga.test", 5),
    ("m3t8w1z6bh.dga.test", 5),
    ("p0s5y4n2rj.dga.test", 4),
    ("e9c6u7g1ka.dga.test", 0),
    ("time.example.net", 0),
    ("ocsp.ca.example", 0),
    ("crl.ca.example", 0),
    ("telemetry.example.org", 0),
    ("www.bank.example", 0),
    ("whatismyip.example", 1),
];

/// The votes: the object's type and id, the first letter of the votes' ids, and the number of
/// malicious and of harmless votes.
const VOTES: [(&str, &str, char, usize, usize); 7] = [
    ("file", TROJAN, 'f', 13, 1),
    ("file", EICAR, 'f', 2, 4),
    ("url", PHISHING_URL, 'u', 3, 0),
    ("domain", "bank-secure.example", 'd', 4, 0),
    ("domain", "example.com", 'd', 0, 1),
    ("ip_address", "8.8.8.8", 'i', 0, 3),
    ("ip_address", "203.0.113.7", 'i', 2, 0),
];

/// A relationship of an object of the table, with generated objects.
pub(super) struct CrowdRelationship {
    /// The object.
    pub(super) of: Reference,
    /// The name of the relationship.
    pub(super) name: &'static str,
    /// The objects in it.
    pub(super) objects: Vec<Object>,
}

/// Generates all relationships.
pub(super) fn relationships() -> Vec<CrowdRelationship> {
    let mut relationships = vec![
        CrowdRelationship {
            of: Reference::new("file", TROJAN),
            name: "dropped_files",
            objects: (0..DROPPED_FILES).map(dropped_file).collect(),
        },
        CrowdRelationship {
            of: Reference::new("file", TROJAN),
            name: "contacted_domains",
            objects: (0..CONTACTED.len()).map(contacted_domain).collect(),
        },
    ];
    for (kind, id, letter, malicious, harmless) in VOTES {
        let prefix = format!("{letter}-{id}");
        let mut objects = Vec::new();
        for n in 0..malicious + harmless {
            objects.push(vote(&prefix, n, n < malicious));
        }
        relationships.push(CrowdRelationship {
            of: Reference::new(kind, id),
            name: "votes",
            objects,
        });
    }
    relationships
}

fn dropped_file(n: usize) -> Object {
    let (stem, extension, description, malicious) = DROPPED[n % DROPPED.len()];
    let name = format!("{stem}_{n:02}.{extension}");
    let id = digest(&format!("dropped file {n}"), 64);
    let attributes = json!({
        "type_description": description,
        "type_tag": extension,
        "size": 1024 + n * 7919,
        "md5": digest(&format!("dropped file {n}: md5"), 32),
        "sha1": digest(&format!("dropped file {n}: sha1"), 40),
        "sha256": id,
        "meaningful_name": name,
        "names": [name],
        "reputation": 0,
        "times_submitted": 1 + n % 5,
        "first_submission_date": NOW - 90_000 + n,
        "last_analysis_date": NOW - 1_000 + n,
        "last_analysis_stats": stats(malicious, 70),
        "last_analysis_results": {
            "Kaspersky": verdict("Kaspersky", malicious, "HEUR:Trojan-Spy.Win32.Quillback.gen"),
            "DrWeb": verdict("DrWeb", malicious, "Trojan.PWS.Quillback.17"),
        },
    });
    Object {
        of: Reference::new("file", id),
        attributes,
    }
}

fn contacted_domain(n: usize) -> Object {
    let (name, malicious) = CONTACTED[n];
    let tld = name.rsplit('.').next().unwrap_or(name);
    let registrar = [
        "Discount Names & Söhne Ltd",
        "Example Registry Inc.",
        "Реестр-Демо",
    ][n % 3];
    let created = NOW - 8_640_000 + n * 86_400;
    let attributes = json!({
        "tld": tld,
        "registrar": registrar,
        "creation_date": created,
        "categories": if malicious > 4 { json!({ "Dr.Web": "known infection source" }) } else { json!({}) },
        "popularity_ranks": if malicious == 0 {
            json!({ "Majestic": { "rank": 1000 + n * 37, "timestamp": NOW - 86_400 } })
        } else {
            json!({})
        },
        "last_dns_records": [
            { "type": "A", "value": format!("203.0.113.{}", 8 + n % 2), "ttl": 60 },
            { "type": "NS", "value": "ns1.bulletproof.test", "ttl": 3600 },
        ],
        "last_dns_records_date": NOW - 600,
        "jarm": digest(registrar, 62),
        "whois": format!("Domain Name: {name}\nRegistrar: {registrar}\nDNSSEC: unsigned\n"),
        "whois_date": created + 3_600,
        "tags": if name.contains(".dga.") { json!(["dga"]) } else { json!([]) },
        "reputation": -i64::try_from(malicious).unwrap_or_default(),
        "total_votes": { "harmless": 0, "malicious": malicious / 4 },
        "last_analysis_date": NOW - 700 + n,
        "last_modification_date": NOW - 500 + n,
        "last_analysis_stats": stats(malicious, 70),
        "last_analysis_results": {
            "alphaMountain.ai": verdict("alphaMountain.ai", malicious, "malware"),
            "Dr.Web": verdict("Dr.Web", malicious, "malicious"),
            "Forcepoint ThreatSeeker": verdict("Forcepoint ThreatSeeker", 0, ""),
        },
    });
    Object {
        of: Reference::new("domain", name),
        attributes,
    }
}

fn vote(prefix: &str, n: usize, malicious: bool) -> Object {
    let id = format!("{prefix}-{}", digest(&format!("vote {n} of {prefix}"), 8));
    let (verdict, value) = if malicious {
        ("malicious", -1)
    } else {
        ("harmless", 1)
    };
    let attributes = json!({ "date": NOW - 7_200 * (n + 1), "value": value, "verdict": verdict });
    Object {
        of: Reference::new("vote", id),
        attributes,
    }
}

fn stats(malicious: usize, engines: usize) -> Value {
    json!({
        "malicious": malicious,
        "suspicious": 0,
        "undetected": engines - malicious,
        "harmless": 0,
        "timeout": 0,
    })
}

fn verdict(engine: &str, malicious: usize, result: &str) -> Value {
    let (category, result) = if malicious > 4 {
        ("malicious", Some(result))
    } else {
        ("undetected", None)
    };
    json!({ "method": "blacklist", "engine_name": engine, "category": category, "result": result })
}
