//! Guards that return units when their request is dropped.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::{Quota, Unit};
use crate::{
    access::{ApiKey, KeyHash},
    quota::accounts::{self, Accounts},
    redis::{Redis, RedisBudget, Taken},
};

/// A unit of the own count, returned on drop unless it is kept.
#[derive(Debug)]
pub(super) struct Provisional<'a> {
    accounts: &'a Accounts,
    key: KeyHash,
    unit: Option<accounts::Unit>,
}

/// A unit whose call has not begun, returned on drop unless it is released.
#[derive(Debug)]
pub struct HeldUnit<'a> {
    quota: &'a Quota,
    key: &'a ApiKey,
    unit: &'a Unit,
    is_released: bool,
}

/// A reply of Redis. A unit in it is returned on drop unless it is claimed.
#[derive(Debug)]
struct Unclaimed {
    redis: Redis,
    key: KeyHash,
    taken: Option<Taken>,
}

impl<'a> Provisional<'a> {
    pub(super) fn new(accounts: &'a Accounts, key: KeyHash, unit: super::accounts::Unit) -> Self {
        let unit = Some(unit);
        Self {
            accounts,
            key,
            unit,
        }
    }

    /// Keeps the unit.
    pub(super) fn keep(mut self) -> Option<accounts::Unit> {
        self.unit.take()
    }
}

impl Drop for Provisional<'_> {
    fn drop(&mut self) {
        if let Some(unit) = &self.unit {
            self.accounts.give_back(self.key, unit);
        }
    }
}

impl<'a> HeldUnit<'a> {
    pub(super) fn new(quota: &'a Quota, key: &'a ApiKey, unit: &'a Unit) -> Self {
        Self {
            quota,
            key,
            unit,
            is_released: false,
        }
    }

    /// Marks the unit as used, because its call begins.
    pub fn release(mut self) {
        self.is_released = true;
    }
}

impl Drop for HeldUnit<'_> {
    fn drop(&mut self) {
        if !self.is_released {
            self.quota.give_back(self.key, self.unit);
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

impl Quota {
    /// Takes a unit from the count that replicas share. Returns `None` if Redis is not available.
    ///
    /// Runs in a task of its own: Redis may have counted the unit by the time the request is
    /// dropped, and only the reply contains the token by which the unit can be returned.
    pub(super) async fn take_common(
        self: &Arc<Self>,
        key: KeyHash,
        endpoint: &str,
        patience: &RedisBudget,
    ) -> Option<Taken> {
        // Without Redis the call returns at once, so it needs no task.
        if !self.redis.is_up() {
            let limits = self.limits(key);
            return self.redis.take(key, endpoint, &limits, patience).await;
        }
        let (tell, told) = oneshot::channel();
        let (quota, endpoint) = (Arc::clone(self), endpoint.to_owned());
        let patience = patience.clone();
        let take = async move {
            let limits = quota.limits(key);
            let taken = quota.redis.take(key, &endpoint, &limits, &patience).await;
            let redis = quota.redis.clone();
            // If the receiver is gone, the send fails and dropping the reply returns the unit.
            drop(tell.send(Unclaimed { redis, key, taken }));
        };
        self.tasks.spawn(take.instrument(Span::current()));
        told.await.ok()?.taken.take()
    }
}
