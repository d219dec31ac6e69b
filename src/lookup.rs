//! The read pipeline: what is kept of an answer, else quota, then VirusTotal; then the view
//! that was asked for.
//!
//! `Lookup::read` decides between the cache and VirusTotal, `shared` lets callers at the same
//! time share a call, `fetch` makes it.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    analysis::Polled,
    pages::Gathered,
    question::{About, Question, TtlRule},
    shared::{Fetched, FlightKey, Landed},
    told::Rendered,
};
use crate::{
    access::{AcceptedKeys, RequestContext, Shares},
    answer::{self, AnswerError, Subject, View},
    cache::{Cache, CacheKey, CacheStats, CachedAnswer, Kept, Moment},
    config,
    indicator::Indicator,
    meter::Meter,
    redis::Redis,
    single_flight::SingleFlight,
    spend::Purse,
    vt::{Call, VirusTotal},
};

pub use self::{
    analysis::{Analysis, AnalysisId, InvalidAnalysisId},
    error::LookupError,
    pages::RelatedQuery,
    reply::{Origin, Reply, Seen},
    search::{Corpus, SearchQuery},
    wish::Wish,
};

mod analysis;
mod error;
mod fetch;
mod pages;
mod question;
mod reply;
mod search;
mod shared;
mod show;
mod told;
mod wish;

/// Reads from VirusTotal, as seldom as it can and within what the key may spend.
///
/// A handle: its clones are the same pipeline.
#[derive(Clone, Debug)]
pub struct Lookup(Arc<Inner>);

/// The parts that a lookup works with.
#[derive(Debug)]
pub struct Parts {
    /// The upstream.
    pub vt: Arc<VirusTotal>,
    /// Units of quota.
    pub purse: Arc<Purse>,
    /// Answers that are kept.
    pub cache: Cache,
    /// Rules for what is kept.
    pub rules: config::Cache,
    /// Keys that VirusTotal has accepted: only they see what others fetched.
    pub accepted: AcceptedKeys,
    /// The same as far as other replicas know.
    pub redis: Redis,
    /// Places for calls to VirusTotal.
    pub calls: Shares,
    /// Tasks that calls run on.
    pub tasks: TaskTracker,
    /// Counts the panics of those tasks.
    pub meter: Arc<Meter>,
    /// Ends what waits.
    pub stop: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    flights: SingleFlight<FlightKey, Landed>,
    polls: SingleFlight<FlightKey, Polled>,
}

/// An answer of VirusTotal's that serves a caller.
#[derive(Clone, Debug)]
struct Got {
    key: CacheKey,
    answer: Arc<CachedAnswer>,
    seen: Seen,
    /// Its bytes, where it has just come and is not large.
    plain: Option<Bytes>,
    /// Whether it was fetched for this caller, and not kept here or by another replica.
    is_new: bool,
    /// The answer that was kept before this one took its place.
    before: Option<Kept>,
    /// The moment at which the caller asked for it.
    came: Moment,
}

