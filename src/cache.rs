//! The cache, through which every read of VirusTotal goes.
//!
//! [`Cache::get_or_fetch`] returns an answer that is fresh enough, from memory, from Redis, from disk,
//! or from VirusTotal. Concurrent callers share one call ([`single_flight`], `coalesce`), and replicas take
//! turns (`shared`). The call itself is in `fetch`.
//!
//! Consistency is decided in one place: no answer is returned that was asked for before the last
//! write to its object (`changes` has the rules). A single bound in bytes covers answers and views
//! and is divided fairly among the keys that fetched them (`store`).

use std::sync::{Arc, atomic::AtomicU64};

use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    changes::Changes,
    flight::{FetchJob, FlightOutcome, NewAnswer},
    single_flight::SingleFlight,
    store::Store,
};
use crate::{
    access::{AcceptedKeys, RequestContext},
    config,
    metrics::Metrics,
    quota::Quota,
    redis::Redis,
    virustotal::VirusTotal,
};

pub use self::{
    answer::{Answer, AnswerRecord, CacheKey, CachedAnswer, Candidate, RenderedView, ViewKey},
    changes::Certainty,
    disk::{DiskCache, DiskParts, DiskStats, DiskThreads},
    error::FetchError,
    fetched::{Fetched, Origin, Provenance},
    flight::FlightKey,
    freshness::Freshness,
    memory::CacheStats,
    moment::Moment,
    object::ObjectName,
    private::{PrivateFileError, PrivateGuard},
    question::{About, Question, TtlRule},
};

mod answer;
mod changes;
mod coalesce;
mod disk;
mod error;
mod fetch;
mod fetched;
mod flight;
mod freshness;
mod memory;
mod moment;
mod object;
mod persisted;
mod private;
mod question;
mod shared;
pub mod single_flight;
mod store;
mod stored;
mod writes;

/// A handle to the cache. Clones share the same entries and calls under way.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The entries in memory, or `None` if nothing is to be cached.
    store: Option<Mutex<Store>>,
    evictions: AtomicU64,
    changes: Arc<Changes>,
    private: PrivateGuard,
    rules: config::Cache,
    virustotal: VirusTotal,
    quota: Quota,
    accepted: AcceptedKeys,
    redis: Redis,
    disk: Option<DiskCache>,
    /// Calls to VirusTotal that are under way.
    calls: SingleFlight<FlightKey, FlightOutcome>,
    /// Lookups in Redis and on disk that are under way.
    remote_lookups: SingleFlight<CacheKey, Option<Candidate>>,
    stop: CancellationToken,
}

/// The parts of a [`Cache`].
#[derive(Debug)]
pub struct Parts {
    /// The settings for size, TTLs, staleness and sharing.
    pub rules: config::Cache,
    /// The indicators that are never sent.
    pub private: PrivateGuard,
    /// The upstream.
    pub virustotal: VirusTotal,
    /// The quota that calls spend.
    pub quota: Quota,
    /// The keys that VirusTotal has accepted. Only these see what other keys fetched.
    pub accepted: AcceptedKeys,
    /// The connection to Redis, through which replicas share answers.
    pub redis: Redis,
    /// The cache on disk, if there is one.
    pub disk: Option<DiskCache>,
    /// The tracker for the tasks that make the calls; shutdown waits for it.
    pub tasks: TaskTracker,
    /// The counter of panics of those tasks.
    pub metrics: Arc<Metrics>,
    /// Ends waits for quota when the gateway stops.
    pub stop: CancellationToken,
}

/// The result of looking for a cached answer.
struct Found {
    key: CacheKey,
    /// The names of the object; none if memory has a fresh answer, which needs none.
    names: Vec<ObjectName>,
    may_use_cache: bool,
    /// The newest answer in Redis or on disk, of any age, or else in memory.
    known: Option<Candidate>,
    /// The answer that is fresh enough.
    fresh: Option<(CachedAnswer, Origin)>,
}

