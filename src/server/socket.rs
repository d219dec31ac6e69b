//! A client's socket, which fails when the client receives too little.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    activity::Activity,
    framing::Screen,
    pace::{ClientPace, Watchdog},
};

/// The number of unsent bytes above which the system accepts no more.
///
/// By default it buffers megabytes. These take memory, and hide a stalled client for minutes.
const UNSENT: u32 = 16 * 1024;

/// A socket whose client has to keep to a pace.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    activity: Activity,
    pace: ClientPace,
    watchdog: Watchdog,
    screen: Screen,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, activity: Activity, pace: ClientPace) -> Self {
        // Answers are written whole, so waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        // Without this option the pace is measured less precisely.
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        Self {
            stream,
            activity,
            pace,
            watchdog: Watchdog::default(),
            screen: Screen::default(),
        }
    }

    /// Records the outcome of a write. Fails if the client has become too slow.
    fn note(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        if let Poll::Ready(written) = written {
            self.activity.wrote(*written.as_ref().unwrap_or(&0), now);
            return Poll::Ready(written);
        }
        let (progress, pace) = (self.activity.socket(), self.pace);
        progress.wait(now);
        let verdict = || progress.verdict(pace, Instant::now());
        ready!(self.watchdog.poll(context, verdict));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.activity.expects_head() && self.screen.look(&mut buffer.filled_mut()[before..]) {
            self.activity.set_odd();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
