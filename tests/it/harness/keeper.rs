//! A server that keeps connections open and decides for each request on them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::upstream::{Answer, Call, listen, read_head};

/// A server on a free port; it ends when dropped.
pub(crate) struct Keeper {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<(usize, Call)>>>,
    _stop: DropGuard,
}

/// The reaction of the server to a request.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// Answers with these bytes, and keeps the connection.
    Keep(Vec<u8>),
    /// Gives this answer, and ends the connection.
    End(Answer),
}

impl Keeper {
    /// Starts a server that reacts to a request and its position on its connection, from 0.
    pub(crate) async fn start(
        react: impl Fn(&Call, usize) -> Turn + Send + Sync + 'static,
    ) -> Self {
        Self::with_idle_limit(Duration::from_mins(1), react).await
    }

    /// Starts such a server that also closes connections that are idle for this long.
    pub(crate) async fn with_idle_limit(
        limit: Duration,
        react: impl Fn(&Call, usize) -> Turn + Send + Sync + 'static,
    ) -> Self {
        let (listener, url) = listen().await;
        let (seen, stop) = (Arc::default(), CancellationToken::new());
        let server = Arc::new(Server {
            limit,
            react,
            seen: Arc::clone(&seen),
            connections: AtomicUsize::new(0),
        });
        let (ended, tasks) = (stop.clone(), TaskTracker::new());
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = Arc::clone(&server).serve(stream);
                tasks.spawn(ended.clone().run_until_cancelled_owned(serve));
            }
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accept));
        Self {
            url,
            seen,
            _stop: stop.drop_guard(),
        }
    }

    /// Returns the connection's number, and the method and target, of every request so far.
    pub(crate) fn asked(&self) -> Vec<(usize, String)> {
        let seen = self.seen.lock().unwrap();
        let line = |call: &Call| format!("{} {}", call.method, call.target);
        seen.iter().map(|(at, call)| (*at, line(call))).collect()
    }

    /// Returns how many requests have begun with this method and target.
    pub(crate) fn count(&self, start: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|it| it.1.starts_with(start)).count()
    }
}

struct Server<F> {
    limit: Duration,
    react: F,
    seen: Arc<Mutex<Vec<(usize, Call)>>>,
    connections: AtomicUsize,
}

impl<F: Fn(&Call, usize) -> Turn> Server<F> {
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        for place in 0.. {
            let head = read_head(&mut stream);
            // Only a connection that has been used can be idle.
            let call = match place {
                0 => head.await,
                _ => timeout(self.limit, head).await.unwrap_or_default(),
            };
            let Some(call) = call else { return };
            hear_out(&mut stream, &call).await;
            self.seen.lock().unwrap().push((connection, call.clone()));
            match (self.react)(&call, place) {
                Turn::Keep(bytes) => drop(stream.write_all(&bytes).await),
                Turn::End(answer) => return answer.give(&mut stream).await,
            }
        }
    }
}

/// Reads a body to its end, or to that of the connection.
async fn hear_out(stream: &mut TcpStream, call: &Call) {
    if let Some(length) = call.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        let _ = stream.read_exact(&mut body).await;
        return;
    }
    let mut body = Vec::new();
    let is_chunked = call.header("transfer-encoding") == Some("chunked");
    while is_chunked && !body.ends_with(b"\r\n0\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        body.push(byte);
    }
}

/// Returns a success after which the connection goes on.
pub(crate) fn kept(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
