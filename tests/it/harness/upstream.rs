//! Servers in place of VirusTotal: the stand-in, or a server with faults.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    middleware,
    middleware::Next,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::interval,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// A server on a free port that notes every call; it ends when dropped.
pub(crate) struct Upstream {
    pub(crate) url: String,
    calls: Calls,
    _stop: DropGuard,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// A request as it reached the upstream.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The path and query, still percent-encoded.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// The body, if the head announces a short one.
    pub(crate) body: Vec<u8>,
}

/// The length of the longest body that is recorded.
const SHORT: usize = 128 * 1024;

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns whether the request asks for a key's quota. Such calls cost nothing and most tests
    /// do not
    /// concern them: they are not recorded, and a server with faults does not answer them.
    pub(crate) fn is_about_quota(&self) -> bool {
        self.target.starts_with("/api/v3/users/")
    }
}

/// The way in which a server with faults ends a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes once the value is true, then the end of the connection.
    Held(watch::Receiver<bool>, Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
    /// These bytes, then nothing for as long as the client waits.
    Silence(Vec<u8>),
    /// The first bytes, then the second ones repeatedly for as long as the client reads.
    Flood(Vec<u8>, Vec<u8>),
    /// As `Flood`, with a pause before each piece.
    Drip(Vec<u8>, Vec<u8>),
}

/// The pause of a dripping server between two pieces: less than any test's time limit.
const PAUSE: Duration = Duration::from_millis(50);

impl Answer {
    /// Writes the answer to a client, up to the end of the connection.
    pub(super) async fn give(self, stream: &mut TcpStream) {
        // A client that has hung up is no fault of this test.
        match self {
            Self::Bytes(bytes) => {
                let _ = stream.write_all(&bytes).await;
                drop(stream.shutdown().await);
            }
            Self::Held(mut going, bytes) => {
                // A test that has ended drops the sender, which also ends the wait.
                let _ = going.wait_for(|going| *going).await;
                let _ = stream.write_all(&bytes).await;
                drop(stream.shutdown().await);
            }
            Self::Reset(bytes) => {
                let _ = stream.write_all(&bytes).await;
                stream.set_zero_linger().unwrap();
            }
            Self::Silence(bytes) => {
                let _ = stream.write_all(&bytes).await;
                drop(stream.read(&mut [0]).await);
            }
            Self::Flood(first, then) => {
                let mut sent = stream.write_all(&first).await;
                while sent.is_ok() {
                    sent = stream.write_all(&then).await;
                }
            }
            Self::Drip(first, then) => {
                let (mut pace, mut sent) = (interval(PAUSE), stream.write_all(&first).await);
                while sent.is_ok() {
                    pace.tick().await;
                    sent = stream.write_all(&then).await;
                }
            }
        }
    }
}

impl Upstream {
    /// Starts VirusTotal's stand-in.
    pub(crate) async fn demo() -> Self {
        let (listener, url) = listen().await;
        let (calls, stop) = (Calls::default(), CancellationToken::new());
        let noted = Arc::clone(&calls);
        let note = middleware::from_fn(move |request: Request, next: Next| {
            let noted = Arc::clone(&noted);
            async move {
                let (call, request) = read_call(request).await;
                if !call.is_about_quota() {
                    noted.lock().unwrap().push(call);
                }
                next.run(request).await
            }
        });
        let router = vt4ai::demo::router().layer(note);
        let ended = stop.clone().cancelled_owned();
        TaskTracker::new().spawn(async move {
            let server = axum::serve(listener, router);
            server.with_graceful_shutdown(ended).await.unwrap();
        });
        Self {
            url,
            calls,
            _stop: stop.drop_guard(),
        }
    }

    /// Starts a server that gives the chosen answers, even where they violate HTTP.
    pub(crate) async fn faulty(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let (listener, url) = listen().await;
        let (calls, stop) = (Calls::default(), CancellationToken::new());
        let (noted, answer) = (Arc::clone(&calls), Arc::new(answer));
        let tasks = TaskTracker::new();
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(serve(stream, Arc::clone(&noted), Arc::clone(&answer)));
            }
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accept));
        Self {
            url,
            calls,
            _stop: stop.drop_guard(),
        }
    }

    /// Starts a server that answers with this body once the value is true.
    pub(crate) async fn held(going: watch::Receiver<bool>, body: &'static str) -> Self {
        Self::faulty(move |_| Answer::Held(going.clone(), ok(body))).await
    }

    /// Waits until the server has received this many calls.
    pub(crate) async fn until_asked(&self, count: usize) {
        while self.count() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Starts a server that answers every request with the same bytes.
    pub(crate) async fn always(bytes: Vec<u8>) -> Self {
        Self::faulty(move |_| Answer::Bytes(bytes.clone())).await
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Returns the paths and queries of all calls so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.target).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

/// Returns an answer with this status, these header lines and this body.
pub(crate) fn http(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let lines: String = headers.iter().flat_map(|line| [line, "\r\n"]).collect();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Returns a success with this body.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    http(
        200,
        &["Content-Type: application/json; charset=utf-8"],
        body,
    )
}

/// Returns an error in VirusTotal's form.
pub(crate) fn failure(status: u16, code: &str, message: &str) -> Vec<u8> {
    let error = serde_json::json!({"error": {"code": code, "message": message}});
    http(
        status,
        &["Content-Type: application/json"],
        error.to_string(),
    )
}

/// Returns an address that refuses every connection for as long as the socket is kept.
pub(crate) fn refusing() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

pub(super) async fn listen() -> (TcpListener, String) {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(address).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

async fn serve(mut stream: TcpStream, calls: Calls, answer: Arc<impl Fn(&Call) -> Answer>) {
    let Some(mut call) = read_head(&mut stream).await else {
        return;
    };
    call.body = vec![0; short_length(&call.headers)];
    if stream.read_exact(&mut call.body).await.is_err() {
        return;
    }
    if call.is_about_quota() {
        let _ = stream.write_all(&failure(404, "NotFoundError", "x")).await;
        return drop(stream.shutdown().await);
    }
    calls.lock().unwrap().push(call.clone());
    answer(&call).give(&mut stream).await;
}

pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Call> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let headers = headers.collect();
    Some(Call {
        method,
        target,
        headers,
        body: Vec::new(),
    })
}

/// Records a request and returns it unchanged.
async fn read_call(request: Request) -> (Call, Request) {
    let (head, mut body) = request.into_parts();
    let mut call = Call {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.clone(),
        body: Vec::new(),
    };
    if short_length(&call.headers) > 0 {
        // Some tests break the request off on purpose.
        let bytes = to_bytes(body, SHORT).await.unwrap_or_default();
        call.body = bytes.to_vec();
        body = Body::from(bytes);
    }
    (call, Request::from_parts(head, body))
}

/// Returns the length in the head if it is a short one, and 0 otherwise.
fn short_length(headers: &HeaderMap) -> usize {
    let length = headers.get("content-length");
    let length = length.and_then(|it| it.to_str().ok()?.parse().ok());
    length.filter(|length| *length <= SHORT).unwrap_or(0)
}
