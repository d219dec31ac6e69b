//! Uploads: where VirusTotal wants a file, and a body that passes through in pieces.

use std::{
    pin::Pin,
    task::{Context, Poll},
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
use url::{Host, Url};

use super::{Call, VirusTotal, VtError};
use crate::key::ApiKey;

/// Where a file goes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// `POST /files`, for what is small.
    Files,
    /// A URL that VirusTotal gave for this one upload.
    OneTime(Url),
}

/// The near end of a body: what is sent here arrives at VirusTotal.
///
/// Dropped before [`finish`](Self::finish), it breaks the request off, so that nothing
/// half sent looks whole.
#[derive(Debug)]
pub struct Feed(mpsc::Sender<Piece>);

/// The far end of it, for [`VirusTotal::upload`].
#[derive(Debug)]
pub struct Fed {
    pieces: mpsc::Receiver<Piece>,
    length: Option<u64>,
    is_over: bool,
}

/// A form to pass on.
#[derive(Debug)]
pub struct Upload {
    /// With the boundary between the form's parts.
    pub content_type: HeaderValue,
    /// The form itself.
    pub body: Fed,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// The upload was given up at this end.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the upload was broken off")]
pub struct BrokenOff;

/// The two ends of a body; `length` in bytes, where it is known before they come.
pub fn pipe(length: Option<u64>) -> (Feed, Fed) {
    // One piece under way while the next is read: more would only wait in memory.
    let (sender, pieces) = mpsc::channel(1);
    let fed = Fed {
        pieces,
        length,
        is_over: false,
    };
    (Feed(sender), fed)
}

impl Feed {
    /// Sends some bytes as soon as there is room; fails where the request is over.
    pub async fn send(&self, bytes: Bytes) -> Result<(), BrokenOff> {
        let sent = self.0.send(Piece::Bytes(bytes)).await;
        sent.map_err(|_| BrokenOff)
    }

    /// Says that this was all.
    pub async fn finish(self) -> Result<(), BrokenOff> {
        self.0.send(Piece::End).await.map_err(|_| BrokenOff)
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                self.is_over = true;
                None
            }
            None => Some(Err(BrokenOff)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl VirusTotal {
    /// Asks for a URL to which one large file can be sent.
    pub async fn upload_url(
        &self,
        key: &ApiKey,
        deadline: Instant,
    ) -> Result<Destination, VtError> {
        #[derive(Deserialize)]
        struct Answer {
            data: String,
        }
        let call = Call::get(&["files", "upload_url"]);
        let answer = self.ask(key, &call, deadline).await;
        let body = answer.map_err(VtError::before_writing)?;
        let named: Option<Answer> = serde_json::from_slice(&body.plain).ok();
        let url = named.and_then(|answer| own_url(&answer.data, &self.site));
        url.map(Destination::OneTime).ok_or(VtError::Misdirected)
    }

    /// Sends a form, and gives the body of a success.
    ///
    /// It takes as long as the form does: what goes on too long without progress is for
    /// the one who feeds it to end.
    pub async fn upload(
        &self,
        key: &ApiKey,
        to: Destination,
        upload: Upload,
    ) -> Result<Bytes, VtError> {
        let (endpoint, request) = match to {
            Destination::Files => {
                let url = format!("{}/files", self.base);
                ("POST /files", self.transport.request(Method::POST, &url))
            }
            Destination::OneTime(url) => (
                "POST {upload_url}",
                self.transport.request(Method::POST, url.as_str()),
            ),
        };
        let request = request
            .header(header::CONTENT_TYPE, upload.content_type)
            .body(reqwest::Body::wrap(upload.body));
        let answer = async {
            let response = self.send(key, request).await?;
            let success = self.accept(key, response, self.deadline()).await?;
            self.read_success(success).await
        };
        Ok(self.watch(endpoint.to_owned(), answer).await?.plain)
    }
}

/// The URL, if it belongs to the site that named it: a key and a file go there.
///
/// VirusTotal's own can be on any of its hosts, and is documented with `http://` though
/// it is meant for https. Another upstream's is under the same scheme, host and port.
fn own_url(text: &str, site: &Url) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    if is_virustotal(site) {
        let sound = is_virustotal(&url) && url.port().is_none() && is_http(&url);
        return (sound && url.set_scheme("https").is_ok()).then_some(url);
    }
    (url.origin() == site.origin() && is_http(&url)).then_some(url)
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Whether a URL is on a host of VirusTotal's own.
pub fn is_virustotal(url: &Url) -> bool {
    let domain = "virustotal.com";
    match url.host() {
        Some(Host::Domain(host)) => host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        _ => false,
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
    fn a_file_goes_only_where_it_belongs(
        #[case] site: &str,
        #[case] named: &str,
        #[case] expected: Option<&str>,
    ) {
        let url = own_url(named, &Url::parse(site).unwrap());
        assert_eq!(url.as_ref().map(Url::as_str), expected);
    }
}
