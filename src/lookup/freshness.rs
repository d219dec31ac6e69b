//! The freshness that a caller requires, and the time that it waits.

use std::time::Duration;

use super::Origin;
use crate::{
    cache::{Kept, Moment},
    config,
    quota::Claim,
    redis::RedisBudget,
};

/// The caller's requirements: freshness (`Cache-Control`) and waiting (`wait`).
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// Whether VirusTotal must be asked even if an answer is cached: `no-cache`.
    pub anew: bool,
    /// The greatest age of an answer: `max-age`.
    pub max_age: Option<Duration>,
    /// The greatest time past the TTL: `max-stale`; without a number, unlimited.
    pub max_stale: Option<Duration>,
    /// The time to wait for a unit of quota: `wait`.
    pub wait: Duration,
    /// Whether the last unit of a minute is left to others; set for polls.
    pub is_sparing: bool,
    /// The remaining time that this request may spend waiting for Redis.
    pub patience: RedisBudget,
}

impl Freshness {
    /// Returns the same requirements, but refuses cached answers.
    pub(super) fn anew(&self) -> Self {
        Self {
            anew: true,
            ..self.clone()
        }
    }

    /// Returns the claim for the first request for a unit, before any wait.
    pub(super) fn claim(&self) -> Claim {
        if self.is_sparing {
            Claim::Spare
        } else {
            Claim::Now
        }
    }

    /// Returns the origin under which a cached answer serves as it is, or `None` if it does not.
    ///
    /// A doubtful answer does not serve: VirusTotal is asked first.
    pub(super) fn takes(&self, kept: &Kept, now: Moment, rules: &config::Cache) -> Option<Origin> {
        let entry = &kept.answer;
        let age = entry.age(now);
        if self.anew || kept.is_doubtful || self.max_age.is_some_and(|most| age > most) {
            return None;
        }
        if age < entry.fresh_for {
            return Some(Origin::Hit);
        }
        // Without `max-stale` a caller does not accept an answer past its TTL.
        let late = self.max_stale?.min(rules.max_stale);
        (!late.is_zero() && age < entry.fresh_for.saturating_add(late)).then_some(Origin::Stale)
    }

    /// Whether a cached answer serves if no better one is available.
    pub(super) fn puts_up_with(&self, kept: &Kept, now: Moment, rules: &config::Cache) -> bool {
        let entry = &kept.answer;
        let age = entry.age(now);
        let late = self
            .max_stale
            .unwrap_or(rules.max_stale)
            .min(rules.max_stale);
        let too_old = self.max_age.is_some_and(|most| age > most);
        !self.anew
            && !too_old
            && (age < entry.fresh_for || age < entry.fresh_for.saturating_add(late))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::{
        cache::{Answer, CachedAnswer},
        virustotal::{Reason, Refusal},
    };

    const RULES: config::Cache = config::Cache {
        max_bytes: 0,
        ttl: Duration::ZERO,
        ttl_not_found: Duration::ZERO,
        max_stale: Duration::from_secs(100),
        is_shared: false,
    };

    /// Each answer is fresh for ten seconds and `age` seconds old.
    #[rstest]
    #[case::fresh(Freshness::default(), 9, Some(Origin::Hit), true)]
    #[case::past_its_time(Freshness::default(), 10, None, true)]
    #[case::nearly_too_old(Freshness::default(), 109, None, true)]
    #[case::too_old(Freshness::default(), 110, None, false)]
    #[case::anew(Freshness { anew: true, ..Freshness::default() }, 0, None, false)]
    #[case::young_enough(max_age(5), 5, Some(Origin::Hit), true)]
    #[case::not_young_enough(max_age(5), 6, None, false)]
    #[case::no_staleness(max_stale(0), 10, None, false)]
    #[case::a_little_staleness(max_stale(5), 14, Some(Origin::Stale), true)]
    #[case::too_much_staleness(max_stale(5), 15, None, false)]
    #[case::more_than_there_is(max_stale(10_000), 110, None, false)]
    fn freshness_requirements_decide_about_cached_answers(
        #[case] freshness: Freshness,
        #[case] age: u64,
        #[case] taken: Option<Origin>,
        #[case] put_up_with: bool,
    ) {
        let refusal = Refusal {
            reason: Reason::NotFound,
            code: "x".into(),
            message: None,
            retry_after: None,
        };
        let now = Moment::now();
        let asked = now.before(Duration::from_secs(age));
        let answer = Arc::new(CachedAnswer {
            answer: Answer::NotFound(refusal),
            asked,
            as_of: asked,
            names: Box::default(),
            told: std::sync::OnceLock::new(),
            shared_at: None,
            is_doubtful: false,
            fresh_for: Duration::from_secs(10),
        });
        let kept = |is_doubtful| Kept {
            answer: Arc::clone(&answer),
            is_doubtful,
        };
        assert_eq!(freshness.takes(&kept(false), now, &RULES), taken);
        assert_eq!(
            freshness.puts_up_with(&kept(false), now, &RULES),
            put_up_with
        );
        assert_eq!(freshness.takes(&kept(true), now, &RULES), None);
        assert_eq!(
            freshness.puts_up_with(&kept(true), now, &RULES),
            put_up_with
        );
    }

    fn max_age(seconds: u64) -> Freshness {
        Freshness {
            max_age: Some(Duration::from_secs(seconds)),
            ..Freshness::default()
        }
    }

    fn max_stale(seconds: u64) -> Freshness {
        Freshness {
            max_stale: Some(Duration::from_secs(seconds)),
            ..Freshness::default()
        }
    }
}
