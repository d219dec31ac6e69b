//! Lists longer than VirusTotal's pages, gathered page by page.

use std::time::Duration;

use bytes::Bytes;

use super::{Freshness, Lookup, LookupError, Origin, Provenance};
use crate::{
    access::RequestContext,
    cache::{About, Fetched, ObjectName, Question, TtlRule},
    indicator::Indicator,
    render::{self, Extent, View},
    virustotal::{Call, Endpoint},
};

/// The maximum number of objects that VirusTotal returns on one page.
const PAGE: usize = 40;

/// The maximum number of pages that one request reads, even if they hold few objects.
const MOST_PAGES: usize = 10;

/// A query for the objects of a relationship.
#[derive(Debug)]
pub struct RelatedQuery {
    /// The object that has the relationship.
    pub indicator: Indicator,
    /// The relationship's name.
    pub relationship: String,
    /// The maximum number of objects to return. Above 40 they come in pages, each of which costs a
    /// unit.
    pub limit: usize,
    /// The cursor from an earlier answer.
    pub cursor: Option<String>,
}

/// The pages that were fetched.
pub(super) struct Gathered {
    /// The pages in order; at least one.
    pub(super) pages: Vec<Bytes>,
    /// The same pages as they were fetched.
    pub(super) fetched: Vec<Fetched>,
    /// The reason that the list is shorter than asked for, if there may be more.
    pub(super) truncated: Option<&'static str>,
    /// The origin and age of the pages.
    pub(super) provenance: Provenance,
}

/// A page with its number of objects and its cursor.
struct Page {
    fetched: Fetched,
    bytes: Bytes,
    extent: Extent,
}

impl RelatedQuery {
    /// Whether one page of VirusTotal's is enough. Then no second page is fetched, even if the
    /// first is short.
    pub(super) fn is_one_page(&self) -> bool {
        self.limit <= PAGE
    }

    /// Returns the question for one page.
    pub(super) fn question(&self, limit: usize, cursor: Option<&str>, view: &View<'_>) -> Question {
        Question {
            call: self.call(limit, cursor, view),
            about: About::Object(self.indicator.clone()),
            ttl: TtlRule::Usual,
        }
    }

    /// Returns the call for one page. For descriptors only, it asks VirusTotal for no more than
    /// those.
    fn call(&self, limit: usize, cursor: Option<&str>, view: &View<'_>) -> Call {
        let (kind, relationship) = (self.indicator.kind(), self.relationship.clone());
        let endpoint = if view.descriptors_only {
            Endpoint::Descriptors(kind, relationship)
        } else {
            Endpoint::Related(kind, relationship)
        };
        Call::about(endpoint, self.indicator.id())
            .with("limit", &limit.to_string())
            .with_some("cursor", cursor)
    }
}

impl Lookup {
    /// Fetches pages until there are enough objects or no more.
    ///
    /// After the first page, running out of quota ends the list without an error; the last page's
    /// cursor continues from there. Reaching `MOST_PAGES` does the same. A repeated cursor ends the
    /// list without a cursor, because the same pages would be fetched again, each for a unit.
    pub(super) async fn gather(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Gathered, LookupError> {
        let mut gathered = Gathered {
            pages: Vec::new(),
            fetched: Vec::new(),
            truncated: None,
            provenance: Provenance {
                origin: Origin::Hit,
                age: Duration::ZERO,
            },
        };
        let (mut missing, mut cursor) = (query.limit, query.cursor.clone());
        let mut followed: Vec<String> = Vec::new();
        loop {
            // The last page asks for no more than is missing, so that its cursor skips nothing.
            let question = query.question(missing.min(PAGE), cursor.as_deref(), view);
            let page = match self.page(context, query, &question, freshness).await {
                Err(error) if !gathered.pages.is_empty() && error.until_quota().is_some() => {
                    gathered.truncated = Some("quota");
                    return Ok(gathered);
                }
                fetched => fetched?,
            };
            let Page {
                fetched,
                bytes,
                extent,
            } = page;
            let Extent {
                objects,
                cursor: next,
            } = extent;
            gathered.provenance = gathered.provenance.and(fetched.provenance);
            gathered.pages.push(bytes);
            gathered.fetched.push(fetched);
            missing = missing.saturating_sub(objects);
            // An empty page ends the list even if it has a cursor.
            if missing == 0 || objects == 0 || next.is_none() {
                return Ok(gathered);
            }
            // A cursor that VirusTotal repeats would lead through the same pages for ever.
            followed.extend(cursor);
            if next.as_ref().is_some_and(|next| followed.contains(next)) {
                return Ok(gathered);
            }
            if gathered.pages.len() == MOST_PAGES {
                gathered.truncated = Some("pages");
                return Ok(gathered);
            }
            cursor = next;
        }
    }

    /// Fetches a page; refetches once if the cached bytes are malformed or outdated.
    async fn page(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        question: &Question,
        freshness: &Freshness,
    ) -> Result<Page, LookupError> {
        let cache = &self.0.cache;
        let fetched = cache.get_or_fetch(context, question, freshness).await?;
        let page = self.measure(query, &fetched, freshness).await;
        let Some(freshness) = self.prepare_refetch(&fetched, &page, freshness) else {
            return page;
        };
        let fetched = cache.get_or_fetch(context, question, &freshness).await?;
        self.measure(query, &fetched, &freshness).await
    }

    /// Returns the names that a page reveals of the object that has the relationship.
    pub(super) fn join_names_of_page(&self, query: &RelatedQuery, page: &[u8]) -> Vec<ObjectName> {
        match query.relationship.as_str() {
            "comments" | "votes" => self.join_names_of_contributions(&query.indicator, page),
            _ => Vec::new(),
        }
    }

    /// Counts the objects of a page. A large page blocks this thread, not the other tasks on it.
    async fn measure(
        &self,
        query: &RelatedQuery,
        fetched: &Fetched,
        freshness: &Freshness,
    ) -> Result<Page, LookupError> {
        let measure = || {
            let bytes = fetched.plain()?;
            match render::extent(&bytes) {
                Ok(extent) => {
                    fetched.note_revealed(self.join_names_of_page(query, &bytes));
                    Ok(Page {
                        fetched: fetched.clone(),
                        bytes,
                        extent,
                    })
                }
                Err(malformed) => {
                    let cache = &self.0.cache;
                    let Some(old) = cache.evict_malformed(fetched.clone(), freshness) else {
                        return Err(malformed.into());
                    };
                    let bytes = old.plain()?;
                    Ok(Page {
                        extent: render::extent(&bytes)?,
                        fetched: old,
                        bytes,
                    })
                }
            }
        };
        self.0.large.run(fetched.size(), measure).await
    }
}
