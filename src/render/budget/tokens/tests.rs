use std::fmt::Write as _;

use proptest::prelude::*;

use super::{estimate, estimate_by_pieces, estimate_part};

/// Invented reports: a file, a URL, a domain and an IP address.
const REPORTS: [&str; 4] = [FILE, URL, DOMAIN, IP];

const FILE: &str = r#"{"data":{"id":"9c1f0d7be2a4458813d6ff09ab27c65de01934b8fa72c6d15e8830b749dcaf12","type":"file","links":{"self":"https://www.virustotal.com/api/v3/files/9c1f0d7be2a4458813d6ff09ab27c65de01934b8fa72c6d15e8830b749dcaf12"},"attributes":{"type_description":"Win32 EXE","type_tags":["executable","windows","win32","pe","peexe"],"names":["Rechnung_2025-10.pdf.exe","invoice_final.exe","a3f0.tmp"],"md5":"5f2b8c10d49e7a3361b0c8fe92d7450a","sha1":"0b7d4c5e19a2f3386dd47c10e5f98b2a6c3d1e47","size":482304,"vhash":"015056655d15551570f1z701009fz","magic":"PE32 executable (GUI) Intel 80386 Mono/.Net assembly, for MS Windows","first_submission_date":1760012345,"last_analysis_date":1763900000,"times_submitted":14,"reputation":-37,"tags":["peexe","assembly","long-sleeps","detect-debug-environment","calls-wmi"],"last_analysis_stats":{"malicious":61,"suspicious":0,"undetected":11,"harmless":0,"timeout":0,"confirmed-timeout":0,"failure":0,"type-unsupported":4},"last_analysis_results":{"Microsoft":{"method":"blacklist","engine_name":"Microsoft","engine_version":"1.1.25090.3","engine_update":"20251120","category":"malicious","result":"Trojan:MSIL/AgentTesla.A!MTB"},"Kaspersky":{"method":"blacklist","engine_name":"Kaspersky","engine_version":"22.0.1.28","engine_update":"20251120","category":"malicious","result":"HEUR:Trojan-PSW.MSIL.Agensla.gen"},"BitDefender":{"method":"blacklist","engine_name":"BitDefender","engine_version":"7.2","engine_update":"20251120","category":"malicious","result":"Gen:Variant.Lazy.401122"},"Zillya":{"method":"blacklist","engine_name":"Zillya","engine_version":"2.0.0.5461","engine_update":"20251119","category":"undetected","result":null}},"pe_info":{"timestamp":1759990000,"imphash":"f34d5f2d4577ed6d9ceec516c1f5a744","machine_type":332,"entry_point":487454,"sections":[{"name":".text","chi2":1184211.5,"virtual_address":8192,"entropy":7.81,"raw_size":479232,"flags":"rx","virtual_size":479108,"md5":"6c4d02fb97e13d588a0b61dd7f9e3c25"},{"name":".rsrc","chi2":64210.12,"virtual_address":491520,"entropy":4.12,"raw_size":2048,"flags":"r","virtual_size":1572,"md5":"a81c55d0e9f7420b9d3e1c78460fb2aa"}],"import_list":[{"library_name":"mscoree.dll","imported_functions":["_CorExeMain"]}]},"popular_threat_classification":{"suggested_threat_label":"trojan.msil/agenttesla","popular_threat_category":[{"count":24,"value":"trojan"},{"count":6,"value":"spyware"}],"popular_threat_name":[{"count":18,"value":"msil"},{"count":15,"value":"agenttesla"}]},"sigma_analysis_stats":{"critical":0,"high":2,"medium":1,"low":4},"sandbox_verdicts":{"Zenbox":{"category":"malicious","confidence":92,"sandbox_name":"Zenbox","malware_classification":["MALWARE","STEALER"],"malware_names":["AgentTesla"]}}}}}"#;

