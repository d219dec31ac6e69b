//! Private indicators, built in and listed.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::indicator::{Classified, classify};

const LIST: &str = "\u{feff}# ours\r
corp.example
.Lab.Example # the lab
*.münchen.de

intern
203.0.113.0/24
198.51.100.7
2001:db8:aa::/48
::ffff:192.0.2.0/120
44D88612FEA8A8F36DE82E1278ABB02F
275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f
";

fn listed() -> PrivateIndicators {
    PrivateIndicators::parse(LIST).unwrap()
}

/// Returns the reason for a pasted text.
fn reason(private: &PrivateIndicators, text: &str) -> Option<String> {
    let Classified { indicator, url } = classify(text).unwrap();
    let reason = private.reason(&indicator, url.as_ref());
    // The id of a URL says as much as its text.
    assert_eq!(reason, private.reason(&indicator, None), "{text}");
    Some(reason?.to_string())
}

#[rstest]
#[case("10.1.2.3", "private network")]
#[case("172.16.0.1", "private network")]
#[case("172.31.255.255", "private network")]
#[case("192.168.0.1", "private network")]
#[case("127.0.0.1", "loopback")]
#[case("127.9.9.9", "loopback")]
#[case("::1", "loopback")]
#[case("169.254.169.254", "link-local")]
#[case("fe80::1%eth0", "link-local")]
#[case("febf::1", "link-local")]
#[case("100.64.0.1", "carrier-grade")]
#[case("100.127.255.255", "carrier-grade")]
#[case("224.0.0.251", "multicast")]
#[case("239.255.255.250", "multicast")]
#[case("ff02::fb", "multicast")]
#[case("0.0.0.0", "unspecified")]
#[case("::", "unspecified")]
#[case("255.255.255.255", "broadcast")]
#[case("fc00::1", "unique local")]
#[case("fd12:3456::1", "unique local")]
#[case("::ffff:10.0.0.1", "private network")]
#[case("::ffff:7f00:1", "loopback")]
#[case("64:ff9b::10.0.0.1", "private network")]
#[case("2002:a00:1::", "private network")]
#[case("::10.0.0.1", "private network")]
#[case("localhost", "`.localhost`")]
#[case("app.localhost", "`.localhost`")]
#[case("srv01", "single label")]
#[case("printer.local.", "`.local`")]
#[case("a.b.INTERNAL", "`.internal`")]
#[case("home.arpa", "`.home.arpa`")]
#[case("nas.home.arpa", "`.home.arpa`")]
#[case("1.0.0.10.in-addr.arpa", "reverse name")]
#[case("168.192.in-addr.arpa", "reverse name")]
#[case("d.f.ip6.arpa", "reverse name")]
#[case("http://10.0.0.1/x", "host is an address of a private network")]
#[case("http://user:pass@10.0.0.1:8080/x", "private network")]
#[case("http://evil.com@192.168.1.1/", "private network")]
#[case("http://2130706433/", "loopback")]
#[case("http://0x7f.1/", "loopback")]
#[case("http://0177.0.0.1/", "loopback")]
#[case("http://127.1/", "loopback")]
#[case("http://１０.０.０.１/", "private network")]
#[case("http://%31%30.0.0.1/", "private network")]
#[case("http://10.0.0.1./", "private network")]
#[case("http://[::1]:80/", "loopback")]
#[case("http://[::ffff:10.0.0.1]/", "private network")]
#[case("http://intranet/", "single label")]
#[case("http://intranet:8080/", "single label")]
#[case("http://u@LOCALHOST./", "`.localhost`")]
#[case("http://wiki.corp.internal\\@evil.com/", "`.internal`")]
#[case("http://wiki.lo%63al/", "`.local`")]
#[case("hxxp://10[.]0[.]0[.]1/", "private network")]
#[case("printer.local/queue", "`.local`")]
#[case("10.0.0.1:9100/queue", "private network")]
#[case("http://xn--a.local/", "`.local`")]
fn private_in_any_case(#[case] text: &str, #[case] says: &str) {
    let said = reason(&PrivateIndicators::default(), text).unwrap();
    assert!(
        said.contains(says) && said.ends_with("is never sent to VirusTotal"),
        "{said}"
    );
}

#[rstest]
#[case("8.8.8.8")]
#[case("192.0.2.1")]
#[case("198.51.100.1")]
#[case("203.0.113.1")]
#[case("172.15.0.1")]
#[case("172.32.0.1")]
#[case("100.63.0.1")]
#[case("100.128.0.1")]
#[case("2001:db8::1")]
#[case("2606:4700::1111")]
#[case("::ffff:8.8.8.8")]
#[case("evil.example")]
#[case("a.test")]
#[case("a.invalid")]
#[case("local.example.com")]
#[case("mylocal.com")]
#[case("internal.co")]
#[case("xlocalhost.com")]
#[case("8.8.8.8.in-addr.arpa")]
#[case("http://evil.com/10.0.0.1?u=http://localhost/")]
#[case("http://localhost@evil.com/")]
#[case("http://10.0.0.1.nip.io/")]
#[case("44d88612fea8a8f36de82e1278abb02f")]
#[case("aHR0cDovL2EuYi_p")]
fn public(#[case] text: &str) {
    assert_eq!(reason(&PrivateIndicators::default(), text), None);
}

