//! The forecast of a job: the lookups that it costs, and the time that they take at a key's pace.

use time::OffsetDateTime;

use super::{batch::Asked, run::Job, shared::Shared, summary::Forecast};
use crate::{
    clock::Now,
    http::error::ApiError,
    quota::accounts::{Report, Tally},
};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

impl Job {
    /// Finds out what the job would cost, without spending anything.
    pub(super) async fn forecast(&self) -> Result<Forecast, ApiError> {
        let Shared {
            gateway, context, ..
        } = &*self.shared;
        let (mut kept, mut local, mut units) = (0, 0, 0);
        for subject in &self.batch.subjects {
            let Asked::Lookup(indicator) = &subject.asked else {
                local += 1;
                continue;
            };
            // Each has its own time for Redis, as in the job.
            let context = context.with_new_redis_budget();
            let freshness = &self.shared.options.freshness;
            match gateway.lookup.is_kept(&context, indicator, freshness).await {
                Ok(true) => kept += 1,
                Ok(false) => units += 1,
                // Private.
                Err(_) => local += 1,
            }
        }
        gateway.quota.refresh(context).await?;
        let quota = gateway.quota.report(context.key.hash());
        let now = Now::read().utc;
        let seconds = seconds_for(units, &quota, now.unix_timestamp());
        Ok(Forecast {
            rows: self.batch.rows.len(),
            unique: self.batch.subjects.len(),
            by_type: self.batch.by_type(),
            kept,
            local,
            units,
            seconds,
            done_at: seconds.and_then(|seconds| time_after(now, seconds)),
        })
    }
}

fn time_after(now: OffsetDateTime, seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    let done = now.checked_add(time::Duration::seconds(seconds))?;
    Some(humantime::format_rfc3339_seconds(done.into()).to_string())
}

/// Returns the seconds until this many units are spent, or `None` if the key never has as many.
///
/// One unit of each minute is left to others.
fn seconds_for(units: u64, quota: &Report, now: i64) -> Option<u64> {
    let mut left = units;
    let mut day = quota.day.remaining;
    let mut month = quota.month.remaining;
    // The seconds until the day that is looked at begins.
    let mut begins = 0;
    loop {
        let today = left.min(day.unwrap_or(left)).min(month.unwrap_or(left));
        left -= today;
        if left == 0 {
            return Some(begins + pace(today, &quota.minute, begins == 0));
        }
        month = month.map(|month| month - today);
        if month == Some(0) {
            // Later months are as long as they need to be: 31 days.
            begins = if begins < until(&quota.month, now) {
                until(&quota.month, now)
            } else {
                begins + 31 * DAY
            };
            month = quota.month.allowed;
        } else {
            begins = if begins == 0 {
                until(&quota.day, now)
            } else {
                begins + DAY
            };
        }
        day = quota.day.allowed;
        if day == Some(0) || month == Some(0) {
            return None;
        }
    }
}

/// Returns the seconds for this many units within a day.
fn pace(units: u64, minute: &Tally, is_now: bool) -> u64 {
    let Some(allowed) = minute.allowed else {
        return 0;
    };
    let each = allowed.saturating_sub(1).max(1);
    let mut first = each;
    if is_now {
        let remaining = minute.remaining.unwrap_or(allowed);
        first = remaining.saturating_sub(u64::from(allowed > 1));
    }
    units.saturating_sub(first).div_ceil(each) * MINUTE
}

fn until(tally: &Tally, now: i64) -> u64 {
    u64::try_from(tally.reset - now).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(allowed: Option<u64>, used: u64, reset: i64) -> Tally {
        Tally {
            allowed,
            used,
            remaining: allowed.map(|allowed| allowed.saturating_sub(used)),
            reset,
        }
    }

    fn quota(minute: Option<u64>, day: Option<u64>, used: u64) -> Report {
        Report {
            minute: tally(minute, 0, 0),
            day: tally(day, used, 3_600),
            month: tally(None, 0, 0),
            saved_today: 0,
        }
    }

    #[test]
    fn one_unit_of_a_minute_is_left_to_others() {
        let public = quota(Some(4), Some(500), 0);
        assert_eq!(seconds_for(0, &public, 0), Some(0));
        assert_eq!(seconds_for(3, &public, 0), Some(0));
        assert_eq!(seconds_for(4, &public, 0), Some(60));
        assert_eq!(seconds_for(9, &public, 0), Some(120));
    }

    #[test]
    fn a_used_up_day_goes_on_with_the_next_one() {
        let public = quota(Some(4), Some(500), 500);
        assert_eq!(seconds_for(3, &public, 0), Some(3_600));
        assert_eq!(seconds_for(503, &public, 0), Some(3_600 + 24 * 3_600));
    }

    #[test]
    fn without_limits_it_takes_no_time() {
        assert_eq!(seconds_for(10_000, &quota(None, None, 0), 0), Some(0));
    }

    #[test]
    fn a_key_without_an_allowance_never_ends() {
        assert_eq!(seconds_for(1, &quota(Some(4), Some(0), 0), 0), None);
    }
}
