//! A key's allowances and usage as VirusTotal reports them: `overall_quotas`.

use serde_json::Value;

/// The allowances and usage of a key, as far as VirusTotal reports them.
///
/// If both a user and its group have a quota, this is the one with less left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamQuota {
    /// Lookups an hour. VirusTotal does not report the minute.
    pub hourly: Option<Usage>,
    /// Lookups a day.
    pub daily: Option<Usage>,
    /// Lookups a month.
    pub monthly: Option<Usage>,
}

/// An allowance, and its usage by all clients of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Lookups. Unlimited keys have huge numbers.
    pub allowed: u64,
    /// Lookups. Can exceed the allowance.
    pub used: u64,
}

impl UpstreamQuota {
    /// Parses the response to `GET /users/{key}/overall_quotas`.
    ///
    /// A missing or malformed window is `None`. Returns `None` if no window is present.
    pub fn read(json: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(json).ok()?;
        let quotas = answer.get("data")?;
        let report = Self {
            hourly: Usage::scarcer(&quotas["api_requests_hourly"]),
            daily: Usage::scarcer(&quotas["api_requests_daily"]),
            monthly: Usage::scarcer(&quotas["api_requests_monthly"]),
        };
        // JSON without any of the three windows is not VirusTotal's report.
        (report != Self::default()).then_some(report)
    }
}

impl Usage {
    /// Returns the user's or the group's quota, whichever has less left, and of equals the smaller.
    fn scarcer(quota: &Value) -> Option<Self> {
        match (Self::read(&quota["user"]), Self::read(&quota["group"])) {
            (Some(user), Some(group)) => Some(user.or_scarcer(group)),
            (user, group) => user.or(group),
        }
    }

    fn or_scarcer(self, other: Self) -> Self {
        if (other.remaining(), other.allowed) < (self.remaining(), self.allowed) {
            return other;
        }
        self
    }

    fn read(usage: &Value) -> Option<Self> {
        Some(Self {
            allowed: count(&usage["allowed"])?,
            used: count(&usage["used"]).unwrap_or(0),
        })
    }

    fn remaining(self) -> u64 {
        self.allowed.saturating_sub(self.used)
    }
}

/// Parses a number of lookups. A number beyond 64 bits becomes `u64::MAX`.
fn count(number: &Value) -> Option<u64> {
    // 2^64, the first number that does not fit.
    const FIRST_BEYOND_U64: f64 = 18_446_744_073_709_551_615.0;
    if let Some(number) = number.as_u64() {
        return Some(number);
    }
    (number.as_f64()? >= FIRST_BEYOND_U64).then_some(u64::MAX)
}
