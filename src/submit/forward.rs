//! Requests of clients of VirusTotal's own API that are passed on as they come: writes, downloads,
//! and whatever else the gateway has no entry for in its cache.
//!
//! They spend quota as every call does, are sent once, and their bodies are streamed both ways.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use hyper::{body::Body, header::HeaderMap};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Submit, SubmitError,
    form::{self, Form, FormError},
    incoming::PacedBody,
    upload::{LAST_PIECE_FACTOR, send},
    write::Write,
};
use crate::{
    access::{RequestContext, Slot},
    cache::ObjectName,
    quota::{AcquireError, Permit, Terms},
    virustotal::{
        Endpoint, UpstreamError,
        forward::{ForwardRequest, ForwardedResponse},
        upload::{BodySender, channel_body},
    },
};

/// The pause before a request asks again for a place in the queue for quota.
const PLACE_PAUSE: Duration = Duration::from_millis(250);

/// A request that is passed on.
#[derive(Debug)]
pub struct PassedRequest<'a, B> {
    /// The request without its body.
    pub request: ForwardRequest,
    /// The body as it arrives.
    pub body: &'a mut B,
    /// The write that it is; `None` for a read.
    pub write: Option<PassedWrite>,
    /// The time for which it waits for a unit; `None` if it costs none.
    pub wait: Option<Duration>,
}

/// A write that is passed on.
#[derive(Debug, Default)]
pub struct PassedWrite {
    /// The names of each object that is written to, as far as they are known.
    pub objects: Vec<Vec<ObjectName>>,
    /// Whether the answer is the object that the write created: it tells more names.
    pub has_answer: bool,
}

/// The response to a request that was passed on.
#[derive(Debug)]
pub struct PassedResponse {
    /// The status, below 400.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: PassedBody,
}

/// The body of such a response.
#[derive(Debug)]
pub enum PassedBody {
    /// The whole of it.
    Whole(Bytes),
    /// The rest, still to be read. The call holds its slot until then.
    Stream(Box<ForwardedResponse>, Slot),
}

