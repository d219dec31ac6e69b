//! Tests of the verdict in `view=brief`: its rules, their settings, and the date of the analysis.

use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;
use rstest::rstest;
use serde_json::{Value, json};

use super::{PORTAL, PORTAL_URL, demo, with};
use crate::{
    cache::keeping,
    harness::{Answer, EICAR, Gateway, KEY, TROJAN, UNKNOWN, Upstream, file, ok},
    relationships::related,
};

const DISTRIBUTED: &str = "4a46cfcb266ac524a90647741a5cc9c4af9ad5e7e8705c9890df2090db59e7eb";
const ASSESSED: &str = "b9452114f9a8291b4134a0f3119880fd5d08bfae4743863c8eaafe3418ebc101";
const FEW_ENGINES: &str = "d8bd292d95b8c2604b977fa070d3fedadd508b2c3d6130d5cbc70552f556da6c";

async fn verdict(gateway: &Gateway, path: &str) -> Value {
    let reply = gateway.get(&with(path, "view=brief")).await;
    reply.data()["verdict"].take()
}

#[rstest]
#[case(&file(EICAR), "malicious", &["50 of 55 engines", "virus.eicar/test"])]
#[case(&file(ASSESSED), "malicious", &["assessment", "2 of 70 engines"])]
#[case(&file(DISTRIBUTED), "likely_benign", &["1 of 70 engines", "distributor"])]
#[case(&file(FEW_ENGINES), "unknown", &["7 engines"])]
#[case(&file("32a610e32f63be8ee10ad2324081b51b390a4efd3acef685acb36d25ab358ed9"), "suspicious", &["2 of 70 engines"])]
#[case(&file("047c6a02da3390b532ac82d9a6a7031ffb667c38b08cb3f57ff9c1e6beb3be06"), "no_detections", &["0 of 70 engines"])]
#[case(PORTAL, "likely_benign", &["1 of 92 engines", "287", "Majestic"])]
#[case(PORTAL_URL, "suspicious", &["1 of 92 engines"])]
#[case("/api/v1/domains/parcel-customs-fee.example", "suspicious", &["2 of 92 engines", "1 suspicious"])]
#[case("/api/v1/domains/cdn.bank-secure.example", "suspicious", &["4 of 70 engines"])]
#[case("/api/v1/domains/lure.test", "malicious", &["5 of 70 engines"])]
#[case("/api/v1/ips/203.0.113.7", "malicious", &["10 of 57 engines"])]
#[tokio::test]
async fn the_demo_shows_every_level(
    #[case] path: &str,
    #[case] level: &str,
    #[case] reasons: &[&str],
) {
    let (_upstream, gateway) = demo().await;
    let verdict = verdict(&gateway, path).await;
    assert_eq!(super::keys(&verdict), ["level", "reason", "stale"]);
    assert_eq!(verdict["level"], level, "{verdict}");
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reasons.iter().all(|part| reason.contains(part)), "{reason}");
    assert!(!reason.contains('\n'), "{reason}");
    for format in ["markdown", "xml"] {
        let path = with(path, &format!("view=brief&format={format}"));
        let document = gateway.get(&path).await.document();
        assert!(document.contains(level), "{document}");
    }
}

/// Starts a gateway before an upstream that gives these attributes to the object asked for.
async fn answering(attributes: Value, flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::faulty(move |call| {
        let target = percent_decode_str(&call.target).decode_utf8().unwrap();
        let (collection, id) = target["/api/v3/".len()..].split_once('/').unwrap();
        let kind = match collection {
            "files" => "file",
            "domains" => "domain",
            _ => "ip_address",
        };
        let data = json!({"id": id, "type": kind, "attributes": attributes});
        Answer::Bytes(ok(json!({"data": data}).to_string()))
    })
    .await;
    let gateway = Gateway::before(&upstream, flags).await;
    (upstream, gateway)
}

/// Returns counts with this many engines in all.
fn stats(malicious: u64, suspicious: u64, engines: u64) -> Value {
    let rest = engines - malicious - suspicious;
    json!({"last_analysis_stats": {"malicious": malicious, "suspicious": suspicious, "harmless": rest / 2,
        "undetected": rest - rest / 2, "timeout": 30, "type-unsupported": 30}})
}

