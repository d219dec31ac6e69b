use std::net::IpAddr;

use rstest::rstest;

use super::*;

const NOW: i64 = 1_780_000_000;

fn counts(malicious: u64, suspicious: u64, others: u64) -> EngineCounts {
    EngineCounts {
        malicious,
        suspicious,
        harmless: others / 2,
        undetected: others - others / 2,
    }
}

fn engines(malicious: u64, suspicious: u64, others: u64) -> Evidence<'static> {
    Evidence {
        counts: counts(malicious, suspicious, others),
        analysed: Some(NOW),
        now: NOW,
        ..Evidence::default()
    }
}

fn judged(evidence: &Evidence<'_>) -> (Level, String) {
    let verdict = VerdictRules::default().judge(evidence);
    assert!(!verdict.reason.contains('\n'));
    (verdict.level, verdict.reason)
}

fn rank(rank: u64) -> Popularity {
    Popularity {
        rank,
        list: "Tranco".to_owned(),
    }
}

#[test]
fn rule_1_what_was_not_found_is_unknown() {
    let evidence = Evidence {
        missing: Some("not found"),
        ..engines(60, 0, 10)
    };
    assert_eq!(judged(&evidence), (Level::Unknown, "not found".to_owned()));
}

#[test]
fn rule_1_a_private_address_is_unknown_whatever_engines_say() {
    let evidence = Evidence {
        reserved: Some("private address"),
        assessment: Some("VERDICT_MALICIOUS"),
        ..engines(60, 0, 10)
    };
    assert_eq!(
        judged(&evidence),
        (Level::Unknown, "private address".to_owned())
    );
}

#[rstest]
#[case(
    9,
    0,
    0,
    Level::Unknown,
    "9 engines gave an opinion, fewer than 10; 9 malicious"
)]
#[case(
    1,
    0,
    0,
    Level::Unknown,
    "1 engine gave an opinion, fewer than 10; 1 malicious"
)]
#[case(0, 0, 3, Level::Unknown, "3 engines gave an opinion, fewer than 10")]
#[case(0, 0, 0, Level::Unknown, "no engine gave an opinion")]
#[case(9, 1, 0, Level::Malicious, "9 of 10 engines")]
#[case(0, 0, 10, Level::NoDetections, "0 of 10 engines")]
fn rule_1_fewer_than_ten_engines_know_too_little(
    #[case] malicious: u64,
    #[case] suspicious: u64,
    #[case] others: u64,
    #[case] level: Level,
    #[case] reason: &str,
) {
    let found = judged(&engines(malicious, suspicious, others));
    assert_eq!(found, (level, reason.to_owned()));
}

#[rstest]
#[case("10.0.0.1", Some("private address"))]
#[case("172.15.255.255", None)]
#[case("172.16.0.0", Some("private address"))]
#[case("172.31.255.255", Some("private address"))]
#[case("172.32.0.0", None)]
#[case("192.168.1.1", Some("private address"))]
#[case("127.0.0.1", Some("loopback address"))]
#[case("169.254.169.254", Some("link-local address"))]
#[case("100.64.0.1", Some("carrier-grade NAT address"))]
#[case("100.128.0.1", None)]
#[case("224.0.0.1", Some("multicast address"))]
#[case("255.255.255.255", Some("reserved address"))]
#[case("0.0.0.0", Some("unspecified address"))]
#[case("8.8.8.8", None)]
#[case("192.0.2.1", None)]
#[case("198.51.100.1", None)]
#[case("203.0.113.1", None)]
#[case("::", Some("unspecified address"))]
#[case("::1", Some("loopback address"))]
#[case("::ffff:10.0.0.1", Some("private address"))]
#[case("::ffff:8.8.8.8", None)]
#[case("fd00::1", Some("private address"))]
#[case("fe80::1", Some("link-local address"))]
#[case("ff02::1", Some("multicast address"))]
#[case("2001:db8::1", None)]
#[case("2001:4860:4860::8888", None)]
fn rule_1_knows_addresses_that_are_not_public(#[case] address: IpAddr, #[case] kind: Option<&str>) {
    assert_eq!(reserved(address), kind);
}

#[rstest]
#[case("VERDICT_MALICIOUS", Level::Malicious)]
#[case("MALICIOUS", Level::Malicious)]
#[case("VERDICT_SUSPICIOUS", Level::Suspicious)]
#[case("VERDICT_BENIGN", Level::LikelyBenign)]
#[case("VERDICT_HARMLESS", Level::LikelyBenign)]
#[case("VERDICT_UNDETECTED", Level::NoDetections)]
fn rule_2_virustotals_own_assessment_decides(#[case] assessment: &str, #[case] level: Level) {
    let evidence = Evidence {
        assessment: Some(assessment),
        ..engines(30, 0, 40)
    };
    let reason = "VirusTotal's own assessment; 30 of 70 engines".to_owned();
    assert_eq!(judged(&evidence), (level, reason));
}

#[rstest]
#[case("VERDICT_UNKNOWN")]
#[case("VERDICT_SOMETHING_NEW")]
#[case("")]
fn rule_2_goes_on_where_the_assessment_says_nothing(#[case] assessment: &str) {
    let evidence = Evidence {
        assessment: Some(assessment),
        ..engines(30, 0, 40)
    };
    assert_eq!(judged(&evidence).0, Level::Malicious);
}

