//! The second layer from outside: request ids, the request log, metrics, and headers of every
//! response. Only the layer that hides keys from debug prints is around it.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use hyper::body::Frame;
use memchr::memmem;
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::{
    access::holds_token,
    http::{
        error::virustotal_shape,
        extract::{credential::KEY_HEADERS, forwarded, peer},
        headers::{NO_STORE, X_REQUEST_ID},
        middleware::{
            audit::Audited,
            drain_body, refusal,
            route_group::{GroupState, RouteGroup},
        },
        outcome::{Failure, LateOutcome, Operation, Outcome, RequestRecord},
        state::AppState,
    },
    lookup::Origin,
    metrics::{Answered, Arrived},
    telemetry::traces,
};

/// The header with the caller's trace (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// The request headers that a response depends on: no proxy may hand one key's to another.
const VARY: HeaderValue = HeaderValue::from_static("Accept, X-API-Key, x-apikey, Authorization");

/// The length from which a part of a credential counts as one.
const LEAST_PART: usize = 12;

/// The status of a request whose caller hung up before the response, as nginx logs it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request in progress. If it is dropped before its response, its caller has hung up.
struct InProgress {
    gateway: AppState,
    id: HeaderValue,
    span: Span,
    record: RequestRecord,
    method: &'static str,
    route: Option<MatchedPath>,
    audited: Option<Audited>,
    started: Instant,
    is_answered: bool,
    _arrived: Arrived,
}

/// Gives a request its id, runs it, counts it, and writes its line of the log.
///
/// Paths hold indicators, which can be confidential: the line has the route instead, and the path
/// is logged at `DEBUG` only. Queries are never logged, since they hold URLs.
pub async fn observe(
    State(state): State<GroupState>,
    mut request: Request,
    next: Next,
) -> Response {
    let gateway = &state.gateway;
    let from = peer::address(request.extensions());
    let trusted = &gateway.access.trusted_proxies;
    let address = forwarded::caller_address(from, request.headers(), trusted);
    let book = gateway.usage.book();
    let record = RequestRecord::new(address, state.group.concerns_key().then_some(book));
    request.extensions_mut().insert(record.clone());
    let in_progress = InProgress::new(&state, &request, record);
    if let Some(audited) = &in_progress.audited {
        request.extensions_mut().insert(audited.clone());
    }
    let span = in_progress.span.clone();
    let work = async {
        let Some(refused) = refusal::refuse(&request) else {
            return next.run(request).await;
        };
        // Dropping the request drains the rest of its body.
        drop(drain_body::drain_body(request, &state.gateway.tasks));
        refused
    };
    let mut response = work.instrument(span).await;
    if state.group == RouteGroup::DropIn {
        virustotal_shape::reshape(&mut response);
    }
    add_headers(response.headers_mut(), in_progress.id.clone(), state.group);
    in_progress.complete(&mut response);
    response
}

impl InProgress {
    fn new(state: &GroupState, request: &Request, record: RequestRecord) -> Self {
        let GroupState { gateway, group } = state;
        let id = request_id(request.headers());
        let span = info_span!("request", http.request.id = id.to_str().unwrap_or_default());
        let parent = request.headers().get(TRACEPARENT);
        traces::join(&span, parent.and_then(|parent| parent.to_str().ok()));
        debug!(
            parent: &span,
            url.path = shown_path(request.uri().path(), *group),
            "request received"
        );
        let route = match group {
            RouteGroup::UnknownApi => None,
            _ => request.extensions().get::<MatchedPath>().cloned(),
        };
        let audited = match &gateway.audit {
            Some(log) if group.concerns_key() => Some(Audited {
                log: log.clone(),
                id: id.clone(),
                uri: request.uri().clone(),
            }),
            _ => None,
        };
        Self {
            gateway: Arc::clone(gateway),
            id,
            span,
            record,
            method: name_of(request.method()),
            route,
            audited,
            started: Instant::now(),
            is_answered: false,
            _arrived: gateway.metrics.arrived(),
        }
    }

    /// Records the response, or has it recorded at the end of its body.
    fn complete(self, response: &mut Response) {
        let status = response.status().as_u16();
        if let Some(outcome) = response.extensions_mut().remove::<LateOutcome>()
            && !response.body().is_end_stream()
        {
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = Body::new(ObservedBody {
                body,
                status,
                outcome,
                in_progress: Some(self),
            });
            return;
        }
        let outcome: Outcome = response.extensions_mut().remove().unwrap_or_default();
        self.end(status, &outcome);
    }

    fn end(mut self, status: u16, outcome: &Outcome) {
        self.is_answered = true;
        self.note(status, outcome);
    }

    /// Counts the request, ends its span, and writes its line of the log and its audit record.
    fn note(&self, status: u16, outcome: &Outcome) {
        let meter = self.record.cost().meter();
        if self.method != "HEAD" {
            meter.count_tokens(outcome.tokens);
        }
        // What a stream or a call that goes on adds later is settled then.
        meter.settle();
        let cost = self.record.cost().cost();
        let answered = Answered {
            route: self.route.as_ref().map_or("-", MatchedPath::as_str),
            method: self.method,
            status,
            client: self.record.client(),
            took: self.started.elapsed(),
            waited: cost.waited,
            origin: outcome.origin.map(Origin::name),
            units: cost.units,
        };
        self.gateway.metrics.answered(&answered);
        let operation = self.record.operation();
        end_trace(&self.span, &answered, operation);
        let failure = outcome.failure.as_ref();
        if let Some(audited) = &self.audited {
            audited.record(&self.record, &answered, failure);
        }
        let line = RequestLine {
            answered,
            address: self.record.address(),
            operation,
            failure,
        };
        line.write(&self.span);
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if !self.is_answered {
            self.note(CLIENT_CLOSED_REQUEST, &Outcome::default());
        }
    }
}

