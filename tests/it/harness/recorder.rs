//! A server that reads and records every body, and knows whether it was complete.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::upstream::{Answer, Call, failure, listen, read_head};

/// The time that a test waits for an expected request; only a broken gateway takes long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a free port; it ends when dropped.
pub(crate) struct Recorder {
    pub(crate) url: String,
    seen: watch::Receiver<Vec<Received>>,
    _stop: DropGuard,
}

/// A request, as far as it has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The head and the body, without the marks of chunks.
    pub(crate) call: Call,
    pub(crate) end: Option<End>,
}

/// The end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    BrokenOff,
}

/// The reaction of the server to a request whose head has arrived.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// Reads the whole request, then answers.
    Late(Answer),
    /// Answers, then reads the whole request.
    Early(Vec<u8>),
    /// Reads this many bytes, answers, and leaves the rest unread.
    Leave(usize, Vec<u8>),
    /// Neither reads nor answers for as long as the client waits.
    Deaf,
}

type Seen = watch::Sender<Vec<Received>>;

impl Recorder {
    /// Starts a server that reacts this way to each request.
    ///
    /// A connection stays open unless an answer says that it is closed.
    pub(crate) async fn start(react: impl Fn(&Call) -> Reaction + Send + Sync + 'static) -> Self {
        Self::on(listen().await.0, react)
    }

    /// Starts such a server on an existing socket.
    pub(crate) fn on(
        listener: TcpListener,
        react: impl Fn(&Call) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (sender, seen) = watch::channel(Vec::new());
        let (react, ended) = (Arc::new(react), stop.clone());
        let tasks = TaskTracker::new();
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = serve(stream, sender.clone(), Arc::clone(&react));
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

    /// Returns every request so far, in the order of their heads.
    pub(crate) fn seen(&self) -> Vec<Received> {
        self.seen.borrow().clone()
    }

    /// Returns methods, paths and queries of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        let seen = self.seen.borrow();
        let asked = seen.iter().map(|it| &it.call);
        asked
            .map(|call| format!("{} {}", call.method, call.target))
            .collect()
    }

    /// Waits until this many POSTs have ended, and returns them.
    pub(crate) async fn posts(&self, count: usize) -> Vec<Received> {
        let is_post = |it: &&Received| it.call.method == "POST";
        let seen = self.wait(move |seen| {
            let ended = seen.iter().filter(is_post).filter(|it| it.end.is_some());
            ended.count() >= count
        });
        let posts: Vec<_> = seen.await.into_iter().filter(|it| is_post(&it)).collect();
        assert_eq!(posts.len(), count, "{posts:?}");
        posts
    }

    /// Waits until the last request has brought this many bytes.
    pub(crate) async fn has_heard(&self, length: usize) {
        self.wait(move |seen| seen.last().is_some_and(|it| it.call.body.len() >= length))
            .await;
    }

    async fn wait(&self, is_there: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut seen = self.seen.clone();
        let found = timeout(PATIENCE, seen.wait_for(|seen| is_there(seen))).await;
        let found = found.unwrap_or_else(|_| panic!("it did not come: {:?}", self.asked()));
        found.unwrap().clone()
    }
}

async fn serve(stream: TcpStream, seen: Seen, react: Arc<impl Fn(&Call) -> Reaction>) {
    let mut stream = BufStream::new(stream);
    while let Some(call) = read_head(&mut stream).await {
        if call.is_about_quota() {
            let _ = stream.write_all(&failure(404, "NotFoundError", "x")).await;
            return drop(stream.flush().await);
        }
        let mut hearing = Hearing::of(&call, &seen, &mut stream);
        let bytes = match react(&call) {
            Reaction::Late(answer) => {
                hearing.hear_out(&call).await;
                match answer {
                    Answer::Bytes(bytes) => bytes,
                    end => return end.give(stream.get_mut()).await,
                }
            }
            Reaction::Early(bytes) => {
                hearing.say(&bytes).await;
                hearing.hear_out(&call).await;
                Vec::new()
            }
            Reaction::Leave(length, bytes) => {
                hearing.hear(length).await;
                hearing.say(&bytes).await;
                return hearing.end(End::BrokenOff);
            }
            Reaction::Deaf => std::future::pending().await,
        };
        hearing.say(&bytes).await;
        if is_last(&bytes) {
            return drop(stream.shutdown().await);
        }
    }
}

/// Returns whether no further request is expected behind this answer.
fn is_last(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    answer.is_empty() || answer.contains("Connection: close")
}

/// A request whose body is being read.
struct Hearing<'a> {
    seen: &'a Seen,
    /// The index of the request among the recorded ones.
    at: usize,
    stream: &'a mut BufStream<TcpStream>,
}

impl<'a> Hearing<'a> {
    fn of(call: &Call, seen: &'a Seen, stream: &'a mut BufStream<TcpStream>) -> Self {
        let (call, mut at) = (call.clone(), 0);
        seen.send_modify(|seen| {
            at = seen.len();
            seen.push(Received { call, end: None });
        });
        Self { seen, at, stream }
    }

    async fn say(&mut self, bytes: &[u8]) {
        // A client that has hung up is no fault of this test.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    async fn hear_out(&mut self, call: &Call) {
        let heard = match (
            call.header("content-length"),
            call.header("transfer-encoding"),
        ) {
            (Some(length), None) => self.hear(length.parse().unwrap()).await,
            (None, Some("chunked")) => self.hear_chunks().await,
            (None, None) => Some(()),
            both => panic!("two ways to say how long a body is: {both:?}"),
        };
        self.end(heard.map_or(End::BrokenOff, |()| End::Whole));
    }

    fn end(&self, end: End) {
        self.seen.send_modify(|seen| seen[self.at].end = Some(end));
    }

    /// Reads this many bytes; `None` if the client stops before.
    async fn hear(&mut self, length: usize) -> Option<()> {
        let mut left = length;
        while left > 0 {
            let piece = self.stream.fill_buf().await.ok()?;
            let taken = piece.len().min(left);
            if taken == 0 {
                return None;
            }
            self.seen
                .send_modify(|seen| seen[self.at].call.body.extend_from_slice(&piece[..taken]));
            self.stream.consume(taken);
            left -= taken;
        }
        Some(())
    }

    async fn hear_chunks(&mut self) -> Option<()> {
        loop {
            let length = usize::from_str_radix(&self.line().await?, 16).ok()?;
            self.hear(length).await?;
            if !self.line().await?.is_empty() {
                return None;
            }
            if length == 0 {
                return Some(());
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}
