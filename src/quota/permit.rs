//! Permits to make one call, which release their unit if the call is not made.

use super::{AcquireError, Quota, accounts::SpentUnit};
use crate::{
    access::{CostCounter, KeyHash, RequestContext},
    redis::PermitId,
    virustotal::{Endpoint, UpstreamError},
};

/// The right to make one call to an endpoint, for which a unit was spent.
///
/// Dropping it before [`begin`](Self::begin) releases the unit. From then on VirusTotal may have
/// charged it, so it stays spent.
#[derive(Debug)]
#[must_use = "dropping it releases the unit"]
pub struct Permit {
    quota: Quota,
    key: KeyHash,
    endpoint: Endpoint,
    cost: CostCounter,
    unit: SpentUnit,
    /// The unit in the count that replicas share; `None` if Redis was not available.
    pub(super) shared: Option<PermitId>,
    has_begun: bool,
}

impl Permit {
    /// Creates a permit for a unit of this replica's count, and adds the unit to the request's cost.
    pub(super) fn new(
        quota: &Quota,
        context: &RequestContext,
        endpoint: &Endpoint,
        unit: SpentUnit,
    ) -> Self {
        context.cost.add_unit();
        Self {
            quota: quota.clone(),
            key: context.key.hash(),
            endpoint: endpoint.clone(),
            cost: context.cost.clone(),
            unit,
            shared: None,
            has_begun: false,
        }
    }

    /// Marks the unit as used, because its call begins now.
    ///
    /// # Errors
    ///
    /// Fails if a back-off has started since the permit was acquired. The permit is to be dropped
    /// then.
    pub fn begin(&mut self) -> Result<(), AcquireError> {
        self.quota.check_backoff(self.key, &self.endpoint)?;
        self.has_begun = true;
        Ok(())
    }

    /// Records the outcome of the call, and releases the unit if the call never reached VirusTotal.
    ///
    /// Returns the result for the caller: a 429 now states the time until the back-off ends.
    #[must_use = "only the returned error states the back-off"]
    pub fn record<T>(self, answer: Result<T, UpstreamError>) -> Result<T, UpstreamError> {
        let quota = self.quota.clone();
        let (key, endpoint) = (self.key, self.endpoint.clone());
        if quota.is_about_endpoint(key, &endpoint, &answer) {
            return answer;
        }
        quota.note_acceptance(key, Some(&self.unit), &answer);
        // No connection was made, so VirusTotal can't have charged the unit.
        if matches!(answer, Err(UpstreamError::Unreachable)) {
            self.release();
        }
        quota.note_backoff(key, &endpoint, answer)
    }

    /// Releases the unit, because nothing was sent.
    pub fn release(mut self) {
        self.has_begun = false;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.has_begun {
            return;
        }
        self.cost.remove_unit();
        self.quota.0.accounts.release(self.key, &self.unit);
        if let Some(id) = &self.shared {
            self.quota.0.redis.release_unit(self.key, id);
        }
    }
}
