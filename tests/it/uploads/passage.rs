//! Tests of what VirusTotal receives: the unchanged form, and only at a URL of its own.

use rstest::rstest;
use serde_json::Value;

use super::*;
use crate::harness::{End, KEY, Upstream};

#[rstest]
#[case::plain(br#"filename="sample.exe""#)]
#[case::quotes_and_backslashes(br#"filename="C:\\a \"b\"; name=\"x\".exe""#)]
#[case::single_backslash(br#"filename="C:\temp\a.exe""#)]
#[case::utf8("filename=\"Rechnung Übersicht 请求.pdf\"".as_bytes())]
#[case::latin_1(b"filename=\"\xdcbersicht.pdf\"")]
#[case::extended(b"filename*=UTF-8''%E8%AF%B7.pdf")]
#[case::both(b"filename=\"a.pdf\"; filename*=UTF-8''%E8%AF%B7.pdf")]
#[case::empty(br#"filename="""#)]
#[case::none(b"x=y")]
#[tokio::test]
async fn a_files_name_arrives_byte_for_byte(#[case] name: &[u8]) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let (start, end) = (
        open("name=\"file\"; @"),
        "\r\n--".to_owned() + BOUNDARY + "--",
    );
    let (before, after) = start.split_once('@').unwrap();
    let form = [
        before.as_bytes(),
        name,
        after.as_bytes(),
        b"\0\xffMZ\r\n",
        end.as_bytes(),
    ]
    .concat();
    has_begun(&upload(&gateway, form.clone()).await);
    let posts = upstream.posts(1).await;
    assert_eq!(posts[0].call.body, form);
}

/// The form has preamble and epilogue, padding, other headers, and most of a boundary in the file.
#[tokio::test]
async fn an_unusual_form_is_forwarded_unchanged() {
    let content_type = "Multipart/Form-Data; charset=utf-8; Boundary=\"a b?c\"; boundary=\"other\"";
    let form = "A form.\r\n--a b?c \t\r\ncontent-disposition:form-data;NAME=file\r\n\
                Content-Type: application/x-dosexec\r\n\r\n--a b\r\n--a b?\r\n--a b?c\r\n\
                Content-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--a b?c--\r\nThe end.";
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let request = gateway.post(PATH).header("content-type", content_type);
    has_begun(&send(request.body(form)).await);
    let call = &upstream.posts(1).await[0].call;
    assert_eq!(String::from_utf8_lossy(&call.body), form);
    // VirusTotal reads the form with the boundary that the gateway checked.
    let expected = "multipart/form-data; boundary=\"a b?c\"";
    assert_eq!(call.header("content-type"), Some(expected));
}

/// The length of a form that arrives in pieces is forwarded if it is known.
#[rstest]
#[case::small(1, true, true)]
#[case::small_without_a_length(1, false, true)]
#[case::large(MIB, true, true)]
#[case::large_without_a_length(MIB, false, false)]
#[tokio::test]
async fn only_the_needed_headers_reach_virustotal(
    #[case] size: u64,
    #[case] says_length: bool,
    #[case] is_said: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let form = Form::of(size);
    let request = gateway.post(PATH).header("content-type", MULTIPART);
    let request = request.header("cookie", "a=b").header("x-other", "y");
    let request = request.header("authorization", "Bearer z");
    has_begun(&send(request.body(form.body(says_length))).await);
    let call = &upstream.posts(1).await[0].call;
    let length = form.length().to_string();
    assert_eq!(call.header("content-length"), is_said.then_some(&*length));
    assert_eq!(call.header("x-apikey"), Some(KEY));
    assert_eq!(call.header("content-type"), Some(MULTIPART));
    for name in ["x-api-key", "cookie", "x-other", "authorization", "expect"] {
        assert_eq!(call.header(name), None, "{name}");
    }
    assert!(call.body == form.bytes());
}

