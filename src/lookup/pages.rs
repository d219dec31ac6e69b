//! A list longer than VirusTotal's pages, gathered page by page.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Got, Lookup, LookupError, Origin, Seen, Wish,
    question::{About, Question, TtlRule},
};
use crate::{
    access::RequestContext,
    answer::{self, Extent, View},
    cache::{CacheKey, ObjectName},
    indicator::Indicator,
    vt::Call,
};

/// How many objects VirusTotal gives on one page at most.
const PAGE: usize = 40;

/// The most pages that one request reads, however few objects they hold.
const MOST_PAGES: usize = 10;

/// What is asked of a relationship.
#[derive(Debug)]
pub struct RelatedQuery {
    /// Whose relationship.
    pub indicator: Indicator,
    /// Its name.
    pub relationship: String,
    /// How many objects at most; above 40 they come in pages, each a lookup.
    pub limit: usize,
    /// Where to begin, as the answer before said.
    pub cursor: Option<String>,
}

/// The pages that could be had.
pub(super) struct Gathered {
    /// At least one, in their order.
    pub(super) pages: Vec<Bytes>,
    /// What each of them is kept by.
    pub(super) keys: Vec<CacheKey>,
    /// Why there are fewer than asked for, where there might be more.
    pub(super) truncated: Option<&'static str>,
    /// Where they come from.
    pub(super) seen: Seen,
}

/// One page, and how much it holds.
struct Page {
    got: Got,
    bytes: Bytes,
    extent: Extent,
}

impl RelatedQuery {
    /// Whether VirusTotal gives as much at once: then one page is asked for, and one is paid
    /// for, however short it comes.
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

    /// Where only descriptors are wanted, VirusTotal is asked for no more.
    fn call(&self, limit: usize, cursor: Option<&str>, view: &View<'_>) -> Call {
        let collection = self.indicator.kind().upstream_collection();
        let (id, relationship) = (self.indicator.id(), self.relationship.as_str());
        let call = if view.descriptors_only {
            Call::get(&[collection, id, "relationships", relationship])
        } else {
            Call::get(&[collection, id, relationship])
        };
        call.with("limit", &limit.to_string())
            .with_some("cursor", cursor)
    }
}

impl Lookup {
    /// Fetches pages until there are as many objects as asked for, or no more.
    ///
    /// Once there is a page, quota that runs out ends the list instead of spoiling it: the
    /// last page's cursor goes on from there. So it does after ten pages. A cursor that was
    /// followed before ends the list for good: the same pages would come again, each for a unit.
    pub(super) async fn gather(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Gathered, LookupError> {
        let seen = Seen {
            origin: Origin::Hit,
            age: Duration::ZERO,
        };
        let mut gathered = Gathered {
            pages: Vec::new(),
            keys: Vec::new(),
            truncated: None,
            seen,
        };
        let (mut missing, mut cursor) = (query.limit, query.cursor.clone());
        let mut followed: Vec<String> = Vec::new();
        loop {
            let question = query.question(missing.min(PAGE), cursor.as_deref(), view);
            let page = match self.page(context, query, &question, wish).await {
                Err(error) if !gathered.pages.is_empty() && error.until_quota().is_some() => {
                    gathered.truncated = Some("quota");
                    return Ok(gathered);
                }
                fetched => fetched?,
            };
            let Page { got, bytes, extent } = page;
            let Extent {
                objects,
                cursor: next,
            } = extent;
            gathered.seen = gathered.seen.and(got.seen);
            gathered.pages.push(bytes);
            gathered.keys.push(got.key);
            missing = missing.saturating_sub(objects);
            // A page without objects ends the list, whatever cursor it carries.
            if missing == 0 || objects == 0 || next.is_none() {
                return Ok(gathered);
            }
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

    /// Fetches a page; asks once more if the kept bytes are malformed or turn out to be outdated.
    async fn page(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        question: &Question,
        wish: &Wish,
    ) -> Result<Page, LookupError> {
        let got = self.read(context, question, wish).await?;
        let page = self.measure(query, got.clone()).await;
        let Some(wish) = self.second_wish(&page, &got, wish) else {
            return page;
        };
        let got = self.read(context, question, &wish).await?;
        self.measure(query, got).await
    }

    /// Returns the names that a page tells of the object whose relationship it is.
    pub(super) fn told_by_page(&self, query: &RelatedQuery, page: &[u8]) -> Vec<ObjectName> {
        match query.relationship.as_str() {
            "comments" | "votes" => self.told_by_contributions(&query.indicator, page),
            _ => Vec::new(),
        }
    }

    /// Looks at how much a page holds, apart from the threads that serve if it is large.
    async fn measure(&self, query: &RelatedQuery, got: Got) -> Result<Page, LookupError> {
        let size = got.size();
        let measure = || {
            let bytes = got.plain()?;
            let extent =
                answer::extent(&bytes).inspect_err(|_| self.parts().cache.remove(&got.key))?;
            let told = self.told_by_page(query, &bytes);
            let _ = got.answer.told.set(told.into());
            Ok(Page { got, bytes, extent })
        };
        self.parts().vt.large().run(size, measure).await
    }
}
