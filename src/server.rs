//! The accept loop of a port.
//!
//! `axum::serve` has no time limit for the head of a request or for a client that does not read its
//! response. This loop has both, and limits the connections and the memory of each address.

use std::{net::IpAddr, pin::pin, time::Duration};

use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use self::{
    activity::ConnectionState,
    connections::{Admission, ConnectionPlace},
    port::Port,
    socket::Socket,
    streams::Streams,
};
use crate::{access::Full, http::extract::Peer, telemetry::Repeated};

pub(crate) use self::port::{End, PortParts};
pub use self::{
    connections::{Connections, Most},
    listen::bind,
    pace::ClientPace,
};

mod activity;
mod bodies;
mod connections;
mod framing;
mod held;
mod listen;
mod pace;
mod port;
mod requests;
mod socket;
mod streams;

/// The time limit for the head of a request, and for idling between two requests.
///
/// Half a second below the promised limit: closing thousands of connections at once takes a moment.
const HEAD_TIME: Duration = Duration::from_millis(9_500);

/// The largest head of a request, path and headers together.
const MAX_HEAD: u32 = 16 * 1024;

/// The maximum number of concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// The maximum number of streams that a client has reset and the server has not handled yet; more
/// end the connection.
const MAX_RESETS: usize = 20;

/// The bytes of one response that h2 buffers before they are sent.
const SEND_BUFFER: usize = 32 * 1024;

/// The bytes that an HTTP/2 client may send before they are read: for one request, and for all.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// The interval of HTTP/2 pings, and the time limit for their answers.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The pause after a failed `accept`, such as for lack of descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// The time for which shutdown waits for the first request of a connection, since its client was
/// told that it is connected.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// The time that an accepted connection waits for a place.
const PLACE_TIME: Duration = Duration::from_secs(10);

/// Accepts connections until the end.
pub(super) async fn serve(listener: TcpListener, parts: PortParts) {
    let port = Port::new(parts);
    let tasks = TaskTracker::new();
    let mut refusals = Repeated::default();
    // Connections in the backlog are still served at the end, but not an endless stream of new
    // ones.
    let mut last = 0..listen::BACKLOG;
    while let Some(accepted) = port.end.unless_ended(listener.accept()).await {
        if port.end.stop.is_cancelled() && last.next().is_none() {
            break;
        }
        match accepted {
            Ok((stream, peer)) => {
                receive(&port, stream, peer.ip(), &tasks).await;
                port.connections.until_closed().await;
            }
            Err(error) => {
                if let Some(count) = refusals.note() {
                    warn!(%error, count, "connection could not be accepted");
                }
                // Most likely the descriptors are exhausted, so a connection is closed.
                port.connections.make_room();
                if port.end.unless_ended(sleep(AFTER_REFUSAL)).await.is_none() {
                    break;
                }
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Finds a place for a connection, or lets it wait for one.
///
/// The accept loop itself waits only if connections of many addresses are waiting: a single address
/// cannot block it.
async fn receive(port: &Port, stream: TcpStream, address: IpAddr, tasks: &TaskTracker) {
    let waiting = loop {
        match port.connections.admit(address) {
            Admission::Place(place) => {
                tasks.spawn(attend(port.clone(), stream, place, tasks.clone()));
                return;
            }
            Admission::Wait(waiting) => break waiting,
            Admission::Full(Full::Caller) => {
                return debug!("connection rejected, too many from its address");
            }
            Admission::Full(Full::All) => {
                let fewer_wait = port.end.unless_ended(port.connections.until_fewer_wait());
                if fewer_wait.await.is_none() {
                    return;
                }
            }
        }
    };
    let (port, all) = (port.clone(), tasks.clone());
    tasks.spawn(async move {
        let connections = &port.connections;
        let entered = port
            .end
            .unless_ended(timeout(PLACE_TIME, connections.enter(address)));
        let Some(Ok(place)) = entered.await else {
            return debug!("connection dropped, no place became free");
        };
        drop(waiting);
        attend(port, stream, place, all).await;
    });
}

/// Serves a connection to its end.
async fn attend(port: Port, stream: TcpStream, place: ConnectionPlace, tasks: TaskTracker) {
    let _open = port.metrics.connected();
    let stop = port.end.stop.clone();
    // A client that has already disconnected has no address.
    let Ok(peer) = stream.peer_addr() else {
        return;
    };
    let peer = Peer::new(peer, stream.local_addr().ok());
    // HTTP/2 streams run as tasks of their own, each watched by its pace.
    let streams = Streams::new(port.pace, tasks, place.close.clone());
    let io = Socket::new(stream, place.activity.clone(), port.pace);
    let builder = builder(streams.clone());
    let service = requests::service(port, &place, streams, peer);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(io)), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = place.close.cancelled() => return debug!("connection closed to make room"),
        // Until the first bytes reveal the protocol, the builder applies no time limit.
        () = silence(&place) => return debug!("connection closed, no complete request head arrived"),
        () = farewell(&place, &stop) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = &mut connection => ended,
                () = place.close.cancelled() => return,
                // Otherwise an HTTP/2 client that does not answer would hold up the shutdown.
                () = quiet(&place) => return debug!("idle connection closed"),
            }
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended early");
    }
}

/// Completes when a connection should be shut down: at once if it has had a request, otherwise
/// after `FIRST_WORD`.
async fn farewell(place: &ConnectionPlace, stop: &CancellationToken) {
    stop.cancelled().await;
    if !place.activity.has_begun() {
        sleep(FIRST_WORD).await;
    }
}

/// Completes when the connection has been idle for a while.
async fn quiet(place: &ConnectionPlace) {
    loop {
        sleep(FIRST_WORD / 4).await;
        match place.activity.state(std::time::Instant::now()) {
            ConnectionState::Idle(still) if still >= FIRST_WORD => return,
            ConnectionState::Silent => return,
            _ => {}
        }
    }
}

/// Completes when the time limit for the first head has passed without one.
async fn silence(place: &ConnectionPlace) {
    sleep(HEAD_TIME).await;
    if place.activity.has_begun() {
        std::future::pending::<()>().await;
    }
}

fn builder(streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
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
        .max_send_buf_size(SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    builder
}
