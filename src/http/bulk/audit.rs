//! The rows of a job in the audit log.

use std::sync::Arc;

use super::row::RowOutcome;
use crate::{
    http::{
        middleware::audit::{Audited, AuditedRow},
        outcome::{RequestRecord, Subject},
    },
    indicator::Indicator,
};

/// The audit log, and the request that the rows belong to.
#[derive(Debug)]
pub struct RowAudit {
    /// The log and the request's id.
    pub audited: Audited,
    /// The request's record, with the address of its caller.
    pub record: RequestRecord,
    /// The client whose token it had.
    pub client: Option<Arc<str>>,
}

impl RowAudit {
    /// Records who asked about an indicator, and what came of it.
    pub(super) async fn record(&self, indicator: &Indicator, outcome: &RowOutcome, units: u64) {
        let row = AuditedRow {
            client: self.client.as_deref(),
            subject: &Subject::of(indicator),
            status: outcome.status().as_u16(),
            error: outcome.code(),
            units,
        };
        self.audited.record_row(&self.record, row).await;
    }
}
