//! Uploads: the form, its limits, upload URLs, and the resulting objects.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Bytes, HttpBody};
use base64::engine::general_purpose::STANDARD;
use hyper::body::Frame;
use sha2::{Digest, Sha256};

use super::*;

const TYPE: &str = "multipart/form-data; boundary=X";
const END: &str = "\r\n--X--\r\n";

/// A body in pieces whose length is not announced.
struct Pieces<I>(I);

impl<I: Iterator<Item = Bytes> + Unpin> HttpBody for Pieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn head(field: &str, file_name: &str) -> String {
    let disposition =
        format!("content-disposition: form-data; name=\"{field}\"; filename=\"{file_name}\"");
    format!("--X\r\n{disposition}\r\ncontent-type: application/octet-stream\r\n\r\n")
}

fn form(content: &str) -> String {
    format!("{}{content}{END}", head("file", "notes.txt"))
}

/// Builds a form with a file of this many pieces of one mebibyte, each filled with one letter.
fn large(pieces: usize) -> Body {
    let letters = (b'a'..=b'z').cycle().take(pieces);
    let file = letters.map(|letter| Bytes::from(vec![letter; 1 << 20]));
    let begin = [Bytes::from(head("file", "large.bin"))].into_iter();
    Body::new(Pieces(begin.chain(file).chain([Bytes::from(END)])))
}

fn to(path: &str) -> Builder {
    let request = Request::builder().method(Method::POST).uri(path);
    request.header("x-apikey", KEY).header("content-type", TYPE)
}

