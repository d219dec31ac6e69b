//! The cache that replicas share, behind the local one of each.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use ::redis::{Cmd, Script};
use bytes::Bytes;

use super::{
    Lease, News, PREFIX, Redis, RedisBudget, RedisCommand, SharedChange, clock, digest, millis,
    news::news_key, of_key,
};
use crate::access::KeyHash;

/// The size in bytes above which an answer is not shared.
///
/// Commands share one connection, so a large one delays those behind it.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

static SHARED_NOW: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("shared_now.lua")));
static LOOK_UP: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("look_up.lua")));
static STORE_ANSWER: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("store_answer.lua")));
static NAMES_OF: LazyLock<Script> =
    LazyLock::new(|| Script::new(clocked!("names.lua", "names_of.lua")));
static JOIN_NAMES: LazyLock<Script> =
    LazyLock::new(|| Script::new(clocked!("names.lua", "announce.lua", "join.lua")));

/// A time on the clock that orders the requests and writes of all replicas, in microseconds.
///
/// This is Redis's own clock, and it never goes back, so the replicas' clocks need not agree.
pub type SharedTime = u64;

/// The name of an entry in the shared cache.
#[derive(Clone, Copy, Debug)]
pub struct EntryName<'a> {
    /// The API key that the entry belongs to; `None` if all keys share it.
    pub owner: Option<KeyHash>,
    /// The path and query below `/api/v3`.
    pub path: &'a str,
}

/// The result of a lookup in the shared cache.
#[derive(Clone, Debug)]
pub struct SharedLookup {
    /// The entry, if there is one.
    pub bytes: Option<Bytes>,
    /// The time of the last write to the object, or 0 if none is known.
    pub changed: SharedTime,
    /// The time of the last write that may have happened, or 0 if none is known.
    pub doubted: SharedTime,
    /// The shared time of the lookup.
    pub now: SharedTime,
    /// The local time just before the lookup.
    pub looked: Instant,
}

/// An answer to put into the shared cache.
#[derive(Debug)]
pub struct SharedAnswer<'a> {
    /// The name of the entry.
    pub name: EntryName<'a>,
    /// The time at which VirusTotal was asked.
    pub asked: SharedTime,
    /// The answer.
    pub bytes: Bytes,
    /// The time to live. The answer is not stored if this is zero.
    pub life: Duration,
    /// The names of the answer's object, in hexadecimal.
    pub names: &'a [String],
}

/// The reply of a lookup. Redis sends times as text, since Lua's numbers lose digits.
pub(super) struct LookupReply {
    pub(super) bytes: Option<Bytes>,
    pub(super) changed: String,
    pub(super) doubted: String,
    pub(super) now: String,
}

impl LookupReply {
    /// Parses the reply to a lookup that was sent at `looked`.
    pub(super) fn parse(self, looked: Instant) -> SharedLookup {
        SharedLookup {
            bytes: self.bytes,
            changed: parse_time(&self.changed),
            doubted: parse_time(&self.doubted),
            now: parse_time(&self.now),
            looked,
        }
    }
}

impl EntryName<'_> {
    /// Returns the Redis key of the answer.
    pub(super) fn answer_key(self) -> String {
        self.key("answer")
    }

    /// Returns the Redis key of the lease, without the time of the object's last write.
    pub(super) fn lease_key(self) -> String {
        self.key("lease")
    }

    /// Returns a Redis key for the entry. The path is hashed: the key stays short and holds no
    /// indicator.
    fn key(self, what: &str) -> String {
        let owner = match self.owner {
            Some(key) => key.hex(),
            None => "shared".to_owned(),
        };
        format!("{PREFIX}{what}:{owner}:{}", digest(self.path))
    }
}

impl Redis {
    /// Looks up an entry, and the last write to its object.
    ///
    /// Returns `None` if Redis is not available, or has not received all of this replica's writes
    /// to the object.
    pub async fn look_up(
        &self,
        name: EntryName<'_>,
        names: &[String],
        budget: &RedisBudget,
    ) -> Option<SharedLookup> {
        let looked = Instant::now();
        // Until Redis has this replica's writes, its entries may be older than they are.
        if self.has_unannounced(names) {
            return None;
        }
        let mut script = LOOK_UP.key(clock());
        script.key(name.answer_key());
        for name in names {
            script.arg(name);
        }
        let command = RedisCommand::Script(script);
        let (bytes, changed, doubted, now) = self.ask(budget, command, Duration::ZERO).await?;
        let reply = LookupReply {
            bytes,
            changed,
            doubted,
            now,
        };
        Some(reply.parse(looked))
    }

