//! Leases: of all replicas that would ask VirusTotal the same, one does.

use std::{sync::LazyLock, time::Duration};

use ::redis::Script;
use bytes::Bytes;
use tokio::time::sleep;

use super::{Order, Patience, Redis, answers, millis};
use crate::key::KeyHash;

/// How long a lease lasts that is not renewed: so long nobody asks where its holder died.
const LASTS: Duration = Duration::from_secs(2);

/// How often its holder renews it.
const RENEW_EVERY: Duration = Duration::from_millis(600);

/// How often those look again who wait for what another replica fetches: most have not long
/// to wait, and others as long as VirusTotal may take.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// How many times they look the more often.
const OFTEN: usize = 100;

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));

/// The right to ask VirusTotal, for as long as it is renewed.
#[derive(Debug)]
pub struct Lease {
    redis: Redis,
    name: String,
    token: String,
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours; with what is kept by that name at this moment.
    Ours(Lease, Option<Bytes>),
    /// Redis does not help: everybody asks for himself.
    Nothing,
}

impl Redis {
    /// Claims the right to ask for this, and waits while another replica has it.
    ///
    /// What is kept by then may be what that one got. `class` parts those who would not wait
    /// for one another.
    pub async fn claim(
        &self,
        (owner, path): (Option<KeyHash>, &str),
        class: &str,
        patience: &Patience,
    ) -> Claimed {
        let answer = answers::name("answer", owner, path);
        let name = format!("{}:{class}", answers::name("lease", owner, path));
        let token = format!("{:032x}", fastrand::u128(..));
        let mut overlapped = Duration::ZERO;
        for looked in 0_usize.. {
            let mut script = CLAIM.key(&name);
            script.key(&answer).arg(&token);
            script.arg(millis(LASTS));
            let order = Order::Script(script);
            let said: Option<(bool, Option<Bytes>)> = self.ask(patience, order, overlapped).await;
            match said {
                None => return Claimed::Nothing,
                Some((true, kept)) => {
                    let redis = self.clone();
                    return Claimed::Ours(Lease { redis, name, token }, kept);
                }
                Some((false, _)) => {
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

    /// Its name and token, by which Redis ends it.
    pub(super) fn end(self) -> (String, String) {
        (self.name, self.token)
    }
}
