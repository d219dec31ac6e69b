//! The pipeline for one thing read: what is kept of it, else quota, then VirusTotal; then
//! the view asked for.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{fetch::Life, pages::Gathered};
use crate::{
    answer::{self, Answer, MalformedAnswer, Subject, View},
    cache::{Cache, Entry, Finished, Name, Said, Stamp},
    config,
    flight::Flights,
    indicator::Indicator,
    key::ApiKey,
    quota::Exhausted,
    spend::{NotNow, Purse},
    vt::{Call, Refusal, VirusTotal, VtError},
};

pub use self::{
    analysis::{Analysis, AnalysisId, InvalidAnalysisId},
    pages::RelatedQuery,
    reply::{Origin, Reply, Seen},
    search::{Corpus, SearchQuery},
    wish::Wish,
};

mod analysis;
mod fetch;
mod pages;
mod reply;
mod search;
mod wish;

/// Reads from VirusTotal, as seldom as it can and within what the key may spend.
#[derive(Debug)]
pub struct Lookup {
    vt: Arc<VirusTotal>,
    purse: Arc<Purse>,
    cache: Arc<Cache>,
    flights: Flights<(Name, bool), Result<Fresh, LookupError>>,
    rules: config::Cache,
    /// Ends whatever waits.
    stop: CancellationToken,
}

/// Why a lookup gave no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// The key's allowance has run out; VirusTotal was not asked.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// VirusTotal knows no such object, now or when it was last asked.
    #[error("VirusTotal does not know it")]
    Unknown(Refusal, Seen),
    /// VirusTotal gave none.
    #[error(transparent)]
    Upstream(#[from] VtError),
    /// VirusTotal gave something else.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    /// The task that asked broke down.
    #[error("the task that asked VirusTotal broke down")]
    Lost,
}

/// An answer that has just come.
#[derive(Clone, Debug)]
struct Fresh {
    entry: Arc<Entry>,
    /// Its bytes, which the entry only has packed.
    plain: Bytes,
}

/// An answer of VirusTotal's that serves.
struct Got {
    name: Name,
    entry: Arc<Entry>,
    seen: Seen,
    /// Its bytes, where it has just come.
    plain: Option<Bytes>,
    /// What was kept before a new answer took its place.
    before: Option<Arc<Entry>>,
}

