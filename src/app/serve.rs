//! The accept loop of the public port.
//!
//! `axum::serve` gives a connection for ever to send its request's head, and to read what it
//! is sent; here there are limits to both, and to how many there are.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::connections::{Activity, Connections, Place};
use crate::{http::extract::Peer, meter::Meter};

/// How long a client may take to send the head of a request, and be idle between two.
const HEAD_TIME: Duration = Duration::from_secs(10);

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

/// Accepts connections until told to stop, then gives those there are `drain` to finish.
pub(super) async fn serve(
    listener: TcpListener,
    (router, meter): (Router, &Meter),
    (tasks, most): (&TaskTracker, usize),
    stop: &CancellationToken,
    drain: Duration,
) {
    let (places, shutdown) = (Connections::new(most), GracefulShutdown::new());
    let builder = builder();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(AFTER_REFUSAL).await;
                continue;
            }
        };
        let Some(place) = stop.run_until_cancelled(places.enter()).await else {
            break;
        };
        let open = meter.connected();
        let service = service(router.clone(), Peer(peer.ip()), Arc::clone(&place.activity));
        let connection = builder.serve_connection_with_upgrades(io(stream), service);
        let connection = shutdown.watch(connection.into_owned());
        tasks.spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    debug!(%error, "a connection ended early");
                },
                () = place.close.cancelled() => debug!("a connection made room for another"),
                // Until the first bytes tell its protocol, the builder has no time limit.
                () = silence(&place) => debug!("a connection never sent a whole head"),
            }
            drop((place, open));
        });
    }
    drop(listener);
    if timeout(drain, shutdown.shutdown()).await.is_err() {
        warn!("requests were still running when the time to finish them was up");
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

/// Answers the requests of one connection.
fn service(
    router: Router,
    peer: Peer,
    activity: Arc<Activity>,
) -> impl Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future: Send + 'static,
> {
    // hyper's own, since tower's would be cloned and boxed for each request.
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let running = activity.begin();
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { Ok(answer.await?.map(|body| running.until_sent(body))) }
    })
}