/// Starts a server that names this URL for large files; `HOST` stands for its own address.
async fn naming(place: Value, other: &str) -> Recorder {
    let other = other.strip_prefix("http://").unwrap().to_owned();
    Recorder::start(move |call| {
        if call.method == "POST" {
            return virustotal(call);
        }
        let host = call.header("host").unwrap();
        let port = host.split(':').nth(1).unwrap();
        let place = place
            .to_string()
            .replace("HOST", host)
            .replace("OTHER", &other);
        let place = place.replace("PORT", port);
        let answer = format!("{{\"data\": {place}}}");
        Reaction::Late(Answer::Bytes(ok(answer)))
    })
    .await
}

#[rstest]
#[case::path_only("http://HOST/x", "/x")]
#[case::query(
    "http://HOST/a%2Fb;c/../d?x=%20&y=1&y=2&url=http://z",
    "/d?x=%20&y=1&y=2&url=http://z"
)]
#[case::fragment("http://HOST/x?y#z", "/x?y")]
#[case::root("http://HOST", "/")]
#[tokio::test]
async fn a_large_file_is_sent_to_virustotals_upload_url(#[case] place: &str, #[case] target: &str) {
    let upstream = naming(json!(place), "http://0").await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let form = Form::of(MIB);
    has_begun(&upload(&gateway, form.body(false)).await);
    let post = format!("POST {target}");
    assert_eq!(upstream.asked(), ["GET /api/v3/files/upload_url", &post]);
    let posts = upstream.posts(1).await;
    assert_eq!(posts[0].end, Some(End::Whole));
    assert!(posts[0].call.body == form.bytes());
}

#[rstest]
#[case::other_port(json!("http://OTHER/x"))]
#[case::other_name(json!("http://localhost:PORT/x"))]
#[case::other_address(json!("http://127.0.0.2:PORT/x"))]
#[case::other_scheme(json!("https://HOST/x"))]
#[case::no_port(json!("http://127.0.0.1/x"))]
#[case::virustotals_own(json!("https://www.virustotal.com/_ah/upload/x"))]
#[case::user(json!("http://user@HOST/x"))]
#[case::user_and_password(json!("http://user:password@HOST/x"))]
#[case::host_as_user(json!("http://HOST@OTHER/x"))]
#[case::backslash(json!("http://OTHER\\@HOST/x"))]
#[case::relative(json!("/_ah/upload/x"))]
#[case::no_scheme(json!("//HOST/x"))]
#[case::file(json!("file:///etc/passwd"))]
#[case::garbage(json!("no URL at all"))]
#[case::empty(json!(""))]
#[case::null(json!(null))]
#[case::number(json!(7))]
#[case::list(json!(["http://HOST/x"]))]
#[case::object(json!({"url": "http://HOST/x"}))]
#[tokio::test]
async fn a_large_file_is_sent_only_to_virustotals_hosts(#[case] place: Value) {
    let other = Upstream::always(ok(r#"{"data": {"type": "analysis", "id": "x"}}"#)).await;
    let upstream = naming(place, &other.url).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let reply = upload(&gateway, Form::of(MIB).body(false)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "BadGatewayError")
    );
    assert!(!reply.text().contains(&other.url["http://".len()..]));
    assert_eq!(upstream.asked(), ["GET /api/v3/files/upload_url"]);
    assert_eq!(other.count(), 0);
}

#[rstest]
#[case(Answer::Bytes(transient()), 503)]
#[case(Answer::Bytes(failure(403, "ForbiddenError", "no")), 403)]
#[case(Answer::Bytes(failure(429, "QuotaExceededError", "no")), 429)]
#[case(Answer::Bytes(ok("<html>")), 502)]
#[case(Answer::Bytes(ok("{}")), 502)]
#[case(Answer::Reset(Vec::new()), 502)]
#[tokio::test]
async fn without_an_upload_url_a_large_file_is_not_sent(
    #[case] answer: Answer,
    #[case] status: u16,
) {
    let upstream = Recorder::start(move |_| Reaction::Late(answer.clone())).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let reply = upload(&gateway, Form::of(MIB).body(false)).await;
    crate::errors::is_well_formed(&reply);
    assert_eq!(reply.status, status);
    assert_eq!(upstream.asked(), ["GET /api/v3/files/upload_url"]);
}
