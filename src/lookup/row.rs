//! Reports for the rows of a job.

use bytes::Bytes;

use super::{FetchError, Freshness, Lookup, LookupError, Provenance, report_question};
use crate::{
    access::RequestContext,
    indicator::Indicator,
    render::{Title, View},
};

/// The views of a row of a job.
#[derive(Debug)]
pub struct RowViews<'a> {
    /// The brief view, from which the row takes its verdict.
    pub brief: &'a View<'a>,
    /// The view that the caller wants beside it.
    pub shown: Option<&'a View<'a>>,
}

/// The reply for a row of a job.
#[derive(Debug)]
pub struct RowReply {
    /// The brief view, in an envelope of JSON.
    pub brief: Bytes,
    /// The view that the caller wants beside it, likewise.
    pub shown: Option<Bytes>,
    /// The origin and age.
    pub provenance: Provenance,
}

impl Lookup {
    /// Whether the report on an indicator is cached and fresh enough. VirusTotal is never asked.
    ///
    /// # Errors
    ///
    /// Fails if the indicator is private.
    pub async fn is_kept(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        freshness: &Freshness,
    ) -> Result<bool, FetchError> {
        let question = report_question(indicator, &[]);
        self.0.cache.is_kept(context, &question, freshness).await
    }

    /// Looks up the report on an indicator for a row of a job: in brief, and in a view if one is
    /// wanted. Costs at most one unit of quota per attempt.
    ///
    /// Both views are JSON in an envelope.
    pub async fn row(
        &self,
        context: &RequestContext,
        indicator: &Indicator,
        views: &RowViews<'_>,
        freshness: &Freshness,
    ) -> Result<RowReply, LookupError> {
        let question = report_question(indicator, &[]);
        let domain_rank = self.rank_for_brief(context, indicator).await;
        let brief = View {
            domain_rank: domain_rank.as_ref(),
            ..*views.brief
        };
        let title = Title::report(indicator);
        let renderer = self.report_renderer(indicator, &title, &brief);
        let (fetched, reply) = self
            .fetch_and_keep(context, &question, freshness, &renderer)
            .await?;
        let mut shown = None;
        if let Some(view) = views.shown {
            let renderer = self.report_renderer(indicator, &title, view);
            let reply = self.render(&fetched, freshness, &renderer).await?;
            shown = Some(reply.view.body);
        }
        Ok(RowReply {
            brief: reply.view.body,
            shown,
            provenance: reply.provenance,
        })
    }
}
