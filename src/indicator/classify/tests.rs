//! Pasted texts of every kind.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

fn id(text: &str) -> (Kind, String) {
    let found = classify(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
    (found.indicator.kind(), found.indicator.id().to_owned())
}

#[rstest]
#[case(MD5, MD5)]
#[case(
    " \"44D88612FEA8A8F36DE82E1278ABB02F\", ",
    "44d88612fea8a8f36de82e1278abb02f"
)]
#[case(
    "SHA1: 3395856ce81f2b7382dee72602f798b642f14140",
    "3395856ce81f2b7382dee72602f798b642f14140"
)]
#[case(SHA256, SHA256)]
#[case(
    "[275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f]",
    SHA256
)]
fn hashes_are_files(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(id(text), (Kind::File, expected.to_owned()));
}

#[rstest]
#[case("https://evil.com/a?b=c#d", "https://evil.com/a?b=c#d")]
#[case("<hxxps[:]//evil[.]com/a[.]b>.", "https://evil.com/a[.]b")]
#[case("evil[.]com/x", "http://evil.com/x")]
#[case("evil.com:8080/x", "http://evil.com:8080/x")]
#[case("1.2.3.4/x", "http://1.2.3.4/x")]
#[case("[2001:db8::1]/x", "http://[2001:db8::1]/x")]
#[case("http://intranet/x", "http://intranet/x")]
#[case("https://u@evil.com/", "https://u@evil.com/")]
#[case("https://evil.com/?a=1&amp;b=2", "https://evil.com/?a=1&b=2")]
#[case("https:\\/\\/evil.com\\/x", "https://evil.com/x")]
#[case("(https://evil.com/x_(y)).", "https://evil.com/x_(y)")]
#[case("evil.com/?next=http://other/", "http://evil.com/?next=http://other/")]
#[case("aHR0cDovL2V4YW1wbGUuY29tLw==", "http://example.com/")]
#[case("aHR0cDovL2EuYi8/Pz8+", "http://a.b/???>")]
#[case("ZXhhbXBsZS5jb20v", "http://example.com/")]
fn urls_keep_their_text(#[case] text: &str, #[case] expected: &str) {
    let found = classify(text).unwrap();
    assert_eq!(found.indicator.kind(), Kind::Url);
    assert_eq!(found.url.unwrap().as_str(), expected);
}

#[test]
fn a_url_id_that_is_not_text_has_no_url() {
    let found = classify("aHR0cDovL2EuYi_p").unwrap();
    assert_eq!(found.indicator.kind(), Kind::Url);
    assert_eq!(found.url, None);
}

#[rstest]
#[case("Evil.COM.", "evil.com")]
#[case("evil[.]com:8080", "evil.com")]
#[case("evil.com[:]8080", "evil.com")]
#[case("evil(dot)com", "evil.com")]
#[case("münchen.de", "xn--mnchen-3ya.de")]
#[case("_dmarc.evil.com", "_dmarc.evil.com")]
#[case("*.evil.com", "evil.com")]
#[case("archive.zip", "archive.zip")]
#[case("invoice[.]pdf", "invoice.pdf")]
#[case("host.corp", "host.corp")]
#[case("evil.com?", "evil.com")]
#[case("domain: evil.com", "evil.com")]
#[case("localhost", "localhost")]
#[case("localhost:8080", "localhost")]
#[case("srv-01", "srv-01")]
fn names_are_domains(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(id(text), (Kind::Domain, expected.to_owned()));
}

#[rstest]
#[case("8.8.8.8", "8.8.8.8")]
#[case("8[.]8[.]8[.]8.", "8.8.8.8")]
#[case("(8.8.8.8:53)", "8.8.8.8")]
#[case("[2001:DB8::1]", "2001:db8::1")]
#[case("[2001:db8::1]:443", "2001:db8::1")]
#[case("2001[:]db8[:][:]1", "2001:db8::1")]
#[case("::1", "::1")]
#[case("2001:db8::", "2001:db8::")]
#[case("fe80::1%eth0", "fe80::1")]
#[case("::ffff:10.0.0.1", "::ffff:10.0.0.1")]
fn addresses_are_ips(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(id(text), (Kind::Ip, expected.to_owned()));
}

