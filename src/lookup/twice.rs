//! Two views of one answer: one for programs, one for models.

use super::{
    BehaviourQuery, Freshness, Lookup, LookupError, RelatedQuery, Reply, ReportQuery, SearchQuery,
    plain_renderer, report_question,
};
use crate::{
    access::RequestContext,
    render::{Detail, Title, View},
};

/// The smallest budget of a second view, in tokens: a brief then keeps its verdict.
const LEAST: usize = 50;

/// Two views of the same answer, which share a budget of tokens.
#[derive(Clone, Copy, Debug)]
pub struct TwoViews<'a> {
    /// The view that is rendered first, within its own budget.
    pub first: &'a View<'a>,
    /// The view that is rendered second. Its own budget, if it has one, is the most that it gets.
    pub second: &'a View<'a>,
    /// The budget of both.
    pub room: usize,
}

/// The replies for two views of the same answer.
#[derive(Clone, Debug)]
pub struct TwoReplies {
    /// The reply in the first view.
    pub first: Reply,
    /// The reply in the second view.
    pub second: Reply,
}

impl<'a> TwoViews<'a> {
    /// Returns the second view, with what the first one left of the budget.
    pub(super) fn second_after(&self, first: &Reply) -> View<'a> {
        let left = self.room.saturating_sub(first.view.size.tokens).max(LEAST);
        let most = self.second.max_tokens.unwrap_or(left);
        View {
            max_tokens: Some(left.min(most)),
            ..*self.second
        }
    }
}

impl Lookup {
    /// Looks up the report on an indicator, and renders two views of it. Costs at most one unit of
    /// quota per attempt.
    pub async fn report_twice(
        &self,
        context: &RequestContext,
        query: &ReportQuery,
        views: &TwoViews<'_>,
        freshness: &Freshness,
    ) -> Result<TwoReplies, LookupError> {
        let ReportQuery {
            indicator,
            relationships,
        } = query;
        let question = report_question(indicator, relationships);
        let mut domain_rank = None;
        if [views.first, views.second]
            .map(|view| view.detail)
            .contains(&Detail::Brief)
        {
            domain_rank = self.rank_for_brief(context, indicator).await;
        }
        let title = Title::report(indicator);
        let view = View {
            relationships: !relationships.is_empty(),
            domain_rank: domain_rank.as_ref(),
            ..*views.first
        };
        let renderer = self.report_renderer(indicator, &title, &view);
        let (fetched, first) = self
            .fetch_and_keep(context, &question, freshness, &renderer)
            .await?;
        let view = View {
            domain_rank: domain_rank.as_ref(),
            ..views.second_after(&first)
        };
        let renderer = self.report_renderer(indicator, &title, &view);
        let second = self.render(&fetched, freshness, &renderer).await?;
        Ok(TwoReplies { first, second })
    }

    /// Looks up the combined sandbox results for a file, and renders two views of them. Costs at most
    /// one unit of quota per attempt.
    pub async fn behaviour_twice(
        &self,
        context: &RequestContext,
        query: &BehaviourQuery,
        views: &TwoViews<'_>,
        freshness: &Freshness,
    ) -> Result<TwoReplies, LookupError> {
        let title = Title::part(&query.file, query.part);
        let renderer = plain_renderer(&title, views.first);
        let (fetched, first) = self
            .fetch_and_keep(context, &query.question(), freshness, &renderer)
            .await?;
        let view = views.second_after(&first);
        let renderer = plain_renderer(&title, &view);
        let second = self.render(&fetched, freshness, &renderer).await?;
        Ok(TwoReplies { first, second })
    }

    /// Lists one page of the objects related to an indicator, at most 40, and renders two views of
    /// it. Costs at most one unit of quota per attempt.
    pub async fn related_twice(
        &self,
        context: &RequestContext,
        query: &RelatedQuery,
        views: &TwoViews<'_>,
        freshness: &Freshness,
    ) -> Result<TwoReplies, LookupError> {
        let title = Title::part(&query.indicator, &query.relationship);
        let question = query.question(query.limit, query.cursor.as_deref(), views.first);
        let renderer = self.page_renderer(query, &title, views.first);
        let (fetched, first) = self
            .fetch_and_keep(context, &question, freshness, &renderer)
            .await?;
        let view = views.second_after(&first);
        let renderer = self.page_renderer(query, &title, &view);
        let second = self.render(&fetched, freshness, &renderer).await?;
        Ok(TwoReplies { first, second })
    }

    /// Searches VirusTotal, and renders two views of one page. Costs at most one unit of quota per
    /// attempt.
    pub async fn search_twice(
        &self,
        context: &RequestContext,
        query: &SearchQuery,
        views: &TwoViews<'_>,
        freshness: &Freshness,
    ) -> Result<TwoReplies, LookupError> {
        let question = query.question(views.first);
        let title = query.title();
        let names = question.names();
        let renderer = self.search_renderer(&names, &title, views.first);
        let (fetched, first) = self
            .fetch_and_keep(context, &question, freshness, &renderer)
            .await?;
        let view = views.second_after(&first);
        let renderer = self.search_renderer(&names, &title, &view);
        let second = self.render(&fetched, freshness, &renderer).await?;
        Ok(TwoReplies { first, second })
    }
}
