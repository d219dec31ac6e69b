//! Indicators in short texts, each with its trap.

use std::time::Instant;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// Returns the parts of a text that are indicators.
fn parts(text: &str) -> Vec<&str> {
    extract(text).map(|found| found.text).collect()
}

/// Returns the normalised indicators; a URL stands as its text.
fn ids(text: &str) -> Vec<String> {
    let id = |found: Extracted<'_>| match found.found.url {
        Some(url) => url.as_str().to_owned(),
        None => found.found.indicator.id().to_owned(),
    };
    extract(text).map(id).collect()
}

#[rstest]
#[case("see https://a.com/x_(y)) now", &["https://a.com/x_(y)"])]
#[case("(see https://a.com/x_(y))", &["https://a.com/x_(y)"])]
#[case("(see https://a.com/x).", &["https://a.com/x"])]
#[case("<https://a.com/x>, \"https://b.com\"; 'https://c.com/d'", &["https://a.com/x", "https://b.com", "https://c.com/d"])]
#[case("[text](https://a.com/x) [https://b.com](https://b.com)", &["https://a.com/x", "https://b.com", "https://b.com"])]
#[case("**https://a.com/x**!", &["https://a.com/x"])]
#[case("Really https://a.com/x?", &["https://a.com/x"])]
#[case("https://a.com/x?y=1.", &["https://a.com/x?y=1"])]
#[case("https://a.com/x,https://b.com/y;https://c.com", &["https://a.com/x", "https://b.com/y", "https://c.com"])]
#[case("texthttps://a.com/x", &["https://a.com/x"])]
#[case("view-source:https://a.com/x git+https://b.com/y.git", &["https://a.com/x", "https://b.com/y.git"])]
#[case("https://r.com/?u=https://a.com/x", &["https://r.com/?u=https://a.com/x"])]
#[case("http://[2001:db8::1]:80/x and http://1.2.3.4:8080", &["http://[2001:db8::1]:80/x", "http://1.2.3.4:8080"])]
#[case("http://u:p@evil.com/x", &["http://u:p@evil.com/x"])]
#[case("http://intranet/x http://localhost:8080/", &["http://intranet/x", "http://localhost:8080/"])]
#[case("http:// https://... http://!/x", &[])]
#[case("访问https://a.com/x，然后", &["https://a.com/x"])]
#[case("HTTPS://A.COM/X", &["HTTPS://A.COM/X"])]
#[case("http://evil.com\\@good.org/", &["http://evil.com", "good.org"])]
fn urls_end_where_the_text_goes_on(#[case] text: &str, #[case] expected: &[&str]) {
    let urls = parts(text);
    assert_eq!(urls, expected);
}

#[rstest]
#[case("hxxps[:]//evil[.]com/a[.]b, hXXp://c(.)d.org.", &["https://evil.com/a[.]b", "http://c.d.org"])]
#[case("evil[.]com/x evil(dot)com[:]8080", &["http://evil.com/x", "evil.com"])]
#[case("[evil[.]com] (a[.]b[.]net)", &["evil.com", "a.b.net"])]
#[case("1[.]2[.]3[.]4 5.6.7[.]8:443 2001[:]db8[:][:]1", &["1.2.3.4", "5.6.7.8", "2001:db8::1"])]
#[case("invoice[.]zip run[.]sh main[.]rs report[.]pdf", &["invoice.zip", "run.sh", "main.rs"])]
#[case("bob[@]evil[.]com bob[at]a.com bob@b.com,", &["evil.com", "a.com", "b.com"])]
#[case("hxxps://a[.]com/?x=1&amp;y=2", &["https://a.com/?x=1&y=2"])]
fn defanged_indicators_are_refanged(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(ids(text), expected);
}

