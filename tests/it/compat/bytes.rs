//! Path, query and answers, byte for byte.

use std::io::Read as _;

use super::{raw, split};
use crate::harness::{Answer, Gateway, Upstream, http, ok};

/// Returns odd paths and queries below `/api/v3`, at least two hundred.
fn targets() -> Vec<String> {
    let mut all: Vec<String> = [
        "/files/44d88612fea8a8f36de82e1278abb02f?relationships=a,b&x='y'",
        "/files/44D88612FEA8A8F36DE82E1278ABB02F",
        "/search?query=it's+\u{e9}%20%27",
        "/search?query=a%2Bb+c%20d&limit=1&limit=2&&=",
        "/search?",
        "/intelligence/search?query=name:%22a%22+and+(p:5%2B)&order=size-",
        "/comments?filter=tag:x&limit=40",
        "/comments/d-example.com-1a2b",
        "/domains/EXAMPLE.com",
        "/domains/xn--bcher-kva.example/resolutions?limit=40&cursor=MTA==",
        "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8=",
        "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8",
        "/analyses/NDRkOA==",
        "/analyses/NDRkOA%3D%3D",
        "/ip_addresses/2001:4860:4860::8888",
        "/ip_addresses/2001%3A4860%3A4860%3A%3A8888",
        "/files/x/y/z?a=%zz&b=%",
        "//files//44d88612fea8a8f36de82e1278abb02f//",
        "/files/a;b=c/d",
        "/a.b/.c/...",
        "/feeds/files/202611280200",
        "/intelligence/hunting_rulesets/1/",
    ]
    .map(str::to_owned)
    .into();
    for byte in (b'!'..=b'~').filter(|byte| !b"?#".contains(byte)) {
        let byte = char::from(byte);
        for target in [format!("/graphs/a{byte}b"), format!("/graphs?q=a{byte}b")] {
            // hyper refuses the rest before the gateway sees it.
            if target.parse::<axum::http::Uri>().is_ok() {
                all.push(target);
            }
        }
        all.push(format!(
            "/graphs?q=%{:02x}&r=%{:02X}",
            u32::from(byte),
            u32::from(byte)
        ));
    }
    assert!(all.len() >= 200, "{}", all.len());
    all
}

#[tokio::test]
async fn path_and_query_go_upstream_byte_for_byte() {
    let upstream = Upstream::always(ok("{\"data\": []}")).await;
    let gateway = Gateway::before(&upstream, &["--client-rate-per-minute", "0"]).await;
    let mut expected = Vec::new();
    for target in targets() {
        let target = format!("/api/v3{target}");
        let answer = raw(&gateway, "GET", &target, "").await;
        assert_eq!(split(&answer).0, 200, "{target}: {answer}");
        expected.push(target);
    }
    assert_eq!(upstream.targets(), expected);
}

#[tokio::test]
async fn every_method_goes_upstream_with_its_body() {
    let upstream = Upstream::always(ok("{}")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let more = "Content-Type: text/x; a=\"b\"\r\nContent-Length: 5\r\n";
        let request = format!("{more}\r\n\0\u{1}{{\"'");
        let head = raw(&gateway, method, "/api/v3/graphs/a'b?x='", &request).await;
        assert_eq!(split(&head).0, 200, "{head}");
    }
    let calls = upstream.calls();
    for (call, method) in calls.iter().zip(["POST", "PUT", "PATCH", "DELETE"]) {
        assert_eq!(
            (&*call.method, &*call.target),
            (method, "/api/v3/graphs/a'b?x='")
        );
        assert_eq!(call.body, b"\0\x01{\"'");
        assert_eq!(call.header("content-type"), Some("text/x; a=\"b\""));
    }
    assert_eq!(calls.len(), 4);
}

