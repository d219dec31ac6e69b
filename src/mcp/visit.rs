//! One message of a client and what its answer needs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{access::McpCaller, era::Era, tools::SearchRights};
use crate::{
    clock::Now,
    http::{
        AppState, bulk::RowAudit, error::ApiError, middleware::audit::Audited,
        outcome::RequestRecord,
    },
};

/// A message that was let in, and what its answer needs.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) gateway: AppState,
    pub(super) access: McpCaller,
    pub(super) era: Era,
    /// The record of the HTTP request.
    pub(super) record: RequestRecord,
    /// The audit log and the id of the HTTP request, where one is set up.
    pub(super) audited: Option<Audited>,
    /// The keys that may not search all of VirusTotal.
    pub(super) rights: Arc<SearchRights>,
    pub(super) progress: CallProgress,
}

impl Visit {
    /// Counts a call against the allowance of the client, as REST counts a request.
    pub(super) fn count_for_client(&self) -> Result<(), ApiError> {
        if let (Some(client), Some(clients)) = (self.access.client(), &self.gateway.clients) {
            clients.spend(&client, Now::read())?;
        }
        Ok(())
    }

    /// Returns the audit log of the rows of a job.
    pub(super) fn row_audit(&self) -> Option<RowAudit> {
        let audited = self.audited.clone()?;
        let client = self.access.client();
        let client = client.map(|client| Arc::clone(&client.name));
        Some(RowAudit::new(audited, self.record.clone(), client))
    }
}

/// The progress of a call, which is reported to a client that asks for it. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct CallProgress {
    started: Instant,
    state: Arc<Mutex<Steps>>,
}

/// The steps of a call.
#[derive(Clone, Debug, Default)]
enum Steps {
    /// No step is known, so the time counts.
    #[default]
    Unknown,
    /// The call waits for at most this long.
    Waits(Duration),
    /// So many of so many rows are finished.
    Rows(usize, usize),
}

/// A report of progress.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProgressStep {
    pub(super) done: f64,
    pub(super) total: Option<f64>,
    pub(super) message: String,
}

impl CallProgress {
    /// Starts to count.
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            state: Arc::default(),
        }
    }

    /// Sets the longest time of the call.
    pub(super) fn waits(&self, most: Duration) {
        *self.state.lock() = Steps::Waits(most);
    }

    /// Sets the number of rows that are finished.
    pub(super) fn rows(&self, done: usize, all: usize) {
        *self.state.lock() = Steps::Rows(done, all);
    }

    /// Returns the progress so far.
    pub(super) fn step(&self) -> ProgressStep {
        let elapsed = self.started.elapsed();
        let seconds = elapsed.as_secs();
        match &*self.state.lock() {
            Steps::Unknown => ProgressStep {
                done: elapsed.as_secs_f64(),
                total: None,
                message: format!("waiting for VirusTotal for {seconds} s"),
            },
            Steps::Waits(most) => ProgressStep {
                done: elapsed.min(*most).as_secs_f64(),
                total: Some(most.as_secs_f64()),
                message: format!("waiting for {seconds} of {} s", most.as_secs()),
            },
            Steps::Rows(done, all) => {
                let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
                ProgressStep {
                    done: number(*done),
                    total: Some(number(*all)),
                    message: format!("{done} of {all} indicators"),
                }
            }
        }
    }
}
