//! Tests of the headers that every answer has (`docs/http-api.md`).

use std::{collections::HashSet, io::Read as _};

use flate2::read::GzDecoder;
use rstest::rstest;

use crate::harness::{EICAR, Gateway, KEY, TROJAN, UNKNOWN, Upstream, file};

async fn demo(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    (upstream, gateway)
}

#[rstest]
#[case("a")]
#[case("0123456789abcdef-._A")]
#[tokio::test]
async fn a_sane_request_id_is_kept(#[case] id: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    for path in ["/livez", "/nowhere", "/api/v1/files/nonsense", "/docs/"] {
        let reply = gateway.get_with(path, &[("x-request-id", id)]).await;
        assert_eq!(reply.header("x-request-id"), Some(id), "{path}");
    }
    let longest = "x".repeat(128);
    let reply = gateway.get_with("/", &[("x-request-id", &longest)]).await;
    assert_eq!(reply.header("x-request-id"), Some(longest.as_str()));
}

#[tokio::test]
async fn any_other_request_id_is_replaced() {
    let (_upstream, gateway) = demo(&[]).await;
    for id in ["", "a b", "a\tb", "<script>", "a;b", &"x".repeat(129)] {
        let reply = gateway.get_with("/livez", &[("x-request-id", id)]).await;
        let new = reply.header("x-request-id").unwrap();
        assert!(new != id && new.len() >= 16, "{new}");
    }
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let (_upstream, gateway) = demo(&[]).await;
    let mut ids = HashSet::new();
    for path in [
        "/livez",
        "/nowhere",
        "/api/v1/files/nonsense",
        "/livez",
        "/docs",
    ] {
        let reply = gateway.get(path).await;
        assert!(
            ids.insert(reply.header("x-request-id").unwrap().to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn answers_under_api_v1_are_never_shared_by_proxies() {
    let (_upstream, gateway) = demo(&["--client-rate-per-minute", "7"]).await;
    for (path, headers, status) in [
        (file(EICAR), &[("x-api-key", KEY)][..], 200),
        (file(UNKNOWN), &[("x-api-key", KEY)], 404),
        (file("nonsense"), &[("x-api-key", KEY)], 400),
        (file(EICAR), &[], 401),
        ("/api/v1/files/relationships/types".to_owned(), &[], 200),
        (
            "/api/v1/nowhere".to_owned(),
            &[("accept-encoding", "gzip")],
            404,
        ),
        (
            format!("{}/relationships/votes", file(EICAR)),
            &[("x-api-key", KEY)],
            200,
        ),
        (
            file(EICAR),
            &[("x-api-key", KEY), ("accept-encoding", "gzip")],
            200,
        ),
    ] {
        let reply = gateway.get_with(&path, headers).await;
        assert_eq!(reply.status, status);
        assert_eq!(
            reply.header("cache-control"),
            Some("private, no-cache"),
            "{path}"
        );
        let vary = reply
            .headers
            .get_all("vary")
            .iter()
            .map(|it| it.to_str().unwrap());
        let vary = vary.collect::<Vec<_>>().join(", ").to_ascii_lowercase();
        for name in ["accept", "x-api-key", "x-apikey", "authorization"] {
            assert!(vary.split(", ").any(|it| it == name), "{path}: {vary}");
        }
    }
}

#[tokio::test]
async fn a_429_and_a_405_are_private() {
    let (_upstream, gateway) = demo(&["--client-rate-per-minute", "1"]).await;
    let method = gateway.ask("DELETE", &file(EICAR)).await;
    let door = gateway.get(&file(EICAR)).await;
    assert_eq!((method.status, door.status), (405, 429));
    for reply in [method, door] {
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        assert!(reply.header("vary").is_some());
    }
}

#[tokio::test]
async fn every_answer_forbids_content_sniffing() {
    let (_upstream, gateway) = demo(&[]).await;
    for path in [
        "/",
        "/nowhere",
        "/docs/",
        "/openapi.json",
        "/api/v1/ips/8.8.8.8",
        "/api/v1/ips/x",
    ] {
        let reply = gateway.get(path).await;
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_compressed_only_when_asked_for() {
    let (_upstream, gateway) = demo(&[]).await;
    let plain = gateway.get(&file(TROJAN)).await;
    assert_eq!(plain.header("content-encoding"), None);
    let headers = [("x-api-key", KEY), ("accept-encoding", "gzip")];
    let zipped = gateway.get_with(&file(TROJAN), &headers).await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    let vary = zipped.headers.get_all("vary").iter();
    assert!(
        vary.into_iter()
            .any(|it| it.as_bytes().eq_ignore_ascii_case(b"accept-encoding"))
    );
    let mut unzipped = Vec::new();
    GzDecoder::new(zipped.body.as_slice())
        .read_to_end(&mut unzipped)
        .unwrap();
    assert_eq!(unzipped, plain.body);
    let declined = [("x-api-key", KEY), ("accept-encoding", "gzip;q=0, br")];
    let declined = gateway.get_with(&file(TROJAN), &declined).await;
    assert_eq!(declined.header("content-encoding"), None);
}
