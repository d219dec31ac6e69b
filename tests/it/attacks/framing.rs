//! Tests of requests with unusual framing or methods, and of static files.

use rstest::rstest;

use crate::harness::{Folder, Gateway, Process, Upstream, Wire, send, vt4ai};

const BUNDLE: &str = "/docs/swagger-ui-bundle.js";

async fn gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[rstest]
#[case("Transfer-Encoding: gzip, chunked\r\n", 501)]
#[case("Transfer-Encoding: chunked, chunked\r\n", 501)]
#[case("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501)]
#[case("Transfer-Encoding: identity, chunked\r\n", 501)]
#[case("Transfer-Encoding: gzip\r\n", 501)]
#[case("Transfer-Encoding: identity\r\n", 501)]
#[case("transfer-encoding: chunked\r\nTRANSFER-ENCODING: gzip\r\n", 501)]
#[case("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", 501)]
#[case("Transfer-Encoding:  Chunked \r\n", 200)]
#[case("Transfer-Encoding: chunked\r\n", 200)]
#[tokio::test]
async fn a_transfer_encoding_other_than_chunked_is_a_501(
    #[case] framing: &str,
    #[case] status: u16,
    #[values("/livez", "/api/v1/files/x")] path: &str,
) {
    let (_upstream, gateway) = gateway().await;
    let request = format!("GET {path} HTTP/1.1\r\n{framing}Host: localhost\r\n\r\n0\r\n\r\n");
    let mut wire = Wire::to(&gateway).await;
    wire.send(request.as_bytes()).await;
    let reply = wire.answer().await;
    if status == 501 {
        assert_eq!(reply.status, 501);
        assert_eq!(reply.code(), "NotImplementedError");
        assert!(reply.detail().contains("chunked"));
        assert!(reply.header("x-request-id").is_some());
        assert_eq!(reply.header("connection"), Some("close"));
    } else {
        assert_ne!(reply.status, 501);
    }
}

#[tokio::test]
async fn a_made_up_method_is_logged_as_other() {
    let folder = Folder::new();
    let process = Process::start(&mut vt4ai(&folder, &["--demo"]));
    let address = process.address.parse().unwrap();
    let method = "A".repeat(15_000);
    let request = format!("{method} /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut stream = crate::harness::connect_from([127, 0, 0, 1], address).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    process.wait_for("OTHER", 1);
    let log = process.stop();
    assert!(!log.contains("AAAA"), "{log}");
}

#[tokio::test]
async fn static_files_are_precompressed_and_have_an_etag() {
    let (_upstream, gateway) = gateway().await;
    for path in [
        BUNDLE,
        "/docs/",
        "/docs/swagger-initializer.js",
        "/openapi.json",
    ] {
        let packed = gateway.get_with(path, &[("accept-encoding", "gzip")]).await;
        let plain = gateway.get_with(path, &[]).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        // The length is known in advance, since the file is compressed beforehand.
        let length = packed.body.len() as u64;
        assert_eq!(packed.number("content-length"), Some(length), "{path}");
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(
            &mut flate2::read::GzDecoder::new(&packed.body[..]),
            &mut unpacked,
        )
        .unwrap();
        assert_eq!(unpacked, plain.body, "{path}");
        let tag = plain.header("etag").unwrap();
        for reply in [&packed, &plain] {
            assert_eq!(reply.header("etag"), Some(tag), "{path}");
            assert_eq!(reply.header("vary"), Some("accept-encoding"), "{path}");
        }
        let known = gateway.get_with(path, &[("if-none-match", tag)]).await;
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        let head = gateway.ask("HEAD", path).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
}

#[tokio::test]
async fn a_missing_static_file_is_a_json_404() {
    let (_upstream, gateway) = gateway().await;
    let reply = gateway.get_with("/docs/nothing.js", &[]).await;
    assert_eq!((reply.status, reply.code()), (404, "NotFoundError".into()));
    let posted = send(gateway.post("/docs/index.html")).await;
    assert_eq!(posted.status, 405);
}
