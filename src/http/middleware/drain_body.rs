//! Hears a client out that was answered before it had sent everything.
//!
//! To close a connection on which bytes are still coming resets it, and a client that is
//! busy sending then never reads why it was refused. So what is left of a body is read and
//! thrown away for a while, beside the answer; nginx's `lingering_close` does the same.

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

/// How long a client is heard out in all, and without a byte of it.
const ALL: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(5);

/// Has whatever a handler leaves of a request's body read to its end.
pub fn drain_body(request: Request, tasks: &TaskTracker) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let tasks = tasks.clone();
    request.map(|body| Body::new(Lingering { body, tasks }))
}

/// A body that is read to its end even when it is dropped before.
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
        // Outside the runtime there is no client either.
        if let (false, Ok(runtime)) = (body.is_end_stream(), Handle::try_current()) {
            self.tasks.spawn_on(timeout(ALL, drain(body)), &runtime);
        }
    }
}

async fn drain(mut body: Body) {
    while let Ok(Some(Ok(_))) = timeout(SILENCE, body.frame()).await {}
}
