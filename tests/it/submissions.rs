//! Tests of writes to VirusTotal: scans of URLs, further analyses, and which key may write
//! (`docs/http-api.md`).

use std::sync::atomic::{AtomicUsize, Ordering};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rstest::rstest;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    errors::is_well_formed,
    harness::{
        Answer, Gateway, KEY, Reply, UNKNOWN, Upstream, config, failure, http, in_parallel, ok,
        refusing, send,
    },
    relationships::demo,
};

pub(crate) const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";
const FILE: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhello\r\n--x--\r\n";
const URLS: &str = "/api/v1/urls";
const URL: &str = "url=http%3A%2F%2Fexample.com%2F";
const SERVERS: &str = "the-key-of-the-server";

/// One object of each collection that the stand-in has: its path at the gateway and at VirusTotal.
pub(crate) const OBJECTS: [(&str, &str); 4] = [
    (
        "/files/44D88612FEA8A8F36DE82E1278ABB02F",
        "/files/44d88612fea8a8f36de82e1278abb02f",
    ),
    (
        "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8=",
        "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8",
    ),
    ("/domains/Example.COM.", "/domains/example.com"),
    (
        "/ips/2001:4860:4860:0::8888",
        "/ip_addresses/2001%3A4860%3A4860%3A%3A8888",
    ),
];

/// Posts a body of this type.
pub(crate) async fn post(gateway: &Gateway, path: &str, media: &str, body: &str) -> Reply {
    let request = gateway.post(path).header("content-type", media);
    send(request.body(body.to_owned())).await
}