impl Cache {
    /// Creates an empty cache. With a bound of 0 bytes it stores nothing.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            rules,
            private,
            virustotal,
            quota,
            accepted,
            redis,
            disk,
            tasks,
            metrics,
            stop,
        } = parts;
        let changes = match &disk {
            Some(disk) => disk.changes(),
            None => Arc::new(Changes::new()),
        };
        let bound = usize::try_from(rules.max_bytes).unwrap_or(usize::MAX);
        Self(Arc::new(Inner {
            store: (bound > 0).then(|| Mutex::new(Store::new(bound))),
            evictions: AtomicU64::new(0),
            changes,
            private,
            rules,
            virustotal,
            quota,
            accepted,
            redis,
            disk,
            calls: SingleFlight::new(tasks.clone(), Arc::clone(&metrics)),
            remote_lookups: SingleFlight::new(tasks, metrics),
            stop,
        }))
    }

    /// Returns a cached answer if it is fresh enough, else a new one, else a stale one if the
    /// caller accepts it. Costs a unit of quota for each attempt to fetch it, usually one or none.
    ///
    /// # Errors
    ///
    /// Fails if there is no answer, if VirusTotal does not know the object, or if it is private.
    pub async fn get_or_fetch(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<Fetched, FetchError> {
        self.refuse_private(question)?;
        let requested = Moment::now();
        let Found {
            key,
            names,
            may_use_cache,
            known,
            fresh,
        } = self.find(context, question, freshness).await;
        if let Some((answer, origin)) = fresh {
            self.0.quota.count_saved(context);
            return Fetched::new(key, answer, origin);
        }
        let job = FetchJob {
            question: question.clone(),
            context: context.clone(),
            key: key.clone(),
            names: names.into(),
            known: known.as_ref().map(|known| known.answer.clone()),
            freshness: *freshness,
            may_use_cache,
        };
        match self.fetch_once(&job).await {
            Ok(new) => {
                let NewAnswer {
                    answer,
                    plain,
                    is_own,
                } = new;
                Ok(Fetched {
                    plain,
                    is_new: is_own,
                    replaced: known,
                    requested,
                    ..Fetched::new(key, answer, Origin::Miss)?
                })
            }
            Err(error) => {
                let Some(origin) = error.stale_origin() else {
                    return Err(error);
                };
                match self.if_acceptable(known, freshness) {
                    Some(stale) => Fetched::new(key, stale.answer, origin),
                    None => Err(error),
                }
            }
        }
    }

    /// Whether an answer is cached that is fresh enough. VirusTotal is never asked.
    ///
    /// # Errors
    ///
    /// Fails if the object is private.
    pub async fn is_kept(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<bool, FetchError> {
        self.refuse_private(question)?;
        let found = self.find(context, question, freshness).await;
        Ok(found.fresh.is_some())
    }

    /// Looks for a cached answer.
    async fn find(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
    ) -> Found {
        let mut found = Found {
            key: self.key(context, question),
            names: Vec::new(),
            may_use_cache: self.may_use_cache(context).await,
            known: None,
            fresh: None,
        };
        if !found.may_use_cache {
            found.names = question.names();
            return found;
        }
        // The answer in memory is tried first: asking Redis costs a round trip.
        if let Some(candidate) = self.get_local(&found.key)
            && let Some(origin) = self.origin_if_fresh(&candidate, freshness)
        {
            found.fresh = Some((candidate.answer, origin));
            return found;
        }
        // Redis or the disk may have a newer answer.
        found.names = question.names();
        let newest = self.get_newest(&found.key, &found.names, &context.redis_budget);
        found.known = newest.await;
        if let Some(candidate) = &found.known
            && let Some(origin) = self.origin_if_fresh(candidate, freshness)
        {
            found.fresh = Some((candidate.answer.clone(), origin));
        }
        found
    }

    /// Returns the rule that keeps private indicators from VirusTotal, for writes.
    pub fn private(&self) -> &PrivateGuard {
        &self.0.private
    }

    fn refuse_private(&self, question: &Question) -> Result<(), FetchError> {
        match self.0.private.reason_for(question) {
            Some(reason) => Err(FetchError::Private(reason)),
            None => Ok(()),
        }
    }

    /// Returns the answer in memory, of any age, unless its object was written to since.
    ///
    /// [`may_use_cache`](Self::may_use_cache) must have allowed the request's key to use it.
    pub fn peek(&self, context: &RequestContext, question: &Question) -> Option<Fetched> {
        let key = self.key(context, question);
        let found = self.get_local(&key)?;
        Fetched::new(key, found.answer, Origin::Hit).ok()
    }

    /// Decides whether an answer that was read has to be fetched again: returns the freshness for
    /// that, or `None` if the answer serves. Evicts an answer that its key would find again.
    ///
    /// A second fetch is needed if a cached answer turns out to be malformed when it is read:
    /// its first reader left before it was rendered, or it is still being evicted from Redis. It is
    /// also needed if the answer was asked for before this request and names an object that has
    /// been written to since: those names only become known once the answer is read.
    pub fn prepare_refetch(
        &self,
        fetched: &Fetched,
        is_malformed: bool,
        freshness: &Freshness,
    ) -> Option<Freshness> {
        if is_malformed {
            return (!fetched.is_new).then_some(freshness.with_no_cache());
        }
        if fetched.answer.asked >= fetched.requested || !self.is_outdated(&fetched.answer) {
            return None;
        }
        // The entry would otherwise be found again, since its key does not know these names.
        self.evict(fetched);
        Some(*freshness)
    }

    /// Evicts a malformed answer and restores the entry that it replaced. Returns that entry, if the
    /// caller accepts it.
    pub fn evict_malformed(&self, fetched: Fetched, freshness: &Freshness) -> Option<Fetched> {
        let is_evicted = self.evict(&fetched);
        let restored = self.judge(fetched.replaced?.answer)?;
        // It may serve others, even if this caller does not accept it.
        if is_evicted {
            self.put(&fetched.key, &restored.answer);
        }
        if !freshness.accepts_stale(&restored, Moment::now(), &self.0.rules) {
            return None;
        }
        Fetched::new(fetched.key, restored.answer, Origin::StaleForUpstream).ok()
    }

    /// Whether the request's key may use what is cached.
    ///
    /// A key sees its own answers unless VirusTotal has revoked it. In the shared scope it sees the
    /// answers of all keys once VirusTotal has accepted it.
    pub async fn may_use_cache(&self, context: &RequestContext) -> bool {
        let Inner {
            rules,
            accepted,
            redis,
            ..
        } = &*self.0;
        let key = context.key.hash();
        if !rules.is_shared {
            return !accepted.is_revoked(key);
        }
        if accepted.contains(key) {
            return true;
        }
        if !redis.is_accepted(key, &context.redis_budget).await {
            return false;
        }
        // Remembered here, so that Redis is not asked about the key again.
        accepted.accept(key);
        true
    }

    fn key(&self, context: &RequestContext, question: &Question) -> CacheKey {
        CacheKey {
            owner: (!self.0.rules.is_shared).then_some(context.key.hash()),
            path: question.call.path().into(),
        }
    }

    fn origin_if_fresh(&self, candidate: &Candidate, freshness: &Freshness) -> Option<Origin> {
        freshness.origin_if_fresh(candidate, Moment::now(), &self.0.rules)
    }

    /// Returns an answer that was found some time ago if it still serves for lack of a better one.
    fn if_acceptable(&self, found: Option<Candidate>, freshness: &Freshness) -> Option<Candidate> {
        // The object may have been written to since.
        let candidate = self.judge(found?.answer)?;
        freshness
            .accepts_stale(&candidate, Moment::now(), &self.0.rules)
            .then_some(candidate)
    }
}

#[cfg(test)]
mod tests;
