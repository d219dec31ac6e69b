//! State that replicas share through Redis: answers, units of quota, back-offs, leases.
//!
//! Redis is optional. An operation that Redis can't complete in time returns `None`, and the caller
//! continues with local state. This module stores bytes and counts; their meaning belongs to its
//! callers. VirusTotal keys are stored only as hashes.

use std::{sync::Arc, time::Duration};

use ::redis::{
    Cmd, FromRedisValue, RedisResult, ScriptInvocation, Value, aio::MultiplexedConnection,
};
use sha2::{Digest as _, Sha256};
use tokio_util::task::TaskTracker;

use self::link::Link;
use crate::{
    access::{KeyHash, RedisBudget},
    config,
};

pub use self::{
    answers::{EntryName, SharedAnswer, SharedLookup, SharedTime},
    lease::{Claimed, Lease},
    link::{Availability, UnusableAuthorities},
    news::{News, SharedChange},
    permits::{PermitId, QuotaReply, SharedWindow, WindowLimits},
};

/// Assembles a script that uses the shared clock.
macro_rules! clocked {
    ($($part:literal),+) => {
        concat!(
            "local PREFIX = 'vt4ai:1:'\n",
            include_str!("clock.lua"),
            $("\n", include_str!($part)),+
        )
    };
}

mod answers;
mod backoffs;
mod lease;
mod link;
mod news;
mod permits;
mod usage;

/// The prefix of every Redis key, with the version of the stored format. Repeated in `clocked!`.
const PREFIX: &str = "vt4ai:1:";

/// A handle to Redis, if configured (`VT4AI_REDIS_URL`).
#[derive(Clone, Debug)]
pub struct Redis {
    link: Option<Arc<Link>>,
    /// A random id of this process, which marks its units and messages.
    replica: Arc<str>,
    /// The tracker of tasks for commands whose result is not awaited.
    tasks: TaskTracker,
}

impl Redis {
    /// Creates a handle for a configuration. [`keep_up`](Self::keep_up) makes the connection.
    pub fn new(
        config: Option<&config::Redis>,
        tasks: TaskTracker,
    ) -> Result<Self, UnusableAuthorities> {
        let link = match config {
            Some(config) => Some(Arc::new(Link::new(config)?)),
            None => None,
        };
        Ok(Self {
            link,
            replica: format!("{:016x}", fastrand::u64(..)).into(),
            tasks,
        })
    }

    /// Returns whether Redis is available now.
    pub fn is_up(&self) -> bool {
        match &self.link {
            Some(link) => link.is_up(),
            None => false,
        }
    }

    /// Returns the state of the connection, or `None` if Redis is not configured.
    pub fn health(&self) -> Option<Availability> {
        let link = self.link.as_ref()?;
        Some(link.health())
    }

    /// Maintains the connection and receives messages of other replicas. Never returns.
    ///
    /// `hear` is called once for each message, usually within a second.
    pub async fn keep_up(self, hear: impl Fn(News) + Send) {
        match &self.link {
            Some(link) => link.keep_up(&self.replica, hear).await,
            None => std::future::pending().await,
        }
    }

    /// Waits until the first connection attempt has ended. Returns at once if Redis is not
    /// configured.
    pub async fn settled(&self) {
        if let Some(link) = &self.link {
            link.settled().await;
        }
    }

    /// Sends a command within the request's time budget. `overlapped` of the time is not charged.
    async fn ask<T>(
        &self,
        budget: &RedisBudget,
        command: RedisCommand,
        overlapped: Duration,
    ) -> Option<T>
    where
        T: FromRedisValue,
    {
        self.link.as_ref()?.ask(budget, command, overlapped).await
    }

    /// Announces a change to all replicas as soon as Redis is available.
    pub fn announce(&self, change: SharedChange) {
        let Some(link) = self.link.clone() else {
            return;
        };
        link.queue(change);
        if link.is_up() {
            let replica = Arc::clone(&self.replica);
            // Several deliveries may run at once. They take turns, and the first one sends all
            // changes.
            self.tasks
                .spawn(async move { link.deliver(&replica).await });
        }
    }

    /// Returns whether a change to an object with one of these names is still to be announced.
    fn has_unannounced(&self, names: &[String]) -> bool {
        match &self.link {
            Some(link) => link.has_unannounced(names),
            None => false,
        }
    }

    /// Sends a command in the background and ignores its result.
    fn send_in_background(&self, command: RedisCommand) {
        let Some(link) = self.link.clone() else {
            return;
        };
        if link.is_up() {
            self.tasks.spawn(async move {
                let budget = RedisBudget::default();
                link.ask::<Value>(&budget, command, Duration::ZERO).await;
            });
        }
    }
}

/// A command or script to send.
enum RedisCommand {
    Cmd(Cmd),
    Script(ScriptInvocation<'static>),
}

impl RedisCommand {
    async fn send<T: FromRedisValue>(&self, to: &mut MultiplexedConnection) -> RedisResult<T> {
        match self {
            Self::Cmd(cmd) => cmd.query_async(to).await,
            Self::Script(script) => script.invoke_async(to).await,
        }
    }
}

/// Returns the Redis key of something that belongs to a VirusTotal key.
fn of_key(what: &str, key: KeyHash) -> String {
    format!("{PREFIX}{what}:{}", key.hex())
}

/// Hashes a text, so that Redis keys are short and contain no indicator.
fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..16])
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the Redis key of the shared clock.
fn clock() -> String {
    format!("{PREFIX}clock")
}