impl Lookup {
    /// A pipeline to this upstream with this purse; `stop` ends what waits.
    pub fn new(
        vt: Arc<VirusTotal>,
        purse: Arc<Purse>,
        (cache, rules): (Arc<Cache>, config::Cache),
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            vt,
            purse,
            cache,
            flights: Flights::new(tasks),
            rules,
            stop,
        }
    }

    /// The report on an indicator; at most one unit of quota.
    pub async fn report(
        self: &Arc<Self>,
        key: &ApiKey,
        indicator: &Indicator,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let call = Call::get(&[indicator.kind().upstream_collection(), indicator.id()]);
        let got = self.read(key, &call, Life::Report, wish).await?;
        let subject = Subject::report(indicator);
        self.show(got, view, wish, |bytes| {
            answer::report(bytes, &subject, view)
        })
    }

    /// What sandboxes saw a file do, put together by VirusTotal; at most one unit of quota.
    ///
    /// `part` is its name in VirusTotal's path: `behaviour_summary`, `behaviour_mitre_trees`.
    pub async fn behaviour(
        self: &Arc<Self>,
        key: &ApiKey,
        file: &Indicator,
        part: &str,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let call = Call::get(&[file.kind().upstream_collection(), file.id(), part]);
        let got = self.read(key, &call, Life::Usual, wish).await?;
        let subject = Subject::part(file, part);
        self.show(got, view, wish, |bytes| {
            answer::object(bytes, &subject, view)
        })
    }

    /// What is related to an indicator; at most a unit of quota a page.
    pub async fn related(
        self: &Arc<Self>,
        key: &ApiKey,
        query: &RelatedQuery,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let subject = Subject::part(&query.indicator, &query.relationship);
        if query.is_one_page() {
            let call = query.call(query.limit, query.cursor.as_deref());
            let got = self.read(key, &call, Life::Usual, wish).await?;
            return self.show(got, view, wish, |bytes| {
                answer::list(std::slice::from_ref(bytes), &subject, None, view)
            });
        }
        let Gathered {
            pages,
            truncated,
            seen,
        } = self.gather(key, query, wish).await?;
        let answer = answer::list(&pages, &subject, truncated, view)?;
        Ok(Reply::new(answer, seen))
    }

    /// What VirusTotal says to this call: what is kept of it, if it is fresh enough for the
    /// caller; else what it says now, asked once for all who want to know; else what is
    /// kept, however old, if the caller takes that.
    async fn read(
        self: &Arc<Self>,
        key: &ApiKey,
        call: &Call,
        life: Life,
        wish: &Wish,
    ) -> Result<Got, LookupError> {
        // Whoever waits for quota must not hold up those who don't.
        let is_patient = !wish.wait.is_zero();
        let name = self.name(key, call);
        let now = Stamp::now();
        let kept = self.cache.answer(&name).filter(|entry| {
            let changed = self.cache.changed(call.object());
            changed.is_none_or(|changed| changed < entry.stamp)
        });
        if let Some(entry) = &kept
            && let Some(origin) = wish.takes(entry, now, &self.rules)
        {
            self.purse.save(key);
            return Got::known(name, Arc::clone(entry), origin, now);
        }
        let claim = wish.claim();
        let ask = || {
            let what = (name.clone(), key.clone(), call.clone());
            Arc::clone(self).ask(what, life, claim)
        };
        let flight = (name.clone(), is_patient);
        let (landed, is_first) = self.flights.join(&flight, ask).await;
        if !is_first && landed.is_ok() {
            self.purse.save(key);
        }
        match landed {
            Ok(Ok(Fresh { entry, plain })) => {
                let got = Got::known(name, entry, Origin::Miss, Stamp::now())?;
                Ok(Got {
                    plain: Some(plain),
                    before: kept,
                    ..got
                })
            }
            Ok(Err(error)) => match (kept, reason(&error)) {
                (Some(entry), Some(origin)) if wish.puts_up_with(&entry, now, &self.rules) => {
                    Got::known(name, entry, origin, now)
                }
                _ => Err(error),
            },
            Err(_) => Err(LookupError::Lost),
        }
    }

    /// The view of an answer: the finished one, if it was asked for before.
    ///
    /// Whether an answer is what it should be shows here. One that is not is forgotten, and
    /// what it had taken the place of comes back.
    fn show(
        &self,
        got: Got,
        view: &View<'_>,
        wish: &Wish,
        make: impl Fn(&Bytes) -> Result<Answer, MalformedAnswer>,
    ) -> Result<Reply, LookupError> {
        let look = reply::look(view);
        if let Some(done) = self.cache.view(&got.name, &look, got.entry.stamp) {
            return Ok(Reply::of_finished(done, got.seen));
        }
        let answer = match make(&got.plain()?) {
            Ok(answer) => answer,
            Err(malformed) => {
                self.cache.forget(&got.name);
                let now = Stamp::now();
                let before = got
                    .before
                    .filter(|it| wish.puts_up_with(it, now, &self.rules));
                let Some(entry) = before else {
                    return Err(malformed.into());
                };
                self.cache.keep(got.name.clone(), Arc::clone(&entry));
                let old = Got::known(got.name, entry, Origin::StaleForUpstream, now)?;
                return Ok(Reply::new(make(&old.plain()?)?, old.seen));
            }
        };
        if got.seen.origin == Origin::Miss {
            // Most things are asked for once. Who asks again has the view kept.
            return Ok(Reply::new(answer, got.seen));
        }
        let mut answer = answer;
        // It was written with room for all that VirusTotal said.
        answer.body.shrink_to_fit();
        let reply = Reply::new(answer, got.seen);
        let finished = Finished {
            body: reply.body.clone(),
            etag: Arc::clone(&reply.etag),
            cursor: reply.cursor.clone(),
            stamp: got.entry.stamp,
        };
        self.cache.keep_view(got.name, look, finished);
        Ok(reply)
    }

    /// Who may see what this key fetches: itself, or all that VirusTotal has taken.
    fn name(&self, key: &ApiKey, call: &Call) -> Name {
        let hash = key.hash();
        let is_shared = self.rules.is_shared && self.cache.is_accepted(hash);
        Name {
            owner: (!is_shared).then_some(hash),
            path: call.path().into(),
        }
    }
}

impl Got {
    fn known(
        name: Name,
        entry: Arc<Entry>,
        origin: Origin,
        now: Stamp,
    ) -> Result<Self, LookupError> {
        let seen = Seen {
            origin,
            age: entry.stamp.age(now),
        };
        if let Said::NotFound(refusal) = &entry.said {
            return Err(LookupError::Unknown(refusal.clone(), seen));
        }
        Ok(Self {
            name,
            entry,
            seen,
            plain: None,
            before: None,
        })
    }

    fn plain(&self) -> Result<Bytes, LookupError> {
        if let Some(plain) = &self.plain {
            return Ok(plain.clone());
        }
        match &self.entry.said {
            Said::Found(packed) => Ok(packed.unpack()?),
            Said::NotFound(refusal) => Err(LookupError::Unknown(refusal.clone(), self.seen)),
        }
    }
}

impl From<NotNow> for LookupError {
    fn from(error: NotNow) -> Self {
        match error {
            NotNow::Exhausted(exhausted) => exhausted.into(),
            NotNow::Closed(refusal) => VtError::Refused(refusal).into(),
        }
    }
}

/// Why something old is given where there is this error; nothing, where the error stands.
fn reason(error: &LookupError) -> Option<Origin> {
    if pages::is_quota(error) {
        return Some(Origin::StaleForQuota);
    }
    analysis::is_trouble(error).then_some(Origin::StaleForUpstream)
}
