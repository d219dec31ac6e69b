//! Every kind of indicator, in the forms that clients write.

mod corpus;

use proptest::prelude::*;
use rstest::rstest;

use super::{web_url::encode as encode_url, *};

fn id(parsed: Result<Indicator, InvalidIndicator>) -> Option<String> {
    parsed.ok().map(|indicator| indicator.id)
}

#[rstest]
#[case(
    "44D88612FEA8A8F36DE82E1278ABB02F",
    Some("44d88612fea8a8f36de82e1278abb02f")
)]
#[case(
    "3395856ce81f2b7382dee72602f798b642f14140",
    Some("3395856ce81f2b7382dee72602f798b642f14140")
)]
#[case("44d88612fea8a8f36de82e1278abb02", None)]
#[case("44d88612fea8a8f36de82e1278abb02g", None)]
#[case("", None)]
#[case("４4d88612fea8a8f36de82e1278abb02f", None)]
fn files_are_hashes(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(id(Indicator::file(text)).as_deref(), expected);
}

#[rstest]
#[case("http://example.com/?a=1&b=2", Some("http://example.com/?a=1&b=2"))]
#[case("HTTPS://Example.com/Ä b", Some("HTTPS://Example.com/Ä b"))]
#[case("example.com:8080/x", Some("http://example.com:8080/x"))]
#[case("[2001:db8::1]/x", Some("http://[2001:db8::1]/x"))]
#[case("localhost", Some("http://localhost"))]
#[case(
    "example.com/?next=http://other/",
    Some("http://example.com/?next=http://other/")
)]
#[case("ftp://example.com/", None)]
#[case("javascript:alert(1)", None)]
#[case("//example.com", None)]
#[case("http://", None)]
#[case("https:///path", None)]
#[case(" http://example.com", None)]
#[case("http://exa\nmple.com", None)]
#[case("", None)]
#[case("http://evil.com\\@good.com/", Some("http://evil.com\\@good.com/"))]
#[case("http://u:p@example.com:8080/", Some("http://u:p@example.com:8080/"))]
#[case("user@example.com", None)]
#[case("mailto:user@example.com", None)]
#[case("http://.", None)]
#[case("http://@", None)]
#[case("http://:80/", None)]
#[case("http://a..b/", None)]
#[case("http://a b.com/", None)]
#[case("http://a$b.com/", None)]
#[case("http://evil[.com/", None)]
#[case("evil,com", None)]
#[case(".", None)]
#[case(":80", None)]
#[case("a..b/x", None)]
#[case("hxxp://evil[.]com/a[.]b", Some("http://evil.com/a[.]b"))]
#[case("hXXps[:]//evil(dot)com", Some("https://evil.com"))]
#[case("evil[.]com/x", Some("http://evil.com/x"))]
#[case("hxxp://[.]/", None)]
#[case("hxxp://evil[.]", Some("http://evil."))]
fn urls_keep_their_bytes(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(
        id(Indicator::url(text)),
        expected.map(|url| encode_url(url.as_bytes()))
    );
}

#[rstest]
#[case("aHR0cDovL2V4YW1wbGUuY29tLw", Some("aHR0cDovL2V4YW1wbGUuY29tLw"))]
#[case("aHR0cDovL2V4YW1wbGUuY29tLw==", Some("aHR0cDovL2V4YW1wbGUuY29tLw"))]
#[case("aHR0cDovL2EuYi8/Pz8+", Some("aHR0cDovL2EuYi8_Pz8-"))]
#[case("ZXhhbXBsZS5jb20v", Some("ZXhhbXBsZS5jb20v"))]
#[case(
    "275A021BBFB6489E54D471899F7DB9D1663FC695EC2FE2A2C4538AABF651FD0F",
    Some("275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f")
)]
#[case("analyse", None)]
#[case("a", None)]
#[case("", None)]
#[case("..", None)]
// `http://evil.com/\n`, `http://evil.com/\u{85}`, `http://.`, `http://a b/`, `\n`.
#[case("aHR0cDovL2V2aWwuY29tLwo", None)]
#[case("aHR0cDovL2V2aWwuY29tL8KF", None)]
#[case("aHR0cDovLy4", None)]
#[case("aHR0cDovL2EgYi8", None)]
#[case("Cg", None)]
// `http://a.b/` followed by a byte that is not UTF-8, which some servers accept.
#[case("aHR0cDovL2EuYi_p", Some("aHR0cDovL2EuYi_p"))]
// `hxxp://evil[.]com/`, defanged.
#[case("aHh4cDovL2V2aWxbLl1jb20v", Some("aHR0cDovL2V2aWwuY29tLw"))]
fn url_ids_are_hex_or_base64(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(id(Indicator::url_id(text)).as_deref(), expected);
}

#[rstest]
#[case("Example.COM.", Some("example.com"))]
#[case("münchen.de", Some("xn--mnchen-3ya.de"))]
#[case("例え。テスト", Some("xn--r8jz45g.xn--zckzah"))]
#[case("_dmarc.example.com", Some("_dmarc.example.com"))]
#[case("xn--not-punycode-.com", Some("xn--not-punycode-.com"))]
#[case("example..com", None)]
#[case("example.com..", None)]
#[case(".", None)]
#[case("exa mple.com", None)]
#[case("example.com/x", None)]
#[case("8.8.8.8", None)]
#[case("", None)]
#[case("evil[.]com", Some("evil.com"))]
#[case("evil(.)co{.}uk", Some("evil.co.uk"))]
#[case("evil[dot]com[DOT]", Some("evil.com"))]
#[case("1.2.3[.]4", None)]
#[case("1.2.3.4.", None)]
#[case("１.２.３.４", None)]
#[case("a.1", None)]
#[case("a.0x1f", None)]
#[case("1", None)]
#[case("1.a", Some("1.a"))]
#[case("::1", None)]
#[case("evil[.com", None)]
#[case("[example.com]", None)]
#[case(" example.com", None)]
#[case("\"example.com\"", None)]
fn domains_are_normalised(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(id(Indicator::domain(text)).as_deref(), expected);
}