/// Returns every kind of write, an upload first: path, content type and body.
fn writes() -> Vec<(String, &'static str, &'static str)> {
    let mut all = vec![
        ("/api/v1/files".to_owned(), MULTIPART, FILE),
        (URLS.to_owned(), FORM, URL),
    ];
    for (object, _) in OBJECTS {
        let path = |what: &str| format!("/api/v1{object}/{what}");
        all.extend([
            (path("analyse"), JSON, ""),
            (path("comments"), JSON, r#"{"text": "Looks fine to me"}"#),
            (path("votes"), JSON, r#"{"verdict": "harmless"}"#),
        ]);
    }
    all
}

/// Sends each write with only these headers.
async fn write_all(gateway: &Gateway, headers: &[(&str, &str)]) -> Vec<(String, Reply)> {
    let mut replies = Vec::new();
    for (path, media, body) in writes() {
        let request = gateway.post_keyless(&path).header("content-type", media);
        let request = headers
            .iter()
            .fold(request, |it, (name, value)| it.header(*name, *value));
        replies.push((path, send(request.body(body)).await));
    }
    replies
}

#[tokio::test]
async fn a_url_reaches_virustotal_as_its_own_client_sends_it() {
    let (upstream, gateway) = demo().await;
    let mut asked = 0;
    for (media, body, sent) in [
        (FORM, URL, URL),
        (
            "Application/X-WWW-Form-URLencoded; charset=UTF-8",
            "url=http://example.com/",
            URL,
        ),
        (JSON, r#"{"url": "http://example.com/"}"#, URL),
        (
            "application/json; charset=utf-8",
            r#"{"url": "http:\/\/example.com\/"}"#,
            URL,
        ),
        (FORM, "url=example.com%2F", URL),
        (JSON, r#"{"url": "example.com/"}"#, URL),
        (
            FORM,
            "url=example.com:8080",
            "url=http%3A%2F%2Fexample.com%3A8080",
        ),
        (
            JSON,
            r#"{"url": "HTTP://Ex%41mple.com:80/ä b/../?a=1&url=2+3&q=\"%22#f"}"#,
            "url=HTTP%3A%2F%2FEx%2541mple.com%3A80%2F%C3%A4%20b%2F..%2F%3Fa%3D1%26url%3D2%2B3%26q%3D%22%2522%23f",
        ),
        (
            FORM,
            "url=http%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D%2525%2B",
            "url=http%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D%2525%2B",
        ),
        (FORM, "url=hxxp%3A%2F%2Fexample%5B.%5Dcom%2F", URL),
        (JSON, r#"{"url": "hxxp[:]//example[.]com/"}"#, URL),
        (
            FORM,
            "url=http://example.com/a+b",
            "url=http%3A%2F%2Fexample.com%2Fa%2Bb",
        ),
        (
            FORM,
            "url=http%3A%2F%2Fexample.com%2Fa+b",
            "url=http%3A%2F%2Fexample.com%2Fa%20b",
        ),
    ] {
        let reply = post(&gateway, URLS, media, body).await;
        assert_eq!(reply.status, 202, "{body}: {}", reply.text());
        asked += 1;
        assert_eq!(upstream.count(), asked);
        let call = upstream.calls().pop().unwrap();
        assert_eq!((&*call.method, &*call.target), ("POST", "/api/v3/urls"));
        assert_eq!(String::from_utf8_lossy(&call.body), sent);
        assert_eq!(call.header("content-type"), Some(FORM));
        assert_eq!(
            call.header("content-length"),
            Some(&*sent.len().to_string())
        );
        assert_eq!(call.header("x-apikey"), Some(KEY));
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_removed() {
    let (upstream, gateway) = demo().await;
    for (path, media, body) in [
        (URLS, JSON, r#"{"url": "http://example.com/"}"#),
        (URLS, JSON, " \n{\"url\": \"http://example.com/\"}"),
        (URLS, FORM, URL),
        (
            "/api/v1/domains/example.com/comments",
            JSON,
            r#"{"text": "fine"}"#,
        ),
        (
            "/api/v1/domains/example.com/comments",
            JSON,
            r#"{"data": {"type": "comment", "attributes": {"text": "as fine"}}}"#,
        ),
        (
            "/api/v1/ips/8.8.8.8/votes",
            JSON,
            r#"{"verdict": "malicious"}"#,
        ),
    ] {
        let reply = post(&gateway, path, media, &format!("\u{feff}{body}")).await;
        assert!(reply.status < 300, "{path} {body}: {}", reply.text());
        let sent = upstream.calls().pop().unwrap().body;
        assert!(!sent.starts_with("\u{feff}".as_bytes()), "{path}");
        // A second mark is part of the text.
        let twice = format!("\u{feff}\u{feff}{body}");
        assert_eq!(
            post(&gateway, path, media, &twice).await.status,
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_rescan_is_requested_without_a_body() {
    let (upstream, gateway) = demo().await;
    for (object, path) in OBJECTS {
        let request = gateway.post(&format!("/api/v1{object}/analyse?format=md"));
        let reply = send(request.body("{\"ignored\": 1}")).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let call = upstream.calls().pop().unwrap();
        let target = format!("/api/v3{path}/analyse");
        assert_eq!((&*call.method, &*call.target), ("POST", &*target));
        // Google's front end answers a POST without this header with a 411.
        assert_eq!(call.header("content-length"), Some("0"));
        assert_eq!(call.header("transfer-encoding"), None);
        assert_eq!(call.header("x-apikey"), Some(KEY));
    }
}

#[tokio::test]
async fn a_started_analysis_can_be_polled() {
    let (_upstream, gateway) = demo().await;
    for (path, media, body) in writes() {
        if path.ends_with("comments") || path.ends_with("votes") {
            continue;
        }
        let reply = post(&gateway, &path, media, body).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let data = &reply.json()["data"];
        assert_eq!(data["type"], "analysis");
        let id = data["id"].as_str().unwrap();
        let location = format!(
            "/api/v1/analyses/{}",
            utf8_percent_encode(id, NON_ALPHANUMERIC)
        );
        assert_eq!(reply.header("location"), Some(&*location));
        let analysis = gateway.get(&location).await.data();
        assert_eq!(analysis["status"], "queued", "{path}");
    }
}

#[tokio::test]
async fn a_location_is_safe_for_every_id() {
    let id = "a\r\nX: y/../é=\"<>";
    let body = json!({"data": {"type": "analysis", "id": id}});
    let upstream = Upstream::always(ok(body.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = post(&gateway, URLS, FORM, URL).await;
    assert_eq!(
        (reply.status, reply.json()["data"]["id"].as_str()),
        (202, Some(id))
    );
    let location = "/api/v1/analyses/a%0D%0AX%3A%20y%2F%2E%2E%2F%C3%A9%3D%22%3C%3E";
    assert_eq!(reply.header("location"), Some(location));
}

#[rstest]
#[case::url(URLS)]
#[case::again("/api/v1/ips/8.8.8.8/analyse")]
#[tokio::test]
async fn a_started_analysis_comes_in_every_format(#[case] path: &str) {
    let id = "NDRkODg=";
    let sent = json!({"data": {"type": "analysis", "id": id, "links": {"self": "x"}}});
    let upstream = Upstream::always(ok(sent.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for format in ["json", "raw"] {
        let reply = post(&gateway, &format!("{path}?format={format}"), FORM, URL).await;
        let expected = json!({"data": sent["data"], "format": format});
        assert_eq!((reply.status, reply.text()), (202, &*expected.to_string()));
    }
    for (format, media) in [
        ("markdown", "text/markdown"),
        ("xml", "application/xml"),
        ("xml", "text/xml"),
    ] {
        let enveloped = post(&gateway, &format!("{path}?format={format}"), FORM, URL).await;
        assert_eq!(enveloped.status, 202);
        let document = enveloped.json()["data"].as_str().unwrap().to_owned();
        let request = gateway.post(path).header("accept", media);
        let bare = send(request.header("content-type", FORM).body(URL)).await;
        assert_eq!((bare.status, bare.text()), (202, &*document));
        assert!(bare.header("content-type").unwrap().starts_with(media));
        assert_eq!(bare.header("location"), Some("/api/v1/analyses/NDRkODg%3D"));
        if format == "markdown" {
            assert!(
                document.starts_with(&format!("# Analysis: `{id}`\n")),
                "{document}"
            );
        } else {
            let xml = roxmltree::Document::parse(&document).unwrap();
            let root = xml.root_element();
            assert_eq!(root.tag_name().name(), "analysis");
            let shown = root.children().find(|it| it.has_tag_name("id")).unwrap();
            assert_eq!(shown.text(), Some(id));
        }
    }
}

/// Requests that are not sent: path, content type, body, status, and a word of the detail.
const UNFIT: [(&str, &str, &str, u16, &str); 38] = [
    (URLS, "", URL, 415, FORM),
    (URLS, "text/plain", URL, 415, JSON),
    (URLS, MULTIPART, FILE, 415, FORM),
    (URLS, "application/jsonp", "{}", 415, JSON),
    (URLS, FORM, "", 400, "`url`"),
    (URLS, FORM, "uri=http://example.com/", 400, "`url`"),
    (URLS, FORM, "url=", 400, "http://"),
    (
        URLS,
        FORM,
        "url=http://a.example/&url=http://b.example/",
        400,
        "`url`",
    ),
    (URLS, FORM, "url=http://%ff/", 400, "`url`"),
    (URLS, FORM, "url=ftp://example.com/", 400, "http://"),
    (URLS, FORM, "url=javascript:alert(1)", 400, "http://"),
    (URLS, FORM, "url=http://", 400, "http://"),
    (URLS, FORM, "url=http://a.example/%0d%0ax", 400, "http://"),
    (URLS, JSON, "", 400, r#"{"url""#),
    (
        URLS,
        JSON,
        r#"{"url": "http://example.com/""#,
        400,
        r#"{"url""#,
    ),
    (URLS, JSON, URL, 400, r#"{"url""#),
    (URLS, JSON, r#"["http://example.com/"]"#, 400, r#"{"url""#),
    (
        URLS,
        JSON,
        r#"{"url": "http://example.com/", "private": true}"#,
        400,
        r#"{"url""#,
    ),
    (
        URLS,
        FORM,
        "url=http://x.test/?a=1&b=2",
        400,
        "percent-encode",
    ),
    (URLS, JSON, r#"{"uri": "x"}"#, 400, r#"{"url""#),
    (URLS, JSON, r#"{"url": 1}"#, 400, r#"{"url""#),
    (URLS, JSON, r#"{"url": null}"#, 400, r#"{"url""#),
    (
        URLS,
        JSON,
        r#"[{"url": "http://example.com/"}]"#,
        400,
        r#"{"url""#,
    ),
    (
        URLS,
        JSON,
        r#"{"url": "http://a.example/", "url": "http://b.example/"}"#,
        400,
        r#"{"url""#,
    ),
    (URLS, JSON, r#"{"url": "http://"}"#, 400, "http://"),
    (URLS, JSON, r#"{"url": "http://@"}"#, 400, "host"),
    (URLS, JSON, r#"{"url": "http://:80/"}"#, 400, "host"),
    (URLS, FORM, "url=http://a$b.example/", 400, "host"),
    (URLS, FORM, "url=hxxp://[.]/", 400, "`http://./`"),
    (
        URLS,
        FORM,
        "url=http://a.example/&apikey=k",
        400,
        "X-API-Key",
    ),
    ("/api/v1/urls?fomat=raw", FORM, URL, 400, "`format`"),
    ("/api/v1/urls?format=pdf", FORM, URL, 400, "format"),
    ("/api/v1/files/xyz/analyse", JSON, "", 400, "MD5"),
    ("/api/v1/urls/_/analyse", JSON, "", 400, "base64"),
    ("/api/v1/domains/-.-.-%20/analyse", JSON, "", 400, "domain"),
    ("/api/v1/ips/1.2.3/analyse", JSON, "", 400, "IPv4"),
    ("/api/v1/hosts/x/analyse", JSON, "", 404, "no such path"),
    (
        "/api/v1/domains/example.com/analyze",
        JSON,
        "",
        404,
        "no such path",
    ),
];

#[tokio::test]
async fn an_invalid_write_spends_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for (path, media, body, status, says) in UNFIT {
        let reply = post(&gateway, path, media, body).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
        is_well_formed(&reply);
        assert!(reply.detail().contains(says), "{}", reply.detail());
        if status != 404 {
            assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
            let doing = if path.starts_with(URLS) && !path.ends_with("analyse") {
                "Error submitting URL: "
            } else {
                "Error requesting "
            };
            assert!(reply.detail().starts_with(doing), "{}", reply.detail());
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case::json(JSON, r#"{"url": ""#, r#""}"#, "example.com/")]
#[case::form(FORM, "url=", "", "http://example.com/")]
#[tokio::test]
async fn bodies_are_at_most_64_kib(
    #[case] media: &str,
    #[case] before: &str,
    #[case] after: &str,
    #[case] start: &str,
) {
    const MOST: usize = 64 * 1024;
    let started = json!({"data": {"type": "analysis", "id": "x"}});
    let upstream = Upstream::always(ok(started.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for (length, status) in [(MOST, 202), (MOST + 1, 413), (MOST * 40, 413)] {
        let fill = "a".repeat(length - before.len() - start.len() - after.len());
        let body = format!("{before}{start}{fill}{after}");
        assert_eq!(body.len(), length);
        let reply = post(&gateway, URLS, media, &body).await;
        assert_eq!(reply.status, status, "{length}: {}", reply.text());
        if status == 413 {
            is_well_formed(&reply);
            assert!(reply.detail().contains("64 KiB"), "{}", reply.detail());
        }
    }
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case(404, "NotFoundError", 404)]
#[case(409, "AlreadyExistsError", 409)]
#[case(424, "FailedDependencyError", 424)]
#[case(429, "QuotaExceededError", 429)]
#[case(401, "WrongCredentialsError", 401)]
#[case(403, "ForbiddenError", 403)]
#[case(400, "InvalidArgumentError", 400)]
#[case(503, "TransientError", 503)]
#[case(504, "DeadlineExceededError", 504)]
#[case(500, "InternalError", 502)]
#[tokio::test]
async fn virustotals_refusals_are_passed_on_and_never_retried(
    #[case] sent: u16,
    #[case] code: &str,
    #[case] status: u16,
) {
    let upstream = Upstream::always(failure(sent, code, "Its own words")).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "20"]).await;
    let doings = ["URL", "domain", "IP address", "file"];
    for (asked, (path, media, body)) in writes().into_iter().skip(1).enumerate() {
        // Each request has its own key: a refusal starts a back-off for its key.
        let request = gateway.post_keyless(&path).header("content-type", media);
        let request = request.header("x-api-key", format!("key-{asked}"));
        let reply = send(request.body(body)).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        let said = if status == 502 {
            "BadGatewayError"
        } else {
            code
        };
        assert_eq!(reply.code(), said);
        let detail = reply.detail();
        let (doing, why) = detail.split_once(": ").unwrap();
        assert!(
            doing.starts_with("Error ") && doings.iter().any(|it| doing.contains(it)),
            "{detail}"
        );
        let passed_on = !matches!(status, 401 | 502 | 503 | 504);
        assert_eq!(why == "Its own words", passed_on, "{detail}");
        // Each write is one call and costs one unit.
        assert_eq!(upstream.count(), asked + 1, "{path}");
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(19));
    }
}

#[rstest]
#[case::end(502, Answer::Bytes(Vec::new()))]
#[case::reset(502, Answer::Reset(Vec::new()))]
#[case::half_an_answer(502, Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()))]
#[case::silence(504, Answer::Silence(Vec::new()))]
#[case::redirect(502, Answer::Bytes(http(307, &["Location: /api/v3/urls"], "")))]
#[case::html(502, Answer::Bytes(ok("<html>")))]
#[case::no_data(502, Answer::Bytes(ok("{}")))]
#[tokio::test]
async fn a_write_that_may_have_arrived_is_not_repeated(
    #[case] status: u16,
    #[case] answer: Answer,
) {
    let silent = matches!(answer, Answer::Silence(_));
    let upstream = Upstream::faulty(move |_| answer.clone()).await;
    let patience = if silent { "300ms" } else { "30s" };
    let flags = [
        "--upstream-timeout",
        patience,
        "--rate-limit-per-minute",
        "20",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let writes: Vec<_> = writes().into_iter().skip(1).collect();
    let replies = in_parallel(
        writes
            .iter()
            .map(async |(path, media, body)| (path, post(&gateway, path, media, body).await)),
    );
    for (path, reply) in replies.await {
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        is_well_formed(&reply);
    }
    assert_eq!(upstream.count(), writes.len());
    let left = 20 - u64::try_from(writes.len()).unwrap();
    let reply = gateway.get("/api/v1/files/nonsense").await;
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(left));
}

#[rstest]
#[case::no_id(r#"{"data": {"type": "analysis"}}"#)]
#[case::empty_id(r#"{"data": {"type": "analysis", "id": ""}}"#)]
#[case::null(r#"{"data": null}"#)]
#[tokio::test]
async fn an_analysis_without_an_id_is_an_error(#[case] answer: &str) {
    let upstream = Upstream::always(ok(answer)).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = post(&gateway, URLS, FORM, URL).await;
    assert_eq!((reply.status, reply.header("location")), (502, None));
}

/// The server answers the first request on a connection, and closes it once it has read another.
#[tokio::test]
async fn a_post_on_a_reused_connection_is_not_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let gateway = Gateway::at(&url, &[]).await;
    let posts = AtomicUsize::new(0);
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answered in [true, false] {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                if head.starts_with(b"POST") {
                    posts.fetch_add(1, Ordering::Relaxed);
                }
                if answered {
                    let body = r#"{"data": {"id": "x", "type": "domain", "attributes": {}}}"#;
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        }
    };
    let ask = async {
        let first = gateway.get("/api/v1/domains/example.com").await;
        assert_eq!(first.status, 200, "{}", first.text());
        post(&gateway, "/api/v1/domains/example.com/analyse", JSON, "").await
    };
    let reply = tokio::select! {
        reply = ask => reply,
        () = serve => unreachable!(),
    };
    assert_eq!(
        (reply.status, posts.into_inner()),
        (502, 1),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_post_without_a_connection_spends_nothing() {
    let (_socket, gone) = refusing();
    let gateway = Gateway::at(&gone, &["--rate-limit-per-minute", "4"]).await;
    for (path, media, body) in writes() {
        let reply = post(&gateway, &path, media, body).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 502, "{path}: {}", reply.text());
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(4), "{path}");
    }
}

#[tokio::test]
async fn each_post_costs_one_lookup_until_the_quota_is_exhausted() {
    let count = writes().len();
    let upstream = Upstream::demo().await;
    let limit = count.to_string();
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", &limit]).await;
    for (asked, (path, reply)) in write_all(&gateway, &[("x-api-key", KEY)])
        .await
        .into_iter()
        .enumerate()
    {
        assert!(
            matches!(reply.status, 200 | 202),
            "{path}: {}",
            reply.text()
        );
        let left = u64::try_from(count - asked - 1).unwrap();
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(left), "{path}");
    }
    assert_eq!(upstream.count(), count);
    for (path, reply) in write_all(&gateway, &[("x-api-key", KEY)]).await {
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (429, "QuotaExceededError"),
            "{path}"
        );
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(0));
    }
    assert_eq!(upstream.count(), count);
}

#[tokio::test]
async fn an_unknown_object_is_not_analysed() {
    let (_upstream, gateway) = demo().await;
    for (path, doing) in [
        (format!("files/{UNKNOWN}"), "file"),
        ("urls/aHR0cDovL3gudGVzdC8".to_owned(), "URL"),
        ("domains/nowhere.test".to_owned(), "domain"),
        ("ips/192.0.2.1".to_owned(), "IP address"),
    ] {
        let reply = post(&gateway, &format!("/api/v1/{path}/analyse"), JSON, "").await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "NotFoundError")
        );
        let start = format!("Error requesting {doing} analysis: ");
        assert!(reply.detail().starts_with(&start), "{}", reply.detail());
    }
}

#[rstest]
#[case::plain(&["--api-key", SERVERS])]
#[case::anonymous(&["--api-key", SERVERS, "--allow-anonymous"])]
#[case::refused(&["--api-key", SERVERS, "--allow-submissions", "false"])]
#[tokio::test]
async fn the_servers_key_writes_only_with_permission(#[case] flags: &[&str]) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    for (path, reply) in write_all(&gateway, &[]).await {
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "ForbiddenError"),
            "{path}"
        );
        let detail = reply.detail();
        assert!(
            detail.contains("reading only") && detail.contains("X-API-Key"),
            "{detail}"
        );
        assert!(!detail.contains(SERVERS));
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_servers_key_writes_with_permission() {
    let upstream = Upstream::demo().await;
    let flags = ["--api-key", SERVERS, "--allow-submissions"];
    let gateway = Gateway::before(&upstream, &flags).await;
    for (path, reply) in write_all(&gateway, &[]).await {
        assert!(
            matches!(reply.status, 200 | 202),
            "{path}: {}",
            reply.text()
        );
    }
    let calls = upstream.calls();
    assert_eq!(calls.len(), writes().len());
    for call in calls {
        assert_eq!(
            (&*call.method, call.header("x-apikey")),
            ("POST", Some(SERVERS))
        );
    }
}

#[tokio::test]
async fn a_callers_key_needs_no_permission_to_write() {
    for flags in [&["--api-key", SERVERS][..], &[]] {
        let upstream = Upstream::demo().await;
        let gateway = Gateway::before(&upstream, flags).await;
        let foreign = [("x-apikey", "mine"), ("origin", "https://evil.test")];
        for (path, reply) in write_all(&gateway, &foreign).await {
            assert!(
                matches!(reply.status, 200 | 202),
                "{path}: {}",
                reply.text()
            );
        }
        for call in upstream.calls() {
            assert_eq!(call.header("x-apikey"), Some("mine"));
        }
    }
}

#[tokio::test]
async fn a_demo_may_write() {
    let gateway = Gateway::start(config(&["--demo"])).await;
    for (path, reply) in write_all(&gateway, &[]).await {
        assert!(
            matches!(reply.status, 200 | 202),
            "{path}: {}",
            reply.text()
        );
    }
    for (path, reply) in write_all(&gateway, &[("origin", "https://evil.test")]).await {
        assert_eq!(reply.status, 401, "{path}");
    }
}

#[rstest]
#[case::no_key(&[], &[])]
#[case::foreign(&["--api-key", SERVERS, "--allow-submissions"], &[("origin", "https://evil.test")])]
#[case::foreign_without_permission(&["--api-key", SERVERS], &[("origin", "null")])]
#[case::foreign_site(&["--api-key", SERVERS, "--allow-submissions", "--allow-anonymous"], &[("sec-fetch-site", "cross-site")])]
#[case::rebound(&["--api-key", SERVERS, "--allow-submissions"], &[("host", "evil.test")])]
#[case::token(&["--api-key", SERVERS, "--allow-submissions"], &[("x-api-key", "vt4ai_token")])]
#[tokio::test]
async fn a_caller_that_may_spend_no_key_may_not_write(
    #[case] flags: &[&str],
    #[case] headers: &[(&str, &str)],
) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    for (path, reply) in write_all(&gateway, headers).await {
        is_well_formed(&reply);
        assert_eq!(reply.status, 401, "{path}: {}", reply.text());
    }
    assert_eq!(upstream.count(), 0);
}
