//! Uploads: the destination of a file, and a body that is streamed in pieces.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::{
    Method,
    header::{self, HeaderValue},
};
use serde::Deserialize;
use thiserror::Error;
use tokio::{sync::mpsc, time::Instant};
use tracing::Instrument as _;
use url::{Host, Url};

use super::{Call, Endpoint, UpstreamError, VirusTotal, authorized, below};
use crate::access::RequestContext;

/// The destination of an upload.
#[derive(Clone, Debug)]
pub enum Destination {
    /// `POST /files`, for small files.
    Files,
    /// A one-time URL that VirusTotal returned.
    OneTime(Url),
}

/// The sending half of a request body.
///
/// Dropping it before [`finish`](Self::finish) aborts the request, so that a partial body never
/// looks complete.
#[derive(Debug)]
pub struct BodySender(mpsc::Sender<Piece>);

/// The receiving half of a request body, for [`VirusTotal::upload`].
#[derive(Debug)]
pub struct ChannelBody {
    pieces: mpsc::Receiver<Piece>,
    length: Option<u64>,
    is_over: bool,
}

/// A multipart form to upload.
#[derive(Debug)]
pub struct UploadForm {
    /// The content type with the form's boundary.
    pub content_type: HeaderValue,
    /// The form's bytes.
    pub body: ChannelBody,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// The upload was aborted by the sender.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the upload was aborted")]
pub struct UploadAborted;

/// Creates a streamed body. `length` is its size in bytes, if known in advance.
pub fn channel_body(length: Option<u64>) -> (BodySender, ChannelBody) {
    // One piece in flight while the next is read. A larger buffer would only cost memory.
    let (sender, pieces) = mpsc::channel(1);
    let body = ChannelBody {
        pieces,
        length,
        is_over: false,
    };
    (BodySender(sender), body)
}

impl BodySender {
    /// Sends a piece as soon as there is room. Fails if the request has ended.
    pub async fn send(&self, bytes: Bytes) -> Result<(), UploadAborted> {
        Ok(self.0.send(Piece::Bytes(bytes)).await?)
    }

    /// Marks the end of the body.
    pub async fn finish(self) -> Result<(), UploadAborted> {
        Ok(self.0.send(Piece::End).await?)
    }
}

impl From<mpsc::error::SendError<Piece>> for UploadAborted {
    fn from(_: mpsc::error::SendError<Piece>) -> Self {
        Self
    }
}

impl Body for ChannelBody {
    type Data = Bytes;
    type Error = UploadAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadAborted>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = match ready!(self.pieces.poll_recv(context)) {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                self.is_over = true;
                None
            }
            // The sender was dropped before `finish`.
            None => Some(Err(UploadAborted)),
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::new(),
        }
    }
}

impl VirusTotal {
    /// Requests a one-time URL for a large file.
    pub async fn upload_url(
        &self,
        context: &RequestContext,
        deadline: Instant,
    ) -> Result<Destination, UpstreamError> {
        #[derive(Deserialize)]
        struct UploadUrl {
            data: String,
        }
        let call = Call::to(Endpoint::UploadUrl);
        let answer = self.ask(context, &call, deadline).await;
        let body = answer.map_err(UpstreamError::before_writing)?;
        if let Ok(UploadUrl { data }) = serde_json::from_slice(&body.plain)
            && let Some(url) = own_url(&data, &self.0.site)
        {
            return Ok(Destination::OneTime(url));
        }
        Err(UpstreamError::Misdirected)
    }