#[tokio::test]
async fn a_target_with_dot_segments_is_a_400() {
    let upstream = Upstream::always(ok("{}")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for target in [
        "/api/v3/files/../users/x",
        "/api/v3/./files",
        "/api/v3/files/%2e%2e/users/x",
        "/api/v3/files/%2E.",
        "/api/v3/files/x%2f..%2f..%2fusers",
        "/api/v3/..",
    ] {
        let answer = raw(&gateway, "GET", target, "").await;
        let (status, body) = split(&answer);
        assert_eq!(status, 400, "{target}: {answer}");
        assert!(
            body.starts_with("{\"error\":{\"code\":\"BadRequestError\""),
            "{body}"
        );
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn answers_come_byte_for_byte_but_for_their_links() {
    const GATE: &str = "http://gate.example:8000/api/v3/";
    for end in ["\r\n", "", " \n"] {
        let body = move |base: &str| {
            format!(
                "{{\n    \"data\": {{\"links\": {{\"self\": \"{base}files/a\", \"item\": \"https://www.virustotal.com/api/v3/x\"}},\
                 \"n\": 1.0e+400, \"s\": \"\\ud800 \\/ \u{202e}\", \"a\": \"https://www.virustotal.com/api/v3/b\"}},\
                 \"links\": {{\"next\": \"{base}c?cursor=\\u0041\", \"related\" : \"{base}\"}} }}{end}"
            )
        };
        let sent = body("https://www.virustotal.com/api/v3/");
        let upstream = Upstream::always(ok(&sent)).await;
        let gateway = Gateway::before(&upstream, &[]).await;
        for path in [
            "/api/v3/domains/example.com/votes",
            "/api/v3/graphs/1",
            "/api/v3/search?query=x",
        ] {
            let answer = raw(&gateway, "GET", path, "").await;
            let (status, got) = split(&answer);
            assert_eq!(status, 200);
            let got = unchunked(&answer, got);
            assert_eq!(got, body(GATE), "{path}");
        }
    }
}

/// Returns a body without the marks of chunks.
fn unchunked(answer: &str, body: &str) -> String {
    if !answer
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return body.to_owned();
    }
    let (mut rest, mut whole) = (body.as_bytes(), Vec::new());
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return String::from_utf8(whole).unwrap();
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
}

#[tokio::test]
async fn links_lead_to_the_gateway_as_the_request_names_it() {
    let upstream = Upstream::faulty(|call| {
        let host = call.header("host").unwrap_or_default();
        let link = format!("http://{host}/api/v3/domains/example.com");
        Answer::Bytes(ok(format!(
            "{{\"data\": {{\"attributes\": {{}}, \"links\": {{\"self\": \"{link}\"}}}}}}"
        )))
    })
    .await;
    let flags = [
        "--trusted-proxies",
        "127.0.0.1",
        "--cache-max-bytes",
        "1000000",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    for (host, proto, expected) in [
        (
            "gate.example",
            None,
            "http://gate.example/api/v3/domains/example.com",
        ),
        (
            "gate.example:81",
            Some("https"),
            "https://gate.example:81/api/v3/domains/example.com",
        ),
        ("a_gate~.example", None, "/api/v3/domains/example.com"),
        (
            "[::1]:8000",
            Some("http"),
            "http://[::1]:8000/api/v3/domains/example.com",
        ),
    ] {
        for _ in 0..3 {
            let mut headers = vec![("x-apikey", "k"), ("host", host)];
            headers.extend(proto.map(|proto| ("x-forwarded-proto", proto)));
            let reply = gateway
                .get_with("/api/v3/domains/example.com", &headers)
                .await;
            assert_eq!(reply.json()["data"]["links"]["self"], expected);
        }
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn redirects_are_passed_on_and_not_followed() {
    let upstream = Upstream::faulty(|call| {
        let to = if call.target.ends_with("inside") {
            "Location: https://www.virustotal.com/api/v3/files/a/download"
        } else {
            "Location: https://storage.example/a?signature=b"
        };
        Answer::Bytes(http(302, &[to], ""))
    })
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get("/api/v3/files/a/download").await;
    let location = reply.header("location");
    assert_eq!(
        (reply.status, location),
        (302, Some("https://storage.example/a?signature=b"))
    );
    let reply = gateway.get("/api/v3/graphs/inside").await;
    let own = format!("http://{}/api/v3/files/a/download", gateway.address);
    assert_eq!(reply.header("location"), Some(&*own));
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_client_that_takes_gzip_gets_the_same_bytes() {
    let body = format!(
        "{{\"data\": {{\"attributes\": {{\"a\": \"{}\"}}}}}}",
        "x".repeat(5000)
    );
    let upstream = Upstream::always(ok(&body)).await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "1000000"]).await;
    let path = "/api/v3/domains/example.com";
    for _ in 0..3 {
        let headers = [("x-apikey", "k"), ("accept-encoding", "gzip")];
        let reply = gateway.get_with(path, &headers).await;
        assert_eq!(reply.header("content-encoding"), Some("gzip"));
        let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
        assert!(vary.iter().any(|it| *it == "accept-encoding"), "{vary:?}");
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&*reply.body)
            .read_to_string(&mut plain)
            .unwrap();
        assert_eq!(plain, body);
        let reply = gateway.get_with(path, &[("x-apikey", "k")]).await;
        assert_eq!(
            (reply.text(), reply.header("content-encoding")),
            (&*body, None)
        );
    }
    assert_eq!(upstream.count(), 1);
}
