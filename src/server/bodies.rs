//! The bodies of requests and responses, whose progress is recorded.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

use super::{
    activity::Exchange,
    held::{Charge, SharedCharge},
};

/// The largest pieces of a response that are handed over at once.
const HTTP1_PIECE: usize = 64 * 1024;
const HTTP2_PIECE: usize = 16 * 1024;

/// The same for a slow client, so that its progress becomes visible in time.
const SLOW_PIECE: usize = 1024;

/// The time within which a client that is not slow receives a piece.
const QUICK: Duration = Duration::from_millis(100);

/// The body of a request, which records when the gateway waits for the client.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) body: Incoming,
    pub(super) exchange: Exchange,
}

impl HttpBody for Inbound {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Pending => self.exchange.wait_for_request(),
            Poll::Ready(Some(Ok(frame))) => {
                self.exchange
                    .received(frame.data_ref().map_or(0, Bytes::len));
            }
            Poll::Ready(_) => self.exchange.received(0),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        self.exchange.received(0);
    }
}

/// The body of a response, handed over in pieces that show the client's pace.
///
/// Over HTTP/2, hyper holds a piece until the client's window opens by a byte. h2 then has the
/// whole piece, no matter how little is sent, and accepts no more until that is sent. After the
/// last piece the stream is out of reach. So the last byte is a piece of its own: when it is handed
/// over, everything before has been sent. Until then the source is kept, with everything that the
/// source itself holds.
#[derive(Debug)]
pub(super) struct Outbound {
    /// The handler's body.
    source: Body,
    /// Whether the source has ended.
    is_ended: bool,
    /// The bytes that the source has yielded and that are not handed over yet.
    current: Bytes,
    /// The frame that follows `current`.
    next: Option<Frame<Bytes>>,
    /// The length of the piece that was handed over last.
    handed: usize,
    /// Whether the client was slow to receive the piece before.
    is_slow: bool,
    is_http2: bool,
    exchange: Exchange,
    /// The memory that the response takes, if it is large enough to count.
    charge: Option<SharedCharge>,
}

/// A piece of a response with the charge for its memory.
///
/// The charge lasts as long as anything refers to the piece, because the piece keeps the whole
/// buffer from which it was cut.
struct Charged {
    bytes: Bytes,
    /// Over HTTP/2 each stream has memory of its own, regardless of the bytes that it sends.
    _exchange: Option<Exchange>,
    _charge: Option<SharedCharge>,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Outbound {
    pub(super) fn new(
        body: Body,
        is_http2: bool,
        exchange: Exchange,
        charge: Option<Charge>,
    ) -> Self {
        exchange.start_response();
        Self {
            is_ended: body.is_end_stream(),
            source: body,
            current: Bytes::new(),
            next: None,
            handed: 0,
            is_slow: false,
            is_http2,
            exchange,
            charge: charge.map(Charge::share),
        }
    }

    /// Reads the source until the next bytes, and whether more follow, are known.
    fn fill(&mut self, context: &mut Context<'_>) -> Result<(), axum::Error> {
        while self.next.is_none() && !self.is_ended {
            match Pin::new(&mut self.source).poll_frame(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.is_ended = true,
                Poll::Ready(Some(frame)) => {
                    match frame?.into_data() {
                        Ok(data) if self.current.is_empty() => self.current = data,
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => self.next = Some(Frame::data(data)),
                        Err(trailers) => self.next = Some(trailers),
                    }
                    self.is_ended = self.source.is_end_stream();
                }
            }
        }
        Ok(())
    }

    /// Cuts the next piece off the bytes that have arrived.
    fn cut(&mut self) -> Bytes {
        let (most, length) = (self.most(), self.current.len());
        let is_followed = self.next.as_ref().is_some_and(Frame::is_data);
        // The last byte over HTTP/2 is a piece of its own; see `Outbound`.
        let end = if self.is_http2 && !is_followed && length > 1 {
            length - 1
        } else {
            length
        };
        let bytes = self.current.split_to(end.min(most));
        if !self.is_http2 && self.charge.is_none() {
            return bytes;
        }
        Bytes::from_owner(Charged {
            bytes,
            _exchange: self.is_http2.then(|| self.exchange.clone()),
            _charge: self.charge.clone(),
        })
    }

    /// Records that the client has to receive a piece.
    ///
    /// The socket measures the pace of HTTP/1.1 itself, since it carries one response at a time.
    fn note_waiting(&self) {
        if self.is_http2 {
            self.exchange.wait();
        } else {
            self.exchange.start_waiting();
        }
    }

    /// Records that the client received a piece of this length.
    fn note_moved(&mut self, bytes: usize) {
        if self.is_http2 {
            self.is_slow = self.exchange.moved(bytes) > QUICK;
        } else {
            self.exchange.stop_waiting();
        }
    }

    /// Returns the number of bytes that have arrived and are not handed over yet.
    fn known(&self) -> usize {
        let next = self.next.as_ref().and_then(Frame::data_ref);
        self.current.len() + next.map_or(0, Bytes::len)
    }

    fn most(&self) -> usize {
        match (self.is_http2, self.is_slow) {
            (true, true) => SLOW_PIECE,
            (true, false) => HTTP2_PIECE,
            (false, _) => HTTP1_PIECE,
        }
    }
}

impl HttpBody for Outbound {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // hyper polls again only after it has handed over the previous piece.
        let handed = std::mem::take(&mut self.handed);
        if handed > 0 {
            self.note_moved(handed);
        }
        if self.current.is_empty()
            && let Some(next) = self.next.take()
        {
            match next.into_data() {
                Ok(data) => self.current = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        if self.current.len() <= self.most()
            && let Err(error) = self.fill(context)
        {
            return Poll::Ready(Some(Err(error)));
        }
        if !self.current.is_empty() {
            let piece = self.cut();
            self.handed = piece.len();
            self.note_waiting();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.next.take() {
            Some(trailers) => Poll::Ready(Some(Ok(trailers))),
            None if self.is_ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.current.is_empty() && self.next.is_none() && self.is_ended
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = if self.is_ended {
            SizeHint::with_exact(0)
        } else {
            self.source.size_hint()
        };
        let here = self.known() as u64;
        let upper = hint.upper();
        hint.set_lower(hint.lower() + here);
        if let Some(upper) = upper {
            hint.set_upper(upper + here);
        }
        hint
    }
}
