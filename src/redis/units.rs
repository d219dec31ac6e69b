//! The windows of a VirusTotal key's quota, counted for all replicas together.

use std::{sync::LazyLock, time::Duration};

use ::redis::Script;
use time::OffsetDateTime;

use super::{Order, Patience, Redis, closures::place, millis, of_key};
use crate::{clock::BackOff, key::KeyHash};

static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("closure.lua"),
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

/// By what a key's spending is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a unit stays spent.
    pub lasts: Duration,
    /// Units in that time; none is no limit.
    pub minute: Option<u64>,
    /// Units a day, in UTC.
    pub day: Option<u64>,
    /// Units a month, in UTC.
    pub month: Option<u64>,
}

/// A unit as Redis knows it.
#[derive(Debug)]
pub struct Token(String);

/// What Redis said to whoever wanted a unit.
#[derive(Debug)]
pub struct Taken {
    /// The unit; none, if there is none, if the endpoint is closed, or if nobody wanted one.
    pub token: Option<Token>,
    /// How long until there may be one, where there is none now.
    pub wait: Duration,
    /// The units of the last minute, of all replicas.
    pub used: u64,
    /// How long ago units of other replicas were spent, of the oldest of them.
    pub others: Vec<Duration>,
    /// What is spent of the day.
    pub day: u64,
    /// What is spent of the month.
    pub month: u64,
    /// What is known of closures of this endpoint or of all, and how long they last still.
    pub closures: Vec<(BackOff, String)>,
}

type Said = (String, u64, u64, Vec<u64>, u64, u64, Vec<(u64, Vec<u8>)>);

impl Redis {
    /// Spends a unit for a call to this endpoint within these limits, if all replicas
    /// together have one. Nothing where Redis does not help.
    pub async fn take(
        &self,
        key: KeyHash,
        endpoint: &str,
        limits: &Limits,
        patience: &Patience,
    ) -> Option<Taken> {
        self.look_at(key, Some(endpoint), limits, patience).await
    }

    /// Where the key stands with all replicas together; spends nothing.
    pub async fn look(&self, key: KeyHash, limits: &Limits, patience: &Patience) -> Option<Taken> {
        self.look_at(key, None, limits, patience).await
    }

    /// Gives a unit back whose call never reached VirusTotal.
    pub fn undo(&self, key: KeyHash, token: &Token) {
        let mut script = UNDO.key(of_key("minute", key));
        script.key(of_key("spent", key)).arg(&token.0);
        self.tell(Order::Script(script));
    }

    /// Tells what VirusTotal has counted in the day and the month in which it was asked.
    pub fn learn(&self, key: KeyHash, asked: OffsetDateTime, day: Option<u64>, month: Option<u64>) {
        let mut script = LEARN.key(of_key("spent", key));
        script
            .arg(asked.unix_timestamp() / SECONDS_A_DAY)
            .arg(number(day))
            .arg(number(month));
        self.tell(Order::Script(script));
    }

    async fn look_at(
        &self,
        key: KeyHash,
        endpoint: Option<&str>,
        limits: &Limits,
        patience: &Patience,
    ) -> Option<Taken> {
        // Where Redis is not set up, no script is put together for each call.
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
        script.arg(u8::from(endpoint.is_some()));
        let said: Said = self
            .ask(patience, Order::Script(script), Duration::ZERO)
            .await?;
        let (verdict, wait, used, others, day, month, closures) = said;
        let is_taken = verdict == "taken" && endpoint.is_some();
        Some(Taken {
            token: is_taken.then_some(Token(token)),
            wait: BackOff::from_millis(wait).get(),
            used,
            others: others.into_iter().map(Duration::from_millis).collect(),
            day,
            month,
            closures: closures.into_iter().map(read_closure).collect(),
        })
    }
}

/// Reads a closure. Bytes that are no text are none that can be used, but no reason to do without
/// the other closures.
fn read_closure((left, closure): (u64, Vec<u8>)) -> (BackOff, String) {
    let closure = String::from_utf8_lossy(&closure).into_owned();
    (BackOff::from_millis(left), closure)
}

/// Lua counts in floats: what is beyond them is no limit to anybody.
fn number(limit: Option<u64>) -> i64 {
    const MOST: u64 = 1 << 53;
    limit.map_or(-1, |limit| i64::try_from(limit.min(MOST)).unwrap_or(-1))
}
