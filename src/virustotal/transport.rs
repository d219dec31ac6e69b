//! Connection pooling, with one retry of a GET whose reused connection failed.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper_util::client::legacy::{self, connect::HttpInfo};
use lru::LruCache;
use reqwest::{
    Client, ClientBuilder, Method, Request, RequestBuilder, Response,
    header::{self, HeaderMap, HeaderValue},
    redirect, retry,
};
use rustls::ClientConfig;
use tracing::{debug, warn};
use url::Url;

use super::{ClientError, USER_AGENT, UpstreamError, X_TOOL, tls};
use crate::config;

/// The idle time after which a connection is not reused.
///
/// The pool checks for idle connections once per period of this length, so a connection is closed
/// after at most twice this time, 30 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The name of this integration.
pub(super) const OWN_TOOL: HeaderValue = HeaderValue::from_static("vt4ai");

/// The time limit for establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of connections that are remembered, far more than are open at once.
const MAX_REMEMBERED_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2048).unwrap();

/// The HTTP clients, with a record of connections that have carried a response.
#[derive(Debug)]
pub(super) struct Transport {
    /// A client that keeps connections open for reuse.
    pooled: Client,
    /// A client that opens a new connection for each request.
    unpooled: Client,
    /// Connections that have carried a response. A later request on one of them reuses it.
    ///
    /// For a failed request neither reqwest nor hyper-util reports whether its connection was
    /// reused, but hyper-util reports which connection it was.
    answered: Mutex<LruCache<Connection, ()>>,
    /// Whether the last connection attempt failed.
    is_unreachable: AtomicBool,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Connection {
    local: SocketAddr,
    remote: SocketAddr,
}

impl Transport {
    /// Creates the clients for the configured upstream.
    ///
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` apply, in upper or lower case,
    /// unless the upstream is on this machine.
    pub(super) fn new(config: &config::Upstream) -> Result<Self, ClientError> {
        let tls = tls::config(config)?;
        let unpooled = builder(config, tls.clone()).pool_max_idle_per_host(0);
        Ok(Self {
            pooled: builder(config, tls)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .build()?,
            unpooled: unpooled.build()?,
            answered: Mutex::new(LruCache::new(MAX_REMEMBERED_CONNECTIONS)),
            is_unreachable: AtomicBool::new(false),
        })
    }

    /// Starts a request of the gateway's own to be sent with [`send`](Self::send).
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.pooled.request(method, url).header(X_TOOL, OWN_TOOL)
    }

    /// Starts a request that a client made, to be sent with [`send`](Self::send).
    pub(super) fn request_of_client(&self, method: Method, url: Url) -> RequestBuilder {
        self.pooled.request(method, url)
    }

    /// Sends a request and reads the response head.
    ///
    /// A server may close an idle connection just as a request arrives on it. A GET whose reused
    /// connection fails before a response is therefore sent once more, on a new connection. No
    /// other request is sent twice.
    pub(super) async fn send(&self, request: Request) -> Result<Response, UpstreamError> {
        let copy = match *request.method() {
            Method::GET => request.try_clone(),
            _ => None,
        };
        let error = match self.pooled.execute(request).await {
            Ok(response) => {
                self.note_answer(&response);
                return Ok(response);
            }
            Err(error) => error,
        };
        let copy = match copy {
            Some(copy) if self.was_reused(&error) => copy,
            _ => return Err(self.explain(&error)),
        };
        debug!(
            error.message = causes(&error),
            "reused upstream connection failed, retrying on a new one"
        );
        match self.unpooled.execute(copy).await {
            Ok(response) => {
                self.is_unreachable.store(false, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => Err(match self.explain(&error) {
                // The first connection accepted the request, so it may have cost quota.
                UpstreamError::Unreachable => UpstreamError::Broken,
                error => error,
            }),
        }
    }

    /// Records the connection of a response, unless the server closes it.
    fn note_answer(&self, response: &Response) {
        self.is_unreachable.store(false, Ordering::Relaxed);
        let is_last = response.headers().get(header::CONNECTION);
        if is_last.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close")) {
            return;
        }
        let info = response.extensions().get::<HttpInfo>();
        if let Some(connection) = info.map(Connection::of) {
            self.answered().put(connection, ());
        }
    }

    /// Returns whether a request failed because a reused connection was lost.
    fn was_reused(&self, error: &reqwest::Error) -> bool {
        match lost_connection(error) {
            Some(connection) => self.answered().pop(&connection).is_some(),
            None => false,
        }
    }

    /// Logs a failure and classifies it.
    fn explain(&self, error: &reqwest::Error) -> UpstreamError {
        let kind = UpstreamError::of_transport(error);
        let cause = causes(error);
        let is_new = kind == UpstreamError::Unreachable
            && !self.is_unreachable.swap(true, Ordering::Relaxed);
        // Warn once until VirusTotal responds again. Every failed request has its own log line as
        // well.
        if is_new {
            warn!(error.message = cause, "upstream unreachable");
        } else {
            debug!(error.message = cause, "upstream request failed");
        }
        kind
    }

    /// Locks the record, ignoring poisoning: each entry is valid by itself.
    fn answered(&self) -> MutexGuard<'_, LruCache<Connection, ()>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn of(info: &HttpInfo) -> Self {
        Self {
            local: info.local_addr(),
            remote: info.remote_addr(),
        }
    }
}

fn builder(config: &config::Upstream, tls: ClientConfig) -> ClientBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    // Shorter than the call's time limit, so that a failed connection is reported as such.
    let connect = (config.timeout * 9 / 10).min(CONNECT_TIMEOUT);
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .default_headers(headers)
        .redirect(redirect::Policy::none())
        .referer(false)
        // reqwest would resend a POST that an HTTP/2 server says it did not process.
        .retry(retry::never())
        .connect_timeout(connect);
    if config.is_local() {
        builder.no_proxy()
    } else {
        builder
    }
}

/// Returns the connection that failed before a response arrived on it.
///
/// A response that can't be parsed has arrived. One that breaks off within its head can't be told
/// from a missing one.
fn lost_connection(error: &reqwest::Error) -> Option<Connection> {
    if error.is_connect() || error.is_timeout() {
        return None;
    }
    let mut connection = None;
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<legacy::Error>() {
            let mut extras = http::Extensions::new();
            error.connect_info()?.get_extras(&mut extras);
            connection = extras.get().map(Connection::of);
        }
        if error.downcast_ref().is_some_and(hyper::Error::is_parse) {
            return None;
        }
        cause = error.source();
    }
    connection
}

/// Returns the chain of causes, the nearest first. reqwest's own message is skipped because it
/// contains the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut is_untrusted = false;
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // An I/O error repeats the text of the error that it wraps.
        if !text.ends_with(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        is_untrusted |= is_bad_certificate(error);
        cause = error.source();
    }
    if is_untrusted {
        text.push_str(" (VT4AI_UPSTREAM_CA_FILE names additional authorities to trust)");
    }
    text
}

/// Returns whether TLS rejected the certificate. Its error is wrapped in I/O errors.
fn is_bad_certificate(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<io::Error>().map(io::Error::get_ref) {
        Some(Some(inner)) => is_bad_certificate(inner),
        Some(None) => false,
        None => matches!(
            error.downcast_ref(),
            Some(rustls::Error::InvalidCertificate(_))
        ),
    }
}
