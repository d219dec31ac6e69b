//! Requests of clients of VirusTotal's own API that are passed on as they came, and whose answers
//! are not kept.

use bytes::Bytes;
use reqwest::{
    Method, Response,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;
use url::Url;

use super::{
    Endpoint, UpstreamError, VirusTotal, authorized, body::BodyReader, exact_url::exact_url,
    in_time, upload::ChannelBody, upload::own_url,
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
impl std::fmt::Debug for ForwardTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
            ForwardTarget::Api(target) => exact_url(&self.0.base, &target)?,
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

    /// Parses the one-time URL in VirusTotal's answer for a large file. Returns `None` unless it
    /// belongs to VirusTotal.
    pub fn own_upload_url(&self, text: &str) -> Option<Url> {
        own_url(text, &self.0.site)
    }

    /// Returns the address of the API: the upstream's with `/api/v3`.
    pub fn api_address(&self) -> &str {
        &self.0.base
    }
}

impl ForwardedResponse {
    /// Returns the next piece of the body. Fails if none arrives within the time for one call.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let silence = self.virustotal.timeout();
        match timeout(silence, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(UpstreamError::of_transport(&error)),
            Err(_) => Err(UpstreamError::Timeout),
        }
    }

    /// Reads the whole body, up to `VT4AI_UPSTREAM_MAX_BODY`, and decompresses it.
    pub async fn read(mut self, cost: &CostCounter) -> Result<Bytes, UpstreamError> {
        *self.response.headers_mut() = self.headers;
        let virustotal = self.virustotal.clone();
        let reader: BodyReader<'_> = virustotal.body_reader(cost);
        let body = in_time(virustotal.deadline(), reader.read(self.response)).await?;
        Ok(body.plain)
    }
}
