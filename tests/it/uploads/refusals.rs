//! Tests of invalid forms: small ones cost nothing, and no large one arrives whole.

use rstest::rstest;

use super::*;
use crate::{
    errors::is_well_formed,
    harness::{End, Wire},
};

const PASSWORD: &str = r#"name="password""#;
/// The length of the longest form: a file of 650 MiB, and 64 KiB around it.
const MOST: u64 = 650 * MIB + 64 * KIB;

/// Returns a body with these bytes, with or without a known length.
fn body(bytes: &[u8], says_length: bool) -> reqwest::Body {
    let length = says_length.then_some(bytes.len() as u64);
    let pieces: Vec<_> = bytes.chunks(40_000).map(Bytes::copy_from_slice).collect();
    reqwest::Body::wrap(Pieces(pieces.into_iter(), length))
}

/// Asserts that a reply is a 400 with this detail.
fn says(reply: &Reply, detail: &str) {
    is_well_formed(reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "BadRequestError")
    );
    let detail = format!("Error uploading file: {detail}");
    assert!(reply.detail().starts_with(&detail), "{}", reply.detail());
}

fn cut(parts: &[(&str, &str)], by: usize) -> Vec<u8> {
    let mut form = form(parts);
    form.truncate(form.len() - by);
    form
}

#[rstest]
#[case::no_file(form(&[(PASSWORD, "x")]), "the form has no field `file`")]
#[case::no_fields(form(&[]), "the form has no field `file`")]
#[case::other_field(form(&[("name=\"upload\"; filename=\"file\"", "x")]), "the form has a field that is neither")]
#[case::two_files(form(&[(FILE, "x"), (FILE, "x")]), "the form has the field `file` twice")]
#[case::two_passwords(form(&[(PASSWORD, "x"), (FILE, "x"), (PASSWORD, "x")]), "the form has the field `password` twice")]
#[case::empty_file(form(&[(FILE, "")]), "the file is empty")]
#[case::empty_file_and_password(form(&[(FILE, ""), (PASSWORD, "x")]), "the file is empty")]
#[case::nameless(form(&[("filename=\"x\"", "x")]), "the form can't be read")]
#[case::no_form(b"{\"file\": \"x\"}".to_vec(), "the form can't be read")]
#[case::other_boundary(b"--other\r\n\r\nx\r\n--other--\r\n".to_vec(), "the form can't be read")]
#[case::nothing(Vec::new(), "the form can't be read")]
#[case::without_its_end(cut(&[(FILE, "x")], 3), "the form breaks off")]
#[case::within_the_file(cut(&[(FILE, "xxxxxxxxx")], 35), "the form breaks off")]
#[case::within_a_head(cut(&[(FILE, "x")], 60), "the form breaks off")]
#[tokio::test]
async fn an_invalid_small_form_is_a_400_and_costs_nothing(
    #[case] form: Vec<u8>,
    #[case] detail: &str,
    #[values(true, false)] says_length: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &["--rate-limit-per-minute", "5"]).await;
    let reply = upload(&gateway, body(&form, says_length)).await;
    says(&reply, detail);
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(5));
    assert_eq!(upstream.asked(), Vec::<String>::new());
}

/// Returns a form of one and a half million bytes whose last part is invalid.
fn large(parts: [&str; 3]) -> Vec<u8> {
    let long = "x".repeat(1_500_000);
    let [first, second, last] = parts;
    form(&[(first, "x"), (second, &long), (last, "x")])
}

#[rstest]
#[case::no_file(form(&[(PASSWORD, &"x".repeat(1_500_000))]), "the form has no field `file`")]
#[case::other_field(large([PASSWORD, FILE, "name=\"x\""]), "the form has a field that is neither")]
#[case::two_files(large([PASSWORD, FILE, FILE]), "the form has the field `file` twice")]
#[case::two_passwords(large([PASSWORD, FILE, PASSWORD]), "the form has the field `password` twice")]
#[case::nameless(large([PASSWORD, FILE, "x=y"]), "the form can't be read")]
#[case::empty_file(form(&[(PASSWORD, &"x".repeat(1_500_000)), (FILE, "")]), "the file is empty")]
#[case::without_its_end(cut(&[(FILE, &"x".repeat(1_500_000))], 3), "the form breaks off")]
#[case::within_the_file(cut(&[(FILE, &"x".repeat(1_500_000))], 100_000), "the form breaks off")]
#[tokio::test]
async fn an_invalid_large_form_never_arrives_whole(
    #[case] form: Vec<u8>,
    #[case] detail: &str,
    #[values(true, false)] says_length: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    says(&upload(&gateway, body(&form, says_length)).await, detail);
    let posts = upstream.posts(1).await;
    assert_eq!(posts[0].end, Some(End::BrokenOff));
    assert!(form.starts_with(&posts[0].call.body));
}

#[rstest]
#[case::none("multipart/form-data")]
#[case::empty("multipart/form-data; boundary=")]
#[case::quotes_left_open("multipart/form-data; boundary=\"x")]
#[case::too_long(
    "multipart/form-data; boundary=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
)]
#[tokio::test]
async fn a_form_needs_a_boundary(#[case] content_type: &str) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let request = gateway.post(PATH).header("content-type", content_type);
    let reply = send(request.body(form(&[(FILE, "x")]))).await;
    says(&reply, "the content type names no boundary");
    assert_eq!(upstream.asked(), Vec::<String>::new());
}

#[rstest]
#[case::none(None)]
#[case::json(Some("application/json"))]
#[case::bytes(Some("application/octet-stream"))]
#[case::other_form(Some("application/x-www-form-urlencoded"))]
#[case::other_multipart(Some("multipart/mixed; boundary=x"))]
#[case::alike(Some("multipart/form-data-x; boundary=x"))]
#[tokio::test]
async fn a_body_of_another_type_is_a_415(#[case] content_type: Option<&str>) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let mut request = gateway.post(PATH);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    let reply = send(request.body(form(&[(FILE, "x")]))).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (415, "UnsupportedMediaTypeError")
    );
    assert!(
        reply.detail().contains("`multipart/form-data`"),
        "{}",
        reply.detail()
    );
    assert_eq!(upstream.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_content_length_above_the_limit_is_refused_at_the_head() {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let mut wire = Wire::to(&gateway).await;
    wire.send(&head(&[&format!("Content-Length: {}", MOST + 1)]))
        .await;
    let reply = wire.answer().await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (413, "PayloadTooLargeError")
    );
    assert!(reply.detail().contains("650 MB"), "{}", reply.detail());
    assert_eq!(upstream.asked(), Vec::<String>::new());

    // The longest form that is allowed is read.
    let mut wire = Wire::to(&gateway).await;
    wire.send(&head(&[&format!("Content-Length: {MOST}")]))
        .await;
    let form = Form::of(MIB).bytes();
    wire.send(&form[..form.len() / 2]).await;
    upstream.has_heard(100_000).await;
    let post = upstream.seen().pop().unwrap();
    assert_eq!(post.call.header("content-length"), Some(&*MOST.to_string()));
}
