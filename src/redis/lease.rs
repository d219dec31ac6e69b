//! Leases: of all replicas that need the same answer, one fetches it.

use std::{
    mem,
    sync::LazyLock,
    time::{Duration, Instant},
};

use ::redis::Script;
use bytes::Bytes;
use tokio::time::sleep;

use super::{
    Redis, RedisBudget, RedisCommand, SharedLookup,
    answers::{EntryName, LookupReply},
    clock, millis,
};

/// The time after which a lease expires unless it is renewed, such as when its holder has died.
const LEASE_DURATION: Duration = Duration::from_secs(2);

/// The interval at which the holder renews a lease.
const RENEW_INTERVAL: Duration = Duration::from_millis(600);

/// The two intervals at which a waiting replica polls: most waits are short, others take as long as
/// VirusTotal does.
const POLL_INTERVALS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// The number of polls at the shorter interval.
const FAST_POLLS: usize = 100;

static CLAIM_LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("claim.lua")));
static RENEW_LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));

/// The exclusive right to fetch an answer, for as long as it is renewed.
#[derive(Debug)]
pub struct Lease {
    redis: Redis,
    name: String,
    token: String,
}

/// The outcome of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// The lease was granted. Includes the entry that the shared cache holds now.
    Ours(Lease, SharedLookup),
    /// Redis is not available. Each replica fetches for itself.
    Nothing,
}

/// The reply to a claim: whether it was granted, the lease's name, and the reply of a lookup.
type ClaimReply = (bool, String, Option<Bytes>, String, String, String);

impl Redis {
    /// Claims the lease for an answer, and waits while another replica holds it.
    ///
    /// A holder that started before the last write to the object is not waited for. `names` are the
    /// object's names. After a wait the shared cache usually holds the answer that the other
    /// replica fetched.
    pub async fn claim(
        &self,
        name: EntryName<'_>,
        names: &[String],
        budget: &RedisBudget,
    ) -> Claimed {
        let token = format!("{:032x}", fastrand::u128(..));
        let mut overlapped = Duration::ZERO;
        for polls in 0_usize.. {
            let sent = Instant::now();
            // Until Redis has this replica's writes, the lease's name is that of the state before
            // them.
            if self.has_unannounced(names) {
                return Claimed::Nothing;
            }
            let mut script = CLAIM_LEASE.key(clock());
            script.key(name.answer_key()).key(name.lease_key());
            script.arg(&token).arg(millis(LEASE_DURATION));
            for name in names {
                script.arg(name);
            }
            let command = RedisCommand::Script(script);
            let reply: Option<ClaimReply> = self.ask(budget, command, overlapped).await;
            let Some((is_granted, name, bytes, changed, doubted, now)) = reply else {
                return Claimed::Nothing;
            };
            if is_granted {
                let redis = self.clone();
                let lease = Lease { redis, name, token };
                let reply = LookupReply {
                    bytes,
                    changed,
                    doubted,
                    now,
                };
                return Claimed::Ours(lease, reply.parse(sent));
            }
            let pause = POLL_INTERVALS[usize::from(polls >= FAST_POLLS)];
            sleep(pause).await;
            // The pause overlaps with the other replica's fetch, so it is not charged as waiting
            // for Redis.
            overlapped = pause;
        }
        Claimed::Nothing
    }
}

impl Lease {
    /// Runs `work`, and renews the lease until it is done.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let renewing = async {
            loop {
                sleep(RENEW_INTERVAL).await;
                let mut script = RENEW_LEASE.key(&self.name);
                script.arg(&self.token).arg(millis(LEASE_DURATION));
                self.redis.send_in_background(RedisCommand::Script(script));
            }
        };
        tokio::select! {
            done = work => done,
            // Never ready: renewing ends only by being dropped.
            () = renewing => std::future::pending().await,
        }
    }

    /// Returns the lease's name and token. The caller takes over releasing it.
    pub(super) fn into_parts(mut self) -> (String, String) {
        (mem::take(&mut self.name), mem::take(&mut self.token))
    }
}

/// Releases the lease if its holder was cancelled.
impl Drop for Lease {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let (name, token) = (mem::take(&mut self.name), mem::take(&mut self.token));
            self.redis.release_lease(name, &token);
        }
    }
}