    /// Returns the shared time, for a request that is made without a lease.
    pub async fn shared_now(&self, budget: &RedisBudget) -> Option<SharedTime> {
        let command = RedisCommand::Script(SHARED_NOW.key(clock()));
        let reply: String = self.ask(budget, command, Duration::ZERO).await?;
        reply.parse().ok()
    }

    /// Evicts an entry.
    pub fn remove_answer(&self, name: EntryName<'_>) {
        let mut cmd = Cmd::new();
        cmd.arg("DEL").arg(name.answer_key());
        self.send_in_background(RedisCommand::Cmd(cmd));
    }

    /// Stores an answer unless its object was written to since the request, and releases the lease
    /// under which it was fetched. Does not wait for either.
    pub fn store_answer(&self, shared: &SharedAnswer<'_>, lease: Option<Lease>) {
        if shared.bytes.len() > MAX_ANSWER_BYTES || shared.life.is_zero() {
            // Dropping the lease releases it.
            return;
        }
        let mut script = STORE_ANSWER.key(clock());
        script.key(shared.name.answer_key());
        match lease.map(Lease::into_parts) {
            Some((name, token)) => script.key(name).arg(token),
            None => script.key("").arg(""),
        };
        script.arg(shared.asked);
        script.arg(&shared.bytes[..]).arg(millis(shared.life));
        for name in shared.names {
            script.arg(name);
        }
        self.send_in_background(RedisCommand::Script(script));
    }

    /// Releases a lease if it has this token, without storing an answer.
    pub(super) fn release_lease(&self, name: String, token: &str) {
        let mut script = STORE_ANSWER.key(clock());
        // With a life of 0 the script stores nothing and only releases the lease.
        script.key("").key(name).arg(token);
        script.arg(0).arg("").arg(0);
        self.send_in_background(RedisCommand::Script(script));
    }

    /// Records for `life` that these names denote one object. If the object was written to,
    /// announces that to all replicas.
    pub fn join_names(&self, names: &[String], life: Duration) {
        let mut script = JOIN_NAMES.key(clock());
        script.key(news_key());
        script.arg(millis(life).max(1)).arg(&*self.replica);
        for name in names {
            script.arg(name);
        }
        self.send_in_background(RedisCommand::Script(script));
    }

    /// Returns all known names of the object with these names, or `None` if Redis is not available.
    pub async fn names_of(&self, names: &[String], budget: &RedisBudget) -> Option<Vec<String>> {
        let mut script = NAMES_OF.key(clock());
        for name in names {
            script.arg(name);
        }
        self.ask(budget, RedisCommand::Script(script), Duration::ZERO)
            .await
    }

    /// Records for `life` that VirusTotal has accepted a key.
    pub fn accept(&self, key: KeyHash, life: Duration) {
        let mut cmd = Cmd::new();
        cmd.arg("SET").arg(of_key("accepted", key)).arg(1);
        cmd.arg("PX").arg(millis(life).max(1));
        self.send_in_background(RedisCommand::Cmd(cmd));
    }

    /// Revokes the acceptance of a key, and announces that to all replicas.
    pub fn refuse(&self, key: KeyHash) {
        let mut cmd = Cmd::new();
        cmd.arg("DEL").arg(of_key("accepted", key));
        self.send_in_background(RedisCommand::Cmd(cmd));
        self.announce(SharedChange {
            news: News::Refused(key.hex()),
            life: Duration::ZERO,
        });
    }

    /// Returns whether VirusTotal has accepted the key from any replica. False if Redis is not
    /// available.
    pub async fn is_accepted(&self, key: KeyHash, budget: &RedisBudget) -> bool {
        let mut cmd = Cmd::new();
        cmd.arg("EXISTS").arg(of_key("accepted", key));
        let reply = self
            .ask(budget, RedisCommand::Cmd(cmd), Duration::ZERO)
            .await;
        reply == Some(1)
    }
}

/// Parses a shared time; 0 if it can't be read.
fn parse_time(text: &str) -> SharedTime {
    text.parse().unwrap_or_default()
}
