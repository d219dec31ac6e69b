//! The rows of a job in the audit log.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::row::RowOutcome;
use crate::{
    access::CostCounter,
    http::{
        middleware::audit::{Audited, shown},
        outcome::{RequestRecord, Subject},
    },
    indicator::Indicator,
    telemetry::AuditRecord,
};

/// The status of a lookup whose caller hung up, as the request's record has it.
const HUNG_UP: u16 = 499;

/// The audit log, and the request that the rows belong to.
#[derive(Debug)]
pub struct RowAudit {
    audited: Audited,
    request: RequestRecord,
    client: Option<Arc<str>>,
    /// Whether a record has waited in vain for room: the others don't wait then.
    is_full: AtomicBool,
}

/// A lookup under way. If it is dropped, its caller has hung up.
pub(super) struct AuditedLookup<'a> {
    audit: &'a RowAudit,
    indicator: &'a Indicator,
    cost: CostCounter,
    is_finished: bool,
}

impl RowAudit {
    /// Returns the log for the rows of a request, which a client has sent or another caller.
    pub fn new(audited: Audited, request: RequestRecord, client: Option<Arc<str>>) -> Self {
        Self {
            audited,
            request,
            client,
            is_full: AtomicBool::new(false),
        }
    }

    /// Begins a lookup, which counts its cost with this counter.
    pub(super) fn begin<'a>(
        &'a self,
        indicator: &'a Indicator,
        cost: &CostCounter,
    ) -> AuditedLookup<'a> {
        AuditedLookup {
            audit: self,
            indicator,
            cost: cost.clone(),
            is_finished: false,
        }
    }
}

impl AuditedLookup<'_> {
    /// Records who asked about the indicator, and what came of it.
    pub(super) async fn finish(mut self, outcome: &RowOutcome) {
        self.is_finished = true;
        let subject = Subject::of(self.indicator);
        let record = self.record(&subject, outcome.status().as_u16(), outcome.code());
        let (log, is_full) = (&self.audit.audited.log, &self.audit.is_full);
        if is_full.load(Ordering::Relaxed) {
            log.record(&record);
        } else if !log.record_waiting(&record).await {
            is_full.store(true, Ordering::Relaxed);
        }
    }

    /// Ends without a record: another lookup of the indicator follows.
    pub(super) fn put_off(mut self) {
        self.is_finished = true;
    }

    fn record<'a>(
        &'a self,
        subject: &'a Subject,
        status: u16,
        error: Option<&'a str>,
    ) -> AuditRecord<'a> {
        let audited = &self.audit.audited;
        AuditRecord {
            client: self.audit.client.as_deref(),
            address: self.audit.request.address(),
            id: audited.id.to_str().unwrap_or_default(),
            method: "POST",
            route: audited.uri.path(),
            kind: Some(subject.kind),
            value: shown(subject),
            status,
            error,
            cache: None,
            units: self.cost.cost().units,
        }
    }
}

impl Drop for AuditedLookup<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            let subject = Subject::of(self.indicator);
            let log = &self.audit.audited.log;
            log.record(&self.record(&subject, HUNG_UP, None));
        }
    }
}
