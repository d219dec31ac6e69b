//! Two views of one answer: one for programs, one for models.

use super::{
    BehaviourQuery, Freshness, Lookup, LookupError, RelatedQuery, Reply, ReportQuery, SearchQuery,
    plain_renderer, report_question,
};
use crate::{
    access::RequestContext,
    render::{Detail, Title, View, estimated_tokens},
};

/// The smallest budget of a second view, in tokens: a brief then keeps its verdict.
const LEAST: usize = 50;

/// The tokens of JSON and, for these, those of the same with the blanks of clients that write them
/// behind colons and commas. Numbers in an array take most.
const PLAIN: usize = 20;
const SPACED: usize = 27;

/// The tokens around a cursor in both views.
const AROUND_CURSOR: usize = 30;

/// Two views of the same answer, which share a budget of tokens.
#[derive(Clone, Copy, Debug)]
pub struct TwoViews<'a> {
    /// The view that is rendered first, within its own budget.
    pub first: &'a View<'a>,
    /// The most tokens of the first view of a list, where the second one leaves room.
    pub most_of_first: usize,
    /// The view that is rendered second. Its own budget, if it has one, is the most that it gets.
    pub second: &'a View<'a>,
    /// The budget of both, in which the first one counts with the blanks of clients.
    pub room: usize,
    /// The tokens beside it that are set aside for a cursor, which stands in both views.
    pub reserve: usize,
}

/// The replies for two views of the same answer.
#[derive(Clone, Debug)]
pub struct TwoReplies {
    /// The reply in the first view.
    pub first: Reply,
    /// The reply in the second view.
    pub second: Reply,
}

/// Returns the tokens that JSON may take with the blanks of clients.
fn with_blanks(tokens: usize) -> usize {
    (tokens * SPACED).div_ceil(PLAIN)
}

/// Returns the tokens of JSON that may take so many with the blanks of clients.
fn without_blanks(tokens: usize) -> usize {
    tokens * PLAIN / SPACED
}

impl<'a> TwoViews<'a> {
    /// Returns the most tokens of a first view that gets half of a budget.
    pub fn half(room: usize) -> usize {
        without_blanks(room / 2)
    }

    /// Returns the second view, with what the first one left of the budget.
    pub(super) fn second_after(&self, first: &Reply) -> View<'a> {
        let taken = with_blanks(first.view.size.tokens);
        let left = self.room_beside(first).saturating_sub(taken).max(LEAST);
        let most = self.second.max_tokens.unwrap_or(left);
        View {
            max_tokens: Some(left.min(most)),
            ..*self.second
        }
    }

    /// Returns the first view with all that the second one left of the budget; `None` if it needs no
    /// more, or gets none.
    fn first_again(&self, replies: &TwoReplies) -> Option<View<'a>> {
        let TwoReplies { first, second } = replies;
        let had = self.first.max_tokens?;
        let left = self.room_beside(first);
        let left = without_blanks(left.saturating_sub(second.view.size.tokens));
        let most = left.min(self.most_of_first);
        (first.view.size.is_cut && most > had).then_some(View {
            max_tokens: Some(most),
            ..*self.first
        })
    }

    /// Returns the budget of both views of an answer whose cursor is known.
    fn room_beside(&self, first: &Reply) -> usize {
        let cursor = match &first.view.cursor {
            Some(cursor) => {
                let tokens = estimated_tokens(cursor);
                AROUND_CURSOR + tokens + with_blanks(tokens)
            }
            None => 0,
        };
        self.room + self.reserve.saturating_sub(cursor)
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
        let mut replies = TwoReplies { first, second };
        if let Some(view) = views.first_again(&replies) {
            let renderer = self.page_renderer(query, &title, &view);
            replies.first = self.render(&fetched, freshness, &renderer).await?;
        }
        Ok(replies)
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
        let mut replies = TwoReplies { first, second };
        if let Some(view) = views.first_again(&replies) {
            let renderer = self.search_renderer(&names, &title, &view);
            replies.first = self.render(&fetched, freshness, &renderer).await?;
        }
        Ok(replies)
    }
}
