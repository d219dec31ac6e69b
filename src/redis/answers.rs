//! The cache that all replicas have behind their own.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use ::redis::{Cmd, Script};
use bytes::Bytes;

use super::{
    Change, Lease, News, Order, PREFIX, Patience, Redis, digest, millis, news::news_key, of_key,
};
use crate::key::KeyHash;

/// The largest entry, in bytes, that is shared; a larger one stays with its replica.
///
/// One order after another goes over the connection: a long one holds up those behind it.
const LARGEST: usize = 1024 * 1024;

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("begin.lua")));
static RECALL: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("recall.lua")));
static LAND: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("land.lua")));
static NAMES: LazyLock<Script> =
    LazyLock::new(|| Script::new(clocked!("names.lua", "names_of.lua")));
static JOIN: LazyLock<Script> =
    LazyLock::new(|| Script::new(clocked!("names.lua", "tell.lua", "join.lua")));

/// A point in time on the clock that orders what all replicas ask and write, in microseconds.
///
/// It is Redis's own and never goes back, so clocks of replicas that differ do no harm.
pub type SharedTime = u64;

/// The answer to a look at what is kept in Redis.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// The bytes that were put there, if any were.
    pub bytes: Option<Bytes>,
    /// When the object was last written to; 0 if that is not known.
    pub changed: SharedTime,
    /// When it may have been written to last; 0 if that is not known.
    pub doubted: SharedTime,
    /// The time of the look.
    pub now: SharedTime,
    /// The instant just before it.
    pub looked: Instant,
}

/// An answer to be kept for all replicas.
#[derive(Debug)]
pub struct Shared<'a> {
    /// The key whose answer it is, if not all share it, and the path.
    pub name: (Option<KeyHash>, &'a str),
    /// When VirusTotal was asked.
    pub asked: SharedTime,
    /// The answer.
    pub bytes: Bytes,
    /// The time for which it is kept; with none of it the answer is not kept.
    pub life: Duration,
    /// The names of its object, in hexadecimal.
    pub names: &'a [String],
}

pub(super) type Said = (Option<Bytes>, String, String, String);

impl Recalled {
    pub(super) fn of((bytes, changed, doubted, now): Said, looked: Instant) -> Self {
        let number = |text: String| text.parse().unwrap_or_default();
        Self {
            bytes,
            changed: number(changed),
            doubted: number(doubted),
            now: number(now),
            looked,
        }
    }
}

impl Redis {
    /// Returns what is kept by this name, and when its object was last written to.
    ///
    /// Nothing where Redis does not help, or has not yet been told all that this replica wrote
    /// to the object.
    pub async fn recall(
        &self,
        name: (Option<KeyHash>, &str),
        names: &[String],
        patience: &Patience,
    ) -> Option<Recalled> {
        let looked = Instant::now();
        if self.is_telling(names) {
            return None;
        }
        let mut script = RECALL.key(clock());
        script.key(answer(name));
        for name in names {
            script.arg(name);
        }
        let order = Order::Script(script);
        let said = self.ask(patience, order, Duration::ZERO).await?;
        Some(Recalled::of(said, looked))
    }

    /// Returns the shared time, for an answer that is asked for without a lease.
    pub async fn begin(&self, patience: &Patience) -> Option<SharedTime> {
        let order = Order::Script(BEGIN.key(clock()));
        let said: String = self.ask(patience, order, Duration::ZERO).await?;
        said.parse().ok()
    }

    /// Evicts what is kept by this name.
    pub fn forget(&self, name: (Option<KeyHash>, &str)) {
        let mut cmd = Cmd::new();
        cmd.arg("DEL").arg(answer(name));
        self.tell(Order::Cmd(cmd));
    }

    /// Keeps an answer unless its object was written to since, and ends the lease under which
    /// it was fetched. Does not wait for either.
    pub fn land(&self, shared: &Shared<'_>, lease: Option<Lease>) {
        let is_kept = shared.bytes.len() <= LARGEST && !shared.life.is_zero();
        if !is_kept {
            return;
        }
        let (leased, token) = lease.map(Lease::into_parts).unwrap_or_default();
        let mut script = LAND.key(clock());
        script.key(answer(shared.name)).key(leased).arg(token);
        script.arg(shared.asked);
        script.arg(&shared.bytes[..]).arg(millis(shared.life));
        for name in shared.names {
            script.arg(name);
        }
        self.tell(Order::Script(script));
    }

    /// Ends the lease of this name if it has this token, with nothing to keep.
    pub(super) fn end(&self, name: String, token: &str) {
        let mut script = LAND.key(clock());
        script.key("").key(name).arg(token);
        script.arg(0).arg("").arg(0);
        self.tell(Order::Script(script));
    }

    /// Notes that these names belong to one object, for `life`, and tells all replicas if that was
    /// written to.
    pub fn join_names(&self, names: &[String], life: Duration) {
        let mut script = JOIN.key(clock());
        script.key(news_key());
        script.arg(millis(life).max(1)).arg(&*self.replica);
        for name in names {
            script.arg(name);
        }
        self.tell(Order::Script(script));
    }

    /// Returns all names that are known to belong to the object with these; none where Redis does
    /// not help.
    pub async fn names_of(&self, names: &[String], patience: &Patience) -> Option<Vec<String>> {
        let mut script = NAMES.key(clock());
        for name in names {
            script.arg(name);
        }
        self.ask(patience, Order::Script(script), Duration::ZERO)
            .await
    }

    /// Notes that VirusTotal has accepted this key; forgotten after `life`.
    pub fn accept(&self, key: KeyHash, life: Duration) {
        let mut cmd = Cmd::new();
        cmd.arg("SET").arg(of_key("accepted", key)).arg(1);
        cmd.arg("PX").arg(millis(life).max(1));
        self.tell(Order::Cmd(cmd));
    }

    /// Forgets that VirusTotal accepted this key, and tells every replica.
    pub fn refuse(&self, key: KeyHash) {
        let mut cmd = Cmd::new();
        cmd.arg("DEL").arg(of_key("accepted", key));
        self.tell(Order::Cmd(cmd));
        self.tell_change(Change {
            news: News::Refused(key.hex()),
            life: Duration::ZERO,
        });
    }

    /// Whether VirusTotal has accepted this key from any replica, as far as is known.
    pub async fn is_accepted(&self, key: KeyHash, patience: &Patience) -> bool {
        let mut cmd = Cmd::new();
        cmd.arg("EXISTS").arg(of_key("accepted", key));
        let said = self.ask(patience, Order::Cmd(cmd), Duration::ZERO).await;
        said == Some(1)
    }
}

/// Returns the name of something about an answer: hashed, so that it is short and tells nothing.
fn name(what: &str, (owner, path): (Option<KeyHash>, &str)) -> String {
    let owner = owner.map_or_else(|| "shared".to_owned(), KeyHash::hex);
    format!("{PREFIX}{what}:{owner}:{}", digest(path))
}

pub(super) fn answer(of: (Option<KeyHash>, &str)) -> String {
    name("answer", of)
}

pub(super) fn lease(of: (Option<KeyHash>, &str)) -> String {
    name("lease", of)
}

/// Returns the key of the clock.
pub(super) fn clock() -> String {
    format!("{PREFIX}clock")
}
