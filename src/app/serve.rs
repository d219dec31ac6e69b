//! The accept loop of the public port.
//!
//! `axum::serve` gives a connection for ever to send its request's head, and to read what it
//! is sent; here there are limits to both, and to how many there are.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Version, header},
};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::{
    connections::{Activity, Connections, Place},
    listen,
};
use crate::{http::extract::Peer, meter::Meter};

/// How long a client may take to send the head of a request, and be idle between two.
///
/// Half a second below the bound: where thousands run out of time at once, closing them takes
/// some, too.
const HEAD_TIME: Duration = Duration::from_millis(9_500);

/// How long a client may take nothing of what it is sent.
const READ_TIME: Duration = Duration::from_secs(30);

/// The head of a request: 16 KB, header lines and path together.
const MAX_HEAD: u32 = 16 * 1024;

/// How many requests one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 100;

/// How many streams that a client gave up may wait to be noticed; more end the connection.
const MAX_RESETS: usize = 20;

/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long to wait after the system refuses a connection, as it does without descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// How long a connection without a request is waited for in the end: it was made by somebody
/// who thought that there would be an answer.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// How the serving ends.
#[derive(Debug)]
pub(super) struct End {
    /// Cancelled a while before: every answer from then on is its connection's last.
    pub(super) told: CancellationToken,
    /// Cancelled when nothing more is accepted.
    pub(super) stop: CancellationToken,
}

/// Accepts up to `most` connections at once until the end.
pub(super) async fn serve(
    listener: TcpListener,
    (router, meter): (Router, &Meter),
    most: usize,
    end: &End,
) {
    let (places, connections) = (Connections::new(most), TaskTracker::new());
    let builder = Arc::new(builder());
    // Those who waited at the end; who goes on coming is not waited for.
    let mut last = 0..listen::BACKLOG;
    while let Some(accepted) = end.or(listener.accept()).await {
        if end.stop.is_cancelled() && last.next().is_none() {
            break;
        }
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                match end.or(sleep(AFTER_REFUSAL)).await {
                    Some(()) => continue,
                    None => break,
                }
            }
        };
        let Some(place) = end.or(places.enter()).await else {
            break;
        };
        let open = meter.connected();
        let activity = Arc::clone(&place.activity);
        let service = service(
            router.clone(),
            Peer::new(peer, stream.local_addr().ok()),
            activity,
            end.told.clone(),
        );
        let (builder, stop) = (Arc::clone(&builder), end.stop.clone());
        connections.spawn(async move {
            let connection = builder.serve_connection_with_upgrades(io(stream), service);
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = place.close.cancelled() => return debug!("a connection made room for another"),
                // Until the first bytes tell its protocol, the builder has no time limit.
                () = silence(&place) => return debug!("a connection never sent a whole head"),
                () = farewell(&place, &stop) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                debug!(%error, "a connection ended early");
            }
            drop(open);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

impl End {
    /// What this gives; none at the end, unless it is there already.
    ///
    /// Whoever waits to be accepted then has been told by the system that it is connected.
    async fn or<T>(&self, it: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            it = it => Some(it),
            () = self.stop.cancelled() => None,
        }
    }
}

/// Ends when it is time to part: at once from who has had an answer or waits for one, which
/// it still gets.
async fn farewell(place: &Place, stop: &CancellationToken) {
    stop.cancelled().await;
    if !place.activity.has_begun() {
        sleep(FIRST_WORD).await;
    }
}

/// Ends when the time for the first head is up and it has not come.
async fn silence(place: &Place) {
    sleep(HEAD_TIME).await;
    if place.activity.has_begun() {
        std::future::pending::<()>().await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    builder
}

type Io = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

fn io(stream: TcpStream) -> Io {
    // Answers are written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READ_TIME));
    TokioIo::new(Box::pin(stream))
}

/// Answers the requests of one connection; once `told` is cancelled, each as its last.
///
/// A proxy that keeps connections would else send a request into one that is just being
/// closed, and a post that got no answer can't be sent again.
fn service(
    router: Router,
    peer: Peer,
    activity: Arc<Activity>,
    told: CancellationToken,
) -> impl Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future: Send + 'static,
> {
    // hyper's own, since tower's would be cloned and boxed for each request.
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        let running = activity.begin();
        // HTTP/2 has no such header: there the end itself is announced.
        let (is_http1, told) = (request.version() < Version::HTTP_2, told.clone());
        let answer = router.clone().oneshot(request.map(Body::new));
        async move {
            let mut answer = answer.await?.map(|body| running.until_sent(body));
            if is_http1 && told.is_cancelled() {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(answer)
        }
    })
}
