//! Requests of clients of VirusTotal's own API that are passed on as they came, and whose answers
//! are not kept.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::{
    Method, Response,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::time::{Instant, Sleep, sleep};
use tracing::Instrument as _;
use url::Url;

use super::{
    Endpoint, UpstreamError, VirusTotal, authorized, exact_url::exact_url, in_time,
    upload::ChannelBody, upload::own_url,
};
use crate::access::{CostCounter, RequestContext};

/// A request that is passed on.
#[derive(Debug)]
pub struct ForwardRequest {
    /// The method.
    pub method: Method,
    /// The destination.
    pub to: ForwardTarget,
    /// The endpoint, under which the call is counted.
    pub endpoint: Endpoint,
    /// The headers that go on.
    pub headers: HeaderMap,
    /// The body, if there is one.
    pub body: Option<ChannelBody>,
}

/// The destination of a request that is passed on.
#[derive(Clone)]
pub enum ForwardTarget {
    /// A path and query below `/api/v3`, byte for byte. The path has no dot segments.
    Api(String),
    /// A one-time URL that VirusTotal returned for an upload.
    OneTime(Url),
}

/// The head of a successful response or a redirect, with the body still to be read.
#[derive(Debug)]
pub struct ForwardedResponse {
    /// The status, below 400.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    response: Response,
    virustotal: VirusTotal,
}

/// Omits the target, which can contain an indicator or a key.
impl fmt::Debug for ForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForwardTarget(…)")
    }
}

impl VirusTotal {
    /// Passes a request on, once, and returns the head of the response.
    ///
    /// An error status is an error. Without a deadline the caller ends a call that makes no
    /// progress.
    pub async fn forward(
        &self,
        context: &RequestContext,
        request: ForwardRequest,
        deadline: Option<Instant>,
    ) -> Result<ForwardedResponse, UpstreamError> {
        let ForwardRequest {
            method,
            to,
            endpoint,
            mut headers,
            body,
        } = request;
        let url = match to {
            ForwardTarget::Api(target) => exact_url(self.0.base.as_str(), &target)?,
            ForwardTarget::OneTime(url) => url,
        };
        // Links are rewritten while the body passes, so it must not be compressed.
        let identity = HeaderValue::from_static("identity");
        headers.insert(header::ACCEPT_ENCODING, identity);
        let accept = headers.entry(header::ACCEPT);
        accept.or_insert(HeaderValue::from_static("*/*"));
        let has_content = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        if body.is_none() && has_content {
            // Google's front end rejects a POST without `Content-Length`.
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut builder = self.0.transport.request_of_client(method, url);
        builder = builder.headers(headers);
        if let Some(body) = body {
            builder = builder.body(reqwest::Body::wrap(body));
        }
        let watch = self.watch(endpoint.label());
        let exchange = async {
            let request = authorized(builder, context)?;
            let sending = context.cost.waiting(self.0.transport.send(request));
            let response = match deadline {
                Some(deadline) => in_time(deadline, sending).await?,
                None => sending.await?,
            };
            if response.status().is_redirection() {
                return Ok(response);
            }
            self.accept(context, response, self.deadline()).await
        };
        // Boxed: the future of a request is large, and callers embed this one.
        let answer = Box::pin(exchange.instrument(watch.span.clone())).await;
        let mut response = watch.end(answer)?;
        Ok(ForwardedResponse {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            response,
            virustotal: self.clone(),
        })
    }

    /// Parses the one-time URL in VirusTotal's answer for a large file, and keeps its path and query
    /// byte for byte. Returns `None` unless it belongs to VirusTotal.
    pub fn own_upload_url(&self, text: &str) -> Option<Url> {
        let url = own_url(text, &self.0.site)?;
        let exact = target_of(text).and_then(|target| {
            let origin = url.origin().ascii_serialization();
            exact_url(&origin, target).ok()
        });
        Some(exact.unwrap_or(url))
    }

    /// Returns the address of the API: the upstream's with `/api/v3`.
    pub fn api_address(&self) -> &str {
        self.0.base.as_str()
    }
}

/// Returns the path and query of a URL as they are written, if they can be sent like that.
fn target_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let target = rest.get(rest.find('/')?..)?;
    let target = target.split('#').next()?;
    let uri: http::Uri = target.parse().ok()?;
    (uri.path_and_query()?.as_str() == target).then_some(target)
}

impl ForwardedResponse {
    /// Reads the whole body, up to `VT4AI_UPSTREAM_MAX_BODY`, and decompresses it.
    pub async fn read(mut self, cost: &CostCounter) -> Result<Bytes, UpstreamError> {
        *self.response.headers_mut() = self.headers;
        let virustotal = self.virustotal;
        let reader = virustotal.body_reader(cost);
        let body = in_time(virustotal.deadline(), reader.read(self.response)).await?;
        Ok(body.plain)
    }

    /// Returns the body as it arrives.
    pub fn into_body(self) -> ForwardedBody {
        let silence = self.virustotal.timeout();
        ForwardedBody {
            body: self.response.into(),
            timer: Box::pin(sleep(silence)),
            silence,
        }
    }
}

/// A body that is passed on as it arrives. It fails if nothing arrives within the time for one
/// call.
#[derive(Debug)]
pub struct ForwardedBody {
    body: reqwest::Body,
    timer: Pin<Box<Sleep>>,
    silence: Duration,
}

impl Body for ForwardedBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let until = Instant::now() + self.silence;
                self.timer.as_mut().reset(until);
                let frame = frame.map(|frame| frame.map_err(|e| UpstreamError::of_transport(&e)));
                Poll::Ready(frame)
            }
            // Time in which the client takes nothing does not count: the timer is only polled
            // while the client waits, and reset by each frame.
            Poll::Pending => match self.timer.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(UpstreamError::Timeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
