//! The requests of a connection and their responses.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Version, header},
    response::Response,
};
use hyper::{
    body::{Body as _, Incoming},
    service::{Service, service_fn},
};
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

use super::{
    activity::Exchange,
    bodies::{Inbound, Outbound},
    connections::{ConnectionPlace, Memory},
    held::Charge,
    port::Port,
    streams::Streams,
};
use crate::http::{
    extract::{ConnectionInfo, Peer, Unroutable},
    headers::Weight,
    middleware::refusal,
};

/// The time that a request waits while its address holds as much memory as it may.
const MEMORY_TIME: Duration = Duration::from_secs(5);

/// The interval at which it checks again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The memory that a request takes by itself, with its stream or connection.
const BASE: usize = 8 * 1024;

/// The size from which a response's memory is counted.
const WORTH_COUNTING: usize = 4 * 1024;

/// The memory of a compressor.
const COMPRESSOR: usize = 320 * 1024;

/// The size assumed for a response of unknown length.
const UNKNOWN: usize = 64 * 1024;

/// Returns the service that answers the requests of one connection.
pub(super) fn service(
    port: Port,
    place: &ConnectionPlace,
    streams: Streams,
    peer: Peer,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Outbound>,
    Error = Infallible,
    Future: Send + 'static,
> + use<> {
    // The service does not hold the place: a stream may outlive its connection by a moment.
    let (activity, memory) = (place.activity.clone(), place.memory.clone());
    // hyper's `service_fn`, because a tower service would be cloned and boxed for each request.
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectionInfo {
            peer: peer.clone(),
            rejected: activity.take_odd().then_some(Unroutable::OddlyFramed),
        });
        let exchange = activity.begin(memory.charge_request(BASE));
        if is_http2(&request) {
            activity.set_http2();
            streams.announce(&exchange);
        }
        handle(port.clone(), memory.clone(), request, exchange)
    })
}

fn is_http2(request: &Request<Incoming>) -> bool {
    request.version() >= Version::HTTP_2
}

/// Answers a request. During a shutdown the response is the last on its connection.
///
/// Otherwise a proxy that keeps connections open could send a request while the connection is being
/// closed, and a POST without a response cannot be repeated.
async fn handle(
    port: Port,
    memory: Memory,
    mut request: Request<Incoming>,
    exchange: Exchange,
) -> Result<Response<Outbound>, Infallible> {
    let is_http2 = is_http2(&request);
    if !has_memory(&memory).await
        && let Some(info) = request.extensions_mut().get_mut::<ConnectionInfo>()
    {
        info.rejected = Some(Unroutable::Overloaded);
    }
    let request = request.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        let exchange = exchange.clone();
        Body::new(Inbound { body, exchange })
    });
    let response = port.router.clone().oneshot(request).await?;
    let (mut response, charge) = charge(response, &memory);
    // HTTP/2 has no such header; it announces the end with a GOAWAY frame.
    if !is_http2 && port.end.told.is_cancelled() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response.map(|body| Outbound::new(body, is_http2, exchange, charge)))
}

/// Waits while an address holds as much memory as it may. Returns whether it then has some left.
async fn has_memory(memory: &Memory) -> bool {
    let mut until = None;
    // Each round closes one stalled connection, which may free memory.
    while !memory.has_room(BASE) {
        let until = *until.get_or_insert_with(|| Instant::now() + MEMORY_TIME);
        if Instant::now() >= until {
            return false;
        }
        memory.relieve();
        sleep(LOOK_EVERY).await;
    }
    true
}

/// Charges the memory of a response, or replaces the response with an error if its address has none
/// left.
fn charge(response: Response, memory: &Memory) -> (Response, Option<Charge>) {
    let weight = weight(&response);
    if weight < WORTH_COUNTING {
        return (response, None);
    }
    if memory.has_room(weight) {
        return (response, Some(memory.charge(weight)));
    }
    memory.relieve();
    (refusal::in_place_of(&response), None)
}

/// Returns the memory that a response takes.
fn weight(response: &Response) -> usize {
    let exact = response.body().size_hint().exact();
    let exact = exact.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    match (response.extensions().get(), exact) {
        (Some(Weight(bytes)), Some(_)) => *bytes,
        (None, Some(bytes)) => bytes,
        // A response with a known weight but no length is compressed while it is sent.
        (Some(Weight(bytes)), None) => bytes + COMPRESSOR,
        (None, None) => UNKNOWN,
    }
}