const URL: &str = r#"{"data":{"id":"2d7f60c94b1ea835dc08f19be64372a05f8db3c6710e94a2fb5d38c1e6079f4b","type":"url","attributes":{"url":"https://login.bank-secure.example/verify?session=8f2c1a77&lang=en","last_final_url":"https://login.bank-secure.example/verify/step1.php","title":"Secure sign-in - verify your account","last_http_response_code":200,"last_http_response_content_length":18342,"last_http_response_headers":{"content-type":"text/html; charset=UTF-8","server":"nginx/1.24.0","x-powered-by":"PHP/8.1.2","set-cookie":"PHPSESSID=k3v9q1m7t2c8r5b0; path=/"},"categories":{"Forcepoint ThreatSeeker":"phishing and other frauds","Sophos":"phishing and fraud"},"threat_names":["Mal/HTMLGen-A"],"first_submission_date":1763000000,"last_analysis_stats":{"malicious":14,"suspicious":2,"undetected":21,"harmless":60,"timeout":0},"last_analysis_results":{"Google Safebrowsing":{"method":"blacklist","engine_name":"Google Safebrowsing","category":"malicious","result":"phishing"},"Netcraft":{"method":"blacklist","engine_name":"Netcraft","category":"malicious","result":"malicious"},"PhishTank":{"method":"blacklist","engine_name":"PhishTank","category":"harmless","result":"clean"}},"html_meta":{"viewport":["width=device-width, initial-scale=1"],"description":["Confirm your details to keep your account active"]},"redirection_chain":["https://short.example/a9Zk","https://login.bank-secure.example/verify"]}}}"#;

const DOMAIN: &str = r#"{"data":{"id":"bank-secure.example","type":"domain","attributes":{"registrar":"Example Registrar, Inc.","creation_date":1762500000,"whois":"Domain Name: BANK-SECURE.EXAMPLE\nRegistry Domain ID: 2817364509_DOMAIN_COM-VRSN\nRegistrar WHOIS Server: whois.registrar.example\nUpdated Date: 2025-11-07T08:12:44Z\nCreation Date: 2025-11-07T08:12:40Z\nRegistrant Organization: Privacy Protect, LLC\nRegistrant Country: IS\nName Server: NS1.HOSTING.EXAMPLE\nName Server: NS2.HOSTING.EXAMPLE\nDNSSEC: unsigned","last_dns_records":[{"type":"A","value":"192.0.2.44","ttl":300},{"type":"MX","value":"mail.bank-secure.example","priority":10,"ttl":3600},{"type":"TXT","value":"v=spf1 include:_spf.hosting.example -all","ttl":3600}],"last_https_certificate":{"issuer":{"C":"US","O":"Example Trust Services","CN":"R11"},"subject":{"CN":"bank-secure.example"},"serial_number":"4be28f1907d35ac1e86b02d94f7735c0a1","thumbprint_sha256":"d04c8be7135f9a62ee4801bb79c35df214a60e98f27c13d5ba4480e7361f92cd","validity":{"not_before":"2025-11-07 09:00:12","not_after":"2026-02-05 09:00:11"},"extensions":{"key_usage":["digitalSignature","keyEncipherment"],"subject_alternative_name":["bank-secure.example","*.bank-secure.example"]},"signature_algorithm":"sha256RSA"},"popularity_ranks":{},"categories":{"alphaMountain.ai":"Newly Registered, Phishing"},"reputation":-4,"tld":"example","total_votes":{"harmless":0,"malicious":3}}}}"#;

const IP: &str = r#"{"data":{"id":"192.0.2.44","type":"ip_address","attributes":{"as_owner":"Example Hosting Ltd","asn":64512,"continent":"EU","country":"NL","network":"192.0.2.0/24","regional_internet_registry":"RIPE NCC","whois":"inetnum: 192.0.2.0 - 192.0.2.255\nnetname: EXAMPLE-NET\ndescr: Dedicated servers, Amsterdam\nadmin-c: EX1234-RIPE\nstatus: ASSIGNED PA\nmnt-by: MNT-EXAMPLE\ncreated: 2019-03-14T10:22:01Z\nlast-modified: 2024-08-30T07:45:19Z\nsource: RIPE","last_analysis_stats":{"malicious":7,"suspicious":1,"undetected":30,"harmless":56,"timeout":0},"tags":["suspicious-udp"],"jarm":"29d29d00029d29d21c42d42d00041d44609a5a9a88e797f466e878a82e8365","rdap_config":{"handle":"NET-192-0-2-0-1","name":"EXAMPLE-NET","events":[{"event_action":"last changed","event_date":"2024-08-30T07:45:19Z"}],"links":[{"href":"https://rdap.registry.example/ip/192.0.2.0","rel":"self","type":"application/rdap+json"}]}}}}"#;