impl Lookup {
    /// Creates a pipeline of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            flights: SingleFlight::new(parts.tasks.clone(), Arc::clone(&parts.meter)),
            polls: SingleFlight::new(parts.tasks.clone(), Arc::clone(&parts.meter)),
            parts,
        }))
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Returns how much is kept.
    pub fn cache_stats(&self) -> CacheStats {
        self.parts().cache.stats()
    }

    /// Looks up the report on an indicator; at most one unit of quota.
    pub async fn report(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let question = Question {
            call: Call::get(&[indicator.kind().upstream_collection(), indicator.id()]),
            about: About::Object(indicator.clone()),
            ttl: TtlRule::Report,
        };
        let subject = Subject::report(indicator);
        let render = |bytes: &Bytes| {
            let answer = answer::report(bytes, &subject, view)?;
            let told = self.told_by_report(indicator, &answer);
            Ok(Rendered { answer, told })
        };
        self.see(context, &question, wish, view, render).await
    }

    /// Looks up what sandboxes saw a file do, put together by VirusTotal; at most one unit.
    ///
    /// `part` is its name in VirusTotal's path: `behaviour_summary`, `behaviour_mitre_trees`.
    pub async fn behaviour(
        &self,
        context: &RequestContext,
        file: &Indicator,
        part: &str,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let question = Question {
            call: Call::get(&[file.kind().upstream_collection(), file.id(), part]),
            about: About::Object(file.clone()),
            ttl: TtlRule::Usual,
        };
        let subject = Subject::part(file, part);
        let render = |bytes: &Bytes| Rendered::plain(answer::object(bytes, &subject, view));
        self.see(context, &question, wish, view, render).await
    }

    /// Lists what is related to an indicator; at most a unit of quota a page.
    pub async fn related(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let subject = Subject::part(&query.indicator, &query.relationship);
        if query.is_one_page() {
            let question = query.question(query.limit, query.cursor.as_deref(), view);
            let render = |bytes: &Bytes| {
                let answer = answer::list(std::slice::from_ref(bytes), &subject, None, view)?;
                let told = self.told_by_page(query, bytes);
                Ok(Rendered { answer, told })
            };
            return self.see(context, &question, wish, view, render).await;
        }
        let Gathered {
            pages,
            keys,
            truncated,
            seen,
        } = self.gather(context, query, view, wish).await?;
        let size = pages.iter().map(Bytes::len).sum();
        let render = || answer::list(&pages, &subject, truncated, view);
        let answer = self.parts().vt.large().run(size, render).await;
        // Which of them is at fault does not show.
        let answer = answer.inspect_err(|error| {
            if *error != AnswerError::TooLarge {
                for key in &keys {
                    self.parts().cache.remove(key);
                }
            }
        })?;
        Ok(Reply::new(answer, seen))
    }

    /// Fetches an answer and renders it; asks once more if the kept bytes are malformed, or
    /// turn out to be about an object that was written to since.
    ///
    /// A kept answer can turn out to be malformed if its first caller left before that showed, or
    /// while it is still being evicted from Redis. So nothing that is kept will do then.
    async fn see(
        &self,
        context: &RequestContext,
        question: &Question,
        wish: &Wish,
        view: &View<'_>,
        render: impl Fn(&Bytes) -> Result<Rendered, AnswerError> + Sync,
    ) -> Result<Reply, LookupError> {
        let got = self.read(context, question, wish).await?;
        let shown = self.show(got.clone(), view, wish, &render).await;
        let Some(wish) = self.second_wish(&shown, &got, wish) else {
            return shown;
        };
        let got = self.read(context, question, &wish).await?;
        self.show(got, view, &wish, &render).await
    }

    /// Returns the wish with which to ask once more, where what was made of an answer does not
    /// serve: it was kept and is malformed, or it is older than the caller's request and about an
    /// object that was written to since, as only the names in it have told.
    fn second_wish<T>(
        &self,
        made: &Result<T, LookupError>,
        got: &Got,
        wish: &Wish,
    ) -> Option<Wish> {
        let cache = &self.parts().cache;
        match made {
            Err(LookupError::Malformed(_)) if !got.is_new => Some(wish.anew()),
            Ok(_) if got.answer.asked < got.came && cache.is_outdated(&got.answer) => {
                cache.remove(&got.key);
                Some(wish.clone())
            }
            _ => None,
        }
    }

    /// Returns VirusTotal's answer: a kept one that is fresh enough for the caller, else a new
    /// one, else a stale one if the caller takes that.
    async fn read(
        &self,
        context: &RequestContext,
        question: &Question,
        wish: &Wish,
    ) -> Result<Got, LookupError> {
        let (parts, came) = (self.parts(), Moment::now());
        let key = self.cache_key(context, question);
        let may_share = self.may_share(context, wish).await;
        let here = if may_share {
            parts.cache.answer(&key)
        } else {
            None
        };
        if let Some(got) = self.fresh_enough(context, &key, here, wish) {
            return got;
        }
        let names = question.names();
        let kept = if may_share {
            parts.cache.recall(&key, &names, &wish.patience).await
        } else {
            None
        };
        if let Some(got) = self.fresh_enough(context, &key, kept.clone(), wish) {
            return got;
        }
        let job = fetch::FetchJob {
            question: question.clone(),
            context: context.clone(),
            key: key.clone(),
            names: names.into(),
            known: kept.as_ref().map(|kept| Arc::clone(&kept.answer)),
            wish: wish.clone(),
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
                // Its object may have been written to meanwhile.
                let stale = kept
                    .and_then(|kept| parts.cache.recheck(kept))
                    .filter(|kept| wish.puts_up_with(kept, Moment::now(), &parts.rules));
                match (stale, error.excuse()) {
                    (Some(kept), Some(origin)) => Got::new(key, kept.answer, origin),
                    _ => Err(error),
                }
            }
        }
    }

    /// Returns a kept answer if it is fresh enough for the caller, and counts the saved unit.
    fn fresh_enough(
        &self,
        context: &RequestContext,
        key: &CacheKey,
        kept: Option<Kept>,
        wish: &Wish,
    ) -> Option<Result<Got, LookupError>> {
        let kept = kept?;
        let origin = wish.takes(&kept, Moment::now(), &self.parts().rules)?;
        self.parts().purse.save(&context.key);
        Some(Got::new(key.clone(), kept.answer, origin))
    }

    fn cache_key(&self, context: &RequestContext, question: &Question) -> CacheKey {
        CacheKey {
            owner: (!self.parts().rules.is_shared).then_some(context.key.hash()),
            path: question.call.path().into(),
        }
    }

    /// Whether the key may see what is kept: its own answers unless VirusTotal has revoked it, or with
    /// a shared scope those of all keys once VirusTotal has accepted it.
    async fn may_share(&self, context: &RequestContext, wish: &Wish) -> bool {
        let (parts, hash) = (self.parts(), context.key.hash());
        if !parts.rules.is_shared {
            return !parts.accepted.is_revoked(hash);
        }
        if parts.accepted.contains(hash) {
            return true;
        }
        if !parts.redis.is_accepted(hash, &wish.patience).await {
            return false;
        }
        parts.accepted.accept(hash);
        true
    }
}