#[rstest]
#[case("corp.example", "operator's list")]
#[case("A.Corp.Example.", "operator's list")]
#[case("a.b.lab.example", "operator's list")]
#[case("lab.example", "operator's list")]
#[case("xn--mnchen-3ya.de", "operator's list")]
#[case("www.münchen.de", "operator's list")]
#[case("intern", "operator's list")]
#[case("x.intern", "operator's list")]
#[case("203.0.113.255", "network of the operator")]
#[case("::ffff:203.0.113.1", "network of the operator")]
#[case("198.51.100.7", "network of the operator")]
#[case("2001:db8:aa:ff::1", "network of the operator")]
#[case("192.0.2.9", "network of the operator")]
#[case("44d88612fea8a8f36de82e1278abb02f", "hash of the operator")]
#[case("https://u:p@git.corp.example:8443/x", "host is under a domain")]
#[case("https://GIT.CORP.EXAMPLE/x", "host is under a domain")]
#[case("http://203.0.113.4/", "host is in a network")]
#[case("http://3405803780/", "host is in a network")]
#[case("hxxps://a[.]corp[.]example/x", "host is under a domain")]
#[case("http://m%C3%BCnchen.de/", "host is under a domain")]
fn listed_indicators_are_private(#[case] text: &str, #[case] says: &str) {
    let said = reason(&listed(), text).unwrap();
    assert!(said.contains(says), "{said}");
}

#[rstest]
#[case("example")]
#[case("notcorp.example")]
#[case("corp.example.com")]
#[case("203.0.114.0")]
#[case("203.0.112.255")]
#[case("198.51.100.8")]
#[case("2001:db8:ab::1")]
#[case("3395856ce81f2b7382dee72602f798b642f14140")]
fn others_are_not(#[case] text: &str) {
    let Classified { indicator, url } = classify(text).unwrap();
    let reason = listed().reason(&indicator, url.as_ref());
    assert!(reason.is_none_or(|it| it.class == PrivateClass::SingleLabel));
}

#[test]
fn a_url_of_64_digits_is_private_by_its_text_or_a_listed_hash() {
    let unknown = Indicator::url_id(&"a".repeat(64)).unwrap();
    let url = WebUrl::parse("http://10.0.0.1/").unwrap();
    assert_eq!(listed().reason(&unknown, None), None);
    assert!(listed().reason(&unknown, Some(&url)).is_some());
    let id = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    assert!(
        listed()
            .reason(&Indicator::url_id(id).unwrap(), None)
            .is_some()
    );
    // Bytes in the path that are not text: `http://10.0.0.1/\xe9`.
    let id = Indicator::url_id("aHR0cDovLzEwLjAuMC4xL-k").unwrap();
    assert!(listed().reason(&id, None).is_some());
}

#[rstest]
#[case("10.0.0.1", true)]
#[case("ip:10.0.0.1", true)]
#[case("entity:ip ip:10.0.0.0/8", true)]
#[case("-ip:192.168.1.1 p:5+", true)]
#[case("entity:domain a.corp.example", true)]
#[case("entity:url url:\"https://git.corp.example/x\"", true)]
#[case("url:*git.corp.example*", true)]
#[case("hostname:srv01", true)]
#[case("domain:intern", true)]
#[case("intern", true)]
#[case("localhost", true)]
#[case("(domain:x.local OR domain:evil.com)", true)]
#[case("bob@corp.example", true)]
#[case("ftp://files.corp.example/", true)]
#[case("a[.]corp[.]example", true)]
#[case("44d88612fea8a8f36de82e1278abb02f", true)]
#[case("http://10.0.0.1/", true)]
#[case("see http://u@10.0.0.1:80/ now", true)]
#[case("x=10.0.0.1;y", true)]
#[case("ip:fd00::1", true)]
#[case("#fc00::1", true)]
#[case("#http://127.1/", true)]
#[case("#GIT。corp。example", true)]
#[case("ip:[fd00::1]", true)]
#[case("name:setup.corp.example", true)]
#[case("aHR0cDovLzEwLjAuMC4xLw", true)]
#[case("http%3A%2F%2F10.0.0.1%2Fx", true)]
#[case("u=http%3A%2F%2Fgit.corp.example%2Fx", true)]
#[case("http://a,b@intranet/", true)]
#[case("emotet", false)]
#[case("internal", false)]
#[case("entity:file type:peexe p:5+ fs:2024-01-01+", false)]
#[case("#ransomware", false)]
#[case("entity:domain evil.example", false)]
#[case("ip:8.8.8.8", false)]
#[case("engines:trojan.agent", false)]
#[case("version 1.2", false)]
#[case("", false)]
fn queries_have_private_terms(#[case] query: &str, #[case] expected: bool) {
    let reason = listed().reason_in_query(query);
    assert_eq!(reason.is_some(), expected, "{reason:?}");
    if let Some(reason) = reason {
        assert!(reason.to_string().starts_with("a term of the query is "));
    }
}

