//! VirusTotal v3 over HTTP: one client for the process, one call at a time.
//!
//! What VirusTotal answers is hostile until read: bounded in size and time, never
//! followed elsewhere, its messages passed on only where they can hold no key.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use reqwest::{
    RequestBuilder, Response,
    header::{self, HeaderName, HeaderValue},
};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, field::Empty, info_span};
use url::Url;

pub use self::{
    call::Call,
    error::{Reason, Refusal, VtError},
    large::LargeAnswers,
    packed::{Body, Packed},
};
use self::{
    call::{Method, Payload},
    transport::Transport,
};
use crate::{bill, config, key::ApiKey, meter::Meter, telemetry::traces};

mod body;
mod call;
pub mod error;
mod large;
mod message;
pub mod packed;
pub mod relationships;
mod retry_after;
mod tls;
mod transport;
pub mod upload;

/// How many bytes of an error's body are read; VirusTotal's own are a few hundred.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// VirusTotal compresses only for a client that calls itself so (App Engine's rule).
const USER_AGENT: &str = concat!("vt4ai/", env!("CARGO_PKG_VERSION"), " (gzip)");

const X_APIKEY: HeaderName = HeaderName::from_static("x-apikey");

/// Names the integration; premium answers carry more when it is sent.
const X_TOOL: HeaderName = HeaderName::from_static("x-tool");

/// The upstream and how to reach it.
#[derive(Debug)]
pub struct VirusTotal {
    transport: Transport,
    /// Where VirusTotal is, without `/api/v3`.
    site: Url,
    /// The same with it, and no slash at the end.
    base: String,
    timeout: Duration,
    max_body: usize,
    large: LargeAnswers,
    /// Calls that failed since one did not.
    failures: AtomicU32,
    meter: Arc<Meter>,
}

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The file of certificate authorities is missing, unreadable or empty.
    #[error("VT4AI_UPSTREAM_CA_FILE: {0}")]
    CaFile(io::Error),
    /// TLS could not be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(#[from] reqwest::Error),
}

impl VirusTotal {
    /// Creates a client for the upstream that the settings name.
    pub fn new(config: &config::Upstream, meter: Arc<Meter>) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::new(config)?,
            base: format!("{}/api/v3", config.url.as_str().trim_end_matches('/')),
            site: config.url.clone(),
            timeout: config.timeout,
            max_body: config.max_body,
            large: LargeAnswers::default(),
            failures: AtomicU32::new(0),
            meter,
        })
    }

    /// Returns the permits to have large answers unpacked.
    pub fn large(&self) -> &LargeAnswers {
        &self.large
    }

    /// How long one call may take, and an upload go without progress.
    pub fn patience(&self) -> Duration {
        self.timeout
    }

    /// When a call that begins now must be over, every further try included.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Asks once, and gives the body of a success.
    pub async fn ask(&self, key: &ApiKey, call: &Call, deadline: Instant) -> Result<Body, VtError> {
        let url = format!("{}{}", self.base, call.path);
        let request = match &call.method {
            Method::Get => self.transport.request(reqwest::Method::GET, &url),
            Method::Post(payload) => {
                let request = self.transport.request(reqwest::Method::POST, &url);
                with_payload(request, payload)
            }
        };
        // In a box: the future of a request is large, and others hold this one.
        let answer = Box::pin(self.exchange(key, request, deadline));
        self.watch(call.pattern(), answer).await
    }

    /// How many calls have failed since VirusTotal last answered as it should, be it with no.
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    async fn exchange(
        &self,
        key: &ApiKey,
        request: RequestBuilder,
        deadline: Instant,
    ) -> Result<Body, VtError> {
        let sent = timeout_at(deadline, self.send(key, request)).await;
        let response = sent.unwrap_or(Err(VtError::Timeout))?;
        let success = self.accept(key, response, deadline).await?;
        timeout_at(deadline, self.read_success(success))
            .await
            .unwrap_or(Err(VtError::Timeout))
    }

    async fn read_success(&self, response: Response) -> Result<Body, VtError> {
        body::read_success(response, self.max_body, &self.large).await
    }

    /// What the key may spend and has spent; costs nothing.
    ///
    /// The key stands in the path, which is therefore never shown or logged.
    pub async fn overall_quotas(&self, key: &ApiKey, deadline: Instant) -> Result<Body, VtError> {
        let call = Call::get(&["users", key.expose(), "overall_quotas"]);
        self.ask(key, &call, deadline).await
    }

    /// Counts a call by its endpoint and by what comes of it.
    async fn watch<T>(
        &self,
        endpoint: String,
        call: impl Future<Output = Result<T, VtError>>,
    ) -> Result<T, VtError> {
        let span = info_span!(
            "upstream",
            upstream.endpoint = endpoint,
            upstream.outcome = Empty
        );
        let under_way = self.meter.call(endpoint);
        let answer = call.instrument(span.clone()).await;
        let outcome = answer.as_ref().map_or_else(VtError::outcome, |_| "ok");
        span.record("upstream.outcome", outcome);
        traces::end(&span);
        under_way.end(outcome);
        if answer.as_ref().is_err_and(VtError::is_trouble) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failures.store(0, Ordering::Relaxed);
        }
        answer
    }

    /// Sends what is made up, with the key, and reads the head of the answer.
    async fn send(&self, key: &ApiKey, request: RequestBuilder) -> Result<Response, VtError> {
        let mut secret = HeaderValue::from_str(key.expose()).map_err(|_| VtError::Unreachable)?;
        secret.set_sensitive(true);
        let request = match traces::traceparent() {
            Some(parent) => request.header("traceparent", parent),
            None => request,
        };
        let request = request.header(X_APIKEY, secret).build();
        let request = request.map_err(|error| VtError::of_transport(&error))?;
        bill::waiting(self.transport.send(request)).await
    }

    /// The answer, if it is a success.
    ///
    /// What else it is stands in its head, and holds even where its body does not come: a
    /// 429 that breaks off or goes on forever is still one.
    async fn accept(
        &self,
        key: &ApiKey,
        response: Response,
        deadline: Instant,
    ) -> Result<Response, VtError> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let retry_after = retry_after::read(response.headers(), SystemTime::now());
        let said = timeout_at(deadline, body::read(response, MAX_ERROR_BODY, &self.large)).await;
        let said = said.ok().and_then(Result::ok);
        let said = said.map(|body| body.plain).unwrap_or_default();
        Err(VtError::of_response(
            status,
            &said,
            retry_after,
            key.expose(),
        ))
    }
}

fn with_payload(request: RequestBuilder, payload: &Payload) -> RequestBuilder {
    let (media, body) = match payload {
        // Google's front end refuses a post that does not say how long it is.
        Payload::Nothing => return request.header(header::CONTENT_LENGTH, 0),
        Payload::Form(form) => (
            "application/x-www-form-urlencoded",
            form.clone().into_bytes(),
        ),
        Payload::Json(json) => ("application/json", json.clone()),
    };
    request.header(header::CONTENT_TYPE, media).body(body)
}