    /// Sends a form and returns the body of a successful response.
    ///
    /// There is no overall deadline, since the duration depends on the sender. The caller aborts an
    /// upload that makes no progress.
    pub async fn upload(
        &self,
        context: &RequestContext,
        to: Destination,
        upload: UploadForm,
    ) -> Result<Bytes, UpstreamError> {
        let transport = &self.0.transport;
        let (endpoint, request) = match to {
            Destination::Files => {
                let url = below(&self.0.base, "/files");
                ("POST /files", transport.request(Method::POST, url))
            }
            Destination::OneTime(url) => {
                ("POST {upload_url}", transport.request(Method::POST, url))
            }
        };
        let request = request
            .header(header::CONTENT_TYPE, upload.content_type)
            .body(reqwest::Body::wrap(upload.body));
        let watch = self.watch(endpoint.to_owned());
        // Only reading an error body has a deadline, which starts once the response head has
        // arrived.
        let exchange = async {
            let request = authorized(request, context)?;
            let sending = context.cost.waiting(transport.send(request));
            let response = sending.await?;
            let success = self.accept(context, response, self.deadline()).await?;
            self.body_reader(&context.cost).read_success(success).await
        };
        let answer = exchange.instrument(watch.span.clone()).await;
        Ok(watch.end(answer)?.plain)
    }
}

/// Parses an upload URL and checks that it belongs to `site`, since the key and a file are sent
/// there.
///
/// VirusTotal uses any of its hosts, and documents `http://` URLs although https is meant. For any
/// other upstream, scheme, host and port must match.
pub(super) fn own_url(text: &str, site: &Url) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    if !is_virustotal(site) {
        return (url.origin() == site.origin()).then_some(url);
    }
    if !is_virustotal(&url) || url.port().is_some() {
        return None;
    }
    // The default port was dropped by the parser, so a URL on port 80 becomes one on 443.
    url.set_scheme("https").ok()?;
    Some(url)
}

/// Returns whether a URL is on one of VirusTotal's hosts.
pub fn is_virustotal(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else {
        return false;
    };
    match host.strip_suffix("virustotal.com") {
        Some(subdomain) => subdomain.is_empty() || subdomain.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const VIRUSTOTAL: &str = "https://www.virustotal.com";
    const OTHER: &str = "http://127.0.0.1:4242/prefix";

    #[rstest]
    #[case(
        VIRUSTOTAL,
        "https://www.virustotal.com/_ah/upload/x",
        Some("https://www.virustotal.com/_ah/upload/x")
    )]
    #[case(
        VIRUSTOTAL,
        "http://bigfiles.virustotal.com/x?y=1",
        Some("https://bigfiles.virustotal.com/x?y=1")
    )]
    #[case(
        VIRUSTOTAL,
        "http://virustotal.com:80/x",
        Some("https://virustotal.com/x")
    )]
    #[case(VIRUSTOTAL, "http://www.virustotal.com:8080/x", None)]
    #[case(VIRUSTOTAL, "https://virustotal.com.evil.example/x", None)]
    #[case(VIRUSTOTAL, "https://evilvirustotal.com/x", None)]
    #[case(VIRUSTOTAL, "https://www.virustotal.com@evil.example/x", None)]
    #[case(VIRUSTOTAL, "https://user:pass@www.virustotal.com/x", None)]
    #[case(VIRUSTOTAL, "ftp://www.virustotal.com/x", None)]
    #[case(VIRUSTOTAL, "/_ah/upload/x", None)]
    #[case(VIRUSTOTAL, "", None)]
    #[case(
        "http://www.virustotal.com:8080",
        "http://www.virustotal.com/x",
        Some("https://www.virustotal.com/x")
    )]
    #[case(
        OTHER,
        "http://127.0.0.1:4242/_ah/upload/x",
        Some("http://127.0.0.1:4242/_ah/upload/x")
    )]
    #[case(OTHER, "https://127.0.0.1:4242/x", None)]
    #[case(OTHER, "http://127.0.0.1:4243/x", None)]
    #[case(OTHER, "http://127.0.0.2:4242/x", None)]
    #[case(OTHER, "http://localhost:4242/x", None)]
    #[case(OTHER, "https://www.virustotal.com/x", None)]
    #[case(
        "https://mirror.example",
        "https://mirror.example:443/x",
        Some("https://mirror.example/x")
    )]
    #[case("https://mirror.example", "http://mirror.example/x", None)]
    fn upload_url_must_belong_to_the_site(
        #[case] site: &str,
        #[case] named: &str,
        #[case] expected: Option<&str>,
    ) {
        let url = own_url(named, &Url::parse(site).unwrap());
        assert_eq!(url.as_ref().map(Url::as_str), expected);
    }
}
