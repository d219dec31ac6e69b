//! Scheduling of the requests that ask VirusTotal for a key's allowances.

use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Now;

/// The time between two refreshes of a key, whether or not the last one succeeded.
const REFRESH_INTERVAL: Duration = Duration::from_mins(10);

/// The caller's part in the refresh of a key's allowances.
#[derive(Debug)]
pub enum RefreshDue {
    /// The first refresh is due. The caller makes it, and its lookup waits for it.
    First(RefreshGuard),
    /// Another caller is making the first refresh. This lookup waits for it.
    Pending(RefreshPending),
    /// A further refresh is due. The caller makes it, and its lookup does not wait.
    Again(RefreshGuard),
    /// No refresh is due.
    No,
}

/// The exclusive right to refresh a key. The attempt ends when this is dropped.
///
/// Keep it until [`learn`](super::Accounts::learn) is done or the request has failed, in a task that
/// outlives its caller: dropping it releases the lookups that wait for the first refresh.
#[derive(Debug)]
#[must_use = "dropping it releases the lookups that wait for the refresh"]
pub struct RefreshGuard {
    _over: Option<DropGuard>,
}

/// The first refresh of a key, in progress in another task.
#[derive(Clone, Debug)]
pub struct RefreshPending(CancellationToken);

/// The last refresh of a key.
#[derive(Debug)]
pub(super) struct RefreshState {
    attempted: Instant,
    /// The token that is cancelled when the first refresh has ended.
    first: CancellationToken,
}

impl RefreshPending {
    /// Waits until the refresh has ended, successfully or not. The caller sets a time limit.
    pub async fn over(&self) {
        self.0.cancelled().await;
    }
}

impl RefreshState {
    /// Begins a refresh if one is due: it counts as attempted from now on.
    pub(super) fn begin_if_due(last: &mut Option<Self>, now: Now) -> RefreshDue {
        let Some(state) = last else {
            let first = CancellationToken::new();
            let over = first.clone().drop_guard();
            let attempted = now.steady;
            *last = Some(Self { attempted, first });
            return RefreshDue::First(RefreshGuard { _over: Some(over) });
        };
        if !state.first.is_cancelled() {
            return RefreshDue::Pending(RefreshPending(state.first.clone()));
        }
        if now.steady.saturating_duration_since(state.attempted) < REFRESH_INTERVAL {
            return RefreshDue::No;
        }
        state.attempted = now.steady;
        RefreshDue::Again(RefreshGuard { _over: None })
    }
}