async fn upload(site: &Site, body: impl Into<Body>) -> (u16, Value) {
    site.send(to("/api/v3/files"), body).await
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Returns the path of a new upload URL.
async fn upload_path(site: &Site) -> String {
    let request = request("/files/upload_url").header("x-apikey", KEY);
    let (_, answer) = site
        .send(request.header("host", "127.0.0.1:4417"), Body::empty())
        .await;
    let url = answer["data"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("http://127.0.0.1:4417").unwrap();
    assert!(path.starts_with("/_ah/upload/"), "{path}");
    path.to_owned()
}

#[tokio::test]
async fn an_upload_becomes_an_object() {
    let site = Site::new();
    let id = sha256(b"hello\n");
    let path = format!("/files/{id}");
    assert_eq!(site.get_as(KEY, &path).await.0, 404);
    let (status, answer) = upload(&site, form("hello\n")).await;
    assert_eq!((status, &answer["data"]["type"]), (200, &"analysis".into()));
    let analysis = answer["data"]["id"].as_str().unwrap();
    let link = answer["data"]["links"]["self"].as_str().unwrap();
    assert!(
        analysis.ends_with('=') && link.ends_with("%3D"),
        "{analysis} {link}"
    );
    let spelled = String::from_utf8(STANDARD.decode(analysis).unwrap()).unwrap();
    assert_eq!(spelled.split(':').next(), Some(&id[..32]));
    let file = site
        .get(&path.to_ascii_uppercase().replace("/FILES", "/files"))
        .await;
    let attributes = &file["data"]["attributes"];
    assert_eq!(file["data"]["id"], *id);
    assert_eq!(attributes["size"], 6);
    assert_eq!(attributes["meaningful_name"], "notes.txt");
    assert_eq!(attributes["last_analysis_stats"]["undetected"], 12);
    assert_eq!(
        attributes["last_analysis_results"]
            .as_object()
            .unwrap()
            .len(),
        12
    );
    assert!(attributes.get("last_analysis_date").is_none());
    for relationship in ["comments", "dropped_files", "relationships/votes"] {
        let list = site.get(&format!("{path}/{relationship}")).await;
        assert_eq!(list["meta"]["count"], 0);
    }
    upload(&site, form("hello\n").replace("notes.txt", "notes 2.txt")).await;
    let attributes = site.get(&path).await["data"]["attributes"].clone();
    assert_eq!(attributes["times_submitted"], 2);
    assert_eq!(
        attributes["names"],
        serde_json::json!(["notes.txt", "notes 2.txt"])
    );
}

#[tokio::test]
async fn an_upload_of_a_known_file_changes_nothing() {
    let site = Site::new();
    let eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    let before = site.get(&format!("/files/{EICAR}")).await;
    let (_, answer) = upload(&site, form(eicar)).await;
    let spelled = STANDARD
        .decode(answer["data"]["id"].as_str().unwrap())
        .unwrap();
    assert!(spelled.starts_with(b"44d88612fea8a8f36de82e1278abb02f:"));
    assert_eq!(site.get(&format!("/files/{EICAR}")).await, before);
}

#[tokio::test]
async fn every_byte_of_every_piece_is_hashed() {
    let site = Site::new();
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut whole = form("\0").into_bytes();
    let at = whole.iter().position(|it| *it == 0).unwrap();
    whole.splice(at..=at, content.iter().copied());
    for size in [1_000, 4_096, 65_537] {
        let pieces: Vec<_> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
        let (status, _) = upload(&site, Body::new(Pieces(pieces.into_iter()))).await;
        assert_eq!(status, 200, "{size}");
    }
    let file = site.get(&format!("/files/{}", sha256(&content))).await;
    assert_eq!(file["data"]["attributes"]["size"], 400_000);
    assert_eq!(file["data"]["attributes"]["times_submitted"], 3);
}

#[tokio::test]
async fn a_form_needs_a_file_and_an_end() {
    let site = Site::new();
    let other = form("hello").replace("name=\"file\"", "name=\"data\"");
    let whole = form("hello");
    let cut = whole[..whole.len() - 5].to_owned();
    for body in [form(""), other, cut, "--X--\r\n".to_owned(), String::new()] {
        let (status, answer) = upload(&site, body.clone()).await;
        assert_eq!((status, code(&answer)), (400, "BadRequestError"), "{body}");
    }
    let bare = request("/files")
        .method(Method::POST)
        .header("x-apikey", KEY);
    assert_eq!(site.send(bare, form("hello")).await.0, 400);
    let known = site
        .get_as(KEY, &format!("/files/{}", sha256(b"hello")))
        .await;
    assert_eq!(known.0, 404);
    let password = "--X\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\nsecret\r\n";
    assert_eq!(upload(&site, format!("{password}{whole}")).await.0, 200);
}

#[tokio::test]
async fn a_file_of_over_32_mib_is_a_413_in_html() {
    let site = Site::new();
    let is_413 = |(status, page): (u16, Value)| {
        status == 413 && page.as_str().is_some_and(|it| it.starts_with("<html>"))
    };
    assert_eq!(upload(&site, large(32)).await.0, 200);
    assert!(is_413(upload(&site, large(33)).await));
    let declared = to("/api/v3/files").header("content-length", 33_620_000);
    assert!(is_413(site.send(declared, form("hello")).await));
    let found = site.get("/search?query=large.bin").await;
    assert_eq!(found["meta"]["count"], 0, "it looks like a domain");
    let found = site.get("/intelligence/search?query=name:large.bin").await;
    assert_eq!(found["meta"]["count"], 1);
}

#[tokio::test]
async fn an_upload_url_takes_a_larger_file_once() {
    let site = Site::new();
    let path = upload_path(&site).await;
    let bare = Request::builder().method(Method::POST).uri(&path);
    assert_eq!(site.send(bare, form("hello")).await.0, 401);
    let (status, answer) = site.send(to(&path), large(34)).await;
    assert_eq!((status, &answer["data"]["type"]), (200, &"analysis".into()));
    let (status, answer) = site.send(to(&path), form("hello")).await;
    assert_eq!((status, code(&answer)), (404, "NotFoundError"));
    let found = site.get("/intelligence/search?query=name:large.bin").await;
    assert_eq!(found["data"][0]["attributes"]["size"], 34 << 20);
    assert_ne!(upload_path(&site).await, upload_path(&site).await);
    let too_large = to(&upload_path(&site).await).header("content-length", 681_700_000);
    assert_eq!(site.send(too_large, form("hello")).await.0, 413);
}

#[tokio::test]
async fn files_are_posted_and_need_a_key() {
    let site = Site::new();
    assert_eq!(site.get_as(KEY, "/files").await.0, 405);
    assert_eq!(
        site.post_as("wrong-key", "/files", form("hello")).await.0,
        401
    );
    assert_eq!(site.get_as("wrong-key", "/files/upload_url").await.0, 401);
}
