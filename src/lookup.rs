//! The pipeline for one thing read: quota, then VirusTotal, then the view asked for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::pages::Gathered;
use crate::{
    answer::{self, Answer, MalformedAnswer, Subject, View},
    indicator::Indicator,
    key::ApiKey,
    quota::{Exhausted, Now, Quota},
    vt::{Call, VirusTotal, VtError},
};

pub use self::{
    analysis::{Analysis, AnalysisId, InvalidAnalysisId},
    pages::RelatedQuery,
    search::{Corpus, SearchQuery},
};

mod analysis;
mod pages;
mod search;

/// How long to wait before the second and the third try, give or take a half.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// Reads from VirusTotal, within what the key may spend.
#[derive(Debug)]
pub struct Lookup {
    vt: Arc<VirusTotal>,
    quota: Arc<Quota>,
    /// Ends whatever waits.
    stop: CancellationToken,
}

/// Why a lookup gave no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// The key's allowance has run out; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal gave none.
    #[error(transparent)]
    Upstream(#[from] VtError),
    /// VirusTotal gave something else.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
}

impl Lookup {
    /// A pipeline to this upstream under this quota; `stop` ends what waits.
    pub fn new(vt: Arc<VirusTotal>, quota: Arc<Quota>, stop: CancellationToken) -> Self {
        Self { vt, quota, stop }
    }

    /// The report on an indicator; one unit of quota.
    pub async fn report(
        &self,
        key: &ApiKey,
        indicator: &Indicator,
        view: &View<'_>,
    ) -> Result<Answer, LookupError> {
        let collection = indicator.kind().upstream_collection();
        let bytes = self
            .fetch(key, &Call::get(&[collection, indicator.id()]))
            .await?;
        Ok(answer::report(&bytes, &Subject::report(indicator), view)?)
    }

    /// What sandboxes saw a file do, put together by VirusTotal; one unit of quota.
    ///
    /// `part` is its name in VirusTotal's path: `behaviour_summary`, `behaviour_mitre_trees`.
    pub async fn behaviour(
        &self,
        key: &ApiKey,
        file: &Indicator,
        part: &str,
        view: &View<'_>,
    ) -> Result<Answer, LookupError> {
        let collection = file.kind().upstream_collection();
        let call = Call::get(&[collection, file.id(), part]);
        let bytes = self.fetch(key, &call).await?;
        Ok(answer::object(&bytes, &Subject::part(file, part), view)?)
    }

    /// What is related to an indicator; a unit of quota a page.
    pub async fn related(
        &self,
        key: &ApiKey,
        query: &RelatedQuery,
        view: &View<'_>,
    ) -> Result<Answer, LookupError> {
        let Gathered { pages, truncated } = self.gather(key, query).await?;
        let subject = Subject::part(&query.indicator, &query.relationship);
        Ok(answer::list(&pages, &subject, truncated, view)?)
    }

    /// Asks VirusTotal, again where that may help, and spends a unit each time.
    ///
    /// A try that never reached VirusTotal gives its unit back. Further tries fall under
    /// the first one's time limit, and end quietly where no unit is left for them.
    async fn fetch(&self, key: &ApiKey, call: &Call) -> Result<Bytes, LookupError> {
        let deadline = self.vt.deadline();
        let mut pauses = PAUSES.into_iter();
        let mut unit = self.quota.take(key.hash(), Now::read())?;
        loop {
            let error = match self.vt.ask(key, call, deadline).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            if error == VtError::Unreachable {
                self.quota.give_back(key.hash(), &unit);
            }
            let Some(pause) = pauses.next().map(jittered).filter(|_| error.is_passing()) else {
                return Err(error.into());
            };
            if Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            sleep(pause).await;
            unit = match self.quota.take(key.hash(), Now::read()) {
                Ok(unit) => unit,
                Err(_) => return Err(error.into()),
            };
        }
    }
}

/// Half to one and a half of the pause, so that callers that failed together part.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
