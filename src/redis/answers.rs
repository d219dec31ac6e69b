//! The cache that all replicas have behind their own.

use std::{sync::LazyLock, time::Duration};

use ::redis::{Cmd, Script};
use bytes::Bytes;

use super::{Lease, Order, PREFIX, Patience, Redis, digest, millis, of_key};
use crate::key::KeyHash;

/// What is larger than this stays with the replica that fetched it, in bytes.
///
/// One order after another goes over the connection: a long one holds up those behind it.
const LARGEST: usize = 1024 * 1024;

static RECALL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("recall.lua")));
static LAND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("land.lua")));
static CHANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("change.lua")));

/// Something kept in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was put there, if anything was.
    pub bytes: Option<Bytes>,
    /// When the object that it is about was last written to, in milliseconds since 1970.
    pub changed: Option<u64>,
}

impl Redis {
    /// What another replica, or this one, has kept by this name of this object.
    ///
    /// The name is an owner, if not all keys share it, and a path. Both names are hashed.
    pub async fn recall(
        &self,
        (owner, path): (Option<KeyHash>, &str),
        object: &str,
        patience: &Patience,
    ) -> Option<Kept> {
        let mut script = RECALL.key(name("answer", owner, path));
        script.key(change(object));
        let order = Order::Script(script);
        let (bytes, changed) = self.ask(patience, order, Duration::ZERO).await?;
        Some(Kept { bytes, changed })
    }

    /// Forgets what is kept by this name.
    pub fn forget(&self, (owner, path): (Option<KeyHash>, &str)) {
        let mut cmd = Cmd::new();
        cmd.arg("DEL").arg(name("answer", owner, path));
        self.tell(Order::Cmd(cmd));
    }

    /// Keeps something for so long, and ends the lease under which it was fetched.
    ///
    /// Nobody waits for that. Without anything to keep, it only ends the lease.
    pub fn land(
        &self,
        (owner, path): (Option<KeyHash>, &str),
        kept: Option<(Bytes, Duration)>,
        lease: Option<Lease>,
    ) {
        let kept = kept.filter(|(bytes, life)| bytes.len() <= LARGEST && !life.is_zero());
        if kept.is_none() && lease.is_none() {
            return;
        }
        let (bytes, life) = kept.unwrap_or_default();
        let (leased, token) = lease.map(Lease::end).unwrap_or_default();
        let mut script = LAND.key(name("answer", owner, path));
        script.key(leased).arg(token);
        script.arg(&bytes[..]).arg(millis(life));
        self.tell(Order::Script(script));
    }

    /// Tells every replica that an object was written to, when this one's clock said so.
    ///
    /// That is remembered for `life`: as long as anything older is kept.
    pub fn tell_change(&self, object: &str, stamp: u64, life: Duration) {
        let mut script = CHANGE.key(change(object));
        script.key(format!("{PREFIX}:changed"));
        script.arg(object).arg(stamp).arg(millis(life).max(1));
        self.tell(Order::Script(script));
    }

    /// Notes for so long that VirusTotal has taken this key.
    pub fn accept(&self, key: KeyHash, life: Duration) {
        let mut cmd = Cmd::new();
        cmd.arg("SET").arg(of_key("accepted", key)).arg(1);
        cmd.arg("PX").arg(millis(life).max(1));
        self.tell(Order::Cmd(cmd));
    }

    /// Whether VirusTotal has taken this key from any replica, as far as is known.
    pub async fn is_accepted(&self, key: KeyHash, patience: &Patience) -> bool {
        let mut cmd = Cmd::new();
        cmd.arg("EXISTS").arg(of_key("accepted", key));
        let said = self.ask(patience, Order::Cmd(cmd), Duration::ZERO).await;
        said == Some(1)
    }
}

/// The name of something about an answer: hashed, so that it is short and tells nothing.
pub(super) fn name(what: &str, owner: Option<KeyHash>, path: &str) -> String {
    let owner = owner.map_or_else(|| "shared".to_owned(), KeyHash::hex);
    format!("{PREFIX}:{what}:{owner}:{}", digest(path))
}

fn change(object: &str) -> String {
    format!("{PREFIX}:changed:{}", digest(object))
}
