//! The state of a key's quota, for headers and for `GET /api/v1/quota`.

use serde::Serialize;
use utoipa::ToSchema;

/// The quota of a key in the minute, for the `X-RateLimit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteQuota {
    /// Lookups a minute.
    pub limit: u64,
    /// Lookups that are left.
    pub remaining: u64,
    /// The Unix second at which all lookups are available again.
    pub reset: i64,
}

/// The quota of a key in every window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// Any 60 seconds. Lookups by other users of the key are not known.
    pub minute: Tally,
    /// The day, in UTC.
    pub day: Tally,
    /// The month, in UTC.
    pub month: Tally,
    /// Lookups that the cache saved since 00:00 UTC.
    pub saved_today: u64,
}

/// The quota of a key in one window, in lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// The allowance; `null` if the operator turned the window off.
    pub allowed: Option<u64>,
    /// Lookups that were spent, by the gateway or others; can exceed the allowance.
    pub used: u64,
    /// Lookups that are left; `null` if there is no limit.
    pub remaining: Option<u64>,
    /// The Unix second of the next full allowance. For the minute: now, if nothing is spent.
    pub reset: i64,
}

impl Tally {
    /// Returns the numbers for the headers, or `None` if there is no limit.
    pub(super) fn minute_quota(&self) -> Option<MinuteQuota> {
        Some(MinuteQuota {
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
