//! The parts of a job that its lookups share.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{audit::RowAudit, request::JobOptions, row::RowOutcome};
use crate::{
    access::{Cost, CostCounter, RequestContext, UnitBudget, clients::Client},
    http::state::AppState,
    indicator::Indicator,
    lookup::{FetchError, Freshness, LookupError, RowReply, RowViews},
    render::template::Templates,
};

/// The parts of a job that its lookups share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) gateway: AppState,
    pub(super) context: RequestContext,
    /// The client whose allowance each unit counts against.
    pub(super) client: Option<Client>,
    pub(super) options: JobOptions,
    /// The units that the job may still spend, if that is limited.
    pub(super) budget: Option<UnitBudget>,
    /// The audit log, if there is one.
    pub(super) audit: Option<RowAudit>,
    pub(super) templates: Templates,
}

/// The turn of a lookup among those of a job.
#[derive(Debug)]
pub(super) struct Turn {
    /// The turn of the lookup before it, if that has not passed it on yet.
    pub(super) before: Option<oneshot::Receiver<()>>,
    /// The turn of the next lookup.
    pub(super) next: oneshot::Sender<()>,
}

/// The result of a lookup.
#[derive(Debug)]
pub(super) enum LookedUp {
    /// The outcome, for all rows that asked.
    Finished(RowOutcome),
    /// No answer is kept, and only such a one was asked for.
    NotKept,
    /// There is no quota for this long.
    NoQuota(Duration),
}

impl Shared {
    /// Looks up an indicator, or finds a kept answer only, and records it. Returns what it cost, too.
    pub(super) async fn look_up(
        &self,
        indicator: &Indicator,
        only_kept: bool,
        turn: Option<Turn>,
    ) -> (LookedUp, Cost) {
        let mut cost = self.context.cost.part_paid_from(self.budget.clone());
        if let Some(Turn { before, next }) = turn {
            if let Some(before) = before {
                // It fails once the turn is passed on.
                let _ = before.await;
            }
            cost = cost.passing_on(next);
        }
        let audit = self.audit.as_ref();
        let audited = audit.map(|audit| audit.begin(indicator, &cost));
        let reply = self.ask(indicator, only_kept, &cost).await;
        let looked_up = match reply {
            Err(LookupError::Fetch(FetchError::NotKept)) => LookedUp::NotKept,
            Err(LookupError::Fetch(error)) if let Some(wait) = error.until_quota() => {
                LookedUp::NoQuota(wait)
            }
            reply => LookedUp::Finished(RowOutcome::of(reply)),
        };
        if let Some(audited) = audited {
            match &looked_up {
                LookedUp::Finished(outcome) => audited.finish(outcome).await,
                LookedUp::NotKept | LookedUp::NoQuota(_) => audited.put_off(),
            }
        }
        let spent = cost.cost();
        // The turn is passed on at the latest now.
        drop(cost);
        // The usage is up to date before the caller reads the row.
        self.context.cost.meter().settle();
        (looked_up, spent)
    }

    async fn ask(
        &self,
        indicator: &Indicator,
        only_kept: bool,
        cost: &CostCounter,
    ) -> Result<RowReply, LookupError> {
        let context = self.context.with_new_redis_budget().with_cost(cost.clone());
        let freshness = Freshness {
            only_kept: only_kept || self.options.freshness.only_kept,
            leaves_last_unit: self.options.leaves_last_unit,
            wait: Duration::ZERO,
            ..self.options.freshness
        };
        let brief = self.options.view.brief(&self.templates);
        let shown = self.options.shown(&self.templates, indicator.kind());
        let views = RowViews {
            brief: &brief,
            shown: shown.as_ref(),
        };
        let lookup = &self.gateway.lookup;
        lookup.row(&context, indicator, &views, &freshness).await
    }
}
