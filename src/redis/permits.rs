//! Quota windows that replicas share.

use std::{sync::LazyLock, time::Duration};

use ::redis::Script;
use time::OffsetDateTime;

use super::{Redis, RedisBudget, RedisCommand, backoffs::backoff_key, millis, of_key};
use crate::{access::KeyHash, clock::BackOff};

static ACQUIRE_UNIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("backoff.lua"),
        include_str!("windows.lua"),
        include_str!("acquire_unit.lua")
    ))
});
static RELEASE_UNIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("windows.lua"),
        include_str!("release_unit.lua")
    ))
});
static STORE_USAGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("windows.lua"),
        include_str!("store_usage.lua")
    ))
});

const SECONDS_PER_DAY: i64 = 86_400;

/// The allowances of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimits {
    /// The time for which a unit counts towards the minute.
    pub minute_length: Duration,
    /// Units in that time. `None` is unlimited.
    pub minute: Option<u64>,
    /// Units a day, in UTC.
    pub day: Option<u64>,
    /// Units a month, in UTC.
    pub month: Option<u64>,
}

/// The name of a unit in Redis.
#[derive(Debug)]
pub struct PermitId(String);

/// A window in which the replicas together have no unit left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedWindow {
    /// The minute.
    Minute,
    /// The day, in UTC.
    Day,
    /// The month, in UTC.
    Month,
}

/// The quota of a key, as all replicas have spent it, with the unit that was acquired if one was.
#[derive(Debug)]
pub struct QuotaReply {
    /// The acquired unit, or `None` if quota is exhausted, the endpoint is in back-off, or the
    /// request only read the state.
    pub permit: Option<PermitId>,
    /// The exhausted window that has a unit last, or `None` if there is a unit or a back-off.
    pub exhausted: Option<SharedWindow>,
    /// The time until a unit may be available. Zero if one is.
    pub wait: Duration,
    /// The number of units in the last minute, of all replicas.
    pub minute_units: u64,
    /// The ages of other replicas' units of the last minute, the oldest first. May be truncated.
    pub ages_of_others: Vec<Duration>,
    /// The units of the day.
    pub day: u64,
    /// The units of the month.
    pub month: u64,
    /// The back-offs of this endpoint and of the whole API, with the time that each still lasts.
    pub backoffs: Vec<(BackOff, String)>,
}

/// The reply of `acquire_unit.lua`, which describes each value.
type AcquireReply = (String, u64, u64, Vec<u64>, u64, u64, Vec<(u64, Vec<u8>)>);

impl Redis {
    /// Acquires a unit for a call to an endpoint, if the replicas together have one within these
    /// limits. Returns `None` if Redis is not available.
    pub async fn acquire_unit(
        &self,
        key: KeyHash,
        endpoint: &str,
        limits: &WindowLimits,
        budget: &RedisBudget,
    ) -> Option<QuotaReply> {
        self.run_acquire_script(key, Some(endpoint), limits, budget)
            .await
    }

    /// Reads the shared state of a key. Spends nothing.
    pub async fn read_quota(
        &self,
        key: KeyHash,
        limits: &WindowLimits,
        budget: &RedisBudget,
    ) -> Option<QuotaReply> {
        self.run_acquire_script(key, None, limits, budget).await
    }

    /// Returns a unit whose call never reached VirusTotal.
    pub fn release_unit(&self, key: KeyHash, permit: &PermitId) {
        let mut script = RELEASE_UNIT.key(of_key("minute", key));
        script.key(of_key("spent", key)).arg(&permit.0);
        self.send_in_background(RedisCommand::Script(script));
    }

    /// Shares the usage that VirusTotal reported for the day and the month of the request.
    pub fn store_usage(
        &self,
        key: KeyHash,
        asked: OffsetDateTime,
        day: Option<u64>,
        month: Option<u64>,
    ) {
        let mut script = STORE_USAGE.key(of_key("spent", key));
        script
            .arg(asked.unix_timestamp() / SECONDS_PER_DAY)
            .arg(number(day))
            .arg(number(month));
        self.send_in_background(RedisCommand::Script(script));
    }

    async fn run_acquire_script(
        &self,
        key: KeyHash,
        endpoint: Option<&str>,
        limits: &WindowLimits,
        budget: &RedisBudget,
    ) -> Option<QuotaReply> {
        // Without Redis, skip building the script for each call.
        self.link.as_ref()?;
        let id = format!("{}:{:016x}", self.replica, fastrand::u64(..));
        let mut script = ACQUIRE_UNIT.key(of_key("minute", key));
        script.key(of_key("spent", key));
        script.key(backoff_key(key, endpoint));
        script.key(backoff_key(key, None));
        script.arg(&id).arg(&*self.replica);
        script.arg(millis(limits.minute_length));
        for limit in [limits.minute, limits.day, limits.month] {
            script.arg(number(limit));
        }
        // Without an endpoint the script only reads.
        script.arg(u8::from(endpoint.is_some()));
        let reply: AcquireReply = self
            .ask(budget, RedisCommand::Script(script), Duration::ZERO)
            .await?;
        let (verdict, wait, minute_units, ages, day, month, backoffs) = reply;
        // A request that only reads gets the verdict `taken` too, if a unit is available.
        let is_acquired = verdict == "taken" && endpoint.is_some();
        Some(QuotaReply {
            permit: is_acquired.then_some(PermitId(id)),
            exhausted: SharedWindow::of_verdict(&verdict),
            wait: BackOff::from_millis(wait).get(),
            minute_units,
            ages_of_others: ages.into_iter().map(Duration::from_millis).collect(),
            day,
            month,
            backoffs: read_backoffs(backoffs),
        })
    }
}

impl SharedWindow {
    fn of_verdict(verdict: &str) -> Option<Self> {
        match verdict {
            "minute" => Some(Self::Minute),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            _ => None,
        }
    }
}

/// Converts back-offs. Invalid UTF-8 makes one unusable, which must not hide the others.
fn read_backoffs(sent: Vec<(u64, Vec<u8>)>) -> Vec<(BackOff, String)> {
    let mut backoffs = Vec::with_capacity(sent.len());
    for (left, content) in sent {
        let content = String::from_utf8_lossy(&content).into_owned();
        backoffs.push((BackOff::from_millis(left), content));
    }
    backoffs
}

/// Converts a limit for Lua, where -1 is unlimited.
fn number(limit: Option<u64>) -> i64 {
    // Lua's numbers are floats, which are exact up to here.
    const MAX_LUA_INTEGER: u64 = 1 << 53;
    match limit {
        Some(limit) => i64::try_from(limit.min(MAX_LUA_INTEGER)).unwrap_or(-1),
        None => -1,
    }
}
