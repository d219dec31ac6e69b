//! Units on their way: given back if their request is gone before it has them.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::{Purse, Unit};
use crate::{
    key::{ApiKey, KeyHash},
    quota::{self, Quota},
    redis::{Patience, Redis, Taken},
};

/// A unit of the own count, which is given back on drop unless it is kept.
#[derive(Debug)]
pub(super) struct Provisional<'a> {
    quota: &'a Quota,
    key: KeyHash,
    unit: Option<quota::Unit>,
}

/// A unit whose call has not begun, which is given back on drop unless it is released.
#[derive(Debug)]
pub struct HeldUnit<'a> {
    purse: &'a Purse,
    key: &'a ApiKey,
    unit: &'a Unit,
    is_released: bool,
}

/// The answer of Redis; a unit in it is given back on drop unless it is claimed.
#[derive(Debug)]
struct Unclaimed {
    redis: Redis,
    key: KeyHash,
    taken: Option<Taken>,
}

impl<'a> Provisional<'a> {
    pub(super) fn new(quota: &'a Quota, key: KeyHash, unit: quota::Unit) -> Self {
        let unit = Some(unit);
        Self { quota, key, unit }
    }

    /// Keeps the unit.
    pub(super) fn keep(mut self) -> Option<quota::Unit> {
        self.unit.take()
    }
}

impl Drop for Provisional<'_> {
    fn drop(&mut self) {
        if let Some(unit) = &self.unit {
            self.quota.give_back(self.key, unit);
        }
    }
}

impl<'a> HeldUnit<'a> {
    pub(super) fn new(purse: &'a Purse, key: &'a ApiKey, unit: &'a Unit) -> Self {
        Self {
            purse,
            key,
            unit,
            is_released: false,
        }
    }

    /// Leaves the unit spent: its call begins.
    pub fn release(mut self) {
        self.is_released = true;
    }
}

impl Drop for HeldUnit<'_> {
    fn drop(&mut self) {
        if !self.is_released {
            self.purse.give_back(self.key, self.unit);
        }
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let token = self.taken.as_ref().and_then(|taken| taken.token.as_ref());
        if let Some(token) = token {
            self.redis.undo(self.key, token);
        }
    }
}

impl Purse {
    /// Takes a unit where all replicas count; none where Redis does not help.
    ///
    /// On a task of its own: Redis may have counted the unit by the time that its caller goes
    /// away, and only the answer tells by which name it can be given back.
    pub(super) async fn take_common(
        self: &Arc<Self>,
        key: KeyHash,
        endpoint: &str,
        patience: &Patience,
    ) -> Option<Taken> {
        if !self.redis.is_up() {
            let limits = self.limits(key);
            return self.redis.take(key, endpoint, &limits, patience).await;
        }
        let (tell, told) = oneshot::channel();
        let (purse, endpoint) = (Arc::clone(self), endpoint.to_owned());
        let patience = patience.clone();
        let take = async move {
            let limits = purse.limits(key);
            let taken = purse.redis.take(key, &endpoint, &limits, &patience).await;
            let redis = purse.redis.clone();
            // If the request is gone, this drops the answer, which gives the unit back.
            drop(tell.send(Unclaimed { redis, key, taken }));
        };
        self.tasks.spawn(take.instrument(Span::current()));
        told.await.ok()?.taken.take()
    }
}
