//! A file report of about 300 KB, generated from short tables and the same on every start.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::digest::digest;

const NAMES: usize = 700;
const LIBRARIES: usize = 80;
const IMPORTS: usize = 42;
const EXPORTS: usize = 480;
const RESOURCES: usize = 280;
const STRINGS: usize = 1_800;
const SANDBOXES: usize = 12;
const SIGMA_MATCHES: usize = 60;
const IDS_ALERTS: usize = 36;
const YARA_MATCHES: usize = 40;

const VERBS: [&str; 10] = [
    "Create", "Open", "Query", "Set", "Close", "Enum", "Register", "Map", "Write", "Resolve",
];
const NOUNS: [&str; 12] = [
    "File", "Thread", "Section", "Key", "Token", "Pipe", "Window", "Timer", "Service", "Heap",
    "Socket", "Session",
];
const AREAS: [&str; 8] = [
    "core", "mail", "print", "sync", "draw", "sheet", "crypt", "setup",
];
const LANGUAGES: [&str; 5] = [
    "NEUTRAL",
    "ENGLISH US",
    "GERMAN",
    "JAPANESE DEFAULT",
    "PORTUGUESE BRAZILIAN",
];
const LEVELS: [&str; 4] = ["critical", "high", "medium", "low"];
const SEVERITIES: [&str; 4] = ["high", "medium", "low", "info"];

/// Adds the long lists to the attributes of the file in `large_report.json`.
pub(super) fn extend(attributes: &mut Value) {
    attributes["names"] = list(NAMES, name);
    let pe = &mut attributes["pe_info"];
    pe["import_list"] = list(LIBRARIES, library);
    pe["exports"] = list(EXPORTS, |n| json!(format!("Suite{}", function(n))));
    pe["resource_details"] = list(RESOURCES, resource);
    attributes["malware_config"] = json!({
        "families": [{
            "family": "driftwood",
            "configs": [{ "tool": "CAPE", "strings": list(STRINGS, string) }],
        }],
    });
    let mut sandboxes = json!({});
    for n in 0..SANDBOXES {
        let sandbox = format!("Sandbox {n:02}");
        sandboxes[&sandbox] = sandbox_verdict(n, &sandbox);
    }
    attributes["sandbox_verdicts"] = sandboxes;
    attributes["sigma_analysis_results"] = list(SIGMA_MATCHES, sigma_match);
    attributes["sigma_analysis_stats"] = counts(&LEVELS, SIGMA_MATCHES);
    attributes["crowdsourced_ids_results"] = list(IDS_ALERTS, ids_alert);
    attributes["crowdsourced_ids_stats"] = counts(&SEVERITIES, IDS_ALERTS);
    attributes["crowdsourced_yara_results"] = list(YARA_MATCHES, yara_match);
}

fn list(length: usize, item: impl Fn(usize) -> Value) -> Value {
    (0..length).map(item).collect()
}

/// Returns the number of items of each level if `items` items repeat the levels in turn.
fn counts(levels: &[&str], items: usize) -> Value {
    let mut counts = json!({});
    for (n, level) in levels.iter().enumerate() {
        counts[*level] = json!(items.saturating_sub(n).div_ceil(levels.len()));
    }
    counts
}

