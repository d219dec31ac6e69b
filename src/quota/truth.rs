//! What VirusTotal says of a key's allowances: its `overall_quotas`.

use serde_json::Value;

/// What VirusTotal says of a key, as far as it says it.
///
/// Of a user and the group it belongs to, this is the one that has less left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Lookups an hour. VirusTotal tells nothing of the minute.
    pub hourly: Option<Usage>,
    /// Lookups a day.
    pub daily: Option<Usage>,
    /// Lookups a month.
    pub monthly: Option<Usage>,
}

/// One allowance, and what of it is used, by whomever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Lookups; it can be huge.
    pub allowed: u64,
    /// Lookups; it can be more than what is allowed.
    pub used: u64,
}

impl Truth {
    /// Reads VirusTotal's answer to `GET /users/{key}/overall_quotas`.
    ///
    /// What is missing or is no number counts as not said; `None` where nothing is said at all.
    pub fn read(json: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(json).ok()?;
        let quotas = answer.get("data")?;
        let truth = Self {
            hourly: Usage::scarcer(&quotas["api_requests_hourly"]),
            daily: Usage::scarcer(&quotas["api_requests_daily"]),
            monthly: Usage::scarcer(&quotas["api_requests_monthly"]),
        };
        (truth != Self::default()).then_some(truth)
    }
}

impl Usage {
    /// The user's or the group's, whichever has less left; of equals the smaller.
    fn scarcer(quota: &Value) -> Option<Self> {
        let of = ["user", "group"].map(|whose| Self::read(&quota[whose]));
        of.into_iter()
            .flatten()
            .min_by_key(|usage| (usage.remaining(), usage.allowed))
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

/// A number of lookups; one beyond 64 bits is the largest there is.
fn count(number: &Value) -> Option<u64> {
    const BEYOND: f64 = 18_446_744_073_709_551_615.0;
    let huge = || number.as_f64().filter(|number| *number >= BEYOND);
    number.as_u64().or_else(|| huge().map(|_| u64::MAX))
}