#[rstest]
#[case::too_few(stats(9, 0, 9), "unknown")]
#[case::just_enough(stats(0, 0, 10), "no_detections")]
#[case::several(stats(5, 0, 60), "malicious")]
#[case::not_several(stats(4, 0, 60), "suspicious")]
#[case::only_suspicious(stats(0, 1, 60), "suspicious")]
#[case::many_suspicious(stats(4, 9, 60), "suspicious")]
#[case::nothing(stats(0, 0, 60), "no_detections")]
#[case::no_stats(json!({}), "unknown")]
#[tokio::test]
async fn counts_decide_for_every_type(#[case] attributes: Value, #[case] level: &str) {
    let (_upstream, gateway) = answering(attributes, &[]).await;
    for path in [
        &*file(EICAR),
        "/api/v1/domains/a.example",
        "/api/v1/ips/8.8.4.4",
    ] {
        let verdict = verdict(&gateway, path).await;
        assert_eq!(verdict["level"], level, "{path}: {verdict}");
    }
}

const LABEL: &str =
    r#"{"popular_threat_classification": {"suggested_threat_label": "trojan.x/y"}}"#;
const DISTRIBUTOR: &str = r#"{"known_distributors": {"distributors": ["Example Ltd"]}}"#;

#[rstest]
#[case::label(3, LABEL, "malicious")]
#[case::too_few_for_a_label(2, LABEL, "suspicious")]
#[case::distributor(2, DISTRIBUTOR, "likely_benign")]
#[case::distributor_without_detections(0, DISTRIBUTOR, "likely_benign")]
#[case::too_many_for_a_distributor(3, DISTRIBUTOR, "suspicious")]
#[case::ids_high(
    0,
    r#"{"crowdsourced_ids_stats": {"high": 1, "medium": 0}}"#,
    "suspicious"
)]
#[case::ids_medium(
    0,
    r#"{"crowdsourced_ids_stats": {"high": 0, "medium": 5}}"#,
    "no_detections"
)]
#[case::sigma_critical(0, r#"{"sigma_analysis_stats": {"critical": 1}}"#, "suspicious")]
#[case::sigma_high(0, r#"{"sigma_analysis_stats": {"high": 1}}"#, "suspicious")]
#[case::sigma_low(
    0,
    r#"{"sigma_analysis_stats": {"medium": 3, "low": 3}}"#,
    "no_detections"
)]
#[case::sandbox(
    0,
    r#"{"sandbox_verdicts": {"S": {"category": "malicious"}}}"#,
    "suspicious"
)]
#[case::calm_sandbox(
    0,
    r#"{"sandbox_verdicts": {"S": {"category": "harmless"}}}"#,
    "no_detections"
)]
#[case::yara(
    0,
    r#"{"crowdsourced_yara_results": [{"rule_name": "r"}]}"#,
    "no_detections"
)]
#[case::gti_malicious(
    0,
    r#"{"gti_assessment": {"verdict": {"value": "VERDICT_MALICIOUS"}}}"#,
    "malicious"
)]
#[case::gti_suspicious(
    9,
    r#"{"gti_assessment": {"verdict": {"value": "VERDICT_SUSPICIOUS"}}}"#,
    "suspicious"
)]
#[case::gti_benign(
    9,
    r#"{"gti_assessment": {"verdict": {"value": "VERDICT_BENIGN"}}}"#,
    "likely_benign"
)]
#[case::gti_harmless(
    9,
    r#"{"gti_assessment": {"verdict": {"value": "VERDICT_HARMLESS"}}}"#,
    "likely_benign"
)]
#[case::gti_undetected(
    9,
    r#"{"gti_assessment": {"verdict": {"value": "VERDICT_UNDETECTED"}}}"#,
    "no_detections"
)]
#[case::gti_unknown(
    9,
    r#"{"gti_assessment": {"verdict": {"value": "VERDICT_UNKNOWN"}}}"#,
    "malicious"
)]
#[tokio::test]
async fn the_first_rule_that_holds_decides_about_a_file(
    #[case] malicious: u64,
    #[case] more: &str,
    #[case] level: &str,
) {
    let mut attributes = stats(malicious, 0, 60);
    let more: Value = serde_json::from_str(more).unwrap();
    attributes
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let (_upstream, gateway) = answering(attributes, &[]).await;
    let verdict = verdict(&gateway, &file(EICAR)).await;
    assert_eq!(verdict["level"], level, "{verdict}");
}

