use proptest::prelude::*;
use rstest::rstest;

use super::defang;
use crate::indicator::refang;

#[rstest]
#[case("http://evil.example/a.b", "hxxp://evil[.]example/a.b")]
#[case("HTTPS://login.bank.example", "hxxps://login[.]bank[.]example")]
#[case("ftp://files.example/x", "fxp://files[.]example/x")]
#[case("see http://evil.example.", "see hxxp://evil[.]example.")]
#[case("(http://evil.example)", "(hxxp://evil[.]example)")]
#[case("[x](http://evil.example/p)", "[x](hxxp://evil[.]example/p)")]
#[case("http://u.v:w@evil.example:8080/", "hxxp://u.v:w@evil[.]example:8080/")]
#[case("http://192.0.2.1/a", "hxxp://192.0.2[.]1/a")]
#[case("http://[2001:db8::1]:80/", "hxxp://[2001:db8:[:]1]:80/")]
#[case("http://localhost/", "hxxp://localhost/")]
#[case(
    "http://a.example/?u=http://b.example/",
    "hxxp://a[.]example/?u=http://b.example/"
)]
#[case(
    "http://a.example,http://b.example",
    "hxxp://a[.]example,hxxp://b[.]example"
)]
#[case(
    "[http://a.example/](http://a.example/)",
    "[hxxp://a[.]example/](hxxp://a[.]example/)"
)]
#[case("tcp://c2.evil.example:443", "tcp://c2[.]evil[.]example:443")]
fn the_scheme_and_the_host_of_a_url_are_defanged(#[case] given: &str, #[case] defanged: &str) {
    assert_eq!(defang(given), defanged);
}

#[rstest]
#[case("evil.com", "evil[.]com")]
#[case("Host evil.co.uk, EVIL.COM", "Host evil[.]co[.]uk, EVIL[.]COM")]
#[case("evil.github.io", "evil[.]github[.]io")]
#[case("x.onion y.internal z.test", "x[.]onion y[.]internal z[.]test")]
#[case("_dmarc.evil.com", "_dmarc[.]evil[.]com")]
#[case("evil.com/a/b.com c.com", "evil[.]com/a/b.com c[.]com")]
#[case("evil.com:443", "evil[.]com:443")]
#[case("xn--mnchen-3ya.de", "xn--mnchen-3ya[.]de")]
#[case("münchen.de", "münchen[.]de")]
#[case("访问evil.com网站", "访问evil[.]com网站")]
#[case("*.evil.com", "*.evil[.]com")]
#[case("a.b@evil.nosuchsuffix", "a.b@evil[.]nosuchsuffix")]
#[case("<john.com@evil.com>", "<john.com@evil[.]com>")]
#[case("192.0.2.1", "192.0.2[.]1")]
#[case("192.0.2.0/24, 192.0.2.9.", "192.0.2[.]0/24, 192.0.2[.]9.")]
#[case("192.0.2.0-192.0.2.255", "192.0.2[.]0-192.0.2[.]255")]
#[case("192.0.2.0/24,198.51.100.0/24", "192.0.2[.]0/24,198.51.100[.]0/24")]
#[case("2001:db8::1 ::1 [::1]:80", "2001:db8:[:]1 :[:]1 [:[:]1]:80")]
#[case("at 2001:db8::/32.", "at 2001:db8:[:]/32.")]
#[case("::ffff:192.0.2.1", "::ffff[:]192.0.2[.]1")]
#[case("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd[.]xn--p1ai")]
fn names_and_addresses_are_defanged(#[case] given: &str, #[case] defanged: &str) {
    assert_eq!(defang(given), defanged);
}

#[rstest]
#[case("1.2.3 v10.0.22621 7.2.1.4.5")]
#[case("invoice.pdf run.sh a.zip main.rs README.md kernel32.dll")]
#[case("C:\\dir\\evil.com /usr/lib/evil.com")]
#[case("Trojan.Win32.Agent.AI Trojan.Win32.Agent.ai System.Net")]
#[case("pe_info.name")]
#[case("12:30:45 std::fs :: key: value")]
#[case("2025-11-07T08:12:44Z")]
#[case("hxxps://evil[.]example/a.com 192.0.2[.]1 2001:db8:[:]1")]
#[case("evil[.]com/b.com evil(.)com evil[dot]com login[.]bank.com")]
#[case("")]
fn other_text_is_unchanged(#[case] text: &str) {
    assert_eq!(defang(text), text);
}

/// Generates texts in which indicators are likely.
fn generated() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "http",
        "https",
        "ftp",
        "hxxp",
        "://",
        ".",
        ":",
        "/",
        "@",
        "[",
        "]",
        "[.]",
        "[:]",
        "(.)",
        "[dot]",
        "evil",
        "com",
        "example",
        "é",
        "中",
        " ",
        "1",
        "192.0.2.1",
        "2001:db8::1",
        "::",
        "-",
        "_",
        ",",
        "\\",
        "\"",
        "A",
        "EXE",
        "zip",
        "?",
        "#",
        "{",
        "}",
        "(",
        ")",
        "%",
        "рф",
    ]);
    let mixed = prop::collection::vec(parts, 0..30).prop_map(|parts| parts.concat());
    prop_oneof![mixed, any::<String>(), "[a-z0-9.:/@\\[\\]-]{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn defanged_text_is_unchanged(text in generated()) {
        let defanged = defang(&text).into_owned();
        prop_assert_eq!(defang(&defanged), defanged.as_str());
    }

    #[test]
    fn a_defanged_url_is_refanged_to_the_url(
        url in "https?://([a-z.]{1,5}(:[a-z.]{1,5})?@)?[a-z0-9-]{1,9}(\\.[a-z0-9-]{1,9}){0,3}(:[0-9]{1,4})?([/?#][^\\s\\pC\"<>|`\\]]{0,30})?",
    ) {
        let defanged = defang(&url);
        prop_assert_eq!(refang::url(&defanged), url.as_str());
    }

    #[test]
    fn a_defanged_host_is_refanged_to_the_host(
        host in "[a-z0-9-]{1,9}(\\.[a-z0-9-]{1,9}){0,3}\\.(com|co\\.uk|example|рф)",
    ) {
        let defanged = defang(&host);
        prop_assert_eq!(refang::host(&defanged), host.as_str());
    }

    #[test]
    fn a_defanged_address_is_refanged_to_the_address(address in any::<std::net::IpAddr>()) {
        let text = address.to_string();
        let defanged = defang(&text);
        prop_assert_ne!(&defanged, &text);
        prop_assert_eq!(refang::host(&defanged), text.as_str());
        let url = if address.is_ipv6() { format!("http://[{text}]/") } else { format!("http://{text}/") };
        let defanged = defang(&url);
        prop_assert_eq!(refang::url(&defanged), url.as_str());
    }
}