#[rstest]
#[case("evil.com, www.a.co.uk; (b.org) \"c.net\".", &["evil.com", "www.a.co.uk", "b.org", "c.net"])]
#[case("EVIL.COM Booking.com", &["EVIL.COM", "Booking.com"])]
#[case("evil.com:8080 evil.com:8080/x", &["evil.com", "evil.com:8080/x"])]
#[case("evil.com/x. evil.org/ c.com?x=1 d.com?", &["evil.com/x", "evil.org/", "c.com?x=1", "d.com"])]
#[case("münchen.de пример.рф 例え.jp。次", &["münchen.de", "пример.рф", "例え.jp"])]
#[case("evil.comです", &["evil.com"])]
#[case("evil.github.io github.io evil.web.app", &["evil.github.io", "github.io", "evil.web.app"])]
#[case("a.example b.test c.onion d.local e.internal", &["a.example", "b.test", "c.onion", "d.local", "e.internal"])]
#[case("*.evil.com .evil.org _dmarc.evil.net", &["evil.com", "evil.org", "_dmarc.evil.net"])]
#[case("_evil.com_ host=evil.org;", &["evil.com", "evil.org"])]
#[case("www.archive.zip mail.evil.rs archive.zip/x", &["www.archive.zip", "mail.evil.rs", "archive.zip/x"])]
#[case("//evil.com/x \\\\evil.org\\share", &["evil.com/x", "evil.org"])]
#[case("ftp://evil.com/x ldap://evil.org:389/a tcp://1.2.3.4:44", &["evil.com", "evil.org", "1.2.3.4"])]
#[case("u=https%3A%2F%2Fevil.com%2Fx", &["evil.com"])]
#[case("Bob.Smith+x@evil.com user@[1.2.3.4] <ab@c.evil.org>", &["evil.com", "1.2.3.4", "c.evil.org"])]
#[case("loading...evil.com evil.org...", &["evil.com", "evil.org"])]
#[case("allegro.pl evil.cc", &["allegro.pl", "evil.cc"])]
#[case("mail.example.com[1.2.3.4]: x", &["mail.example.com", "1.2.3.4"])]
#[case("evil.com(1.2.3.4)", &["evil.com", "1.2.3.4"])]
fn names_with_known_suffixes_are_domains(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(parts(text), expected);
}

#[rstest]
#[case("invoice.pdf setup.exe main.rs run.sh archive.zip app.py README.md trailer.mov libc.so")]
#[case("src/main.rs:42 ./run.sh C:\\temp\\command.com /var/www/evil.com")]
#[case("\"C:\\\\tools\\\\command.com\"")]
#[case("script.pl main.cc index.d.rs Foo.java application.properties")]
#[case("e.g. i.e. a.m. p.m. etc. No.1 10.30 p.m. ok.is that asia.Next week.It")]
#[case(
    "com.example.app.net org.apache.commons.io java.net javax.net.ssl System.IO Socket.IO ASP.NET"
)]
#[case(
    "logging.info(x) user.name=bob \"event.id\": 1 self.id e.id os.name='x' asyncio.run(main())"
)]
#[case("Trojan.Win32.Agent.ai HEUR:Trojan.Script.Generic")]
#[case("co.uk com hello foo.baz foo_bar.com")]
#[case("1.0.dev v1.2.dev 10.am 2024.01.05 2024-01-05 12:34:56 00:1a:2b:3c:4d:5e")]
#[case("9.100.51.198.in-addr.arpa")]
#[case("xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:o='http://a.example/x'")]
fn other_names_are_not(#[case] text: &str) {
    assert_eq!(parts(text), [""; 0]);
}

#[rstest]
#[case("1.2.3.4, (5.6.7.8) 9.9.9.9:53 8.8.8.8.", &["1.2.3.4", "5.6.7.8", "9.9.9.9", "8.8.8.8"])]
#[case("1.2.3.4-1.2.3.9", &["1.2.3.4", "1.2.3.9"])]
#[case("1.2.3.4/x 1.2.3.4:80/y", &["1.2.3.4/x", "1.2.3.4:80/y"])]
#[case("outside:203.0.113.5/443 to inside:10.0.0.5/52344", &["203.0.113.5", "10.0.0.5"])]
#[case("/93.184.216.34:443 evil.com/93.184.216.34:443", &["93.184.216.34", "evil.com", "93.184.216.34"])]
#[case("2001:db8::1, [2001:db8::2]:443 IPv6:2001:db8::3 fe80::1%eth0 ::1", &["2001:db8::1", "2001:db8::2", "2001:db8::3", "fe80::1", "::1"])]
#[case("::ffff:10.0.0.1 2001:db8::.", &["::ffff:10.0.0.1", "2001:db8::"])]
#[case("ip=1.2.3.4;", &["1.2.3.4"])]
fn addresses_are_ips(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(parts(text), expected);
}

#[rstest]
#[case("v1.2.3.4 version 1.2.3.4 Version: 1.2.3.4 \"version\": \"1.2.3.4\" ver. 1.2.3.4")]
#[case("OpenSSL/1.1.1.1 Chrome/120.0.0.0 openssl-1.1.1.1 foo_1.2.3.4 1.2.3.4.5 1.2.3.4-beta")]
#[case("Version=4.0.0.0, FileVersion 6.1.2.3, build 1.2.3.4, versions 9.1.0.3 to 9.1.2.4 or later")]
#[case("10.0.0.0/8 2001:db8::/32 10.0.0.0/255.0.0.0 mask 255.255.255.0")]
#[case("256.1.1.1 01.2.3.4 1.2.3 section 1.2.3.4")]
#[case("a::b std::1 dead::beef::x 10::20 00:11:22:33:44:55:66:77 ::")]
#[case("8f:43:28:8a:d2:72:f3:10:3b:6f:b1:42:84:85:ea:30:14:c0:bc:fe")]
fn versions_networks_and_times_are_no_addresses(#[case] text: &str) {
    assert_eq!(parts(text), [""; 0]);
}

