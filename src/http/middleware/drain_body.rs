//! Draining of request bodies that a handler leaves unread.
//!
//! Closing a connection on which bytes still arrive resets it, and a client that is busy sending
//! never reads its rejection. So the rest of a body is read and dropped for a while after the
//! response; nginx's `lingering_close` does the same.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::task::TaskTracker;

/// The longest time for which a body is drained.
const ALL: Duration = Duration::from_secs(30);

/// The longest time without a byte of it.
const SILENCE: Duration = Duration::from_secs(5);

/// Wraps the body of a request so that the rest of it is drained once it is dropped.
pub fn drain_body(request: Request, tasks: &TaskTracker) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let tasks = tasks.clone();
    request.map(|body| Body::new(Lingering { body, tasks }))
}

/// A body whose rest is drained when it is dropped.
struct Lingering {
    body: Body,
    tasks: TaskTracker,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let body = mem::take(&mut self.body);
        // Outside the runtime there is no client that could be sending.
        if let (false, Ok(runtime)) = (body.is_end_stream(), Handle::try_current()) {
            self.tasks.spawn_on(timeout(ALL, drain(body)), &runtime);
        }
    }
}

async fn drain(mut body: Body) {
    while let Ok(Some(Ok(_))) = timeout(SILENCE, body.frame()).await {}
}
