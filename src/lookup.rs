//! The read pipeline: build the call, fetch its answer through the cache, render it.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    analysis::Polled,
    names::Rendered,
    pages::Gathered,
    reply::{RenderFn, Renderer},
};
use crate::{
    access::RequestContext,
    cache::{
        About, Cache, CacheStats, Fetched, FlightKey, Question, TtlRule,
        single_flight::SingleFlight,
    },
    indicator::Indicator,
    metrics::{Metrics, ServedView},
    quota::Quota,
    render::{self, Detail, RenderError, Title, View},
    virustotal::{Call, Endpoint, LargeAnswers},
};

pub use self::{
    analysis::{Analysis, AnalysisId, InvalidAnalysisId},
    error::LookupError,
    pages::RelatedQuery,
    passed::{PassedAbout, PassedQuery},
    reply::Reply,
    row::{RowReply, RowViews},
    search::{Corpus, SearchQuery},
    twice::{TwoReplies, TwoViews},
};
pub use crate::cache::{DiskStats, FetchError, Freshness, Origin, Provenance};

mod analysis;
mod error;
mod names;
mod pages;
mod passed;
mod popularity;
mod reply;
mod row;
mod search;
mod twice;

/// A handle to the read pipeline. Clones share the same pipeline.
#[derive(Clone, Debug)]
pub struct Lookup(Arc<Inner>);

/// The parts that a lookup works with.
#[derive(Debug)]
pub struct Parts {
    /// The cache, through which every answer comes.
    pub cache: Cache,
    /// The quota, which counts the units that shared polls save.
    pub quota: Quota,
    /// The permits to have large answers unpacked.
    pub large: LargeAnswers,
    /// The tracker for the tasks that poll; shutdown waits for it.
    pub tasks: TaskTracker,
    /// The metrics of views, and of the panics of those tasks.
    pub metrics: Arc<Metrics>,
    /// The token that ends the waits when the gateway stops.
    pub stop: CancellationToken,
}

/// A query for a report.
#[derive(Debug)]
pub struct ReportQuery {
    /// The object.
    pub indicator: Indicator,
    /// The relationships of which the report holds the ids; in order, each once.
    pub relationships: Vec<String>,
}

/// A query for VirusTotal's combined sandbox results for a file.
#[derive(Debug)]
pub struct BehaviourQuery {
    /// The file.
    pub file: Indicator,
    /// The last segment of VirusTotal's path: `behaviour_summary` or `behaviour_mitre_trees`.
    pub part: &'static str,
}

