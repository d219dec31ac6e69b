//! A real gateway on a free port, and its answers.
//!
//! Every resource ends with the value that started it, so that nothing outlives its test.

use std::{
    future::poll_fn,
    net::SocketAddr,
    task::Poll,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
};
use reqwest::{Client, ClientBuilder, RequestBuilder, redirect};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tower::ServiceExt as _;
use vt4ai::{
    app::App,
    config::{Command, Config},
    server::ClientPace,
};

pub(crate) use self::{
    http2::{Event, Http2},
    keeper::{Keeper, Turn, kept},
    multiplexed::Multiplexed,
    nginx::{BareNginx, Nginx},
    process::{Folder, Process, free_address, run, vt4ai},
    recorder::{End, Reaction, Recorder},
    redis::{Redis, url_of},
    reply::Reply,
    secure::{Identity, Secure},
    upstream::{Answer, Call, Upstream, failure, http, ok, refusing},
    wire::Wire,
};

mod http2;
mod keeper;
mod multiplexed;
mod nginx;
mod process;
mod recorder;
mod redis;
mod reply;
mod secure;
mod upstream;
mod wire;

/// The EICAR test file: its id at VirusTotal, and its MD5.
pub(crate) const EICAR: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
pub(crate) const EICAR_MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
/// The stand-in's file with the largest report and the longest lists.
pub(crate) const TROJAN: &str = "de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185";
/// A hash that the stand-in does not know.
pub(crate) const UNKNOWN: &str = "0000000000000000000000000000000000000000";
/// The key that a request carries unless the test sets another one.
pub(crate) const KEY: &str = "key-of-the-caller";

/// Returns the path of a file's report.
pub(crate) fn file(hash: &str) -> String {
    format!("/api/v1/files/{hash}")
}

/// A gateway that serves until dropped.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// The address of the admin port, if one is set.
    pub(crate) admin: Option<SocketAddr>,
    client: Client,
    router: Router,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl Gateway {
    /// Starts a gateway in front of this upstream with these flags; without limits and without a
    /// cache unless the flags set them.
    pub(crate) async fn before(upstream: &Upstream, flags: &[&str]) -> Self {
        Self::at(&upstream.url, flags).await
    }

    /// Starts a gateway in front of the server at this URL.
    pub(crate) async fn at(upstream: &str, flags: &[&str]) -> Self {
        let mut all = vec!["--upstream-url", upstream];
        let limits = [
            "--rate-limit-per-minute",
            "--rate-limit-per-day",
            "--rate-limit-per-month",
        ];
        for flag in limits.into_iter().chain(["--cache-max-bytes"]) {
            if !flags.contains(&flag) {
                all.extend([flag, "0"]);
            }
        }
        all.extend(flags);
        Self::start(config(&all)).await
    }

    /// Starts a gateway with exactly these settings.
    pub(crate) async fn start(config: Config) -> Self {
        Self::at_pace(config, ClientPace::default()).await
    }

    /// Starts a gateway with these settings and another pace that clients have to keep.
    pub(crate) async fn at_pace(config: Config, pace: ClientPace) -> Self {
        let app = App::build(config).await.unwrap().with_pace(pace);
        let (address, router, stop) = (app.address().unwrap(), app.router(), app.stop());
        let admin = app.admin_address();
        TaskTracker::new().spawn(app.serve());
        Self {
            address,
            admin,
            client: client(),
            router,
            _stop: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Returns the token that tells the gateway to stop.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Sends a GET with the caller's key.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[("x-api-key", KEY)]).await
    }

    /// Sends a GET with only these headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = self.client.get(format!("http://{}{path}", self.address));
        send(
            headers
                .iter()
                .fold(request, |it, (name, value)| it.header(*name, *value)),
        )
        .await
    }

    /// Returns how many requests wait for quota, as the metrics say.
    pub(crate) async fn waiting_requests(&self) -> u64 {
        let metrics = self.get_with("/metrics", &[]).await;
        let mut lines = metrics.text().lines();
        let count = lines.find_map(|line| line.strip_prefix("vt4ai_quota_waiting_requests "));
        count.unwrap().parse().unwrap()
    }

    /// Sends a GET with the caller's key, without a socket.
    ///
    /// The first poll runs up to the first wait, and dropping the future is a hang-up.
    pub(crate) async fn get_directly(&self, path: &str) -> Reply {
        let request = Request::get(path).header("x-api-key", KEY);
        self.ask_directly(request.body(Body::empty()).unwrap())
            .await
    }

    /// Sends a request without a socket; dropping the future is a hang-up.
    pub(crate) async fn ask_directly(&self, request: Request) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    /// Returns a POST with the caller's key, to be given a body and sent with [`send`].
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.post_keyless(path).header("x-api-key", KEY)
    }

    /// Returns a POST without a key.
    pub(crate) fn post_keyless(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// Sends a GET over HTTP/2 with only these headers.
    pub(crate) async fn get_over_http2(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let client = client_builder().http2_prior_knowledge().build().unwrap();
        let request = client.get(format!("http://{}{path}", self.address));
        let headers = headers.iter();
        send(headers.fold(request, |it, (name, value)| it.header(*name, *value))).await
    }

    /// Sends a request with another method.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Reply {
        let method = method.parse().unwrap();
        let url = format!("http://{}{path}", self.address);
        send(self.client.request(method, url).header("x-api-key", KEY)).await
    }

    /// Writes bytes to the port and returns everything that comes back.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Parses the flags into settings, with port 0.
pub(crate) fn config(flags: &[&str]) -> Config {
    let arguments = ["vt4ai", "--port", "0"]
        .into_iter()
        .chain(flags.iter().copied());
    match Command::parse(arguments) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("{other:?}"),
    }
}

/// Opens a connection from this address of the loopback network.
pub(crate) async fn connect_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Returns a client without proxies, redirects and decompression, for plain HTTP.
pub(crate) fn client() -> Client {
    let builder = client_builder().redirect(redirect::Policy::none());
    builder.build().unwrap()
}

/// Returns a builder of clients without proxies and decompression, for plain HTTP.
pub(crate) fn client_builder() -> ClientBuilder {
    // Fails if the process has installed a provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // By default each client loads the system's certificates, which takes longer than most tests.
    Client::builder().no_proxy().no_gzip().tls_certs_only([])
}

/// Waits until the condition holds.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waits = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits)
        .await
        .expect("the condition never held");
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

/// Waits, if necessary, until this much of the minute is left: a back-off to the next full one then
/// does not end within a test.
pub(crate) async fn minute_with(left: Duration) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let within = Duration::from_secs(since.unwrap().as_secs() % 60);
    if within + left > Duration::from_mins(1) {
        tokio::time::sleep(Duration::from_mins(1).saturating_sub(within)).await;
    }
}

/// Polls all futures concurrently and returns their outputs.
pub(crate) async fn in_parallel<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    poll_fn(|context| {
        running.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(output) => {
                done.push(output);
                false
            }
            Poll::Pending => true,
        });
        if running.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done
}