#[rstest]
#[case("bob@example.com", "`example.com`")]
#[case("<Bob.Smith+x@Example.com>,", "`example.com`")]
#[case("mailto:bob@example.com?subject=x", "`example.com`")]
#[case("bob[@]example[.]com", "`example.com`")]
#[case("bob[at]example.com", "`example.com`")]
#[case("10.0.0.0/8", "`10.0.0.0`")]
#[case("1.2.3[.]0/24", "`1.2.3.0`")]
#[case("2001:db8::/32", "`2001:db8::`")]
#[case("cve-2021-44228", "a CVE has no report")]
#[case("CVE-2024-123456.", "a CVE has no report")]
#[case("ftp://evil.com/x", "ask for the host, `evil.com`")]
#[case("fxp://evil[.]com/x", "ask for the host, `evil.com`")]
#[case("ldap://1.2.3.4:1389/a", "ask for the host, `1.2.3.4`")]
#[case("invoice.pdf", "name of a file")]
#[case("44d88612fea8a8f36de82e1278abb02", "31 hex digits")]
#[case("", "is empty")]
#[case(" \"\" ", "is empty")]
#[case("evil.com bad.com", "more than one word")]
#[case("http://a..b/", "a URL begins with")]
#[case("http://", "a URL begins with")]
#[case("and/or", "expected a hash of a file")]
#[case("/etc/passwd", "expected a hash of a file")]
#[case("C:\\Users\\bob\\x.exe", "expected a hash of a file")]
#[case("1.2.3", "expected a hash of a file")]
#[case("12345", "expected a hash of a file")]
#[case("evil..com", "expected a hash of a file")]
#[case("javascript:alert(1)", "expected a hash of a file")]
#[case("1.2.3.4.5", "expected a hash of a file")]
#[case("--", "expected a hash of a file")]
fn other_texts_are_refused_with_what_to_ask(#[case] text: &str, #[case] says: &str) {
    let refusal = classify(text).map(|found| found.indicator.id).unwrap_err();
    let message = refusal.to_string();
    assert!(message.contains(says), "{message}");
    assert!(!format!("{refusal:?}").contains("evil"));
}

#[test]
fn long_texts_are_read_in_linear_time() {
    for piece in [
        "[",
        "(",
        "[(",
        "([)]",
        "a.",
        "%",
        "hxxp[:]//",
        "@",
        "\\/",
        "&amp;",
        "\"",
        "“",
        "*.",
    ] {
        let time = |number: usize| {
            let started = std::time::Instant::now();
            let _ = classify(&piece.repeat(number));
            started.elapsed().as_secs_f64()
        };
        let (short, long) = (time(10_000), time(40_000));
        // Four times the text takes about four times the time; sixteen times would be quadratic.
        assert!(long < 9.0 * short + 0.3, "{piece}: {short}, {long}");
    }
}

fn pasted() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(h[tx]{2}ps?(://|\\[:\\]//))?[a-z0-9.\\[\\](){}<>\"':@%/?#\\\\ é&;-]{0,24}",
        "[a-zA-Z0-9+/=_-]{0,44}",
    ]
}

proptest! {
    #[test]
    fn what_is_classified_is_an_indicator_of_that_kind(text in pasted()) {
        match classify(&text) {
            Ok(found) => {
                let again = Indicator::parse(found.indicator.kind(), found.indicator.id());
                prop_assert_eq!(again.as_ref(), Ok(&found.indicator));
                if let Some(url) = found.url {
                    prop_assert_eq!(Indicator::from(&url), found.indicator);
                }
            }
            Err(refusal) => prop_assert!(refusal.to_string().len() < 1500),
        }
    }

    #[test]
    fn wrapping_changes_nothing(
        host in "[a-z]{3,12}(\\.[a-z]{3,8}){1,3}",
        path in "(/[a-z0-9_]{0,12})?",
        around in prop::sample::select(vec![
            ("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("\"", "\","), ("'", "'."), (" ", "\n"), ("", ";"),
        ]),
    ) {
        let bare = format!("{host}{path}");
        let wrapped = format!("{}{bare}{}", around.0, around.1);
        prop_assert_eq!(classify(&wrapped), classify(&bare));
    }
}
