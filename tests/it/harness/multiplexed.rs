//! A server that speaks HTTP/2 over TLS.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use hyper::{Request, Response, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{secure::Identity, upstream::listen};

/// A server on a free port that ends each connection at its nth request, which it does not
/// answer; it ends when dropped.
pub(crate) struct Multiplexed {
    pub(crate) url: String,
    asked: Asked,
    _stop: DropGuard,
}

/// The methods and paths of the requests of each connection.
type Asked = Arc<Mutex<Vec<Vec<String>>>>;

impl Multiplexed {
    pub(crate) async fn start(identity: &Identity, most: usize, body: &'static str) -> Self {
        let (listener, url) = listen().await;
        let (asked, stop, tasks) = (
            Asked::default(),
            CancellationToken::new(),
            TaskTracker::new(),
        );
        let server = Server {
            acceptor: identity.acceptor_of(&[b"h2"]),
            asked: Arc::clone(&asked),
            most,
            body,
        };
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(server.clone().serve(stream));
            }
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accept));
        Self {
            url: url.replace("http://", "https://"),
            asked,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Server {
    acceptor: TlsAcceptor,
    asked: Asked,
    most: usize,
    body: &'static str,
}

impl Server {
    async fn serve(self, stream: TcpStream) {
        let Self {
            acceptor,
            asked,
            most,
            body,
        } = self;
        let Ok(stream) = acceptor.accept(stream).await else {
            return;
        };
        let connection = {
            let mut asked = asked.lock().unwrap();
            asked.push(Vec::new());
            asked.len() - 1
        };
        let end = CancellationToken::new();
        let answer = service_fn(|request: Request<hyper::body::Incoming>| {
            let line = format!("{} {}", request.method(), request.uri().path());
            let count = {
                let all = &mut asked.lock().unwrap()[connection];
                all.push(line);
                all.len()
            };
            if count >= most {
                end.cancel();
            }
            let end = end.clone();
            async move {
                if end.is_cancelled() {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::convert::Infallible>(Response::new(Body::from(body)))
            }
        });
        let server = http2::Builder::new(TokioExecutor::new());
        let server = server.serve_connection(TokioIo::new(stream), answer);
        tokio::select! {
            _ = server => {}
            () = end.cancelled() => {}
        }
    }
}
