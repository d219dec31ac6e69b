//! The freshness that a caller requires, and the time that it waits.

use std::time::Duration;

use super::{Candidate, Moment, Origin};
use crate::{config, quota::Terms};

/// The caller's requirements: freshness (`Cache-Control`) and waiting (`wait`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Freshness {
    /// Whether VirusTotal must be asked even if an answer is cached: `no-cache`.
    pub no_cache: bool,
    /// The greatest age of an answer: `max-age`.
    pub max_age: Option<Duration>,
    /// The greatest time past the TTL: `max-stale`; without a number, unlimited.
    pub max_stale: Option<Duration>,
    /// The time to wait for a unit of quota: `wait`.
    pub wait: Duration,
    /// Whether the last unit of a minute is left to others; set for polls and for rows of a job.
    pub leaves_last_unit: bool,
    /// Whether VirusTotal must not be asked.
    pub only_kept: bool,
}

impl Freshness {
    /// Returns the same requirements, but refuses cached answers.
    #[must_use]
    pub(super) fn with_no_cache(self) -> Self {
        Self {
            no_cache: true,
            ..self
        }
    }

    /// Returns the terms of the first request for a unit, before any wait.
    pub(super) fn terms(self) -> Terms {
        if self.leaves_last_unit {
            Terms::Spare
        } else {
            Terms::Now
        }
    }

    /// Returns the origin under which a cached answer serves as it is, or `None` if it does not.
    ///
    /// A doubtful answer does not serve: VirusTotal is asked first.
    pub(super) fn origin_if_fresh(
        self,
        candidate: &Candidate,
        now: Moment,
        rules: &config::Cache,
    ) -> Option<Origin> {
        let entry = &candidate.answer;
        let age = entry.age(now);
        if self.no_cache || candidate.is_doubtful || self.max_age.is_some_and(|most| age > most) {
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
    pub(super) fn accepts_stale(
        self,
        candidate: &Candidate,
        now: Moment,
        rules: &config::Cache,
    ) -> bool {
        let entry = &candidate.answer;
        let age = entry.age(now);
        let late = self
            .max_stale
            .unwrap_or(rules.max_stale)
            .min(rules.max_stale);
        let too_old = self.max_age.is_some_and(|most| age > most);
        !self.no_cache
            && !too_old
            && (age < entry.fresh_for || age < entry.fresh_for.saturating_add(late))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        cache::{Answer, AnswerRecord, CachedAnswer},
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
    #[case::anew(Freshness { no_cache: true, ..Freshness::default() }, 0, None, false)]
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
        #[case] accepted: bool,
    ) {
        let refusal = Refusal {
            reason: Reason::NotFound,
            code: "x".into(),
            message: None,
            retry_after: None,
            raw: None,
        };
        let now = Moment::now();
        let asked = now.before(Duration::from_secs(age));
        let answer = CachedAnswer::from(AnswerRecord {
            answer: Answer::NotFound(refusal),
            asked,
            as_of: asked,
            names: Box::default(),
            revealed: std::sync::OnceLock::new(),
            shared_at: None,
            is_doubtful: false,
            fresh_for: Duration::from_secs(10),
        });
        let candidate = |is_doubtful| Candidate {
            answer: answer.clone(),
            is_doubtful,
        };
        assert_eq!(
            freshness.origin_if_fresh(&candidate(false), now, &RULES),
            taken
        );
        assert_eq!(
            freshness.accepts_stale(&candidate(false), now, &RULES),
            accepted
        );
        assert_eq!(
            freshness.origin_if_fresh(&candidate(true), now, &RULES),
            None
        );
        assert_eq!(
            freshness.accepts_stale(&candidate(true), now, &RULES),
            accepted
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
