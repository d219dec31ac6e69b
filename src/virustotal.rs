//! A client for the VirusTotal v3 API.
//!
//! Responses are untrusted input: their size and duration are bounded, redirects are not followed,
//! and an error message is passed on only if it cannot contain the API key.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use reqwest::{
    Request, RequestBuilder, Response,
    header::{self, HeaderName, HeaderValue},
};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use url::Url;

use self::{body::BodyReader, call::Payload, exact_url::exact_url, transport::Transport};
pub use self::{
    call::{Call, Verbatim},
    endpoint::{Endpoint, OtherEndpoint},
    error::{RawError, Reason, Refusal, UpstreamError},
    large::LargeAnswers,
    packed::{Body, Packed},
};
use crate::{
    access::{CostCounter, RequestContext},
    config,
    metrics::{CallTimer, Metrics},
    telemetry::traces,
};

mod body;
mod call;
mod endpoint;
pub mod error;
mod exact_url;
pub mod forward;
mod large;
mod message;
pub mod packed;
pub mod relationships;
mod retry_after;
mod tls;
mod transport;
pub mod upload;

/// The number of bytes read of an error body. VirusTotal's own bodies are a few hundred bytes long.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// The `User-Agent`. App Engine's front end compresses responses only if it contains "gzip".
const USER_AGENT: &str = concat!("vt4ai/", env!("CARGO_PKG_VERSION"), " (gzip)");

const X_APIKEY: HeaderName = HeaderName::from_static("x-apikey");

/// The header that names the integration. Responses to premium keys contain more with it.
const X_TOOL: HeaderName = HeaderName::from_static("x-tool");

/// A client for one upstream. Clones share the connections.
#[derive(Clone, Debug)]
pub struct VirusTotal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    /// The upstream's base URL, without `/api/v3`.
    site: Url,
    /// The base URL with `/api/v3` and without a trailing slash.
    base: Url,
    timeout: Duration,
    max_body: usize,
    large: LargeAnswers,
    /// The number of consecutive failed calls.
    failures: AtomicU32,
    metrics: Arc<Metrics>,
}

/// A call whose outcome is recorded. Dropped before its end, it counts as abandoned.
struct CallWatch<'a> {
    span: Span,
    timer: CallTimer<'a>,
    failures: &'a AtomicU32,
}

/// An error from [`VirusTotal::new`].
#[derive(Debug, Error)]
pub enum ClientError {
    /// The file of certificate authorities is missing, unreadable or empty.
    #[error("VT4AI_UPSTREAM_CA_FILE: {0}")]
    CaFile(io::Error),
    /// The TLS configuration was rejected.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be built.
    #[error("the HTTP client can't be set up: {0}")]
    Client(#[from] reqwest::Error),
}

impl VirusTotal {
    /// Creates a client for the configured upstream.
    pub fn new(config: &config::Upstream, metrics: Arc<Metrics>) -> Result<Self, ClientError> {
        let path = config.url.path().trim_end_matches('/');
        let mut base = config.url.clone();
        base.set_path(&format!("{path}/api/v3"));
        Ok(Self(Arc::new(Inner {
            transport: Transport::new(config)?,
            base,
            site: config.url.clone(),
            timeout: config.timeout,
            max_body: config.max_body,
            large: LargeAnswers::default(),
            failures: AtomicU32::new(0),
            metrics,
        })))
    }

    /// Returns the slots for large answers.
    pub fn large(&self) -> &LargeAnswers {
        &self.0.large
    }

    /// Returns the time limit for one call, and for an upload without progress.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Returns the deadline of a call that starts now. Retries share it.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.0.timeout
    }

    /// Sends a call and returns the body of a successful response.
    ///
    /// A failed call is not retried here. But a GET whose reused connection was lost before the
    /// response is sent again on a new one, so VirusTotal may receive it twice.
    pub async fn ask(
        &self,
        context: &RequestContext,
        call: &Call,
        deadline: Instant,
    ) -> Result<Body, UpstreamError> {
        let base = &self.0.base;
        let transport = &self.0.transport;
        let request = if let Some(verbatim) = &call.verbatim {
            let url = exact_url(base.as_str(), &verbatim.target)?;
            let request = transport.request_of_client(reqwest::Method::GET, url);
            request.headers(verbatim.headers.clone())
        } else if call.endpoint.is_post() {
            with_payload(
                transport.request(reqwest::Method::POST, below(base, &call.path)),
                &call.payload,
            )
        } else {
            transport.request(reqwest::Method::GET, below(base, &call.path))
        };
        let watch = self.watch(call.endpoint.label());
        let exchange = async {
            let request = authorized(request, context)?;
            let sending = context.cost.waiting(transport.send(request));
            let response = in_time(deadline, sending).await?;
            let success = self.accept(context, response, deadline).await?;
            let reader = self.body_reader(&context.cost);
            in_time(deadline, reader.read_success(success)).await
        };
        // Boxed: the future of a request is large, and callers embed this one.
        let answer = Box::pin(exchange.instrument(watch.span.clone())).await;
        watch.end(answer)
    }

