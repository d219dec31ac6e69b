//! Leases: of all replicas that would ask VirusTotal the same, one does.

use std::{
    mem,
    sync::LazyLock,
    time::{Duration, Instant},
};

use ::redis::Script;
use bytes::Bytes;
use tokio::time::sleep;

use super::{Order, Patience, Recalled, Redis, answers, millis};
use crate::key::KeyHash;

/// The time that a lease lasts if it is not renewed, as when its holder died.
const LASTS: Duration = Duration::from_secs(2);

/// How often its holder renews it.
const RENEW_EVERY: Duration = Duration::from_millis(600);

/// The time between two looks for what another replica fetches: most waits are short, and others
/// as long as VirusTotal may take.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// The number of looks after the shorter time.
const OFTEN: usize = 100;

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("claim.lua")));
static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));

/// The right to ask VirusTotal, for as long as it is renewed.
#[derive(Debug)]
pub struct Lease {
    redis: Redis,
    name: String,
    token: String,
}

/// The outcome of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// The lease is ours; with what is kept by that name at this moment.
    Ours(Lease, Recalled),
    /// Redis does not help: each replica asks for itself.
    Nothing,
}

type Said = (bool, String, Option<Bytes>, String, String, String);

impl Redis {
    /// Claims the right to ask for this, and waits while another replica has it.
    ///
    /// Another one that began before the last write to the object is not waited for.
    /// `names` are the object's. What is kept when the wait is over may be what that replica
    /// fetched.
    pub async fn claim(
        &self,
        name: (Option<KeyHash>, &str),
        names: &[String],
        patience: &Patience,
    ) -> Claimed {
        let token = format!("{:032x}", fastrand::u128(..));
        let mut overlapped = Duration::ZERO;
        for looked in 0_usize.. {
            let sent = Instant::now();
            if self.is_telling(names) {
                return Claimed::Nothing;
            }
            let mut script = CLAIM.key(answers::clock());
            script.key(answers::answer(name)).key(answers::lease(name));
            script.arg(&token).arg(millis(LASTS));
            for name in names {
                script.arg(name);
            }
            let order = Order::Script(script);
            let said: Option<Said> = self.ask(patience, order, overlapped).await;
            match said {
                None => return Claimed::Nothing,
                Some((true, name, bytes, changed, doubted, now)) => {
                    let redis = self.clone();
                    let lease = Lease { redis, name, token };
                    let recalled = Recalled::of((bytes, changed, doubted, now), sent);
                    return Claimed::Ours(lease, recalled);
                }
                Some((false, ..)) => {
                    let pause = LOOK_EVERY[usize::from(looked >= OFTEN)];
                    sleep(pause).await;
                    // While another one asks VirusTotal, to look is not what one waits for.
                    overlapped = pause;
                }
            }
        }
        Claimed::Nothing
    }
}

impl Lease {
    /// Does the work, and renews the lease until it is done.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let renewing = async {
            loop {
                sleep(RENEW_EVERY).await;
                let mut script = RENEW.key(&self.name);
                script.arg(&self.token).arg(millis(LASTS));
                self.redis.tell(Order::Script(script));
            }
        };
        tokio::select! {
            done = work => done,
            () = renewing => std::future::pending().await,
        }
    }

    /// Returns its name and token, by which Redis ends it.
    pub(super) fn into_parts(mut self) -> (String, String) {
        (mem::take(&mut self.name), mem::take(&mut self.token))
    }
}

/// Ends the lease of a caller that went away with it.
impl Drop for Lease {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let (name, token) = (mem::take(&mut self.name), mem::take(&mut self.token));
            self.redis.end(name, &token);
        }
    }
}
