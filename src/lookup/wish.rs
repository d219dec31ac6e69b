//! How fresh a caller wants an answer, and how long it waits for one.

use std::time::Duration;

use super::Origin;
use crate::{
    cache::{Entry, Stamp},
    config,
    redis::Patience,
    spend::Claim,
};

/// What a caller says of freshness (`Cache-Control`) and of waiting (`wait`).
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// VirusTotal is to be asked, whatever is kept: `no-cache`.
    pub anew: bool,
    /// How old an answer may be: `max-age`.
    pub max_age: Option<Duration>,
    /// How long past its time it may be: `max-stale`; without a number, ever so long.
    pub max_stale: Option<Duration>,
    /// How long it waits for a unit of quota: `wait`.
    pub wait: Duration,
    /// Whether the last unit of a minute is left to others; for polls.
    pub is_sparing: bool,
    /// How much longer it is let wait for Redis.
    pub patience: Patience,
}

impl Wish {
    /// How a unit is asked for.
    pub(super) fn claim(&self) -> Claim {
        match (self.is_sparing, self.wait) {
            (true, _) => Claim::Spare,
            (false, Duration::ZERO) => Claim::Now,
            (false, wait) => Claim::Within(wait),
        }
    }

    /// Whether this serves as it is, and as what.
    pub(super) fn takes(&self, entry: &Entry, now: Stamp, rules: &config::Cache) -> Option<Origin> {
        let age = entry.stamp.age(now);
        if self.anew || self.max_age.is_some_and(|most| age > most) {
            return None;
        }
        if age < entry.fresh_for {
            return Some(Origin::Hit);
        }
        let late = self.max_stale?.min(rules.max_stale);
        (!late.is_zero() && age < entry.fresh_for.saturating_add(late)).then_some(Origin::Stale)
    }

    /// Whether this serves where nothing better can be had.
    pub(super) fn puts_up_with(&self, entry: &Entry, now: Stamp, rules: &config::Cache) -> bool {
        let age = entry.stamp.age(now);
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
    use rstest::rstest;

    use super::*;
    use crate::{
        cache::Said,
        vt::{Reason, Refusal},
    };

    const RULES: config::Cache = config::Cache {
        max_bytes: 0,
        ttl: Duration::ZERO,
        ttl_not_found: Duration::ZERO,
        max_stale: Duration::from_secs(100),
        is_shared: false,
    };

    /// Ten seconds fresh; `age` seconds old.
    #[rstest]
    #[case::fresh(Wish::default(), 9, Some(Origin::Hit), true)]
    #[case::past_its_time(Wish::default(), 10, None, true)]
    #[case::nearly_too_old(Wish::default(), 109, None, true)]
    #[case::too_old(Wish::default(), 110, None, false)]
    #[case::anew(Wish { anew: true, ..Wish::default() }, 0, None, false)]
    #[case::young_enough(max_age(5), 5, Some(Origin::Hit), true)]
    #[case::not_young_enough(max_age(5), 6, None, false)]
    #[case::no_staleness(max_stale(0), 10, None, false)]
    #[case::a_little_staleness(max_stale(5), 14, Some(Origin::Stale), true)]
    #[case::too_much_staleness(max_stale(5), 15, None, false)]
    #[case::more_than_there_is(max_stale(10_000), 110, None, false)]
    fn each_wish_is_met(
        #[case] wish: Wish,
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
        let entry = Entry {
            said: Said::NotFound(refusal),
            stamp: Stamp(1_000_000),
            fresh_for: Duration::from_secs(10),
        };
        let now = Stamp(1_000_000 + age * 1000);
        assert_eq!(wish.takes(&entry, now, &RULES), taken);
        assert_eq!(wish.puts_up_with(&entry, now, &RULES), put_up_with);
    }

    fn max_age(seconds: u64) -> Wish {
        Wish {
            max_age: Some(Duration::from_secs(seconds)),
            ..Wish::default()
        }
    }

    fn max_stale(seconds: u64) -> Wish {
        Wish {
            max_stale: Some(Duration::from_secs(seconds)),
            ..Wish::default()
        }
    }
}
