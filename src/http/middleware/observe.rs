//! The second layer from outside: request ids, the request log, metrics, and headers of every
//! response. Only the layer that hides keys from debug prints is around it.

use std::{net::IpAddr, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::{
    http::{
        extract::{forwarded, peer},
        headers::X_REQUEST_ID,
        middleware::{
            audit::{Audited, Completed},
            drain_body, refusal,
            route_group::{GroupState, RouteGroup},
        },
        outcome::{Failure, Outcome, RequestRecord},
    },
    lookup::Origin,
    metrics::Answered,
    telemetry::traces,
};

/// The header with the caller's trace (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// The request headers that a response depends on: no proxy may hand one key's to another.
const VARY: HeaderValue = HeaderValue::from_static("Accept, X-API-Key, x-apikey, Authorization");

/// Gives a request its id, runs it, counts it, and writes its line of the log.
///
/// Paths hold indicators, which can be confidential: the line has the route instead, and the path
/// is logged at `DEBUG` only. Queries are never logged, since they hold URLs.
pub async fn observe(
    State(state): State<GroupState>,
    mut request: Request,
    next: Next,
) -> Response {
    let GroupState { gateway, group } = state;
    let id = request_id(request.headers());
    let span = info_span!("request", http.request.id = id.to_str().unwrap_or_default());
    let from = peer::address(request.extensions());
    let trusted = &gateway.access.trusted_proxies;
    let address = forwarded::caller_address(from, request.headers(), trusted);
    let record = RequestRecord::new(address);
    request.extensions_mut().insert(record.clone());
    let parent = request.headers().get(TRACEPARENT);
    traces::join(&span, parent.and_then(|parent| parent.to_str().ok()));
    debug!(parent: &span, url.path = request.uri().path(), "request received");
    let method = name_of(request.method());
    let route = match group {
        RouteGroup::UnknownApi => None,
        _ => request.extensions().get::<MatchedPath>().cloned(),
    };
    let audited = match &gateway.audit {
        Some(log) if group.concerns_key() => Some(Audited {
            log: log.clone(),
            uri: request.uri().clone(),
        }),
        _ => None,
    };
    let started = Instant::now();
    let arrived = gateway.metrics.arrived();
    let work = async {
        let Some(refused) = refusal::refuse(&request) else {
            return next.run(request).await;
        };
        // Dropping the request drains the rest of its body.
        drop(drain_body::drain_body(request, &gateway.tasks));
        refused
    };
    let mut response = work.instrument(span.clone()).await;
    drop(arrived);
    add_headers(response.headers_mut(), id.clone(), group);
    let outcome: Outcome = response.extensions_mut().remove().unwrap_or_default();
    let cost = record.cost().cost();
    let answered = Answered {
        route: route.as_ref().map_or("-", MatchedPath::as_str),
        method,
        status: response.status().as_u16(),
        client: record.client(),
        took: started.elapsed(),
        waited: cost.waited,
        origin: outcome.origin.map(Origin::name),
        units: cost.units,
    };
    gateway.metrics.answered(&answered);
    end_trace(&span, &answered);
    if let Some(audited) = audited {
        let completed = Completed {
            answered: &answered,
            failure: outcome.failure.as_ref(),
        };
        audited.record(&record, &id, completed);
    }
    write_line(&span, &answered, address, outcome.failure.as_ref());
    response
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
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        // Compression and CORS have added theirs already.
        let others: Vec<_> = headers.get_all(header::VARY).iter().cloned().collect();
        headers.insert(header::VARY, VARY);
        for other in others {
            headers.append(header::VARY, other);
        }
    }
}

/// Records the outcome of a request in its trace span, and ends the span.
fn end_trace(span: &Span, answered: &Answered<'_>) {
    traces::note(span, "http.request.method", || answered.method.to_owned());
    traces::note(span, "http.route", || answered.route.to_owned());
    traces::note(span, "http.response.status_code", || {
        i64::from(answered.status)
    });
    traces::note(span, "cache", || {
        answered.origin.unwrap_or("none").to_owned()
    });
    traces::end(span);
}

fn write_line(span: &Span, answered: &Answered<'_>, address: IpAddr, failure: Option<&Failure>) {
    // The level of the macro is a constant, so there is one call for each level.
    macro_rules! line {
        ($level:ident, $message:literal) => {
            $level!(
                parent: span,
                http.request.method = answered.method,
                http.route = answered.route,
                http.response.status_code = answered.status,
                duration_ms = answered.took.as_secs_f64() * 1000.0,
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
    if answered.status >= 500 {
        line!(warn, "request failed");
    } else {
        line!(info, "request completed");
    }
}

/// Returns the caller's request id if it is sane, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    match headers.get(X_REQUEST_ID) {
        Some(id) if is_sane(id) => id.clone(),
        _ => new_id(),
    }
}

/// Returns whether a request id is 1 to 128 letters, digits, `-`, `_` or `.`.
fn is_sane(id: &HeaderValue) -> bool {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

fn new_id() -> HeaderValue {
    let id = format!("{:032x}", fastrand::u128(..));
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"))
}
