//! Back-offs that replicas share.

use std::{sync::LazyLock, time::Duration};

use ::redis::Script;

use super::{PREFIX, Redis, RedisCommand, digest, millis};
use crate::{access::KeyHash, clock::BackOff};

/// The time for which a back-off is kept after its end, since the next one may be longer because of
/// it.
const BACKOFF_MEMORY: Duration = Duration::from_hours(1);

static START_BACKOFF: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("backoff.lua"),
        include_str!("start_backoff.lua")
    ))
});
static CLEAR_BACKOFF: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("backoff.lua"),
        include_str!("clear_backoff.lua")
    ))
});

impl Redis {
    /// Shares the back-off of a key for an endpoint, or for all endpoints if `None`.
    ///
    /// Replicas receive it when they next ask for a unit for that endpoint
    /// ([`QuotaReply`](super::QuotaReply)). `content` is opaque to Redis. A longer back-off that is
    /// stored already stays.
    pub fn start_backoff(
        &self,
        key: KeyHash,
        endpoint: Option<&str>,
        left: BackOff,
        content: &str,
    ) {
        let mut script = START_BACKOFF.key(backoff_key(key, endpoint));
        let left = millis(left.get());
        script.arg(left).arg(millis(BACKOFF_MEMORY)).arg(content);
        self.send_in_background(RedisCommand::Script(script));
    }

    /// Clears the back-off of a key for an endpoint, unless it still lasts.
    pub fn clear_backoff(&self, key: KeyHash, endpoint: &str) {
        let script = CLEAR_BACKOFF.key(backoff_key(key, Some(endpoint)));
        self.send_in_background(RedisCommand::Script(script));
    }
}

/// Returns the Redis key of a back-off.
pub(super) fn backoff_key(key: KeyHash, endpoint: Option<&str>) -> String {
    let endpoint = match endpoint {
        Some(endpoint) => digest(endpoint),
        None => "all".to_owned(),
    };
    format!("{PREFIX}closed:{}:{endpoint}", key.hex())
}
