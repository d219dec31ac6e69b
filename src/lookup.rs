//! The read pipeline: the cache, then quota, then VirusTotal, then the view that was asked for.
//!
//! `Lookup::read` decides between the cache and VirusTotal. `shared` coalesces concurrent calls,
//! `fetch` makes the call, and `show` renders the answer.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    analysis::Polled,
    names::Rendered,
    pages::Gathered,
    question::{About, Question, TtlRule},
    shared::{Fetched, FlightKey, Landed},
};
use crate::{
    access::{AcceptedKeys, RequestContext, Shares},
    cache::{Cache, CacheKey, CacheStats, CachedAnswer, Kept, Moment, single_flight::SingleFlight},
    config,
    indicator::Indicator,
    metrics::Metrics,
    quota::Quota,
    redis::Redis,
    render::{self, RenderError, Title, View},
    virustotal::{Call, VirusTotal},
};

pub use self::{
    analysis::{Analysis, AnalysisId, InvalidAnalysisId},
    error::LookupError,
    freshness::Freshness,
    pages::RelatedQuery,
    reply::{Origin, Reply, Seen},
    search::{Corpus, SearchQuery},
};

mod analysis;
mod error;
mod fetch;
mod freshness;
mod names;
mod pages;
mod question;
mod reply;
mod search;
mod shared;
mod show;

/// A handle to the read pipeline.
///
/// Answers from the cache where it can and spends at most what the key may spend. Clones share the
/// same pipeline.
#[derive(Clone, Debug)]
pub struct Lookup(Arc<Inner>);

/// The parts that a lookup works with.
#[derive(Debug)]
pub struct Parts {
    /// The upstream.
    pub virustotal: Arc<VirusTotal>,
    /// Units of quota.
    pub quota: Arc<Quota>,
    /// The cache of answers.
    pub cache: Cache,
    /// The settings for TTLs, staleness and sharing.
    pub rules: config::Cache,
    /// The keys that VirusTotal has accepted. Only these see what other keys fetched.
    pub accepted: AcceptedKeys,
    /// The same, as far as other replicas know.
    pub redis: Redis,
    /// The places for calls to VirusTotal, which bound how many run at once.
    pub calls: Shares,
    /// The tracker for the tasks that make the calls; shutdown waits for it.
    pub tasks: TaskTracker,
    /// Counts the panics of those tasks.
    pub metrics: Arc<Metrics>,
    /// Ends the waits when the gateway stops.
    pub stop: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    flights: SingleFlight<FlightKey, Landed>,
    polls: SingleFlight<FlightKey, Polled>,
}

/// An answer from VirusTotal that serves a caller.
#[derive(Clone, Debug)]
struct Got {
    key: CacheKey,
    answer: Arc<CachedAnswer>,
    seen: Seen,
    /// The uncompressed bytes, if the answer has just arrived and is not large.
    plain: Option<Bytes>,
    /// Whether it was fetched for this caller, and not kept here or by another replica.
    is_new: bool,
    /// The cached answer that this one replaced.
    before: Option<Kept>,
    /// The time at which the caller asked.
    came: Moment,
}