#[rstest]
#[case(10_000, 2, "likely_benign")]
#[case(10_000, 0, "likely_benign")]
#[case(10_001, 2, "suspicious")]
#[case(10_001, 0, "no_detections")]
#[case(1, 3, "suspicious")]
#[case(1, 5, "malicious")]
#[tokio::test]
async fn a_popular_domain_with_few_detections_is_likely_benign(
    #[case] rank: u64,
    #[case] malicious: u64,
    #[case] level: &str,
) {
    let mut attributes = stats(malicious, 0, 60);
    attributes["popularity_ranks"] = json!({"Far": {"rank": 900_000}, "Near": {"rank": rank}});
    let (_upstream, gateway) = answering(attributes, &[]).await;
    let path = with("/api/v1/domains/a.example", "view=brief");
    let data = gateway.get(&path).await.data();
    assert_eq!(data["verdict"]["level"], level, "{data}");
    assert_eq!(data["popularity"], json!({"rank": rank, "list": "Near"}));
}

#[rstest]
#[case("10.0.0.1")]
#[case("127.0.0.1")]
#[case("169.254.1.1")]
#[case("fe80::1")]
#[tokio::test]
async fn a_reserved_address_is_unknown(#[case] address: &str) {
    let (_upstream, gateway) = answering(stats(9, 0, 60), &[]).await;
    let reply = gateway
        .get(&with(&format!("/api/v1/ips/{address}"), "view=brief"))
        .await;
    // Such an address may also be refused before VirusTotal is asked.
    if reply.status == 200 {
        assert_eq!(
            reply.data()["verdict"]["level"],
            "unknown",
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn an_object_that_was_not_found_is_unknown_in_a_list() {
    let (_upstream, gateway) = demo().await;
    let path = with(&related(EICAR, "execution_parents"), "view=brief");
    let data = gateway.get(&path).await.data();
    let levels: Vec<_> = data
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["verdict"])
        .collect();
    let lost: Vec<_> = levels
        .iter()
        .filter(|it| it["reason"] == "not found")
        .collect();
    assert_eq!(lost.len(), 1, "{data}");
    assert_eq!(lost[0]["level"], "unknown");
    let missing = gateway.get(&with(&file(UNKNOWN), "view=brief")).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn the_rank_of_a_urls_domain_counts_once_its_report_is_kept() {
    let (upstream, gateway) = demo().await;
    // From the second time on, the view is cached.
    for _ in 0..3 {
        assert_eq!(verdict(&gateway, PORTAL_URL).await["level"], "suspicious");
    }
    gateway.get(PORTAL).await;
    for _ in 0..3 {
        let reply = gateway.get(&with(PORTAL_URL, "view=brief")).await;
        assert_eq!(reply.header("x-cache"), Some("HIT"));
        assert_eq!(reply.data()["verdict"]["level"], "likely_benign");
    }
    assert_eq!(upstream.count(), 2);
    // The rank is that of the host, whatever the view of its report was.
    let other = keeping(&upstream, &[]).await;
    other.get(&with(PORTAL, "fields=reputation")).await;
    assert_eq!(verdict(&other, PORTAL_URL).await["level"], "likely_benign");
}

#[rstest]
#[case("https://www.portal.org/login", "portal.org", "likely_benign")]
#[case("https://someone.portal.org/login", "portal.org", "suspicious")]
#[case("https://someone.github.io/login", "github.io", "suspicious")]
#[case("https://someone.co.uk/", "co.uk", "suspicious")]
#[tokio::test]
async fn the_rank_of_a_domain_says_nothing_of_the_hosts_below(
    #[case] url: &str,
    #[case] domain: &str,
    #[case] level: &str,
) {
    let upstream = Upstream::faulty(|call| {
        let mut attributes = stats(1, 0, 60);
        let kind = if call.target.starts_with("/api/v3/domains/") {
            attributes["popularity_ranks"] = json!({"Near": {"rank": 1}});
            "domain"
        } else {
            "url"
        };
        let data = json!({"id": "x", "type": kind, "attributes": attributes});
        Answer::Bytes(ok(json!({"data": data}).to_string()))
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    gateway.get(&format!("/api/v1/domains/{domain}")).await;
    let path = format!(
        "/api/v1/urls/analyze?url={}",
        url.replace(':', "%3A").replace('/', "%2F")
    );
    assert_eq!(verdict(&gateway, &path).await["level"], level);
}

#[rstest]
#[case("key", "suspicious")]
#[case("shared", "likely_benign")]
#[tokio::test]
async fn a_domain_report_of_another_key_counts_only_where_answers_are_shared(
    #[case] scope: &str,
    #[case] level: &str,
) {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--cache-scope", scope]).await;
    let other = [("x-api-key", "key-of-another")];
    // A key shares answers once VirusTotal has accepted it.
    gateway.get(&file(EICAR)).await;
    gateway.get_with(PORTAL, &other).await;
    assert_eq!(verdict(&gateway, PORTAL_URL).await["level"], level);
}

#[tokio::test]
async fn without_a_cache_no_domain_report_is_kept() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    gateway.get(PORTAL).await;
    assert_eq!(verdict(&gateway, PORTAL_URL).await["level"], "suspicious");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_caller_that_wants_it_fresh_still_gets_the_rank_of_the_kept_domain() {
    let (upstream, gateway) = demo().await;
    gateway.get(PORTAL).await;
    let headers = [("x-api-key", KEY), ("cache-control", "no-cache")];
    let reply = gateway
        .get_with(&with(PORTAL_URL, "view=brief"), &headers)
        .await;
    assert_eq!(reply.data()["verdict"]["level"], "likely_benign");
    assert_eq!(upstream.count(), 2);
}

#[rstest]
#[case(&["--verdict-min-engines", "56"], &file(EICAR), "unknown")]
#[case(&["--verdict-min-engines", "7"], &file(FEW_ENGINES), "suspicious")]
#[case(&["--verdict-malicious", "51", "--verdict-malicious-with-label", "51"], &file(EICAR), "suspicious")]
#[case(&["--verdict-malicious", "51"], &file(EICAR), "malicious")]
#[case(&["--verdict-malicious", "4"], "/api/v1/domains/cdn.bank-secure.example", "malicious")]
#[case(&["--verdict-popular-rank", "286"], PORTAL, "suspicious")]
#[case(&["--verdict-popular-rank", "287"], PORTAL, "likely_benign")]
#[case(&["--verdict-popular-malicious", "0"], PORTAL, "suspicious")]
#[case(&["--verdict-popular-malicious", "0"], &file(DISTRIBUTED), "suspicious")]
#[tokio::test]
async fn the_thresholds_are_settings(
    #[case] flags: &[&str],
    #[case] path: &str,
    #[case] level: &str,
) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    let verdict = verdict(&gateway, path).await;
    assert_eq!(verdict["level"], level, "{verdict}");
}

/// Returns attributes whose last analysis is so long ago.
fn analysed(days: u64, hours: u64) -> Value {
    let age = Duration::from_secs((days * 24 + hours) * 60 * 60);
    let date = (SystemTime::now() - age).duration_since(SystemTime::UNIX_EPOCH);
    let mut attributes = stats(0, 0, 60);
    attributes["last_analysis_date"] = json!(date.unwrap().as_secs());
    attributes
}

#[rstest]
#[case(0, 1, &[], false)]
#[case(89, 23, &[], false)]
#[case(90, 1, &[], true)]
#[case(400, 0, &[], true)]
#[case(400, 0, &["--verdict-stale-days", "500"], false)]
#[case(2, 1, &["--verdict-stale-days", "2"], true)]
#[tokio::test]
async fn an_old_analysis_is_stale(
    #[case] days: u64,
    #[case] hours: u64,
    #[case] flags: &[&str],
    #[case] stale: bool,
) {
    let (_upstream, gateway) = answering(analysed(days, hours), flags).await;
    let data = gateway.get(&with(&file(TROJAN), "view=brief")).await.data();
    assert_eq!(data["verdict"]["stale"], stale, "{data}");
    assert_eq!(data["analysed"]["age_days"], days, "{data}");
}