#[rstest]
#[case("a.example\n\nnot a name\n", 3)]
#[case("10.0.0.0/33", 1)]
#[case("10.0.0.0/x", 1)]
#[case("#\r\n*.\r\n", 2)]
#[case("*", 1)]
#[case("44d88612fea8a8f36de82e1278abb02f  file.exe", 1)]
#[case("a.example\nhttp://corp.example/", 2)]
#[case("bob@corp.example", 1)]
fn an_error_names_the_line_and_not_its_text(#[case] text: &str, #[case] line: usize) {
    let refusal = PrivateIndicators::parse(text).unwrap_err();
    assert_eq!(refusal.line(), line);
    let message = refusal.to_string();
    assert!(
        message.starts_with(&format!("line {line}: expected a domain")),
        "{message}"
    );
    assert!(!message.contains("name.") && !message.contains("bob"));
}

#[test]
fn an_empty_list_is_valid_and_debug_output_shows_no_entry() {
    assert!(PrivateIndicators::parse("").unwrap().is_empty());
    assert!(
        PrivateIndicators::parse(" \n# x\n\t# y")
            .unwrap()
            .is_empty()
    );
    assert_eq!(listed().len(), 11);
    assert!(!format!("{:?}", listed()).contains("corp"));
}

#[test]
fn networks_that_overlap_are_merged() {
    let private = PrivateIndicators::parse("9.0.0.0/9\n9.128.0.0/9\n9.1.2.3\n::/0").unwrap();
    // `::/0` maps all of IPv4.
    assert_eq!(private.len(), 2);
    let private = PrivateIndicators::parse("9.0.0.0/9\n9.128.0.0/9\n9.1.2.3").unwrap();
    assert_eq!(private.len(), 1);
    assert!(reason(&private, "9.255.255.255").is_some());
    assert!(reason(&private, "11.0.0.0").is_none());
}

#[test]
fn long_lists_are_parsed_and_searched_fast() {
    let line = |i: u32| match i % 3 {
        0 => format!("n{i}.corp-{i}.example\n"),
        1 => format!("{}/28\n", std::net::Ipv4Addr::from(0x0b00_0000 + i * 64)),
        _ => format!("{i:064x}\n"),
    };
    let text: String = (0..100_000).map(line).collect();
    let started = Instant::now();
    let private = PrivateIndicators::parse(&text).unwrap();
    let parsed = started.elapsed();
    let name = format!("{}n99999.corp-99999.example", "a.".repeat(100));
    let indicator = Indicator::domain(&name).unwrap();
    let started = Instant::now();
    for _ in 0..1000 {
        assert!(private.reason(&indicator, None).is_some());
    }
    let searched = started.elapsed();
    eprintln!("parsed in {parsed:?}, 1000 lookups of 102 labels in {searched:?}");
    assert!(parsed < Duration::from_secs(10) && searched < Duration::from_secs(4));
}

#[test]
fn long_queries_are_read_in_linear_time() {
    for piece in ["a:", "(", "a.b ", "[.]", "\"", "10.0.0.999,", "*", "a=b:c@"] {
        let time = |number: usize| {
            let started = Instant::now();
            listed().reason_in_query(&piece.repeat(number));
            started.elapsed().as_secs_f64()
        };
        let (short, long) = (time(2_000), time(8_000));
        // Four times the text takes about four times the time; sixteen times would be quadratic.
        assert!(long < 9.0 * short + 0.5, "{piece}: {short}, {long}");
    }
}

proptest! {
    #[test]
    fn deciding_never_panics(text in any::<String>(), query in "[a-z0-9.:/@\"*() -]{0,40}") {
        let private = listed();
        let _ = PrivateIndicators::parse(&text);
        private.reason_in_query(&text);
        private.reason_in_query(&query);
        if let Ok(found) = classify(&text) {
            private.reason(&found.indicator, found.url.as_ref());
        }
    }

    /// Each listed address is found, and its neighbours outside the network are not.
    #[test]
    fn networks_hold_their_addresses(bits in 0x0b00_0000_u32..0x6300_0000, length in 8_u8..=32) {
        let network = ipnet::Ipv4Net::new(bits.into(), length).unwrap().trunc();
        let private = PrivateIndicators::parse(&network.to_string()).unwrap();
        let has = |address: u32| {
            let address = std::net::Ipv4Addr::from_bits(address).to_string();
            private.reason(&Indicator::ip(&address).unwrap(), None).is_some()
        };
        let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
        prop_assert!(has(first) && has(last) && has(bits));
        prop_assert!(!has(first - 1) || first - 1 < 0x0b00_0000);
        prop_assert!(!has(last + 1) || last >= 0x6400_0000 - 1);
    }
}