impl Lookup {
    /// Creates a pipeline from its parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            flights: SingleFlight::new(parts.tasks.clone(), Arc::clone(&parts.metrics)),
            polls: SingleFlight::new(parts.tasks.clone(), Arc::clone(&parts.metrics)),
            parts,
        }))
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Returns the number and size of the cached entries.
    pub fn cache_stats(&self) -> CacheStats {
        self.parts().cache.stats()
    }

    /// Looks up the report on an indicator. Costs at most one unit of quota.
    pub async fn report(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let question = Question {
            call: Call::get(&[indicator.kind().upstream_collection(), indicator.id()]),
            about: About::Object(indicator.clone()),
            ttl: TtlRule::Report,
        };
        let title = Title::report(indicator);
        let render = |bytes: &Bytes| {
            let answer = render::report(bytes, &title, view)?;
            let told = self.told_by_report(indicator, &answer);
            Ok(Rendered { answer, told })
        };
        self.see(context, &question, freshness, view, render).await
    }

    /// Looks up VirusTotal's combined sandbox results for a file. Costs at most one unit of quota.
    ///
    /// `part` is the last segment of VirusTotal's path: `behaviour_summary` or
    /// `behaviour_mitre_trees`.
    pub async fn behaviour(
        &self,
        context: &RequestContext,
        file: &Indicator,
        part: &str,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let question = Question {
            call: Call::get(&[file.kind().upstream_collection(), file.id(), part]),
            about: About::Object(file.clone()),
            ttl: TtlRule::Usual,
        };
        let title = Title::part(file, part);
        let render = |bytes: &Bytes| Rendered::plain(render::object(bytes, &title, view));
        self.see(context, &question, freshness, view, render).await
    }

    /// Lists the objects related to an indicator. Costs at most one unit of quota per page.
    pub async fn related(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let title = Title::part(&query.indicator, &query.relationship);
        // The usual case renders like any other answer, and its view can be cached.
        if query.is_one_page() {
            let question = query.question(query.limit, query.cursor.as_deref(), view);
            let render = |bytes: &Bytes| {
                let answer = render::list(std::slice::from_ref(bytes), &title, None, view)?;
                let told = self.told_by_page(query, bytes);
                Ok(Rendered { answer, told })
            };
            return self.see(context, &question, freshness, view, render).await;
        }
        let Gathered {
            pages,
            keys,
            truncated,
            seen,
        } = self.gather(context, query, view, freshness).await?;
        let size = pages.iter().map(Bytes::len).sum();
        let render = || render::list(&pages, &title, truncated, view);
        let answer = self.parts().virustotal.large().run(size, render).await;
        // The error does not tell which page is malformed, so all of them are evicted.
        let answer = answer.inspect_err(|error| {
            if *error != RenderError::TooLarge {
                for key in &keys {
                    self.parts().cache.remove(key);
                }
            }
        })?;
        Ok(Reply::new(answer, seen))
    }

    /// Fetches an answer and renders it; refetches once if the cached bytes are malformed or
    /// outdated.
    ///
    /// Malformed bytes can be in the cache if the first caller left before they were rendered, or
    /// while they are still being evicted from Redis. The second attempt therefore ignores the
    /// cache.
    async fn see(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
        view: &View<'_>,
        render: impl Fn(&Bytes) -> Result<Rendered, RenderError> + Sync,
    ) -> Result<Reply, LookupError> {
        let got = self.read(context, question, freshness).await?;
        let shown = self.show(got.clone(), view, freshness, &render).await;
        let Some(freshness) = self.second_freshness(&shown, &got, freshness) else {
            return shown;
        };
        let got = self.read(context, question, &freshness).await?;
        self.show(got, view, &freshness, &render).await
    }

    /// Returns the freshness for a second attempt, or `None` if the first one serves.
    ///
    /// A second attempt is needed if a cached answer is malformed. It is also needed if the answer
    /// was asked for before this request and names an object that has been written to since: those
    /// names only become known once the answer is read.
    fn second_freshness<T>(
        &self,
        made: &Result<T, LookupError>,
        got: &Got,
        freshness: &Freshness,
    ) -> Option<Freshness> {
        let cache = &self.parts().cache;
        match made {
            Err(LookupError::Malformed(_)) if !got.is_new => Some(freshness.anew()),
            Ok(_) if got.answer.asked < got.came && cache.is_outdated(&got.answer) => {
                // The entry would otherwise be found again, since its key does not know these
                // names.
                cache.remove(&got.key);
                Some(freshness.clone())
            }
            _ => None,
        }
    }

    /// Returns a cached answer if it is fresh enough, else a new one, else a stale one if the
    /// caller accepts it.
    async fn read(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<Got, LookupError> {
        let (parts, came) = (self.parts(), Moment::now());
        let key = self.cache_key(context, question);
        // The answer in memory is tried first: asking Redis costs a round trip.
        let may_share = self.may_share(context, freshness).await;
        let here = if may_share {
            parts.cache.answer(&key)
        } else {
            None
        };
        if let Some(got) = self.fresh_enough(context, &key, here, freshness) {
            return got;
        }
        let names = question.names();
        // Redis may have a newer answer from another replica.
        let kept = if may_share {
            parts.cache.recall(&key, &names, &freshness.patience).await
        } else {
            None
        };
        if let Some(got) = self.fresh_enough(context, &key, kept.clone(), freshness) {
            return got;
        }
        let job = fetch::FetchJob {
            question: question.clone(),
            context: context.clone(),
            key: key.clone(),
            names: names.into(),
            // An answer from another replica has to be newer than this one.
            known: kept.as_ref().map(|kept| Arc::clone(&kept.answer)),
            freshness: freshness.clone(),
            may_share,
        };
        match self.ask_once(&job).await {
            Ok(Fetched {
                answer,
                plain,
                is_others,
            }) => {
                let got = Got::new(key, answer, Origin::Miss)?;
                Ok(Got {
                    plain,
                    is_new: !is_others,
                    before: kept,
                    came,
                    ..got
                })
            }
            Err(error) => {
                // The object may have been written to while the call failed.
                let stale = kept
                    .and_then(|kept| parts.cache.recheck(kept))
                    .filter(|kept| freshness.puts_up_with(kept, Moment::now(), &parts.rules));
                match (stale, error.excuse()) {
                    (Some(kept), Some(origin)) => Got::new(key, kept.answer, origin),
                    _ => Err(error),
                }
            }
        }
    }

    /// Returns a cached answer if it is fresh enough, and counts the unit that it saved.
    fn fresh_enough(
        &self,
        context: &RequestContext,
        key: &CacheKey,
        kept: Option<Kept>,
        freshness: &Freshness,
    ) -> Option<Result<Got, LookupError>> {
        let kept = kept?;
        let origin = freshness.takes(&kept, Moment::now(), &self.parts().rules)?;
        self.parts().quota.save(&context.key);
        Some(Got::new(key.clone(), kept.answer, origin))
    }

    fn cache_key(&self, context: &RequestContext, question: &Question) -> CacheKey {
        CacheKey {
            owner: (!self.parts().rules.is_shared).then_some(context.key.hash()),
            path: question.call.path().into(),
        }
    }

    /// Whether the key may see cached answers.
    ///
    /// A key sees its own answers unless VirusTotal has revoked it. In the shared scope it sees the
    /// answers of all keys once VirusTotal has accepted it.
    async fn may_share(&self, context: &RequestContext, freshness: &Freshness) -> bool {
        let (parts, hash) = (self.parts(), context.key.hash());
        if !parts.rules.is_shared {
            return !parts.accepted.is_revoked(hash);
        }
        if parts.accepted.contains(hash) {
            return true;
        }
        if !parts.redis.is_accepted(hash, &freshness.patience).await {
            return false;
        }
        // Remembered here, so that Redis is not asked about the key again.
        parts.accepted.accept(hash);
        true
    }
}
