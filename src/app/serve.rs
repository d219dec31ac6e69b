//! The accept loop of the public port.
//!
//! `axum::serve` gives a connection for ever to send its request's head; here it has ten
//! seconds, and there is a cap on connections.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceExt as _, service_fn};
use tracing::{debug, warn};

use crate::http::extract::Peer;

/// How long a client may take to send the head of a request, and be idle between two.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The head of a request: 16 KB, header lines and path together.
const MAX_HEAD: u32 = 16 * 1024;

/// How many connections are open at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// How long to wait after the system refuses a connection, as it does without descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Accepts connections until told to stop, then gives those there are `drain` to finish.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    drain: Duration,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = GracefulShutdown::new();
    let builder = builder();
    while let Some(place) = stop
        .run_until_cancelled(Arc::clone(&places).acquire_owned())
        .await
    {
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else {
            break;
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(AFTER_REFUSAL).await;
                continue;
            }
        };
        let service = service(router.clone(), Peer(peer.ip()));
        let connection = builder.serve_connection_with_upgrades(io(stream), service);
        let connection = connections.watch(connection.into_owned());
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(drain, connections.shutdown()).await.is_err() {
        warn!("requests were still running when the time to finish them was up");
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
        .max_header_list_size(MAX_HEAD);
    builder
}

fn io(stream: TcpStream) -> TokioIo<TcpStream> {
    // Answers are written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    TokioIo::new(stream)
}

type Service = TowerToHyperService<
    tower::util::BoxCloneService<
        Request<Incoming>,
        axum::response::Response,
        std::convert::Infallible,
    >,
>;

fn service(router: Router, peer: Peer) -> Service {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    TowerToHyperService::new(service.boxed_clone())
}
