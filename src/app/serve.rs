//! The accept loop of a port.
//!
//! `axum::serve` gives a connection for ever to send its request's head, and to read what it
//! is sent. Here both have limits, and so have the connections and the memory of one address.

use std::{net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
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

use self::{socket::Socket, streams::Streams};
use super::{
    connections::{Admission, Connections, Place},
    listen,
};
use crate::{access::Full, http::extract::Peer, meter::Meter, telemetry::Repeated};

pub use self::pace::Pace;
pub(super) use self::{
    activity::{Activity, Standing},
    held::{Account, Charge},
};

mod activity;
mod bodies;
mod framing;
mod held;
mod pace;
mod requests;
mod socket;
mod streams;

/// How long a client may take to send the head of a request, and be idle between two.
///
/// Half a second below the bound: where thousands run out of time at once, closing them takes
/// some, too.
const HEAD_TIME: Duration = Duration::from_millis(9_500);

/// The head of a request: 16 KB, header lines and path together.
const MAX_HEAD: u32 = 16 * 1024;

/// How many requests one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 100;

/// How many streams that a client gave up may wait to be noticed; more end the connection.
const MAX_RESETS: usize = 20;

/// The bytes of one answer that h2 takes before it has sent them.
const SEND_BUFFER: usize = 32 * 1024;

/// The bytes that an HTTP/2 client may send before they are read: of one request, and of all.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long to wait after the system refuses a connection, as it does without descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// How long a connection without a request is waited for in the end: it was made by somebody
/// who thought that there would be an answer.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// The time that a connection, once accepted, waits for a place.
const PLACE_TIME: Duration = Duration::from_secs(10);

/// How the serving ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Cancelled a while before: every answer from then on is its connection's last.
    pub(super) told: CancellationToken,
    /// Cancelled when nothing more is accepted.
    pub(super) stop: CancellationToken,
}

/// A port and the bounds of its clients.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) router: Router,
    pub(super) connections: Arc<Connections>,
    pub(super) meter: Arc<Meter>,
    pub(super) pace: Pace,
    pub(super) end: End,
}

/// Accepts connections until the end.
pub(super) async fn serve(listener: TcpListener, port: Port) {
    let (port, tasks) = (Arc::new(port), TaskTracker::new());
    let mut refusals = Repeated::default();
    // Those who waited at the end; who goes on coming is not waited for.
    let mut last = 0..listen::BACKLOG;
    while let Some(accepted) = port.end.or(listener.accept()).await {
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
                    warn!(%error, count, "a connection could not be accepted");
                }
                port.connections.make_room();
                if port.end.or(sleep(AFTER_REFUSAL)).await.is_none() {
                    break;
                }
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Finds a place for a connection, or somewhere to wait for one.
///
/// The accept loop waits here only while many addresses have connections that wait: one alone
/// can't hold it up.
async fn receive(port: &Arc<Port>, stream: TcpStream, address: IpAddr, tasks: &TaskTracker) {
    let waiting = loop {
        match port.connections.admit(address) {
            Admission::Place(place) => {
                tasks.spawn(attend(Arc::clone(port), stream, place, tasks.clone()));
                return;
            }
            Admission::Wait(waiting) => break waiting,
            Admission::Full(Full::Caller) => return debug!("an address has too many connections"),
            Admission::Full(Full::All) => {
                let fewer_wait = port.end.or(port.connections.until_fewer_wait());
                if fewer_wait.await.is_none() {
                    return;
                }
            }
        }
    };
    let (port, all) = (Arc::clone(port), tasks.clone());
    tasks.spawn(async move {
        let entered = port
            .end
            .or(timeout(PLACE_TIME, port.connections.enter(address)));
        let Some(Ok(place)) = entered.await else {
            return debug!("there was no place for a connection");
        };
        drop(waiting);
        attend(port, stream, place, all).await;
    });
}

/// Serves a connection to its end.
async fn attend(port: Arc<Port>, stream: TcpStream, place: Place, tasks: TaskTracker) {
    let _open = port.meter.connected();
    let stop = port.end.stop.clone();
    // A client that has gone already has no address any more.
    let Ok(peer) = stream.peer_addr() else {
        return;
    };
    let peer = Peer::new(peer, stream.local_addr().ok());
    let streams = Streams::new(port.pace, tasks, place.close.clone());
    let io = Socket::new(stream, Arc::clone(&place.activity), port.pace);
    let builder = builder(streams.clone());
    let service = requests::service(port, &place, streams, peer);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(io)), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = place.close.cancelled() => return debug!("a connection was closed to make room"),
        // Until the first bytes tell its protocol, the builder has no time limit.
        () = silence(&place) => return debug!("a connection never sent a whole head"),
        () = farewell(&place, &stop) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = &mut connection => ended,
                () = place.close.cancelled() => return,
                // An HTTP/2 client that does not answer would else be waited for.
                () = quiet(&place) => return debug!("an idle connection was closed"),
            }
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
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

/// Ends when nothing has been under way for a while.
async fn quiet(place: &Place) {
    loop {
        sleep(FIRST_WORD / 4).await;
        match place.activity.standing(std::time::Instant::now()) {
            Standing::Idle(still) if still >= FIRST_WORD => return,
            Standing::Silent => return,
            _ => {}
        }
    }
}

/// Ends when the time for the first head is up and it has not come.
async fn silence(place: &Place) {
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
