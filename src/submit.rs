//! The pipeline for one thing written: quota, then VirusTotal, once.
//!
//! What is sent here may arrive although no answer comes back, so it is never sent again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;

use self::form::FormError;
use crate::{
    access::RequestContext,
    answer::{self, Answer, AnswerError, MalformedAnswer, Subject, View},
    cache::{Cache, Stamp},
    indicator::{Indicator, WebUrl},
    quota::Exhausted,
    redis::{Patience, Redis},
    spend::{Claim, NotNow, Purse},
    vt::{Call, VirusTotal, VtError},
};

pub use self::{
    community::{Contribution, Verdict},
    upload::Incoming,
};

mod community;
pub mod form;
mod upload;

/// Writes to VirusTotal, within what the key may spend.
#[derive(Debug)]
pub struct Submit {
    vt: Arc<VirusTotal>,
    purse: Arc<Purse>,
    /// Where what is written to is noted, so that nothing older is given of it.
    cache: Arc<Cache>,
    /// The same for other replicas.
    redis: Redis,
    /// How long anything is kept that a change could make untrue.
    longest: Duration,
}

/// What VirusTotal has begun.
#[derive(Debug)]
pub struct Started {
    /// The descriptor of the analysis, as the caller gets it.
    pub answer: Answer,
    /// Its id.
    pub analysis: String,
}

/// Why nothing was written, or it is not known whether it was.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubmitError {
    /// The form with the file is not what it should be.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The key's allowance has run out; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal did not take it.
    #[error(transparent)]
    Upstream(#[from] VtError),
    /// VirusTotal answered with something else.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// It was written, but what VirusTotal says of it would make too large a document.
    #[error("{}", AnswerError::TooLarge)]
    TooLarge,
}

impl Submit {
    /// A pipeline to this upstream with this purse.
    pub fn new(
        vt: Arc<VirusTotal>,
        purse: Arc<Purse>,
        (cache, redis, longest): (Arc<Cache>, Redis, Duration),
    ) -> Self {
        Self {
            vt,
            purse,
            cache,
            redis,
            longest,
        }
    }

    /// Has a URL scanned; one unit of quota.
    pub async fn scan_url(
        &self,
        context: &RequestContext,
        url: &WebUrl<'_>,
        view: &View<'_>,
    ) -> Result<Started, SubmitError> {
        let call = Call::post_form(&["urls"], "url", url.as_str());
        started(&self.ask(context, &call).await?, view)
    }

    /// Has what VirusTotal already knows analysed again; one unit of quota.
    pub async fn analyse(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        view: &View<'_>,
    ) -> Result<Started, SubmitError> {
        let collection = indicator.kind().upstream_collection();
        let call = Call::post(&[collection, indicator.id(), "analyse"]);
        started(&self.ask(context, &call).await?, view)
    }

    /// Adds a comment or a vote; one unit of quota.
    pub async fn contribute(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        contribution: &Contribution,
        view: &View<'_>,
    ) -> Result<Answer, SubmitError> {
        let collection = indicator.kind().upstream_collection();
        let path = [collection, indicator.id(), contribution.collection()];
        let call = Call::post_json(&path, &contribution.envelope());
        let bytes = self.ask(context, &call).await?;
        let id = answer::id(&bytes)?;
        let subject = Subject::other(contribution.object_type(), &id);
        Ok(answer::object(&bytes, &subject, view)?)
    }

    /// Asks VirusTotal once; a call that never reached it gives its unit back.
    async fn ask(&self, context: &RequestContext, call: &Call) -> Result<Bytes, SubmitError> {
        let key = &context.key;
        let endpoint = call.endpoint();
        let patience = Patience::default();
        let unit = self
            .purse
            .unit(context, &endpoint, Claim::Now, &patience)
            .await?;
        let answer = self.vt.ask(key, call, self.vt.deadline()).await;
        self.purse.settle(key, &endpoint, &unit, &answer);
        // Even without an answer it may have been written.
        let now = Stamp::now();
        self.cache.note_change(call.object(), now);
        self.redis.tell_change(call.object(), now.0, self.longest);
        Ok(answer?.plain)
    }
}

impl From<AnswerError> for SubmitError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Malformed(error) => error.into(),
            AnswerError::TooLarge => Self::TooLarge,
        }
    }
}

impl From<NotNow> for SubmitError {
    fn from(error: NotNow) -> Self {
        match error {
            NotNow::Exhausted(exhausted) => exhausted.into(),
            NotNow::Closed(refusal) => VtError::Refused(refusal).into(),
        }
    }
}

/// The descriptor of an analysis, as VirusTotal gives it for whatever starts one.
fn started(bytes: &[u8], view: &View<'_>) -> Result<Started, SubmitError> {
    let analysis = answer::id(bytes)?;
    let subject = Subject::other("analysis", &analysis);
    let answer = answer::object(bytes, &subject, view)?;
    Ok(Started { answer, analysis })
}