const BRIEF: &str = r#"{"indicator":{"type":"file","value":"9c1f0d7be2a4458813d6ff09ab27c65de01934b8fa72c6d15e8830b749dcaf12"},"verdict":{"level":"malicious","reason":"61 of 72 engines; label trojan.msil/agenttesla","stale":false},"detections":{"malicious":61,"suspicious":0,"engines":72,"top":{"Microsoft":"Trojan:MSIL/AgentTesla.A","Kaspersky":"HEUR:Trojan-PSW.MSIL.Agensla.gen"}},"analysed":{"date":"2025-11-20","age_days":7},"label":"trojan.msil/agenttesla","families":["agenttesla","msil"],"type":"Win32 EXE","size":482304,"first_seen":"2025-10-09","submissions":14,"tags":["peexe","assembly","long-sleeps"],"link":"https://www.virustotal.com/gui/file/9c1f0d7be2a4458813d6ff09ab27c65de01934b8fa72c6d15e8830b749dcaf12","untrusted":{"names":["Rechnung_2025-10.pdf.exe","invoice_final.exe"]}}"#;

fn real(text: &str) -> usize {
    bpe_openai::o200k_base().count(text)
}

/// Renders JSON as lines of Markdown or, with tags, of XML.
fn render(value: &serde_json::Value, is_xml: bool, depth: usize, out: &mut String) {
    let members: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
        serde_json::Value::Array(list) => list.iter().map(|v| ("item".to_owned(), v)).collect(),
        serde_json::Value::String(text) => return out.push_str(text),
        other => return out.push_str(&other.to_string()),
    };
    for (key, value) in members {
        let is_leaf = !(value.is_object() || value.is_array());
        let indent = "  ".repeat(depth);
        match (is_xml, is_leaf) {
            (true, _) => write!(out, "{indent}<{key}>"),
            (false, true) => write!(out, "\n- **{key}:** "),
            (false, false) => write!(out, "\n\n{} {key}\n", "#".repeat(depth.min(6) + 1)),
        }
        .unwrap();
        if is_xml && !is_leaf {
            out.push('\n');
        }
        render(value, is_xml, depth + 1, out);
        if is_xml {
            writeln!(out, "</{key}>").unwrap();
        }
    }
}

/// Returns the reports and their parts of 200 bytes and more as JSON, Markdown and XML.
fn texts() -> Vec<String> {
    let mut texts = vec![BRIEF.to_owned()];
    for report in REPORTS {
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        let mut parts = vec![&report];
        parts.extend(report["data"]["attributes"].as_object().unwrap().values());
        for part in parts {
            let (mut markdown, mut xml) = (String::new(), String::new());
            render(part, false, 0, &mut markdown);
            render(part, true, 0, &mut xml);
            texts.extend([part.to_string(), markdown, xml]);
        }
        texts.push(serde_json::to_string_pretty(&report).unwrap());
    }
    texts.retain(|text| text.len() >= 200);
    texts
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "counts of tokens are small")]
fn ratio(text: &str) -> f64 {
    estimate(text) as f64 / real(text) as f64
}

#[test]
fn the_estimate_is_near_the_real_count_in_the_median_over_reports() {
    let ratios: Vec<f64> = texts().iter().map(|text| ratio(text)).collect();
    assert!(ratios.len() > 40);
    let median = median(ratios);
    assert!((1.0..=1.35).contains(&median), "{median}");
}

#[test]
fn the_estimate_of_a_brief_is_near_its_real_count() {
    assert!((1.0..=1.35).contains(&ratio(BRIEF)), "{}", ratio(BRIEF));
}

#[test]
fn the_estimate_is_not_below_the_real_count_of_reports_and_their_pieces() {
    for text in texts() {
        assert!(estimate(&text) >= real(&text), "{text}");
        for length in [20, 50, 200, 1000] {
            for at in (0..text.len()).step_by(7) {
                let end = text.len().min(at + length);
                let Some(piece) = text.get(at..end) else {
                    continue;
                };
                assert!(estimate(piece) >= real(piece), "{piece}");
            }
        }
    }
}

#[test]
fn long_runs_of_one_character_are_not_below() {
    for byte in 0..128_u8 {
        for length in (1..40).chain([64, 100, 255, 300, 1000]) {
            let run = char::from(byte).to_string().repeat(length);
            for text in [run.clone(), format!(" {run}"), format!("a{run}9")] {
                assert!(estimate(&text) >= real(&text), "{text:?}");
            }
        }
    }
}

#[test]
fn known_pieces_have_as_many_tokens_as_the_tokenizer_says() {
    for (piece, tokens) in super::tables::pieces() {
        assert_eq!(real(piece), tokens, "{piece:?}");
    }
}

#[test]
fn an_empty_text_has_no_tokens() {
    assert_eq!(estimate(""), 0);
}

