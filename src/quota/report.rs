//! Where a key stands, for headers and for `GET /api/v1/quota`.

use serde::Serialize;
use utoipa::ToSchema;

/// Where a key stands in the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Lookups a minute.
    pub limit: u64,
    /// Lookups left now.
    pub remaining: u64,
    /// The Unix second at which all of them are back.
    pub reset: i64,
}

/// Where a key stands in every window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// Any 60 seconds; what others spent in them is not known.
    pub minute: Tally,
    /// The day, in UTC.
    pub day: Tally,
    /// The month, in UTC.
    pub month: Tally,
    /// Units that the cache saved since 00:00 UTC.
    pub saved_today: u64,
}

/// Where a key stands in one window, in lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// The allowance; `None` where the operator turned the window off.
    pub allowed: Option<u64>,
    /// What is spent of it, by the gateway or others; it may be more than is allowed.
    pub used: u64,
    /// What is left of it; `None` where there is no limit.
    pub remaining: Option<u64>,
    /// The Unix second at which all of it is back: for the minute now, if none is spent.
    pub reset: i64,
}

impl Tally {
    /// Where the key stands; `None` where there is no limit.
    pub(super) fn standing(&self) -> Option<Standing> {
        Some(Standing {
            limit: self.allowed?,
            remaining: self.remaining?,
            reset: self.reset,
        })
    }

    pub(super) fn new(allowed: Option<u64>, used: u64, reset: i64) -> Self {
        Self {
            allowed,
            used,
            remaining: allowed.map(|allowed| allowed.saturating_sub(used)),
            reset,
        }
    }
}
