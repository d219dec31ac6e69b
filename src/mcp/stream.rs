//! Answers that take a while, as a stream of events: progress first, the answer last.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    body::{Body, HttpBody},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tracing::{Instrument as _, Span};

use super::{methods::Finished, visit::CallProgress};
use crate::http::outcome::LateOutcome;

/// The time within which most answers are there, so that no stream is needed.
const SHORT: Duration = Duration::from_millis(250);

/// The interval of events.
const TICK: Duration = Duration::from_secs(2);

/// Asks nginx to pass each event on at once.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer in the making. Dropping it cancels the call.
type Work = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// The stream of one answer.
struct Events {
    /// The answer; `None` once it was sent.
    work: Option<Work>,
    progress: CallProgress,
    token: Value,
    ticks: Interval,
    /// The last progress that was reported. Each report is beyond the one before.
    last: f64,
    outcome: LateOutcome,
}

/// Responds with JSON if the answer is there soon, else with a stream.
pub(super) async fn respond(work: Work, progress: CallProgress, token: Value) -> Response {
    // The body is polled outside the span of the request.
    let mut work: Work = Box::pin(work.instrument(Span::current()));
    if let Ok(finished) = timeout(SHORT, &mut work).await {
        return finished.into_response();
    }
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = Events {
        work: Some(work),
        progress,
        token,
        ticks,
        last: 0.0,
        outcome: LateOutcome::default(),
    };
    let media = HeaderValue::from_static("text/event-stream");
    let now = HeaderValue::from_static("no");
    let headers = [(header::CONTENT_TYPE, media), (NO_BUFFERING, now)];
    let outcome = Extension(events.outcome.clone());
    (outcome, headers, Body::new(events)).into_response()
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(None);
        };
        let event = match work.as_mut().poll(context) {
            Poll::Ready(finished) => {
                self.work = None;
                let event = event(finished.body());
                self.outcome.set(finished.into_outcome());
                event
            }
            Poll::Pending => {
                std::task::ready!(self.ticks.poll_tick(context));
                self.report()
            }
        };
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}

impl Events {
    /// Returns the event of a tick: the progress, or a comment if nothing has changed.
    fn report(&mut self) -> String {
        let step = self.progress.step();
        if step.done <= self.last {
            return ": waiting\n\n".to_owned();
        }
        self.last = step.done;
        let mut params = json!({
            "progressToken": self.token,
            "progress": step.done,
            "message": step.message,
        });
        if let Some(total) = step.total {
            params["total"] = json!(total);
        }
        let method = "notifications/progress";
        event(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string())
    }
}

/// Returns an event with one message, which has no line break.
fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}
