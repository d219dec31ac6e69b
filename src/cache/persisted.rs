//! The answers on disk, and the writes to their objects that are recorded there.

use super::{
    Cache, CacheKey, CachedAnswer, Candidate, DiskCache, DiskStats, FetchError, Moment, ObjectName,
};
use crate::{
    access::KeyHash,
    virustotal::{Reason, UpstreamError},
};

impl Cache {
    /// Returns the state of the cache on disk, if there is one.
    pub fn disk_stats(&self) -> Option<DiskStats> {
        self.0.disk.as_ref().map(DiskCache::stats)
    }

    /// Whether the disk is worth a lookup.
    pub(super) fn may_be_on_disk(&self, key: &CacheKey) -> bool {
        self.0.disk.as_ref().is_some_and(|disk| disk.may_have(key))
    }

    /// Returns the newer one of the answer in memory and the one on disk. The disk is left out if
    /// the one in memory is fresh.
    ///
    /// `names` are the names of the object.
    pub(super) async fn get_local_or_from_disk(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
    ) -> Option<Candidate> {
        let local = self.get_local(key);
        if let Some(local) = &local
            && !local.is_doubtful
            && local.answer.age(Moment::now()) < local.answer.fresh_for
        {
            return Some(local.clone());
        }
        match self.get_from_disk(key, names).await {
            Some(found)
                if local
                    .as_ref()
                    .is_none_or(|local| found.answer.is_newer_than(&local.answer)) =>
            {
                Some(found)
            }
            _ => local,
        }
    }

    async fn get_from_disk(&self, key: &CacheKey, names: &[ObjectName]) -> Option<Candidate> {
        let disk = self.0.disk.as_ref()?;
        if !disk.may_have(key) {
            return None;
        }
        let found = disk.find(key, names).await?;
        let Some(is_doubtful) = found.is_doubtful() else {
            disk.remove(key);
            return None;
        };
        let (now, age) = (Moment::now(), found.age());
        let mut record = found.stored.into_cached(age, now);
        // The file has the writes up to now, but memory may know of more.
        record.as_of = record.asked;
        record.shared_at = None;
        record.is_doubtful = is_doubtful;
        if age >= record.fresh_for.saturating_add(self.0.rules.max_stale) {
            return None;
        }
        let answer = CachedAnswer::from(record);
        let Some(candidate) = self.judge(answer) else {
            disk.remove(key);
            return None;
        };
        if let Some(owner) = key.owner {
            // VirusTotal has accepted the key before: a refusal now takes that back.
            self.0.accepted.accept(owner);
        }
        disk.count_hit();
        // Writes of other replicas are unknown while Redis is away, and are not announced again.
        // An answer in memory would hide them when Redis is back.
        let redis = &self.0.redis;
        if redis.health().is_none() || redis.is_up() {
            self.put(key, &candidate.answer);
        }
        Some(candidate)
    }

    /// Writes a new answer to disk, unless its object was written to since it was asked for.
    pub(super) fn put_on_disk(&self, key: &CacheKey, answer: &CachedAnswer) {
        if let Some(disk) = &self.0.disk
            && self.judge(answer.clone()).is_some()
        {
            disk.store(key, answer);
        }
    }

    /// Evicts from disk the answers of a key that VirusTotal has refused, if that is the failure.
    pub(super) fn forget_if_refused(&self, key: KeyHash, error: &FetchError) {
        if let FetchError::Upstream(UpstreamError::Refused(refusal)) = error
            && refusal.reason == Reason::Unauthorized
        {
            self.forget_key(key);
        }
    }

    /// Evicts from disk the answers of a key that VirusTotal has refused.
    ///
    /// Refusals are not remembered across restarts, so the answers would be served again.
    pub fn forget_key(&self, key: KeyHash) {
        if let Some(disk) = &self.0.disk {
            disk.forget(key);
        }
    }

    /// Learns the names that are recorded on disk for an object that was written to, and waits
    /// until the write is recorded there.
    pub(super) async fn settle_on_disk(&self, names: &[ObjectName]) {
        let Some(disk) = &self.0.disk else {
            return;
        };
        let all = disk.names_of(names).await;
        if all.len() > names.len() {
            self.join_names(&all);
        }
        disk.recorded().await;
    }
}
