//! Connections to VirusTotal: kept open for the next request, and replaced where one broke.

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

use super::{ClientError, USER_AGENT, VtError, X_TOOL, tls};
use crate::config;

/// The idle time after which a connection is not used again.
///
/// The pool looks for idle connections once in each period of this length. A connection is
/// therefore closed when it has been idle for twice this time, 30 s, at the latest.
const IDLE: Duration = Duration::from_secs(15);

/// The longest time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The number of connections that are remembered; far more than are ever open at once.
const MOST_REMEMBERED: NonZeroUsize = NonZeroUsize::new(2048).unwrap();

/// Sends requests, and knows which connection brought an answer before.
#[derive(Debug)]
pub(super) struct Transport {
    /// Keeps connections open for the next request.
    pooled: Client,
    /// Opens a connection for each request.
    unpooled: Client,
    /// Connections that have brought an answer: a further request on one of them reuses it.
    ///
    /// Neither reqwest nor hyper-util says of a failed request whether its connection was
    /// reused, but hyper-util says which one it was.
    answered: Mutex<LruCache<Connection, ()>>,
    /// Whether no connection could be made of late.
    is_unreachable: AtomicBool,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Connection {
    local: SocketAddr,
    remote: SocketAddr,
}

impl Transport {
    /// Creates the clients for the upstream that the settings name.
    ///
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, in either
    /// case of letters, but for an upstream on this machine.
    pub(super) fn new(config: &config::Upstream) -> Result<Self, ClientError> {
        let tls = tls::config(config)?;
        let unpooled = builder(config, tls.clone()).pool_max_idle_per_host(0);
        Ok(Self {
            pooled: builder(config, tls).pool_idle_timeout(IDLE).build()?,
            unpooled: unpooled.build()?,
            answered: Mutex::new(LruCache::new(MOST_REMEMBERED)),
            is_unreachable: AtomicBool::new(false),
        })
    }

    /// Begins a request that is sent with [`send`](Self::send).
    pub(super) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.pooled.request(method, url)
    }

    /// Sends a request, and reads the head of the answer.
    ///
    /// A server may close an idle connection just as a request arrives on it. A GET whose
    /// reused connection fails before an answer is therefore sent once more, on a connection
    /// that is surely new. Nothing else is sent twice.
    pub(super) async fn send(&self, request: Request) -> Result<Response, VtError> {
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
            error.cause = causes(&error),
            "reused upstream connection failed, sending the request once more"
        );
        match self.unpooled.execute(copy).await {
            Ok(response) => {
                self.is_unreachable.store(false, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => Err(match self.explain(&error) {
                // The first connection took the request, so a unit may have been spent.
                VtError::Unreachable => VtError::Broken,
                error => error,
            }),
        }
    }

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

    /// Whether a request failed with its connection, and that had brought an answer before.
    fn was_reused(&self, error: &reqwest::Error) -> bool {
        match lost_connection(error) {
            Some(connection) => self.answered().pop(&connection).is_some(),
            None => false,
        }
    }

    /// Logs the causes of a failure, and returns its kind.
    fn explain(&self, error: &reqwest::Error) -> VtError {
        let kind = VtError::of_transport(error);
        let cause = causes(error);
        let is_new =
            kind == VtError::Unreachable && !self.is_unreachable.swap(true, Ordering::Relaxed);
        // One warning until VirusTotal answers again; each failed request has a line besides.
        if is_new {
            warn!(error.cause = cause, "VirusTotal can't be reached");
        } else {
            debug!(error.cause = cause, "upstream request failed");
        }
        kind
    }

    /// A panic elsewhere leaves connections behind that are still known.
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
    headers.insert(X_TOOL, HeaderValue::from_static("vt4ai"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    // Less than the time for the whole call: a connection that can't be made is known as such.
    let connect = (config.timeout * 9 / 10).min(CONNECT);
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .default_headers(headers)
        .redirect(redirect::Policy::none())
        .referer(false)
        // reqwest would send a POST again that an HTTP/2 server says it did not process.
        .retry(retry::never())
        .connect_timeout(connect);
    if config.is_local() {
        builder.no_proxy()
    } else {
        builder
    }
}

/// Returns the connection that failed before an answer came over it.
///
/// An answer that can't be parsed has come. One that breaks off within its head can't be told
/// from none at all.
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

/// Returns the causes of an error, the nearest first; reqwest's own words would hold the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut is_untrusted = false;
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // An I/O error that wraps another says the same.
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
        text.push_str(" (VT4AI_UPSTREAM_CA_FILE names authorities to trust beside the usual ones)");
    }
    text
}

/// Whether TLS refused the certificate; its error comes wrapped in errors of I/O.
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