/// Returns the `n`th text of a table that repeats.
fn nth(table: &[&'static str], n: usize) -> &'static str {
    table[n % table.len()]
}

fn name(n: usize) -> Value {
    let area = nth(&AREAS, n);
    match n % 4 {
        0 => json!(format!("suite-{area}.{n:03}.dll")),
        1 => json!(format!(
            "C:\\Program Files\\Suite {}\\bin\\{area}_{n:03}.dll",
            n % 9
        )),
        2 => json!(format!("{}.virus", digest(&format!("name {n}"), 32))),
        _ => json!(format!("スイート_{area}（{n:03}）.dll")),
    }
}

/// Returns a different name for each of the first 480 numbers.
fn function(n: usize) -> String {
    let (verb, noun) = (nth(&VERBS, n / NOUNS.len()), nth(&NOUNS, n));
    let suffix = ["W", "A", "Ex", "ExW"][n / (VERBS.len() * NOUNS.len()) % 4];
    format!("{verb}{noun}{suffix}")
}

fn library(n: usize) -> Value {
    let functions = list(IMPORTS, |place| json!(function(n * 7 + place * 11)));
    json!({
        "library_name": format!("suite_{}{n:02}.dll", nth(&AREAS, n)),
        "imported_functions": functions,
    })
}

fn resource(n: usize) -> Value {
    json!({
        "type": if n.is_multiple_of(3) { "RT_ICON" } else { "RT_STRING" },
        "lang": nth(&LANGUAGES, n),
        "filetype": if n.is_multiple_of(3) { "PNG" } else { "Data" },
        "chi2": 1204.5 + f64::from(u32::try_from(n).unwrap_or_default()) * 17.25,
        "entropy": 7.912_045,
        "sha256": digest(&format!("resource {n}"), 64),
    })
}

fn string(n: usize) -> Value {
    let (area, label) = (nth(&AREAS, n), format!("string {n}"));
    match n % 5 {
        0 => json!(format!("https://{area}-{n}.driftwood.test/poll?id={n}")),
        1 => json!(format!(
            "HKCU\\Software\\Suite\\{area}\\{}",
            digest(&label, 12)
        )),
        2 => json!(format!(
            "cmd.exe /c start \"\" %TEMP%\\{area}{n}.tmp /quiet"
        )),
        3 => json!(digest(&label, 48)),
        _ => json!(format!("error {n}: {} failed", function(n))),
    }
}

fn sandbox_verdict(n: usize, sandbox: &str) -> Value {
    let mut verdict = json!({
        "category": if n.is_multiple_of(3) { "malicious" } else { "undetected" },
        "sandbox_name": sandbox,
        "malware_classification": [if n.is_multiple_of(3) { "TROJAN" } else { "UNKNOWN_VERDICT" }],
    });
    if n.is_multiple_of(3) {
        verdict["confidence"] = json!(60 + n);
        verdict["malware_names"] = json!(["Driftwood"]);
    }
    verdict
}

fn sigma_match(n: usize) -> Value {
    let mut command = format!("rundll32.exe suite_{}.dll,{}", nth(&AREAS, n), function(n));
    for option in 0..8 {
        // Writing to a string cannot fail.
        let _ = write!(
            command,
            " /opt{option}:{}",
            digest(&format!("{n}.{option}"), 8)
        );
    }
    json!({
        "rule_level": nth(&LEVELS, n),
        "rule_id": digest(&format!("sigma {n}"), 64),
        "rule_source": "Sigma Integrated Rule Set (GitHub)",
        "rule_title": format!("Library Of The {} Module Loaded By Rundll32", nth(&AREAS, n)),
        "rule_description": "A program outside its folder loads a library of the suite.",
        "rule_author": "Demo Rules",
        "match_context": [{ "values": {
            "EventID": "1",
            "Image": "C:\\Windows\\System32\\rundll32.exe",
            "CommandLine": command,
            "ParentImage": "C:\\Windows\\explorer.exe",
        } }],
    })
}

fn ids_alert(n: usize) -> Value {
    let host = format!("{}-{n}.driftwood.test", nth(&AREAS, n));
    json!({
        "rule_category": "A Network Trojan was detected",
        "alert_severity": nth(&SEVERITIES, n),
        "rule_msg": format!("DEMO MALWARE Driftwood Poll, Variant {n}"),
        "rule_id": format!("1:{}", 2_099_500 + n),
        "rule_source": "Demo Rules",
        "rule_url": "https://rules.example/ids/",
        "rule_raw": format!(
            "alert http $HOME_NET any -> $EXTERNAL_NET any (http.host; content:\"{host}\"; sid:{};)",
            2_099_500 + n
        ),
        "alert_context": [{
            "protocol": "TCP",
            "src_ip": "192.0.2.33",
            "src_port": 49_152 + n,
            "dest_ip": "203.0.113.8",
            "dest_port": 443,
            "hostname": host,
        }],
    })
}

fn yara_match(n: usize) -> Value {
    let area = nth(&AREAS, n);
    json!({
        "ruleset_id": digest(&format!("yara {n}"), 10),
        "ruleset_name": format!("driftwood_{area}"),
        "rule_name": format!("win_driftwood_{area}_{n:02}"),
        "description": format!("Code of the {area} module, build {n}"),
        "author": "Demo Rules",
        "source": format!("https://rules.example/yara/driftwood_{area}.yar"),
        "match_date": 1_759_990_000,
    })
}