impl Submit {
    /// Passes a request on, once. Costs one unit of quota unless it costs none.
    ///
    /// If the caller hangs up, the call ends; a write counts as possibly carried out then.
    pub async fn forward<B>(
        &self,
        context: &RequestContext,
        passed: PassedRequest<'_, B>,
    ) -> Result<PassedResponse, SubmitError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let PassedRequest {
            request,
            body,
            write,
            wait,
        } = passed;
        let (parts, endpoint) = (self.parts(), request.endpoint.clone());
        let permit = match wait {
            Some(wait) => Some(self.acquire_within(context, &endpoint, wait).await?),
            None => None,
        };
        let slot = parts.quota.wait_for_call_slot(context).await;
        let permit = match permit {
            Some(mut permit) => {
                // A 429 may have started a back-off while this call waited for its slot.
                permit.begin()?;
                Some(permit)
            }
            None => None,
        };
        let has_answer = write.as_ref().is_some_and(|write| write.has_answer);
        let objects = write.map(|write| write.objects).unwrap_or_default();
        let mut writes: Vec<Write<'_>> = objects
            .into_iter()
            .map(|names| Write::new(&parts.cache, names))
            .collect();
        let (answer, names) = self.exchange(context, request, body).await?;
        if let Some(write) = writes.first_mut() {
            write.add(names);
        }
        let answer = self.record(context, &endpoint, permit, answer);
        let mut response = match answer {
            Ok(response) => response,
            Err(error) => {
                settle_all(writes, Err(&error)).await;
                return Err(error.into());
            }
        };
        let (status, headers) = (response.status, std::mem::take(&mut response.headers));
        if !has_answer {
            settle_all(writes, Ok(&[])).await;
            let body = PassedBody::Stream(Box::new(response), slot);
            return Ok(PassedResponse {
                status,
                headers,
                body,
            });
        }
        response.headers = headers.clone();
        let answer = response.read(&context.cost).await;
        settle_all(writes, answer.as_deref()).await;
        let body = PassedBody::Whole(answer?);
        Ok(PassedResponse {
            status,
            headers,
            body,
        })
    }

    /// Acquires a permit, after waiting in the queue for at most this time.
    ///
    /// A caller that has its share of the places in the queue waits for one of them.
    async fn acquire_within(
        &self,
        context: &RequestContext,
        endpoint: &Endpoint,
        wait: Duration,
    ) -> Result<Permit, AcquireError> {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let terms = if left.is_zero() {
                Terms::Now
            } else {
                Terms::Within(left)
            };
            match self.parts().quota.acquire(context, endpoint, terms).await {
                Err(AcquireError::Exhausted(exhausted))
                    if exhausted.full.is_some() && left > PLACE_PAUSE =>
                {
                    let pause = context.cost.waiting(sleep(PLACE_PAUSE));
                    if context.place.waiting(pause).await.is_err() {
                        context.cost.waiting(sleep(PLACE_PAUSE)).await;
                    }
                }
                acquired => return acquired,
            }
        }
    }

    /// Sends a request with its body, and returns the outcome with the names that the body reveals.
    async fn exchange<B>(
        &self,
        context: &RequestContext,
        mut request: ForwardRequest,
        body: &mut B,
    ) -> Result<(Result<ForwardedResponse, UpstreamError>, Vec<ObjectName>), SubmitError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let virustotal = &self.parts().virustotal;
        if body.is_end_stream() {
            let deadline = Some(virustotal.deadline());
            let answer = virustotal.forward(context, request, deadline).await;
            return Ok((answer, Vec::new()));
        }
        let (feed, channel) = channel_body(body.size_hint().exact());
        request.body = Some(channel);
        let patience = virustotal.timeout();
        let mut stream = PassingBody {
            form: form_of(&request.headers),
            source: PacedBody::new(body, patience),
            patience,
        };
        let mut answer = pin!(virustotal.forward(context, request, None));
        let mut names = Vec::new();
        let answer = tokio::select! {
            biased;
            // VirusTotal may refuse a request before it has arrived completely.
            early = &mut answer => early,
            passed = stream.pass(feed) => {
                names = passed?;
                let late = timeout(patience * LAST_PIECE_FACTOR, answer).await;
                late.unwrap_or(Err(UpstreamError::Timeout))
            }
        };
        Ok((answer, names))
    }

    /// Records the outcome of a call.
    fn record(
        &self,
        context: &RequestContext,
        endpoint: &Endpoint,
        permit: Option<Permit>,
        answer: Result<ForwardedResponse, UpstreamError>,
    ) -> Result<ForwardedResponse, UpstreamError> {
        match permit {
            Some(permit) => permit.record(answer),
            None => self.parts().quota.record(context, endpoint, answer),
        }
    }
}

/// A body on its way to VirusTotal, observed if it is a form with a file.
struct PassingBody<'a, B> {
    source: PacedBody<'a, B>,
    form: Option<Form>,
    /// The time limit for passing one piece on.
    patience: Duration,
}

impl<B: Body<Data = Bytes> + Unpin> PassingBody<'_, B> {
    /// Passes all pieces on. Returns the names of the file in them, if there is one.
    async fn pass(&mut self, feed: BodySender) -> Result<Vec<ObjectName>, SubmitError> {
        while let Some(piece) = self.source.next().await? {
            // A form that the gateway can't read may be one that VirusTotal can.
            if let Some(form) = &mut self.form
                && form.push(&piece).is_err()
            {
                self.form = None;
            }
            send(&feed, Some(piece), self.patience).await?;
        }
        // If the request has already ended, its answer carries the error.
        let _ = feed.finish().await;
        Ok(match &self.form {
            Some(form) if form.end().is_ok() => form.names(),
            _ => Vec::new(),
        })
    }
}

/// Returns a parser of the form that a request carries, if it carries one.
fn form_of(headers: &HeaderMap) -> Option<Form> {
    let content_type = headers.get(hyper::header::CONTENT_TYPE)?;
    let boundary: Result<_, FormError> = form::boundary(content_type.as_bytes());
    boundary.ok().map(Form::new)
}

/// Invalidates what is kept about all objects that were written to. The answer is about the first.
async fn settle_all(writes: Vec<Write<'_>>, answer: Result<&[u8], &UpstreamError>) {
    let mut answer = answer;
    for write in writes {
        write.settle(answer).await;
        answer = answer.map(|_| &[][..]);
    }
}