/// The body of a response whose outcome is known at its end. Dropped before, its caller has hung up.
struct ObservedBody {
    body: Body,
    status: u16,
    outcome: LateOutcome,
    /// The request; `None` once it was recorded.
    in_progress: Option<InProgress>,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none()
            && let Some(in_progress) = self.in_progress.take()
        {
            in_progress.end(self.status, &self.outcome.get());
        }
        Poll::Ready(frame)
    }
}

/// Returns the path as it may be logged: VirusTotal's own clients put their key behind `/users/`.
fn shown_path(path: &str, group: RouteGroup) -> &str {
    let is_about_user = || path.contains('%') || path.to_ascii_lowercase().contains("users");
    if group == RouteGroup::DropIn && is_about_user() {
        return "/api/v3/…";
    }
    path
}

/// Returns the name under which a method is logged and counted. Callers can invent methods.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "OTHER",
    }
}

fn add_headers(headers: &mut HeaderMap, id: HeaderValue, group: RouteGroup) {
    headers.insert(X_REQUEST_ID, id);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if group.concerns_key() {
        // A handler may be stricter.
        if headers.get(header::CACHE_CONTROL) != Some(&NO_STORE) {
            headers.insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static("private, no-cache"),
            );
        }
        // Compression and CORS have added theirs already.
        let others: Vec<_> = headers.get_all(header::VARY).iter().cloned().collect();
        headers.insert(header::VARY, VARY);
        for other in others {
            headers.append(header::VARY, other);
        }
    }
}

/// Records the outcome of a request in its trace span, and ends the span.
fn end_trace(span: &Span, answered: &Answered<'_>, operation: Option<Operation>) {
    traces::note(span, "http.request.method", || answered.method.to_owned());
    traces::note(span, "http.route", || answered.route.to_owned());
    traces::note(span, "http.response.status_code", || {
        i64::from(answered.status)
    });
    traces::note(span, "cache", || {
        answered.origin.unwrap_or("none").to_owned()
    });
    if let Some(Operation { method, tool }) = operation {
        traces::note(span, "rpc.method", || method);
        if let Some(tool) = tool {
            traces::note(span, "mcp.tool", || tool);
        }
    }
    traces::end(span);
}

/// The facts of an answered request that its line of the log shows.
struct RequestLine<'a> {
    answered: Answered<'a>,
    address: IpAddr,
    operation: Option<Operation>,
    failure: Option<&'a Failure>,
}

impl RequestLine<'_> {
    fn write(&self, span: &Span) {
        let Self {
            answered,
            address,
            operation,
            failure,
        } = self;
        // The level of the macro is a constant, so there is one call for each level.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                $level!(
                    parent: span,
                    http.request.method = answered.method,
                    http.route = answered.route,
                    http.response.status_code = answered.status,
                    rpc.method = operation.map(|operation| operation.method),
                    mcp.tool = operation.and_then(|operation| operation.tool),
                    duration_ms = milliseconds(answered.took),
                    cache = answered.origin,
                    quota.units = answered.units,
                    client.address = %address,
                    client.name = answered.client.map(AsRef::as_ref),
                    error.type = failure.map(|failure| failure.code.as_ref()),
                    error.message = failure.and_then(|failure| failure.cause.as_deref()),
                    $message
                )
            };
        }
        match answered.status {
            CLIENT_CLOSED_REQUEST => line!(info, "request abandoned"),
            500.. => line!(warn, "request failed"),
            _ => line!(info, "request completed"),
        }
    }
}

/// Returns a duration in milliseconds, to the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// Returns the caller's request id if it is sane, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    match headers.get(X_REQUEST_ID) {
        Some(id) if is_sane(id) && !shows_credential(id.as_bytes(), headers) => id.clone(),
        _ => new_id(),
    }
}

/// Returns whether a request id is 1 to 128 letters, digits, `-`, `_` or `.`.
fn is_sane(id: &HeaderValue) -> bool {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

/// Returns whether a request id holds a token, or is part of the request's own credential or holds
/// it.
fn shows_credential(id: &[u8], headers: &HeaderMap) -> bool {
    if holds_token(id) {
        return true;
    }
    let keys = KEY_HEADERS.iter().flat_map(|name| headers.get_all(name));
    for value in keys.chain(headers.get_all(header::AUTHORIZATION)) {
        // Without `Bearer`.
        let credential = value.as_bytes().rsplit(|byte| *byte == b' ').next();
        let credential = credential.unwrap_or_default();
        let (longer, shorter) = if id.len() < credential.len() {
            (credential, id)
        } else {
            (id, credential)
        };
        if shorter.len() >= LEAST_PART && memmem::find(longer, shorter).is_some() {
            return true;
        }
    }
    false
}

fn new_id() -> HeaderValue {
    let mut id = [0; 32];
    // The length is that of 16 bytes in hex.
    let _ = hex::encode_to_slice(fastrand::u128(..).to_be_bytes(), &mut id);
    HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
}
