//! Uploaded files, which are hashed and measured as they arrive, and not stored.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, Multipart, Path, Request, State, multipart::MultipartError},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::{
    analyses,
    answer::{DemoError, JsonAnswer},
    caller::KeyHolder,
    object::Reference,
    stand_in::{StandIn, now},
    unseen,
};

/// The maximum number of bytes of a form besides its file.
const FORM: u64 = 65_536;
/// The largest body for `POST /files`.
const MOST: u64 = 32 * 1024 * 1024 + FORM;
/// The largest body for an upload URL.
const MOST_LARGE: u64 = 650 * 1024 * 1024 + FORM;
/// The time for which a body that is too large is still read.
const LINGER: Duration = Duration::from_secs(1);
const NAME_CHARS: usize = 255;

/// A file that has arrived.
struct ReceivedFile {
    sha256: String,
    size: u64,
    name: String,
}

/// The reasons for which a file was rejected.
pub(super) enum Unread {
    /// The HTML page of VirusTotal's front end for a body that is too large.
    TooLarge,
    /// An error of the API.
    Refused(DemoError),
}

impl From<DemoError> for Unread {
    fn from(refusal: DemoError) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        let page = "<html><title>Error 413 (Request Entity Too Large)!!1</title></html>";
        match self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Html(page)).into_response(),
            Self::Refused(refusal) => refusal.into_response(),
        }
    }
}

/// Accepts a file of up to 32 MiB.
pub(super) async fn upload_file(
    _: KeyHolder,
    State(site): State<StandIn>,
    request: Request,
) -> Result<JsonAnswer, Unread> {
    let upload = receive(request, MOST).await?;
    Ok(register(&site, &upload))
}

/// Returns a URL that accepts one file of up to 650 MiB, on the host of this request.
pub(super) async fn create_upload_url(
    _: KeyHolder,
    State(site): State<StandIn>,
    request: Request,
) -> JsonAnswer {
    let token = format!("{:032x}", fastrand::u128(..));
    let url = format!("http://{}/_ah/upload/{token}", host_of(&request));
    site.live().add_token(token);
    JsonAnswer::ok(&json!({ "data": url }))
}

/// Returns the host that a request names: HTTP/2 has an authority in place of the header.
fn host_of(request: &Request) -> &str {
    if let Some(host) = request.headers().get(header::HOST)
        && let Ok(host) = host.to_str()
    {
        return host;
    }
    match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => "localhost",
    }
}

/// Accepts a file at an upload URL, which is invalid from then on, even if the upload fails.
pub(super) async fn upload_large_file(
    _: KeyHolder,
    State(site): State<StandIn>,
    Path(token): Path<String>,
    request: Request,
) -> Result<JsonAnswer, Unread> {
    if !site.live().take_token(&token) {
        return Err(DemoError::unknown_path().into());
    }
    let upload = receive(request, MOST_LARGE).await?;
    Ok(register(&site, &upload))
}

fn register(site: &StandIn, upload: &ReceivedFile) -> JsonAnswer {
    let of = Reference::new("file", &*upload.sha256);
    if site.world().attributes(&of).is_none() {
        let file = unseen::file(&upload.sha256, upload.size, &upload.name, now());
        site.live().submit(file);
    }
    analyses::start(site, &of)
}

/// Reads a form to its end.
///
/// A form that turns out too large is read up to twice the limit: a client that is still sending
/// would see a broken connection instead of the answer.
async fn receive(request: Request, most: u64) -> Result<ReceivedFile, Unread> {
    if let Some(length) = declared_length(request.headers())
        && length > most
    {
        let _ = timeout(LINGER, discard(request.into_body())).await;
        return Err(Unread::TooLarge);
    }
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| DemoError::bad_request(error.body_text()))?;
    let (mut file, mut length) = (None, 0);
    while let Some(mut field) = form.next_field().await.map_err(broken_off)? {
        let is_file = field.name() == Some("file") && file.is_none();
        let name = field.file_name().unwrap_or("file");
        let name = name.chars().take(NAME_CHARS).collect();
        let (mut hash, mut size) = (Sha256::new(), 0);
        while let Some(chunk) = field.chunk().await.map_err(broken_off)? {
            let more = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            length += more;
            size += more;
            if length > 2 * most {
                return Err(Unread::TooLarge);
            }
            hash.update(&chunk);
        }
        if is_file && size > 0 {
            let sha256 = hex::encode(hash.finalize());
            file = Some(ReceivedFile { sha256, size, name });
        }
    }
    if length > most {
        return Err(Unread::TooLarge);
    }
    match file {
        Some(file) => Ok(file),
        None => Err(DemoError::bad_request("Received file is missing or empty").into()),
    }
}

fn broken_off(_: MultipartError) -> DemoError {
    DemoError::bad_request("The form can't be read to its end")
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

async fn discard(mut body: Body) {
    while let Some(Ok(_)) = poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {}
}