const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";

#[rstest]
#[case("MD5: {}, ({}) {}. [{}]", 4)]
#[case("md5={};sha256:x", 1)]
#[case("{}.exe {}.bin md5-{}", 3)]
#[case("x{} {}x _{} {}_x {}{}{}", 0)]
#[case("<{}@mail> main.{}.js 00-{}-00f067aa0ba902b7-01 0x{}", 0)]
#[case("trace_id={} commit {} \"session\":\"{}\" x-apikey: {}", 0)]
#[case("ünï{} {}é", 0)]
#[case("a@sha256:{}", 0)]
fn hashes_are_words(#[case] text: &str, #[case] expected: usize) {
    let text = text.replace("{}", MD5);
    assert_eq!(parts(&text), vec![MD5; expected]);
}

#[test]
fn the_escapes_of_json_are_no_letters() {
    let text = r#"{"a":"x\nevil.com\tb.org\r\n1.2.3.4","u":"http:\/\/c.com\/d","p":"C:\\new.com"}"#;
    assert_eq!(
        ids(text),
        ["evil.com", "b.org", "1.2.3.4", "http://c.com/d"]
    );
}

#[test]
fn columns_end_urls() {
    let text = "url,seen,name\nhttps://a.com/x,2025,b.org\n\"https://c.com/d,e\",2025,\n";
    assert_eq!(ids(text), ["https://a.com/x", "b.org", "https://c.com/d,e"]);
}

#[test]
fn offsets_are_those_of_the_text() {
    let text = "é (evil[.]com) https://a.com/x.";
    let found: Vec<_> = extract(text).collect();
    assert_eq!(found[0].offset, 4);
    assert_eq!(found[0].text, "evil[.]com");
    assert_eq!(found[1].text, "https://a.com/x");
}

/// Pieces of which each is read again by a program that looks too far.
const HOSTILE: [&str; 30] = [
    "[",
    "(",
    "[.",
    "[dot",
    "hxxp[:]//",
    "http://",
    "http://!/",
    "http://a",
    "a.",
    "a@",
    "@",
    ":",
    "::",
    "1:",
    "1.",
    "1.1.1.1-",
    "a.com/",
    "a.com:",
    "a.com?",
    "%41",
    "-",
    "_",
    "\\",
    "\\u0041",
    "&quot;",
    "é.",
    "{\"",
    "'",
    ",http://a.b/",
    "xmlns=\"",
];

#[test]
fn extraction_is_linear() {
    let time = |piece: &str, length: usize| {
        let text = piece.repeat(length / piece.len());
        let started = Instant::now();
        let count = extract(&text).count();
        (started.elapsed(), count)
    };
    for piece in HOSTILE {
        let (short, _) = time(piece, 50_000);
        let (long, _) = time(piece, 200_000);
        // Four times the text takes about four times the time; sixteen times would be quadratic.
        assert!(
            long.as_secs_f64() < 9.0 * short.as_secs_f64() + 0.5,
            "{piece}: {short:?}, {long:?}"
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "evil.com", "https://a.com/x_(y)", "hxxp[:]//b[.]org/", "1.2.3.4", "2001:db8::1", MD5, "bob@c.net",
            "\u{200b}", "\u{1f600}", " ", "\n", "пример.рф", "例え。jp", "/24", ":443", "*", "\"", "”", "=3D", "…",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[a-z0-9.:/@\\[\\](){}%&;,'\"\\\\-]{0,12}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_extracted_is_classified_alike_and_stands_in_the_text(text in text()) {
        let mut end = 0;
        for found in extract(&text) {
            prop_assert!(found.offset >= end, "{:?}", found.text);
            end = found.offset + found.text.len();
            prop_assert_eq!(text.get(found.offset..end), Some(found.text));
            prop_assert!(!found.text.is_empty());
            prop_assert_eq!(classify(found.text), Ok(found.found));
        }
    }

    #[test]
    fn indicators_among_words_are_found(
        name in "[a-z]{4,12}\\.(com|net|org|ru|co\\.uk)",
        address in any::<std::net::Ipv4Addr>(),
        before in prop::sample::select(vec!["", "see ", "(", "\"", "<", "- ", "host=", "\n"]),
        after in prop::sample::select(vec!["", " now", ")", "\",", ">", ".", "!", "\n"]),
    ) {
        let is_usual = !matches!(address.octets()[0], 0 | 255);
        let url = format!("https://{name}/x");
        for given in [name, url].into_iter().chain(is_usual.then(|| address.to_string())) {
            let text = format!("{before}{given}{after}");
            prop_assert_eq!(parts(&text), vec![&*given]);
        }
    }
}
