//! The write pipeline: quota, then VirusTotal, once.
//!
//! A write may have been carried out although no answer comes back, so it is never retried.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use self::{form::FormError, write::Write};
use crate::{
    access::RequestContext,
    cache::{Cache, ObjectName},
    indicator::{Indicator, PrivateReason, WebUrl},
    metrics::Metrics,
    quota::{AcquireError, Exhausted, Permit, Quota, Terms},
    render::{self, Document, MalformedAnswer, RenderError, Title, View},
    virustotal::{Call, Endpoint, UpstreamError, VirusTotal},
};

pub use self::{
    community::{Contribution, Verdict},
    upload::Incoming,
};

mod community;
pub mod form;
pub mod forward;
mod incoming;
mod pace;
mod upload;
mod write;

/// A handle to the write pipeline, which writes to VirusTotal within what the key may spend.
///
/// Clones share the same pipeline.
#[derive(Clone, Debug)]
pub struct Submit(Arc<Parts>);

/// The parts that a write works with.
#[derive(Debug)]
pub struct Parts {
    /// The upstream.
    pub virustotal: VirusTotal,
    /// The quota that calls spend.
    pub quota: Quota,
    /// The cache, which is notified of writes so that it serves nothing older.
    pub cache: Cache,
    /// The tracker for the tasks that make the calls; shutdown waits for it.
    pub tasks: TaskTracker,
    /// The counter of panics of those tasks.
    pub metrics: Arc<Metrics>,
}

/// A call that writes to the object with these names.
struct WriteJob {
    context: RequestContext,
    call: Call,
    permit: Permit,
    names: Vec<ObjectName>,
}

/// An analysis that VirusTotal has started.
#[derive(Debug)]
pub struct Started {
    /// The descriptor of the analysis, rendered for the caller.
    pub answer: Document,
    /// The id of the analysis.
    pub analysis: String,
}

/// The reasons for which a write failed, or for which its outcome is unknown.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubmitError {
    /// The form with the file is invalid.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The key's quota is exhausted; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The call to VirusTotal failed.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// VirusTotal's answer is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// The object is private; VirusTotal is never told of it.
    #[error("private: {0}")]
    Private(PrivateReason),
    /// The task that made the call panicked.
    #[error("the task that called VirusTotal ended without an answer")]
    Lost,
    /// VirusTotal carried out the write, but the rendered document would be too large.
    #[error("{}", RenderError::TooLarge)]
    TooLarge,
}

impl Submit {
    /// Creates a pipeline from its parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns why an indicator must not be sent to VirusTotal, or `None` if it may be.
    pub fn private_reason(&self, indicator: &Indicator) -> Option<PrivateReason> {
        self.parts().cache.private().reason(indicator)
    }

    /// Returns why a search must not be sent to VirusTotal, or `None` if it may be.
    pub fn private_reason_in_query(&self, query: &str) -> Option<PrivateReason> {
        self.parts().cache.private().reason_in_query(query)
    }

    fn parts(&self) -> &Parts {
        &self.0
    }

    /// Submits a URL for scanning. Costs one unit of quota.
    pub async fn scan_url(
        &self,
        context: &RequestContext,
        url: &WebUrl<'_>,
        view: &View<'_>,
    ) -> Result<Started, SubmitError> {
        let call = Call::to(Endpoint::ScanUrl).with_form("url", url.as_str());
        let indicator = Indicator::from(url);
        let bytes = self.send(context, call, &indicator).await?;
        started(&bytes, view)
    }

    /// Requests a new analysis of an object that VirusTotal already has. Costs one unit of quota.
    pub async fn analyse(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        view: &View<'_>,
    ) -> Result<Started, SubmitError> {
        let call = Call::about(Endpoint::Analyse(indicator.kind()), indicator.id());
        let bytes = self.send(context, call, indicator).await?;
        started(&bytes, view)
    }

    /// Adds a comment or a vote. Costs one unit of quota.
    pub async fn contribute(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        contribution: &Contribution,
        view: &View<'_>,
    ) -> Result<Document, SubmitError> {
        let endpoint = contribution.endpoint(indicator.kind());
        let call = Call::about(endpoint, indicator.id()).with_json(&contribution.body());
        let bytes = self.send(context, call, indicator).await?;
        let id = render::id(&bytes)?;
        let title = Title::other(contribution.object_type(), &id);
        Ok(render::object(&bytes, &title, view)?)
    }

    /// Sends a write to VirusTotal, once, on a task of its own.
    ///
    /// The task outlives the caller: after a hang-up VirusTotal may still have carried out the
    /// write, and the cached entries of the object must be invalidated. A caller that hangs up
    /// before the call has a place spends nothing.
    async fn send(
        &self,
        context: &RequestContext,
        call: Call,
        about: &Indicator,
    ) -> Result<Bytes, SubmitError> {
        let Parts {
            quota,
            tasks,
            cache,
            ..
        } = self.parts();
        if let Some(reason) = cache.private().reason(about) {
            return Err(SubmitError::Private(reason));
        }
        let permit = quota.acquire(context, call.endpoint(), Terms::Now).await?;
        let job = WriteJob {
            context: context.clone(),
            call,
            permit,
            names: ObjectName::of(about),
        };
        let (sender, receiver) = oneshot::channel();
        let (submit, metrics) = (self.clone(), Arc::clone(&self.parts().metrics));
        let write = async move { submit.write(job, sender).await }.instrument(Span::current());
        tasks.spawn(async move {
            let _ = metrics.count_panic(write).await;
        });
        // The sender is dropped without an answer only if the task panics.
        receiver.await.unwrap_or(Err(SubmitError::Lost))
    }

    /// Waits for a place, makes the call and sends the outcome to the caller.
    async fn write(&self, job: WriteJob, mut sender: oneshot::Sender<Result<Bytes, SubmitError>>) {
        let place = tokio::select! {
            slot = self.parts().quota.wait_for_call_slot(&job.context) => slot,
            () = sender.closed() => return,
        };
        let written = self.write_now(job).await;
        drop(place);
        let _ = sender.send(written);
    }

    async fn write_now(&self, job: WriteJob) -> Result<Bytes, SubmitError> {
        let WriteJob {
            context,
            call,
            mut permit,
            names,
        } = job;
        let Parts {
            virustotal, cache, ..
        } = self.parts();
        // A 429 may have started a back-off while this call waited for its place.
        permit.begin()?;
        let write = Write::new(cache, names);
        let answer = virustotal.ask(&context, &call, virustotal.deadline()).await;
        let answer = permit.record(answer);
        let written = answer.as_ref().map(|body| &body.plain[..]);
        write.settle(written).await;
        Ok(answer?.plain)
    }
}

impl From<RenderError> for SubmitError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Malformed(error) => error.into(),
            RenderError::TooLarge => Self::TooLarge,
        }
    }
}

impl From<AcquireError> for SubmitError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Exhausted(exhausted) => exhausted.into(),
            AcquireError::BackedOff(refusal) => UpstreamError::Refused(refusal).into(),
        }
    }
}

/// Renders the descriptor of an analysis, which VirusTotal returns for every scan and upload.
fn started(bytes: &[u8], view: &View<'_>) -> Result<Started, SubmitError> {
    let analysis = render::id(bytes)?;
    let title = Title::other("analysis", &analysis);
    let answer = render::object(bytes, &title, view)?;
    Ok(Started { answer, analysis })
}
