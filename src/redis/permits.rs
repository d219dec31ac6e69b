//! Quota windows that replicas share.

use std::{sync::LazyLock, time::Duration};

use ::redis::Script;
use time::OffsetDateTime;

use super::{Redis, RedisBudget, RedisCommand, backoffs::place, millis, of_key};
use crate::{access::KeyHash, clock::BackOff};

static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("backoff.lua"),
        include_str!("windows.lua"),
        include_str!("take.lua")
    ))
});
static UNDO: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("windows.lua"),
        include_str!("undo.lua")
    ))
});
static LEARN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("windows.lua"),
        include_str!("learn.lua")
    ))
});

const SECONDS_A_DAY: i64 = 86_400;

/// The allowances of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimits {
    /// The time for which a unit counts towards the minute.
    pub lasts: Duration,
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

/// The reply to a request for a unit.
#[derive(Debug)]
pub struct Taken {
    /// The acquired unit, or `None` if quota is exhausted, the endpoint is in back-off, or the
    /// request only read the state.
    pub token: Option<PermitId>,
    /// The time until a unit may be available. Zero if one is.
    pub wait: Duration,
    /// The units of the last minute, of all replicas.
    pub used: u64,
    /// The ages of other replicas' units, the oldest first. May be truncated.
    pub others: Vec<Duration>,
    /// The units of the day.
    pub day: u64,
    /// The units of the month.
    pub month: u64,
    /// The back-offs of this endpoint and of the whole API, with the time that each still lasts.
    pub closures: Vec<(BackOff, String)>,
}

/// The reply of `take.lua`, which describes each value.
type TakeReply = (String, u64, u64, Vec<u64>, u64, u64, Vec<(u64, Vec<u8>)>);

impl Redis {
    /// Takes a unit for a call to an endpoint, if the replicas together have one within these
    /// limits. Returns `None` if Redis is not available.
    pub async fn take(
        &self,
        key: KeyHash,
        endpoint: &str,
        limits: &WindowLimits,
        budget: &RedisBudget,
    ) -> Option<Taken> {
        self.look_at(key, Some(endpoint), limits, budget).await
    }

    /// Reads the shared state of a key. Spends nothing.
    pub async fn look(
        &self,
        key: KeyHash,
        limits: &WindowLimits,
        budget: &RedisBudget,
    ) -> Option<Taken> {
        self.look_at(key, None, limits, budget).await
    }

    /// Returns a unit whose call never reached VirusTotal.
    pub fn undo(&self, key: KeyHash, token: &PermitId) {
        let mut script = UNDO.key(of_key("minute", key));
        script.key(of_key("spent", key)).arg(&token.0);
        self.tell(RedisCommand::Script(script));
    }

    /// Shares the usage that VirusTotal reported for the day and the month of the request.
    pub fn learn(&self, key: KeyHash, asked: OffsetDateTime, day: Option<u64>, month: Option<u64>) {
        let mut script = LEARN.key(of_key("spent", key));
        script
            .arg(asked.unix_timestamp() / SECONDS_A_DAY)
            .arg(number(day))
            .arg(number(month));
        self.tell(RedisCommand::Script(script));
    }

    async fn look_at(
        &self,
        key: KeyHash,
        endpoint: Option<&str>,
        limits: &WindowLimits,
        budget: &RedisBudget,
    ) -> Option<Taken> {
        // Without Redis, skip building the script for each call.
        self.link.as_ref()?;
        let token = format!("{}:{:016x}", self.replica, fastrand::u64(..));
        let mut script = TAKE.key(of_key("minute", key));
        script.key(of_key("spent", key));
        script.key(place(key, endpoint)).key(place(key, None));
        script.arg(&token).arg(&*self.replica);
        script.arg(millis(limits.lasts));
        for limit in [limits.minute, limits.day, limits.month] {
            script.arg(number(limit));
        }
        // Without an endpoint the script only reads.
        script.arg(u8::from(endpoint.is_some()));
        let reply: TakeReply = self
            .ask(budget, RedisCommand::Script(script), Duration::ZERO)
            .await?;
        let (verdict, wait, used, others, day, month, backoffs) = reply;
        let is_taken = verdict == "taken" && endpoint.is_some();
        Some(Taken {
            token: is_taken.then_some(PermitId(token)),
            wait: BackOff::from_millis(wait).get(),
            used,
            others: others.into_iter().map(Duration::from_millis).collect(),
            day,
            month,
            closures: read_backoffs(backoffs),
        })
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

/// Converts a limit for Lua, whose numbers are floats: larger ones are cut to 2^53. -1 is
/// unlimited.
fn number(limit: Option<u64>) -> i64 {
    const MOST: u64 = 1 << 53;
    match limit {
        Some(limit) => i64::try_from(limit.min(MOST)).unwrap_or(-1),
        None => -1,
    }
}
