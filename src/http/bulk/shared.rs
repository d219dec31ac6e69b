//! The parts of a job that its lookups share.

use std::time::Duration;

use super::{audit::RowAudit, request::JobOptions};
use crate::{
    access::{Cost, CostCounter, RequestContext, UnitPurse, clients::Client},
    http::state::AppState,
    indicator::Indicator,
    lookup::{Freshness, LookupError, RowReply, RowViews},
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
    pub(super) purse: Option<UnitPurse>,
    /// The audit log, if there is one.
    pub(super) audit: Option<RowAudit>,
    pub(super) templates: Templates,
}

impl Shared {
    /// Looks up an indicator, or finds a kept answer only. Returns what it cost, too.
    pub(super) async fn look_up(
        &self,
        indicator: &Indicator,
        only_kept: bool,
    ) -> (Result<RowReply, LookupError>, Cost) {
        let cost = CostCounter::paid_from(self.purse.clone());
        let context = self.context.with_new_redis_budget().with_cost(cost.clone());
        let freshness = Freshness {
            only_kept,
            leaves_last_unit: true,
            wait: Duration::ZERO,
            ..self.options.freshness
        };
        let brief = self.options.view.brief(&self.templates);
        let shown = self.options.shown(&self.templates, indicator.kind());
        let views = RowViews {
            brief: &brief,
            shown: shown.as_ref(),
        };
        let reply = self
            .gateway
            .lookup
            .row(&context, indicator, &views, &freshness)
            .await;
        let cost = cost.cost();
        for _ in 0..cost.units {
            self.context.cost.add_unit();
        }
        (reply, cost)
    }
}
