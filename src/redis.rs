//! What replicas share, through Redis: answers, units of quota, closed endpoints, leases.
//!
//! Redis is a help, never a need. Whatever it can't do in time is done without it: every
//! function here then says nothing, and its caller goes by what it knows itself. It holds
//! bytes and counts; what they mean is for those who put them there to know. Keys of
//! VirusTotal's stand in it as hashes only.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ::redis::{
    Cmd, FromRedisValue, RedisResult, ScriptInvocation, Value, aio::MultiplexedConnection,
};
use sha2::{Digest as _, Sha256};
use tokio_util::task::TaskTracker;

use self::link::Link;
use crate::{config, key::KeyHash};

pub use self::{
    answers::{Recalled, Shared, SharedTime},
    lease::{Claimed, Lease},
    link::{Health, UnusableAuthorities},
    news::{Change, News},
    units::{Limits, Taken, Token},
};

/// A script that uses the shared clock, from its parts.
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
mod closures;
mod lease;
mod link;
mod news;
mod units;

/// The beginning of every key, with the version of what is kept under it; `clocked!` has it, too.
const PREFIX: &str = "vt4ai:1:";

/// Redis, where it is set up (`VT4AI_REDIS_URL`).
#[derive(Clone, Debug)]
pub struct Redis {
    link: Option<Arc<Link>>,
    /// How this process's units are told from those of others.
    replica: Arc<str>,
    /// For what nobody waits for.
    tasks: TaskTracker,
}

/// How long a request has waited for Redis, in microseconds: `VT4AI_REDIS_TIMEOUT` in all.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<AtomicU64>);

impl Redis {
    /// The Redis of these settings, or none; nothing is connected before [`keep_up`](Self::keep_up).
    pub fn new(
        config: Option<&config::Redis>,
        tasks: TaskTracker,
    ) -> Result<Self, UnusableAuthorities> {
        let link = config.map(Link::new).transpose()?;
        Ok(Self {
            link: link.map(Arc::new),
            replica: format!("{:016x}", fastrand::u64(..)).into(),
            tasks,
        })
    }

    /// Whether it can be asked now.
    pub fn is_up(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_up())
    }

    /// How it does; nothing where it is not set up.
    pub fn health(&self) -> Option<Health> {
        self.link.as_ref().map(|link| link.health())
    }

    /// Keeps the connection, and hears what other replicas tell, for as long as it is polled.
    ///
    /// `hear` gets each piece of news once, at most a second or so later.
    pub async fn keep_up(self, hear: impl Fn(News) + Send) {
        match &self.link {
            Some(link) => link.keep_up(&self.replica, hear).await,
            None => std::future::pending().await,
        }
    }

    /// Waits until it is connected or known not to be; at once where it is not set up.
    pub async fn settled(&self) {
        if let Some(link) = &self.link {
            link.settled().await;
        }
    }

    /// What Redis says to this; `overlapped` of the time it takes costs no patience.
    async fn ask<T>(&self, patience: &Patience, order: Order, overlapped: Duration) -> Option<T>
    where
        T: FromRedisValue,
    {
        self.link.as_ref()?.ask(patience, order, overlapped).await
    }

    /// Tells every replica of a change, as soon as Redis can be reached.
    pub fn tell_change(&self, change: Change) {
        let Some(link) = self.link.clone() else {
            return;
        };
        link.queue(change);
        if link.is_up() {
            let replica = Arc::clone(&self.replica);
            self.tasks
                .spawn(async move { link.deliver(&replica).await });
        }
    }

    /// Whether Redis has still to be told of a change to an object with one of these names.
    fn is_telling(&self, names: &[String]) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.is_telling(names))
    }

    /// Tells Redis something that nobody waits for.
    fn tell(&self, order: Order) {
        if let Some(link) = self.link.clone().filter(|link| link.is_up()) {
            self.tasks.spawn(async move {
                let patience = Patience::default();
                link.ask::<Value>(&patience, order, Duration::ZERO).await;
            });
        }
    }
}

impl Patience {
    /// What is left of this much.
    fn left(&self, of: Duration) -> Duration {
        of.saturating_sub(Duration::from_micros(self.0.load(Ordering::Relaxed)))
    }

    fn spend(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

/// What is sent to Redis.
enum Order {
    Cmd(Cmd),
    Script(ScriptInvocation<'static>),
}

impl Order {
    async fn send<T: FromRedisValue>(&self, to: &mut MultiplexedConnection) -> RedisResult<T> {
        match self {
            Self::Cmd(cmd) => cmd.query_async(to).await,
            Self::Script(script) => script.invoke_async(to).await,
        }
    }
}

/// The name of something that belongs to a VirusTotal key.
fn of_key(what: &str, key: KeyHash) -> String {
    format!("{PREFIX}{what}:{}", key.hex())
}

/// A name for a text that is short and tells nothing of it.
fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..16])
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