#[test]
fn pieces_of_at_most_three_letters_are_not_below() {
    for length in 1..=3 {
        for word in 0..26_usize.pow(length) {
            let letters = (0..length).map(|at| word / 26_usize.pow(at) % 26);
            let small: String = letters
                .map(|at| char::from(b"abcdefghijklmnopqrstuvwxyz"[at]))
                .collect();
            for capitals in 0..=small.len() {
                let word = small[..capitals].to_uppercase() + &small[capitals..];
                for front in ["", " ", "_", ".", "-", "/", ",", "\\"] {
                    let text = format!("{front}{word}");
                    assert!(estimate_part(&text) >= real(&text), "{text:?}");
                }
            }
        }
    }
}

#[test]
fn repeated_patterns_are_not_below() {
    for pattern in [
        "Hac",
        "CT.",
        "AtoDAt",
        "ChEReS",
        "Nis Pp",
        "+N!N",
        "TEs",
        "EDe",
        "Sic/NeHAn",
        "u)N-C",
        "qis",
        "Egin",
        "]:\\\"",
        "`._%",
        " {\\\\\";",
        "01214 1",
        "\\\"/?",
    ] {
        let text = pattern.repeat(500);
        assert!(estimate(&text) >= real(&text), "{pattern}");
    }
}

#[test]
fn blocks_agree_with_single_pieces_in_reports() {
    for text in texts() {
        assert_eq!(estimate_part(&text), estimate_by_pieces(&text), "{text}");
    }
}

/// Generates texts of one of the classes that reports consist of.
fn generated() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{1,300}",
        "[0-9A-F]{1,300}",
        "[A-Za-z0-9+/]{1,300}={0,2}",
        "[A-Za-z0-9_-]{1,300}",
        "[a-z]{1,300}",
        "[A-Z]{1,300}",
        "[A-Za-z]{1,300}",
        "[A-Za-z0-9]{1,300}",
        "[0-9]{1,300}",
        "([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[ ,\n]){1,9}",
        "([0-9]{1,3}(\\.[0-9]{1,3}){3}[ ,\n]){1,20}",
        "([0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,7}[ ,\n]){1,20}",
        "(https?://[a-z0-9-]{1,12}\\.[a-z]{2,5}/[a-z0-9/_-]{0,20}(\\?[a-z]{1,5}=[A-Za-z0-9%]{0,9})?[ \n]){1,9}",
        "(C:\\\\[A-Z][a-z]{1,9}\\\\[A-Za-z0-9_]{1,12}\\.(exe|dll|tmp)\n){1,9}",
        "(/[a-z]{1,8}){1,30}",
        "( {0,8}(if|let|fn|return|for) [a-z_]{1,9}[(.=] ?[a-zA-Z_]{1,9}\\(\\)?;? ?[{}]?\n){1,9}",
        "[\u{4e00}-\u{9fff}]{1,100}",
        "[\u{3041}-\u{30ff}]{1,100}",
        "[\u{400}-\u{52f} ]{1,100}",
        "[\u{590}-\u{5ff} ]{1,100}",
        "[\u{600}-\u{6ff} ]{1,100}",
        "[\u{900}-\u{97f} ]{1,100}",
        "[\u{e00}-\u{e7f} ]{1,100}",
        "[\u{ac00}-\u{d7a3} ]{1,100}",
        "[\u{1f300}-\u{1faff}\u{200d}\u{fe0f}]{1,60}",
        "[a-z\u{300}-\u{36f}\u{200b}-\u{200f}]{1,100}",
        "[a-zA-Z\u{a0}-\u{24f} ]{1,100}",
        "[\u{0}-\u{1f}\u{7f}-\u{a0}a-c]{1,100}",
        "[ \t\r\n]{1,100}",
        "[!-/:-@\\[-`{-~]{1,100}",
        "[!-/:-@\\[-`{-~ \n]{1,100}",
        "[{}\\[\\]\":,\n \\\\]{1,100}",
        "[ -~]{1,200}",
        "(?s).{1,200}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn the_estimate_is_not_below_the_real_count_of_generated_texts(text in generated()) {
        prop_assert!(estimate(&text) >= real(&text));
    }

    #[test]
    fn blocks_agree_with_single_pieces(text in "[aAbz01 _./\"\n\té-]{1,150}|[ -~\n]{1,150}|[a\n/ ;]{1,150}", at in 0..3_usize) {
        let text = ["", "    ", "                                                "][at].to_owned() + &text;
        prop_assert_eq!(estimate_part(&text), estimate_by_pieces(&text));
    }

    #[test]
    fn blocks_agree_with_single_pieces_in_generated_texts(text in generated()) {
        prop_assert_eq!(estimate_part(&text), estimate_by_pieces(&text));
    }
}
