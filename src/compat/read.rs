//! Reads whose answers are kept, and shared with the other entrances.

use std::time::{Duration, Instant};

use axum::response::Response;
use tokio::time::sleep;

use super::{handle::Passing, headers, respond};
use crate::{
    access::RequestContext,
    http::{error::ApiError, extract::freshness},
    lookup::{FetchError, Freshness, LookupError, PassedAbout, PassedQuery},
    virustotal::Verbatim,
};

/// The pause before a request asks again for a place in the queue for quota.
const PLACE_PAUSE: Duration = Duration::from_millis(250);

impl Passing<'_> {
    /// Answers a read whose answer is kept.
    pub(super) async fn read(
        &self,
        context: &RequestContext,
        mut query: PassedQuery,
    ) -> Result<Response, ApiError> {
        match &query.about {
            PassedAbout::Search(text) => self.note("search", text),
            PassedAbout::Analysis(id) => self.note("analysis", id),
            // The indicator in the path has been noted.
            _ => {}
        }
        let kept = headers::of_kept(&self.parts.headers);
        if let Some(tool) = headers::tool_of(&kept) {
            query.call = query.call.by_tool(&tool);
        }
        query.call = query.call.as_sent(Verbatim {
            target: self.target.raw.to_owned(),
            headers: kept,
        });
        query.is_packed = headers::accepts_gzip(&self.parts.headers);
        let lookup = &self.entrance.gateway.lookup;
        let control = freshness::read_control(&self.parts.headers);
        let end = Instant::now() + self.wait;
        loop {
            let freshness = Freshness {
                wait: end.saturating_duration_since(Instant::now()),
                ..control
            };
            match lookup.pass(context, &query, &self.links, &freshness).await {
                Ok(reply) => return Ok(respond::kept(reply, query.is_packed)),
                // The caller has its share of the places in the queue, so it waits for one.
                Err(error) if is_for_lack_of_place(&error) && freshness.wait > PLACE_PAUSE => {
                    pause(context).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Waits before the next attempt, in a waiting place if there is one.
async fn pause(context: &RequestContext) {
    let wait = context.cost.waiting(sleep(PLACE_PAUSE));
    if context.place.waiting(wait).await.is_err() {
        context.cost.waiting(sleep(PLACE_PAUSE)).await;
    }
}

/// Whether a lookup failed because its caller has its share of the places in a queue.
fn is_for_lack_of_place(error: &LookupError) -> bool {
    matches!(
        error,
        LookupError::Fetch(FetchError::Exhausted(exhausted)) if exhausted.full.is_some()
    )
}
