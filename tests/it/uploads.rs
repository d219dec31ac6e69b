//! Tests of uploads: which way a file takes to VirusTotal, and what ends it (`docs/http-api.md`).

use std::{
    convert::Infallible,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, Call, Gateway, Reaction, Recorder, Reply, failure, ok, send};

mod early;
mod halts;
mod passage;
mod refusals;
mod sizes;
mod spending;

const PATH: &str = "/api/v1/files";
const BOUNDARY: &str = "----a-form-of-the-tests";
const MULTIPART: &str = "multipart/form-data; boundary=----a-form-of-the-tests";
const FILE: &str = r#"name="file"; filename="a.bin""#;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The id of the analysis that a [`Recorder`] begins.
const ANALYSIS: &str = "NDRkODg6MTIzNA==";

/// A form with a file that is generated while it is sent.
#[derive(Clone)]
pub(crate) struct Form {
    before: String,
    size: u64,
    after: String,
}

impl Form {
    /// Returns a form with only a file of this many bytes.
    pub(crate) fn of(size: u64) -> Self {
        Self {
            before: open(FILE),
            size,
            after: format!("\r\n--{BOUNDARY}--\r\n"),
        }
    }

    /// Adds a password behind the file.
    fn with_password(self) -> Self {
        let password = open("name=\"password\"");
        let after = format!("\r\n{password}infected{}", self.after);
        Self { after, ..self }
    }

    /// Adds text before the first boundary, so that the whole has this length.
    fn padded_to(self, length: u64) -> Self {
        let padding = usize::try_from(length - self.length() - 2).unwrap();
        let before = format!("{}\r\n{}", "x".repeat(padding), self.before);
        Self { before, ..self }
    }

    fn length(&self) -> u64 {
        self.size + (self.before.len() + self.after.len()) as u64
    }

    fn pieces(&self) -> impl Iterator<Item = Bytes> + use<> {
        let before = [Bytes::from(self.before.clone())].into_iter();
        let after = [Bytes::from(self.after.clone())];
        before.chain(contents(self.size)).chain(after)
    }

    /// Returns the whole form, if it is small.
    fn bytes(&self) -> Vec<u8> {
        self.pieces().collect::<Vec<_>>().concat()
    }

    /// Returns a body for the form, with or without a known length.
    pub(crate) fn body(&self, says_length: bool) -> reqwest::Body {
        let length = says_length.then(|| self.length());
        reqwest::Body::wrap(Pieces(self.pieces(), length))
    }

    fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        contents(self.size).for_each(|piece| hash.update(&piece));
        format!("{:x}", Bytes::copy_from_slice(&hash.finalize()))
    }
}

/// Returns the beginning of a part with this disposition.
fn open(disposition: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n")
}

/// Returns a small form with these parts: disposition and content.
fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts = parts
        .iter()
        .map(|(it, content)| open(it) + content + "\r\n");
    format!("{}--{BOUNDARY}--\r\n", parts.collect::<String>()).into_bytes()
}

/// Returns the bytes of a file: the same each time, and no two pieces alike.
fn contents(size: u64) -> impl Iterator<Item = Bytes> {
    const PIECE: u64 = 64 * KIB;
    static NOISE: LazyLock<Bytes> = LazyLock::new(|| {
        let mut random = fastrand::Rng::with_seed(7);
        (0..2 * PIECE).map(|_| random.u8(..)).collect()
    });
    (0..size.div_ceil(PIECE)).map(move |at| {
        let from = at * 4099 % PIECE;
        let to = from + PIECE.min(size - at * PIECE);
        let place = |at: u64| usize::try_from(at).unwrap();
        NOISE.slice(place(from)..place(to))
    })
}

/// A body that comes in pieces.
struct Pieces<I>(I, Option<u64>);

impl<I: Iterator<Item = Bytes> + Unpin> Body for Pieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        self.1.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// Sends a form that has the usual boundary.
pub(crate) async fn upload(gateway: &Gateway, body: impl Into<reqwest::Body>) -> Reply {
    let request = gateway.post(PATH).header("content-type", MULTIPART);
    send(request.body(body)).await
}

/// Returns the head of an upload with the caller's key and these further lines.
fn head(lines: &[&str]) -> Vec<u8> {
    let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    let key = format!("X-API-Key: {}", crate::harness::KEY);
    format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{key}\r\nContent-Type: {MULTIPART}\r\n{lines}\r\n")
        .into_bytes()
}

/// Returns such a head with the body's length, or with chunked encoding.
fn head_of(length: Option<usize>) -> Vec<u8> {
    let length = length.map(|length| format!("Content-Length: {length}"));
    head(&[length.as_deref().unwrap_or("Transfer-Encoding: chunked")])
}

/// Frames bytes as one chunk if the body is chunked.
fn framed(bytes: &[u8], is_chunk: bool) -> Vec<u8> {
    if is_chunk && !bytes.is_empty() {
        let length = format!("{:x}\r\n", bytes.len());
        return [length.as_bytes(), bytes, b"\r\n"].concat();
    }
    bytes.to_vec()
}

/// Reacts as VirusTotal: takes uploads, names a URL for large ones, and gives reports.
fn virustotal(call: &Call) -> Reaction {
    let host = call.header("host").unwrap();
    let data = match (call.method.as_str(), call.target.as_str()) {
        ("POST", _) => json!({"type": "analysis", "id": ANALYSIS}),
        (_, "/api/v3/files/upload_url") => json!(format!("http://{host}/one/time?a=%2F&b=1")),
        _ => json!({"id": "x", "type": "file", "attributes": {"size": 68}}),
    };
    Reaction::Late(Answer::Bytes(ok(json!({ "data": data }).to_string())))
}

/// Starts a server that reacts as VirusTotal except to POSTs.
async fn dealing(post: impl Fn() -> Reaction + Send + Sync + 'static) -> Recorder {
    let react = move |call: &Call| match call.method.as_str() {
        "POST" => post(),
        _ => virustotal(call),
    };
    Recorder::start(react).await
}

/// Asserts that an analysis has begun and can be followed.
fn has_begun(reply: &Reply) {
    assert_eq!(reply.status, 202, "{}", reply.text());
    let data = &reply.json()["data"];
    assert_eq!(data["type"], "analysis");
    let id = utf8_percent_encode(data["id"].as_str().unwrap(), NON_ALPHANUMERIC);
    let location = format!("/api/v1/analyses/{id}");
    assert_eq!(reply.header("location"), Some(&*location));
}

fn transient() -> Vec<u8> {
    failure(503, "TransientError", "try again")
}
