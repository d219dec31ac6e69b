//! Responses of this entrance: whole answers, and bodies that are passed on as they arrive.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use serde_json::Value;

use crate::{
    access::{KeyFilter, Slot, UsageMeter},
    http::headers::{AsItCame, Weight, note_tokens, say_provenance},
    lookup::Reply,
    render::{
        links::{LinkRewriter, LinkRules},
        rough_tokens,
    },
    virustotal::{UpstreamError, forward::ForwardedBody},
};

/// The media type of VirusTotal's answers.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The memory that is counted for a body that passes.
const PASSING: usize = 64 * 1024;

/// Returns a kept answer, with its age.
pub(super) fn kept(reply: Reply, is_packed: bool) -> Response {
    let mut response = ([(header::CONTENT_TYPE, JSON)], reply.view.body).into_response();
    note_tokens(&mut response, reply.view.size.tokens);
    if is_packed {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        // The compression layer says so on the others.
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    say_provenance(&mut response, reply.provenance);
    response
}

/// Returns an answer that the gateway makes itself.
pub(super) fn made(answer: &Value) -> Response {
    ([(header::CONTENT_TYPE, JSON)], answer.to_string()).into_response()
}

/// Returns an answer that was read as a whole, with its links rewritten.
pub(super) fn whole(status: StatusCode, mut headers: HeaderMap, body: Bytes) -> Response {
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_ENCODING);
    let mut response = (status, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    response.headers_mut().extend(headers);
    response
}

/// Whether a response is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.map_or(&b""[..], |value| value.as_bytes());
    let media = media.split(|byte| *byte == b';').next().unwrap_or_default();
    media.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The body of a response on its way to the client.
#[derive(Debug)]
pub(super) struct PassingBody {
    body: ForwardedBody,
    /// The rewriter of links, for JSON.
    links: Option<LinkRewriter>,
    /// The filter of the key, where the client does not know it.
    key: Option<KeyFilter>,
    /// The frames that are ready.
    ready: VecDeque<Frame<Bytes>>,
    is_over: bool,
    /// The meter that counts the tokens of JSON.
    meter: Option<UsageMeter>,
    /// The bytes that were handed on and are not counted yet.
    uncounted: usize,
    /// The place of the call among those in flight.
    _slot: Slot,
}

impl PassingBody {
    /// Creates the body of a response. `links` is given for JSON, `key` where it is to be masked.
    pub(super) fn new(
        body: ForwardedBody,
        slot: Slot,
        links: Option<&LinkRules>,
        key: Option<KeyFilter>,
    ) -> Self {
        Self {
            body,
            links: links.map(LinkRewriter::new),
            key,
            ready: VecDeque::new(),
            is_over: false,
            meter: None,
            uncounted: 0,
            _slot: slot,
        }
    }

    /// Counts the tokens of the body, which is JSON.
    #[must_use]
    pub(super) fn metered(mut self, meter: UsageMeter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Returns a response with this body.
    pub(super) fn respond(self, status: StatusCode, mut headers: HeaderMap) -> Response {
        if self.links.is_some() {
            headers.remove(header::CONTENT_LENGTH);
        }
        let mut response = Response::new(Body::new(self));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        // A page among VirusTotal's files must not act as a page of the gateway.
        response.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox"),
        );
        response.extensions_mut().insert(AsItCame);
        response.extensions_mut().insert(Weight(PASSING));
        response
    }

    /// Takes a piece of VirusTotal's.
    fn take(&mut self, piece: Bytes) {
        let piece = match &mut self.key {
            Some(filter) => filter.push(piece),
            None => piece,
        };
        self.hand_on(piece);
    }

    fn hand_on(&mut self, piece: Bytes) {
        let piece = match &mut self.links {
            Some(links) => {
                let mut out = Vec::with_capacity(piece.len() + 256);
                links.push(&piece, &mut out);
                out.into()
            }
            None => piece,
        };
        self.push(piece);
    }

    fn push(&mut self, piece: Bytes) {
        self.uncounted += piece.len();
        if !piece.is_empty() {
            self.ready.push_back(Frame::data(piece));
        }
    }

    fn count(&mut self) {
        let bytes = std::mem::take(&mut self.uncounted);
        if let Some(meter) = self.meter.as_ref().filter(|_| bytes > 0) {
            meter.count_tokens(rough_tokens(bytes));
            meter.settle();
        }
    }

    /// Hands on what was held back.
    fn finish(&mut self) {
        self.is_over = true;
        if let Some(filter) = self.key.take() {
            self.hand_on(filter.finish());
        }
        if let Some(links) = self.links.take() {
            let mut out = Vec::new();
            links.finish(&mut out);
            self.push(out.into());
        }
        self.count();
    }
}

/// Counts what was handed on before the client hung up.
impl Drop for PassingBody {
    fn drop(&mut self) {
        self.count();
    }
}

impl HttpBody for PassingBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => self.finish(),
                Some(Err(error)) => {
                    self.is_over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                // Trailers are not passed on.
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        self.take(piece);
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over && self.ready.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.links.is_some() {
            SizeHint::default()
        } else {
            // A masked key is as long as the key.
            self.body.size_hint()
        }
    }
}
