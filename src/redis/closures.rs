//! The endpoints that VirusTotal has closed to a key, for all replicas.

use std::{sync::LazyLock, time::Duration};

use ::redis::Script;

use super::{Order, PREFIX, Redis, digest, millis};
use crate::{clock::BackOff, key::KeyHash};

/// How long a closure is remembered beyond its time: the next one may be longer for it.
const MEMORY: Duration = Duration::from_hours(1);

static CLOSE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("closure.lua"),
        include_str!("close.lua")
    ))
});
static OPEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("closure.lua"),
        include_str!("open.lua")
    ))
});

impl Redis {
    /// Tells every replica that an endpoint is closed to a key for so long; with none, all are.
    ///
    /// They hear of it when they next want a unit for it ([`Taken`](super::Taken)). What
    /// `closure` says is for those who put it there to know. A closure that lasts longer stands.
    pub fn close(&self, key: KeyHash, endpoint: Option<&str>, left: BackOff, closure: &str) {
        let mut script = CLOSE.key(place(key, endpoint));
        let left = millis(left.get());
        script.arg(left).arg(millis(MEMORY)).arg(closure);
        self.tell(Order::Script(script));
    }

    /// Tells every replica that an endpoint is open to a key again, if no closure still lasts.
    pub fn open(&self, key: KeyHash, endpoint: &str) {
        self.tell(Order::Script(OPEN.key(place(key, Some(endpoint)))));
    }
}

pub(super) fn place(key: KeyHash, endpoint: Option<&str>) -> String {
    let endpoint = endpoint.map_or_else(|| "all".to_owned(), digest);
    format!("{PREFIX}closed:{}:{endpoint}", key.hex())
}