    /// Returns the number of consecutive failed calls. A refusal is a valid response, not a
    /// failure.
    pub fn failures(&self) -> u32 {
        self.0.failures.load(Ordering::Relaxed)
    }

    fn body_reader<'a>(&'a self, cost: &'a CostCounter) -> BodyReader<'a> {
        BodyReader {
            max_length: self.0.max_body,
            large: &self.0.large,
            cost,
        }
    }

    /// Fetches the key's allowances and usage, which costs no quota.
    ///
    /// The key is part of the path, so the path must not be shown or logged.
    pub async fn overall_quotas(
        &self,
        context: &RequestContext,
        deadline: Instant,
    ) -> Result<Body, UpstreamError> {
        let call = Call::about(Endpoint::OverallQuotas, context.key.expose());
        self.ask(context, &call, deadline).await
    }

    /// Starts to record a call's endpoint and outcome in the metrics and the trace.
    fn watch(&self, endpoint: String) -> CallWatch<'_> {
        let span = info_span!(
            "upstream",
            upstream.endpoint = endpoint,
            upstream.outcome = Empty
        );
        CallWatch {
            span,
            timer: self.0.metrics.call(endpoint),
            failures: &self.0.failures,
        }
    }

    /// Returns a successful response, or the error that any other response stands for.
    ///
    /// The status decides even if the body never arrives: a 429 whose body is cut off or endless is
    /// still a 429.
    async fn accept(
        &self,
        context: &RequestContext,
        response: Response,
        deadline: Instant,
    ) -> Result<Response, UpstreamError> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let retry_after = retry_after::read(response.headers(), SystemTime::now());
        let reader = BodyReader {
            max_length: MAX_ERROR_BODY_BYTES,
            ..self.body_reader(&context.cost)
        };
        let body = timeout_at(deadline, reader.read(response)).await;
        let body = body.ok().and_then(Result::ok);
        let body = body.map(|body| body.plain).unwrap_or_default();
        Err(UpstreamError::of_response(
            status,
            &body,
            retry_after,
            context.key.expose(),
        ))
    }
}

impl CallWatch<'_> {
    /// Records the outcome, and returns it.
    fn end<T>(self, answer: Result<T, UpstreamError>) -> Result<T, UpstreamError> {
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => error.outcome(),
        };
        self.span.record("upstream.outcome", outcome);
        traces::end(&self.span);
        self.timer.end(outcome);
        if answer
            .as_ref()
            .is_err_and(UpstreamError::is_upstream_failure)
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failures.store(0, Ordering::Relaxed);
        }
        answer
    }
}

/// Adds the key and the trace context of the current span to a request.
fn authorized(request: RequestBuilder, context: &RequestContext) -> Result<Request, UpstreamError> {
    let secret = HeaderValue::from_str(context.key.expose());
    let mut secret = secret.map_err(|_| UpstreamError::Unreachable)?;
    secret.set_sensitive(true);
    // Passes the trace on to the upstream, if there is a collector.
    let request = match traces::traceparent() {
        Some(parent) => request.header("traceparent", parent),
        None => request,
    };
    let request = request.header(X_APIKEY, secret).build();
    request.map_err(|error| UpstreamError::of_transport(&error))
}

/// Awaits a part of a call until the call's deadline.
async fn in_time<T>(
    deadline: Instant,
    part: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    let ended = timeout_at(deadline, part).await;
    ended.unwrap_or(Err(UpstreamError::Timeout))
}

/// Returns the URL of a call's path and query below the address of the API.
///
/// The scheme and the host are not parsed again, which would take each call some microseconds.
fn below(base: &Url, target: &str) -> Url {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path()));
    url.set_query(query);
    url
}

/// Adds a call's body to its request.
fn with_payload(request: RequestBuilder, payload: &Payload) -> RequestBuilder {
    let (media, body) = match payload {
        // Google's front end rejects a POST without `Content-Length`.
        Payload::Nothing => return request.header(header::CONTENT_LENGTH, 0),
        Payload::Form(form) => (
            "application/x-www-form-urlencoded",
            form.clone().into_bytes(),
        ),
        Payload::Json(json) => ("application/json", json.clone()),
    };
    request.header(header::CONTENT_TYPE, media).body(body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/files/abc")]
    #[case("/urls/aHR0cDovL2EuYi8_eA/comments?limit=10&cursor=a%2Bb")]
    #[case("/search?query=a%27b%20c%3F%23")]
    #[case("/domains/a%2Fb%3Fc")]
    #[case("/files?")]
    fn url_of_a_call_is_that_of_the_whole_text(
        #[case] target: &str,
        #[values(
            "https://www.virustotal.com/api/v3",
            "http://127.0.0.1:4242/a%20b/api/v3"
        )]
        base: &str,
    ) {
        let text = format!("{base}{target}");
        let url = below(&Url::parse(base).unwrap(), target);
        assert_eq!(url, Url::parse(&text).unwrap());
        assert_eq!(url.as_str(), text);
    }
}