#[derive(Debug)]
struct Inner {
    cache: Cache,
    quota: Quota,
    large: LargeAnswers,
    /// Analyses that are being polled.
    polls: SingleFlight<FlightKey, Polled>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Lookup {
    /// Creates a pipeline from its parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            cache: parts.cache,
            quota: parts.quota,
            large: parts.large,
            polls: SingleFlight::new(parts.tasks, Arc::clone(&parts.metrics)),
            metrics: parts.metrics,
            stop: parts.stop,
        }))
    }

    /// Returns the number and size of the cached entries.
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// Returns the state of the cache on disk, if there is one.
    pub fn disk_stats(&self) -> Option<DiskStats> {
        self.0.cache.disk_stats()
    }

    /// Looks up the report on an indicator. Costs at most one unit of quota per attempt.
    pub async fn report(
        &self,
        context: &RequestContext,
        query: &ReportQuery,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let ReportQuery {
            indicator,
            relationships,
        } = query;
        let question = report_question(indicator, relationships);
        let mut domain_rank = None;
        if view.detail == Detail::Brief {
            domain_rank = self.rank_for_brief(context, indicator).await;
        }
        let view = &View {
            relationships: !relationships.is_empty(),
            domain_rank: domain_rank.as_ref(),
            ..*view
        };
        let title = Title::report(indicator);
        let renderer = self.report_renderer(indicator, &title, view);
        self.fetch_and_render(context, &question, freshness, &renderer)
            .await
    }

    /// Returns the way to render a report on an indicator.
    fn report_renderer<'a>(
        &'a self,
        indicator: &'a Indicator,
        title: &'a Title<'_>,
        view: &'a View<'_>,
    ) -> Renderer<impl RenderFn + 'a> {
        Renderer {
            key: reply::view_key(view),
            detail: view.detail,
            render: move |bytes: &Bytes| {
                let document = render::report(bytes, title, view)?;
                let revealed = self.join_names_of_report(indicator, &document);
                Ok(Rendered { document, revealed })
            },
        }
    }

    /// Looks up VirusTotal's combined sandbox results for a file. Costs at most one unit of quota per attempt.
    pub async fn behaviour(
        &self,
        context: &RequestContext,
        query: &BehaviourQuery,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let title = Title::part(&query.file, query.part);
        let renderer = plain_renderer(&title, view);
        self.fetch_and_render(context, &query.question(), freshness, &renderer)
            .await
    }

    /// Lists the objects related to an indicator. Costs at most one unit of quota per page and attempt.
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
            let renderer = self.page_renderer(query, &title, view);
            return self
                .fetch_and_render(context, &question, freshness, &renderer)
                .await;
        }
        let gathered = self.gather(context, query, view, freshness).await?;
        let Gathered {
            pages, truncated, ..
        } = &gathered;
        let size = pages.iter().map(Bytes::len).sum();
        let render = || render::list(pages, &title, *truncated, view);
        let rendered = self.0.large.run(size, render).await;
        match rendered {
            Ok(document) => {
                let reply = Reply::new(document, gathered.provenance);
                self.count(view.detail, &reply);
                Ok(reply)
            }
            Err(error) => {
                // The error does not tell which page is malformed, so all of them are evicted.
                if error != RenderError::TooLarge {
                    for page in gathered.fetched {
                        self.0.cache.evict_malformed(page, freshness);
                    }
                }
                Err(error.into())
            }
        }
    }

    /// Returns the way to render one page of related objects.
    fn page_renderer<'a>(
        &'a self,
        query: &'a RelatedQuery,
        title: &'a Title<'_>,
        view: &'a View<'_>,
    ) -> Renderer<impl RenderFn + 'a> {
        Renderer {
            key: reply::view_key(view),
            detail: view.detail,
            render: move |bytes: &Bytes| {
                let document = render::list(std::slice::from_ref(bytes), title, None, view)?;
                let revealed = self.join_names_of_page(query, bytes);
                Ok(Rendered { document, revealed })
            },
        }
    }

    /// Fetches an answer and renders it; refetches once if the cached bytes are malformed or
    /// outdated.
    async fn fetch_and_render(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
        renderer: &Renderer<impl RenderFn>,
    ) -> Result<Reply, LookupError> {
        let fetched = self.fetch_and_keep(context, question, freshness, renderer);
        fetched.await.map(|(_, reply)| reply)
    }

    /// Does the same and returns the answer as well, for further views of it.
    async fn fetch_and_keep(
        &self,
        context: &RequestContext,
        question: &Question,
        freshness: &Freshness,
        renderer: &Renderer<impl RenderFn>,
    ) -> Result<(Fetched, Reply), LookupError> {
        let cache = &self.0.cache;
        let fetched = cache.get_or_fetch(context, question, freshness).await?;
        let reply = self.render(&fetched, freshness, renderer).await;
        let Some(freshness) = self.prepare_refetch(&fetched, &reply, freshness) else {
            return reply.map(|reply| (fetched, reply));
        };
        let fetched = cache.get_or_fetch(context, question, &freshness).await?;
        let reply = self.render(&fetched, &freshness, renderer).await?;
        Ok((fetched, reply))
    }

    /// Prepares a second fetch if reading the first answer has shown the need for one, and returns
    /// the freshness for it.
    fn prepare_refetch<T>(
        &self,
        fetched: &Fetched,
        read: &Result<T, LookupError>,
        freshness: &Freshness,
    ) -> Option<Freshness> {
        let is_malformed = match read {
            Ok(_) => false,
            Err(LookupError::Malformed(_)) => true,
            Err(_) => return None,
        };
        self.0
            .cache
            .prepare_refetch(fetched, is_malformed, freshness)
    }

    /// Renders a view of an answer. The other tasks of this thread do not wait for a large one.
    async fn render(
        &self,
        fetched: &Fetched,
        freshness: &Freshness,
        renderer: &Renderer<impl RenderFn>,
    ) -> Result<Reply, LookupError> {
        let render = || self.render_now(fetched, freshness, renderer);
        let reply = self.0.large.run(fetched.size(), render).await?;
        self.count(renderer.detail, &reply);
        Ok(reply)
    }

    /// Records the size of a view that is served.
    fn count(&self, detail: Detail, reply: &Reply) {
        let size = reply.view.size;
        self.0.metrics.served(&ServedView {
            view: detail.name(),
            tokens: size.tokens,
            saved: size.full.saturating_sub(size.tokens),
            withheld: size.withheld,
        });
    }

    /// Returns the cached view of an answer, or renders it.
    ///
    /// Rendering is the first time an answer is parsed. A malformed answer is evicted, and the
    /// answer that it replaced is restored.
    fn render_now(
        &self,
        fetched: &Fetched,
        freshness: &Freshness,
        renderer: &Renderer<impl RenderFn>,
    ) -> Result<Reply, LookupError> {
        let (cache, Renderer { key, render, .. }) = (&self.0.cache, renderer);
        // A new answer has no views yet, so the lookup is skipped.
        let is_miss = fetched.provenance.origin == Origin::Miss;
        if !is_miss && let Some(view) = cache.view(fetched, key) {
            return Ok(Reply {
                view,
                provenance: fetched.provenance,
            });
        }
        let Rendered { document, revealed } = match render(&fetched.plain()?) {
            Ok(new) => new,
            Err(RenderError::TooLarge) => return Err(LookupError::TooLarge),
            Err(malformed) => {
                let Some(old) = cache.evict_malformed(fetched.clone(), freshness) else {
                    return Err(malformed.into());
                };
                return Ok(Reply::new(render(&old.plain()?)?.document, old.provenance));
            }
        };
        fetched.note_revealed(revealed);
        let reply = Reply::new(document, fetched.provenance);
        // Most answers are asked for only once, so a view is cached from the second time on.
        if !is_miss {
            cache.put_view(fetched, key.clone(), &reply.view);
        }
        Ok(reply)
    }
}

impl BehaviourQuery {
    fn question(&self) -> Question {
        Question {
            call: Call::about(Endpoint::Behaviour(self.part), self.file.id()),
            about: About::Object(self.file.clone()),
            ttl: TtlRule::Usual,
        }
    }
}

/// Returns the way to render an object that reveals no names.
fn plain_renderer<'a>(title: &'a Title<'_>, view: &'a View<'_>) -> Renderer<impl RenderFn + 'a> {
    Renderer {
        key: reply::view_key(view),
        detail: view.detail,
        render: move |bytes: &Bytes| Rendered::plain(render::object(bytes, title, view)),
    }
}

/// Returns the question for a report, with the ids of these relationships.
fn report_question(indicator: &Indicator, relationships: &[String]) -> Question {
    let mut call = Call::about(Endpoint::Report(indicator.kind()), indicator.id());
    if !relationships.is_empty() {
        call = call.with("relationships", &relationships.join(","));
    }
    Question {
        call,
        about: About::Object(indicator.clone()),
        ttl: TtlRule::Report,
    }
}