#[test]
fn domains_are_bounded() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(longest.len(), 253);
    assert!(Indicator::domain(&longest).is_ok());
    assert!(Indicator::domain(&format!("{longest}b")).is_err());
    assert!(Indicator::domain(&format!("{label}a.com")).is_err());
}

#[rstest]
#[case("8.8.8.8", Some("8.8.8.8"))]
#[case(
    "2001:4860:4860:0000:0000:0000:0000:8888",
    Some("2001:4860:4860::8888")
)]
#[case("[2001:DB8::1]", Some("2001:db8::1"))]
#[case("[8.8.8.8]", Some("8.8.8.8"))]
#[case("8.8.8", None)]
#[case("08.8.8.8", None)]
#[case("fe80::1%eth0", None)]
#[case("[::1", None)]
#[case("1.2.3[.]4", Some("1.2.3.4"))]
#[case("[1[.]2(.)3{.}4]", Some("1.2.3.4"))]
#[case("1[dot]2[Dot]3(dot)4", Some("1.2.3.4"))]
#[case("2001[:]db8[:][:]1", Some("2001:db8::1"))]
#[case("[2001(:)db8::1]", Some("2001:db8::1"))]
#[case("::ffff:1[.]2[.]3[.]4", Some("::ffff:1.2.3.4"))]
#[case(" 8.8.8.8", None)]
#[case("8.8.8.8[:]53", None)]
fn ips_are_canonical(#[case] text: &str, #[case] expected: Option<&str>) {
    assert_eq!(id(Indicator::ip(text)).as_deref(), expected);
}

#[rstest]
#[case(Kind::Domain, "1.2.3[.]4", &["`1.2.3.4`", "not a domain"])]
#[case(Kind::Domain, "1.2.3.4", &["an IP address"])]
#[case(Kind::Domain, "evil[.][.]com", &["`evil..com`", "example.com"])]
#[case(Kind::Ip, "1.2.3[.]444", &["`1.2.3.444`", "IPv4"])]
#[case(Kind::Ip, "example.com", &["`8.8.8.8`"])]
#[case(Kind::Url, "aHR0cDovL2EKYi8", &[r"`http://a\nb/`", "base64"])]
fn the_error_shows_the_refanged_text(
    #[case] kind: Kind,
    #[case] text: &str,
    #[case] says: &[&str],
) {
    let refusal = Indicator::parse(kind, text).unwrap_err();
    let message = refusal.to_string();
    assert!(says.iter().all(|it| message.contains(it)), "{message}");
    assert!(!format!("{refusal:?}").contains("evil"));
}

#[test]
fn the_error_for_a_url_shows_the_refanged_text_on_one_short_line() {
    let message = Indicator::url("hxxp://[.]/\u{202e}`\u{7}").unwrap_err();
    let message = message.to_string();
    assert!(
        message.contains(r"understood as `http://./\u{202e}\u{7}`"),
        "{message}"
    );
    let long = format!("hxxp://[.]/{}", "x".repeat(5000));
    assert!(Indicator::url(&long).unwrap_err().to_string().len() < 500);
}

#[rstest]
#[case::domain("evil[.]com", "evil.com")]
#[case::address("1[.]2(.)3{.}4", "1.2.3.4")]
#[case::url("hxxp://evil[.]com/a[.]b", "http://evil.com/a[.]b")]
#[case::brackets_within_brackets("evil[[.]]com", "evil[[.]]com")]
#[case::an_address_of_such("1.2.3[[.]]4", "1.2.3[[.]]4")]
#[case::no_indicator("list[.]append(x)", "list[.]append(x)")]
fn refanging_is_idempotent(#[case] text: &str, #[case] meant: &str) {
    assert_eq!(refang(text), meant);
    assert_eq!(refang(meant), meant);
}

proptest! {
    #[test]
    fn parsing_never_panics_and_is_idempotent(text in any::<String>()) {
        for kind in Kind::ALL {
            if let Ok(once) = Indicator::parse(kind, &text) {
                prop_assert_eq!(Indicator::parse(kind, once.id()), Ok(once));
            }
        }
        if let Ok(url) = Indicator::url(&text) {
            prop_assert_eq!(Indicator::url_id(url.id()), Ok(url));
        }
    }

    /// Texts that resemble indicators reach more of the code than arbitrary ones.
    #[test]
    fn no_accepted_indicator_changes_the_path(
        text in prop_oneof![
            any::<String>(),
            "(h[tx]{2}ps?(://|\\[:\\]//))?[a-z0-9.\\[\\](){}:@%/?#\\\\ é-]{0,24}",
        ],
    ) {
        let taken = Kind::ALL.into_iter().filter_map(|kind| Indicator::parse(kind, &text).ok());
        for indicator in taken.chain(Indicator::url(&text).ok()) {
            let id = indicator.id();
            prop_assert!(!id.is_empty() && id != "." && id != "..", "{id}");
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
            prop_assert!(id.bytes().all(is_plain), "{id}");
        }
    }

    #[test]
    fn well_formed_indicators_are_accepted(
        host in "[a-z]{1,20}(\\.[a-z]{2,8}){1,3}",
        path in "(/[!-~]{0,20})?",
    ) {
        prop_assert!(Indicator::domain(&host).is_ok());
        let url = format!("https://{host}{path}");
        let parsed = Indicator::url(&url);
        prop_assert_eq!(id(parsed), Some(encode_url(url.as_bytes())));
    }
}
