//! Invariants under any order of events.

use proptest::prelude::*;

use super::*;

/// An event that concerns a key.
#[derive(Clone, Debug)]
enum Event {
    Take,
    TakeSpare,
    /// The return of the unit that was taken this number of units before the last one.
    GiveBack(usize),
    /// A report of these allowances and usage.
    Learn {
        per_minute: u64,
        per_day: u64,
        used: u64,
    },
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        4 => Just(Event::Take),
        2 => Just(Event::TakeSpare),
        1 => (0usize..3).prop_map(Event::GiveBack),
        1 => (1u64..6, 5u64..40, 0u64..40).prop_map(|(per_minute, per_day, used)| {
            Event::Learn { per_minute, per_day, used }
        }),
    ];
    prop::collection::vec((0u64..20_000, event), 0..80)
}

/// Times shortly before the end of a day or a month, and at noon.
fn starts() -> impl Strategy<Value = OffsetDateTime> {
    prop_oneof![
        Just(NOON),
        Just(datetime!(2026-03-15 23:55 UTC)),
        Just(datetime!(2026-12-31 23:55 UTC)),
    ]
}

fn reported_quota(per_minute: u64, per_day: u64, used: u64) -> UpstreamQuota {
    let usage = |allowed, used| Some(Usage { allowed, used });
    UpstreamQuota {
        hourly: usage(per_minute * 60, 0),
        daily: usage(per_day, used),
        monthly: None,
    }
}

proptest! {
    #[test]
    fn never_more_than_the_limit_in_any_sixty_seconds(start in starts(), events in events()) {
        let (quota, clock, key) =
            (learning(100), Clock::at(start), key("k"));
        let (mut at, mut limit) = (0, 4);
        let mut taken: Vec<(u64, SpentUnit)> = Vec::new();
        for (pause, event) in events {
            at += pause;
            let now = clock.after(at);
            let (unit, most) = match event {
                Event::Take => (quota.take(key, now), limit),
                Event::TakeSpare => (quota.take_spare(key, now), limit.max(2) - 1),
                Event::GiveBack(before) => {
                    if let Some(which) = taken.len().checked_sub(before + 1) {
                        quota.release(key, &taken.remove(which).1);
                    }
                    continue;
                }
                Event::Learn { per_minute, per_day, used } => {
                    limit = usize::try_from(per_minute).unwrap();
                    quota.learn(key, &reported_quota(per_minute, per_day, used), now);
                    continue;
                }
            };
            if let Ok(unit) = unit {
                taken.push((at, unit));
                let recent = taken.iter().filter(|(then, _)| at - then < 60_000).count();
                prop_assert!(recent <= most, "{recent} of {most} at {at}");
            }
        }
    }

    #[test]
    fn never_more_than_the_limit_a_day(start in starts(), events in events()) {
        let (quota, clock, key) = (quota(0, 7, 0), Clock::at(start), key("k"));
        let (mut at, mut taken) = (0, Vec::new());
        for (pause, event) in events {
            at += pause;
            let now = clock.after(at);
            match event {
                Event::Take | Event::TakeSpare => taken.extend(quota.take(key, now).ok()),
                Event::GiveBack(_) => {
                    if let Some(unit) = taken.pop() {
                        quota.release(key, &unit);
                    }
                }
                // The reported allowance is never below the limit here.
                Event::Learn { used, .. } => quota.learn(key, &reported_quota(9, 7, used), now),
            }
            let today = taken.iter().filter(|unit| unit.spent.day() == now.day());
            prop_assert!(today.count() <= 7);
        }
    }

    #[test]
    fn refusal_states_the_exact_wait(start in starts(), events in events()) {
        let (quota, clock, key) = (quota(4, 30, 60), Clock::at(start), key("k"));
        let mut at = 0;
        let mut units = Vec::new();
        for (pause, event) in events {
            at += pause;
            let now = clock.after(at);
            let take = match event {
                Event::Take => Accounts::take,
                Event::TakeSpare => Accounts::take_spare,
                Event::GiveBack(_) => {
                    if let Some(unit) = units.pop() {
                        quota.release(key, &unit);
                    }
                    continue;
                }
                Event::Learn { per_minute, per_day, used } => {
                    quota.learn(key, &reported_quota(per_minute, per_day, used), now);
                    continue;
                }
            };
            match take(&quota, key, now) {
                Ok(unit) => units.push(unit),
                Err(refused) => {
                    let wait = u64::try_from(refused.retry_after.as_millis()).unwrap();
                    prop_assert!(wait > 0);
                    prop_assert!(take(&quota, key, clock.after(at + wait - 1)).is_err());
                    at += wait;
                    let unit = take(&quota, key, clock.after(at));
                    prop_assert!(unit.is_ok(), "{refused:?} was not kept: {unit:?}");
                    units.extend(unit);
                }
            }
        }
    }

    #[test]
    fn queue_position_states_the_exact_wait(
        start in starts(),
        limits in (0u32..4, 0u32..6, 0u32..9),
        pauses in prop::collection::vec(0u64..20_000, 0..12),
        waiting in 0usize..12,
    ) {
        let (per_minute, per_day, per_month) = limits;
        let new = || quota(per_minute, per_day, per_month);
        let ((quota, greedy), clock, key) = ((new(), new()), Clock::at(start), key("k"));
        let mut at = 0;
        for pause in pauses {
            at += pause;
            let taken = quota.take(key, clock.after(at)).is_ok();
            prop_assert_eq!(taken, greedy.take(key, clock.after(at)).is_ok());
        }
        // Each earlier request takes its unit as soon as it can.
        let mut then = at;
        for _ in 0..=waiting {
            if let Err(refused) = greedy.take(key, clock.after(then)) {
                then += u64::try_from(refused.retry_after.as_millis()).unwrap();
                prop_assert!(greedy.take(key, clock.after(then)).is_ok());
            }
        }
        enqueue(&quota, key, waiting);
        let promised = quota
            .take(key, clock.after(at))
            .map_or_else(|refused| refused.retry_after, |_| Duration::ZERO);
        prop_assert_eq!(promised, Duration::from_millis(then - at));
    }
}