#[rstest]
#[case(5, false, Level::Malicious, "5 of 70 engines")]
#[case(4, false, Level::Suspicious, "4 of 70 engines")]
#[case(3, true, Level::Malicious, "3 of 70 engines; label trojan.quill")]
#[case(2, true, Level::Suspicious, "2 of 70 engines; label trojan.quill")]
#[case(61, true, Level::Malicious, "61 of 70 engines; label trojan.quill")]
fn rule_3_five_engines_or_three_and_a_label_are_malicious(
    #[case] malicious: u64,
    #[case] labelled: bool,
    #[case] level: Level,
    #[case] reason: &str,
) {
    let evidence = Evidence {
        label: labelled.then_some("trojan.quill"),
        ..engines(malicious, 0, 70 - malicious)
    };
    assert_eq!(judged(&evidence), (level, reason.to_owned()));
}

#[rstest]
#[case(
    10_000,
    2,
    Level::LikelyBenign,
    "2 of 90 engines, rank 10000 in Tranco"
)]
#[case(35, 0, Level::LikelyBenign, "0 of 90 engines, rank 35 in Tranco")]
#[case(10_001, 2, Level::Suspicious, "2 of 90 engines")]
#[case(10_001, 0, Level::NoDetections, "0 of 90 engines")]
#[case(35, 3, Level::Suspicious, "3 of 90 engines")]
#[case(35, 5, Level::Malicious, "5 of 90 engines")]
fn rule_4_a_popular_domain_may_have_two_detections(
    #[case] best: u64,
    #[case] malicious: u64,
    #[case] level: Level,
    #[case] reason: &str,
) {
    let best = rank(best);
    let evidence = Evidence {
        rank: Some(&best),
        ..engines(malicious, 0, 90 - malicious)
    };
    assert_eq!(judged(&evidence), (level, reason.to_owned()));
}

#[rstest]
#[case(
    2,
    Level::LikelyBenign,
    "2 of 70 engines, known distributor Example Corp"
)]
#[case(3, Level::Suspicious, "3 of 70 engines")]
fn rule_4_a_file_of_known_distributors_may_have_two_detections(
    #[case] malicious: u64,
    #[case] level: Level,
    #[case] reason: &str,
) {
    let evidence = Evidence {
        distributor: Some("Example Corp"),
        ..engines(malicious, 0, 70 - malicious)
    };
    assert_eq!(judged(&evidence), (level, reason.to_owned()));
}

#[rstest]
#[case(1, 0, "1 of 70 engines")]
#[case(0, 1, "0 of 70 engines, 1 suspicious")]
#[case(2, 3, "2 of 70 engines, 3 suspicious")]
fn rule_5_any_engine_is_suspicious(
    #[case] malicious: u64,
    #[case] suspicious: u64,
    #[case] reason: &str,
) {
    let evidence = engines(malicious, suspicious, 70 - malicious - suspicious);
    assert_eq!(judged(&evidence), (Level::Suspicious, reason.to_owned()));
}

#[rstest]
#[case(Alerts { ids: 1, ..Alerts::default() }, "0 of 70 engines; 1 severe IDS alert")]
#[case(Alerts { sigma: 3, yara: 2, ..Alerts::default() }, "0 of 70 engines; 3 severe Sigma matches; 2 YARA rules")]
#[case(Alerts { sandbox: Some("Zenbox"), ..Alerts::default() }, "0 of 70 engines; sandbox Zenbox says malicious")]
fn rule_5_severe_alerts_and_sandboxes_are_suspicious(
    #[case] alerts: Alerts<'static>,
    #[case] reason: &str,
) {
    let evidence = Evidence {
        alerts,
        ..engines(0, 0, 70)
    };
    assert_eq!(judged(&evidence), (Level::Suspicious, reason.to_owned()));
}

#[test]
fn rule_5_yara_alone_is_no_reason() {
    let evidence = Evidence {
        alerts: Alerts {
            yara: 4,
            ..Alerts::default()
        },
        ..engines(0, 0, 70)
    };
    assert_eq!(judged(&evidence).0, Level::NoDetections);
}

#[test]
fn rule_6_without_any_objection_there_are_no_detections() {
    let reason = "0 of 75 engines".to_owned();
    assert_eq!(judged(&engines(0, 0, 75)), (Level::NoDetections, reason));
}

#[rstest]
#[case(Some(NOW - 90 * DAY), false)]
#[case(Some(NOW - 90 * DAY - 1), true)]
#[case(Some(NOW + DAY), false)]
#[case(Some(i64::MIN), true)]
#[case(Some(i64::MAX), false)]
#[case(None, false)]
fn a_verdict_is_stale_after_ninety_days(#[case] analysed: Option<i64>, #[case] stale: bool) {
    let evidence = Evidence {
        analysed,
        ..engines(0, 0, 75)
    };
    assert_eq!(VerdictRules::default().judge(&evidence).stale, stale);
}

#[test]
fn thresholds_are_settings() {
    let rules = VerdictRules {
        min_engines: 2,
        malicious: 1,
        stale_days: 0,
        ..VerdictRules::default()
    };
    let verdict = rules.judge(&Evidence {
        analysed: Some(NOW - 1),
        ..engines(1, 0, 1)
    });
    assert_eq!((verdict.level, verdict.stale), (Level::Malicious, true));
}

#[test]
fn no_count_overflows() {
    let huge = EngineCounts {
        malicious: u64::MAX,
        suspicious: u64::MAX,
        harmless: u64::MAX,
        undetected: u64::MAX,
    };
    let verdict = VerdictRules::default().judge(&Evidence {
        counts: huge,
        ..Evidence::default()
    });
    assert_eq!(verdict.level, Level::Malicious);
}

#[test]
fn levels_are_spelled_as_in_json() {
    for level in [
        Level::Malicious,
        Level::Suspicious,
        Level::LikelyBenign,
        Level::NoDetections,
        Level::Unknown,
    ] {
        let json = serde_json::to_string(&level).unwrap();
        assert_eq!(json, format!("\"{}\"", level.name()));
    }
}
