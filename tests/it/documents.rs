//! Tests of hostile answers as documents: their content and their size (`docs/quota-and-caching.md`).

use rstest::rstest;

use crate::{
    cache::keeping,
    harness::{EICAR, Gateway, KEY, Upstream, file, in_parallel, ok},
    relationships::related,
};

const FORMATS: [&str; 4] = ["json", "raw", "markdown", "xml"];

async fn answering(body: String) -> (Upstream, Gateway) {
    let upstream = Upstream::always(ok(body)).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[rstest]
#[case("1e400")]
#[case("18446744073709551616")]
#[case("-0")]
#[case("1E5")]
#[case("0.1e-7")]
#[case(&"3".repeat(100_000))]
#[tokio::test]
async fn numbers_of_any_size_are_copied_in_every_format(#[case] number: &str) {
    let report = format!(
        r#"{{"data": {{"id": "{EICAR}", "type": "file", "links": {{"self": {number}}}, "attributes": {{"n": [{number}]}}}}}}"#
    );
    let list = format!(
        r#"{{"data": [{{"id": {number}, "type": "graph", "attributes": {{"n": {number}}}}}], "meta": {{"count": {number}, "x": {number}}}}}"#
    );
    let (_report, reports) = answering(report).await;
    let (_list, lists) = answering(list).await;
    for format in FORMATS {
        let reply = reports
            .get(&format!("{}?format={format}", file(EICAR)))
            .await;
        assert_eq!(reply.status, 200, "{format}: {}", reply.text());
        assert!(reply.text().contains(number), "{format}: {}", reply.text());
        let path = format!("{}?format={format}", related(EICAR, "graphs"));
        let reply = lists.get(&path).await;
        assert_eq!(reply.status, 200, "{format}: {}", reply.text());
        let count = format!(r#""meta":{{"count":{number}}}}}"#);
        assert!(reply.text().ends_with(&count), "{format}: {}", reply.text());
        assert_eq!(reply.text().matches(number).count(), 3, "{format}");
    }
}

#[tokio::test]
async fn a_lone_surrogate_breaks_no_format() {
    let item =
        r#"{"id": "i\ud800", "type": "x", "\udfff": 1, "attributes": {"k\ud800": "v\udc00"}}"#;
    let list =
        format!(r#"{{"data": [{item}], "meta": {{"cursor": "c\ud800", "\ud800": "\ud800"}}}}"#);
    let (_report, reports) = answering(format!(r#"{{"data": {item}}}"#)).await;
    let (_list, lists) = answering(list).await;
    for format in FORMATS {
        let of_report = reports
            .get(&format!("{}?format={format}", file(EICAR)))
            .await;
        let path = format!("{}?format={format}", related(EICAR, "graphs"));
        let of_list = lists.get(&path).await;
        for reply in [of_report, of_list] {
            let data = reply.data();
            let text = data
                .as_str()
                .map_or_else(|| data.to_string(), str::to_owned);
            assert!(text.contains("v\u{fffd}"), "{format}: {text}");
        }
    }
}

#[tokio::test]
async fn a_document_above_the_size_limit_is_a_502_with_advice() {
    // Each number is a line of two hundred bytes, within a hundred lists.
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    let numbers = format!("{open}{}0{close}", "0,".repeat(400_000));
    let report = format!(
        r#"{{"data": {{"id": "{EICAR}", "type": "file", "attributes": {{"n": {numbers}}}}}}}"#
    );
    let upstream = Upstream::always(ok(report)).await;
    let gateway = keeping(&upstream, &[]).await;
    for (format, media) in [("markdown", "text/markdown"), ("xml", "application/xml")] {
        let path = format!("{}?format={format}", file(EICAR));
        let enveloped = gateway.get(&path).await;
        let bare = gateway
            .get_with(&file(EICAR), &[("x-api-key", KEY), ("accept", media)])
            .await;
        for reply in [enveloped, bare] {
            assert_eq!(reply.status, 502, "{}", reply.text());
            assert_eq!(reply.code(), "DocumentTooLargeError");
            let detail = reply.detail();
            assert!(
                detail.starts_with("Error retrieving file report: ")
                    && detail.contains("`format=json`")
                    && detail.contains("`limit`"),
                "{detail}"
            );
        }
    }
    // The answer itself is valid: it is cached, and another format costs nothing more.
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!((reply.status, reply.header("x-cache")), (200, Some("HIT")));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rendering_large_documents_does_not_delay_others() {
    // A million numbers are a second of work for a debug build, and four such documents stay below
    // the bytes that an address may leave unread.
    let body = format!(
        r#"{{"data": {{"attributes": {{"a": [0{}]}}}}}}"#,
        ",0".repeat(1_000_000)
    );
    let upstream = Upstream::always(ok(&body)).await;
    // On a slow machine the others ask more often than the default rate allows.
    let gateway = keeping(&upstream, &["--client-rate-per-minute", "0"]).await;
    let path = format!("{}?format=markdown", file(EICAR));
    let large = async {
        let replies = in_parallel((0..4).map(|_| gateway.get(&path))).await;
        for reply in replies {
            let start: String = reply.text().chars().take(300).collect();
            assert_eq!(reply.status, 200, "{start}");
        }
    };
    let mut answered = 0;
    let others = async {
        loop {
            assert_eq!(gateway.get("/livez").await.status, 200);
            answered += 1;
        }
    };
    tokio::select! {
        () = large => {}
        () = others => {}
    }
    // If rendering held both threads, hardly any request would be answered meanwhile.
    assert!(answered > 20, "{answered}");
}
