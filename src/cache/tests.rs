use proptest::prelude::*;
use tokio_util::task::TaskTracker;

use std::time::Duration;

use super::*;
use crate::{
    access::{ApiKey, KeyHash},
    config::QuotaLimit,
    quota,
    render::{ViewSize, format::Format},
    virustotal::Packed,
};

fn cache(max_bytes: u64) -> Cache {
    let rules = config::Cache {
        max_bytes,
        ttl: Duration::from_hours(1),
        ttl_not_found: Duration::from_mins(5),
        max_stale: Duration::from_hours(1),
        is_shared: false,
    };
    let (tasks, metrics) = (TaskTracker::new(), Arc::new(Metrics::new()));
    let upstream = config::Upstream {
        url: "http://127.0.0.1:1".parse().unwrap(),
        timeout: Duration::from_secs(1),
        max_body: 1,
        ca_file: None,
    };
    let limits = config::QuotaLimits {
        per_minute: QuotaLimit::Off,
        per_day: QuotaLimit::Off,
        per_month: QuotaLimit::Off,
    };
    let virustotal = VirusTotal::new(&upstream, Arc::clone(&metrics)).unwrap();
    let (redis, accepted) = (
        Redis::new(None, tasks.clone()).unwrap(),
        AcceptedKeys::new(),
    );
    let quota = Quota::new(quota::Parts {
        virustotal: virustotal.clone(),
        limits,
        max_waiting: 1,
        max_in_flight: 1,
        accepted: accepted.clone(),
        redis: redis.clone(),
        tasks: tasks.clone(),
    });
    Cache::new(Parts {
        rules,
        virustotal,
        private: PrivateGuard::default(),
        quota,
        accepted,
        redis,
        disk: None,
        tasks,
        metrics,
        stop: CancellationToken::new(),
    })
}

fn owner(name: &str) -> KeyHash {
    ApiKey::parse(name.as_bytes()).unwrap().hash()
}

fn key(owner: Option<KeyHash>, path: &str) -> CacheKey {
    let path = path.into();
    CacheKey { owner, path }
}

fn answer(bytes: usize) -> CachedAnswer {
    let now = Moment::now();
    AnswerRecord {
        answer: Answer::Found(Packed::restore(vec![0; bytes].into(), bytes)),
        asked: now,
        as_of: now,
        names: [ObjectName::new("files", "a")].into(),
        revealed: std::sync::OnceLock::new(),
        shared_at: None,
        is_doubtful: false,
        fresh_for: Duration::from_hours(1),
    }
    .into()
}

fn fetched(key: &CacheKey, answer: &CachedAnswer) -> Fetched {
    Fetched::new(key.clone(), answer.clone(), Origin::Hit).unwrap()
}

fn view_key() -> ViewKey {
    ViewKey {
        format: Format::Json,
        bare: false,
        descriptors_only: false,
        options: None,
    }
}

fn rendered(bytes: usize) -> RenderedView {
    RenderedView {
        size: ViewSize::default(),
        body: vec![0; bytes].into(),
        etag: "W/\"x\"".into(),
        cursor: None,
    }
}

#[test]
fn an_answer_from_before_a_write_is_not_cached() {
    let cache = cache(1_000_000);
    let (key, old) = (key(None, "/files/a"), answer(10));
    cache.put(&key, &old);
    assert!(cache.get_local(&key).is_some_and(|kept| !kept.is_doubtful));
    cache.note_write(&old.names, Certainty::Possible);
    assert!(cache.get_local(&key).is_some_and(|kept| kept.is_doubtful));
    cache.note_write(&old.names, Certainty::Certain);
    assert!(cache.get_local(&key).is_none());
    cache.put(&key, &old);
    assert!(cache.get_local(&key).is_none());
}

#[test]
fn views_are_evicted_before_answers() {
    let cache = cache(20_000);
    let names: Vec<_> = (0..4).map(|it| key(None, &format!("/{it}"))).collect();
    let kept = answer(1000);
    cache.put(&names[0], &kept);
    cache.put_view(&fetched(&names[0], &kept), view_key(), &rendered(8000));
    assert!(
        cache
            .view(&fetched(&names[0], &kept), &view_key())
            .is_some()
    );
    for name in &names {
        cache.put(name, &answer(2000));
    }
    assert!(
        cache
            .view(&fetched(&names[0], &kept), &view_key())
            .is_none()
    );
    assert!(names.iter().all(|name| cache.get_local(name).is_some()));
    assert_eq!(cache.stats().evictions, 1);
}

#[test]
fn views_have_room_beside_any_number_of_answers_and_evict_none_of_them() {
    let cache = cache(100_000);
    let names: Vec<_> = (0..100).map(|it| key(None, &format!("/{it}"))).collect();
    for name in &names {
        cache.put(name, &answer(2000));
    }
    let before = cache.stats();
    let (hot, kept) = (&names[99], answer(2000));
    cache.put(hot, &kept);
    cache.put_view(&fetched(hot, &kept), view_key(), &rendered(5000));
    assert!(cache.view(&fetched(hot, &kept), &view_key()).is_some());
    assert_eq!(cache.stats().evictions, before.evictions);
    for name in &names[60..] {
        cache.put_view(&fetched(name, &kept), view_key(), &rendered(5000));
    }
    let is_kept = |name: &&CacheKey| cache.get_local(name).is_some();
    let entries = usize::try_from(before.entries).unwrap();
    assert_eq!(names.iter().filter(is_kept).count(), entries);
    assert!(cache.stats().bytes <= 100_000);
}

#[test]
fn one_owner_never_evicts_entries_within_the_share_of_another() {
    let cache = cache(100_000);
    let quiet: Vec<_> = (0..10)
        .map(|it| key(Some(owner("quiet")), &format!("/{it}")))
        .collect();
    for name in &quiet {
        cache.put(name, &answer(2000));
    }
    for other in 0..1000 {
        let name = key(Some(owner("busy")), &format!("/{other}"));
        let kept = answer(3000);
        cache.put(&name, &kept);
        cache.put_view(&fetched(&name, &kept), view_key(), &rendered(5000));
    }
    assert!(quiet.iter().all(|name| cache.get_local(name).is_some()));
    assert!(cache.stats().bytes <= 100_000);
}

#[test]
fn views_within_an_owners_share_survive_the_answers_of_another() {
    let cache = cache(100_000);
    let (quiet, kept) = (Some(owner("quiet")), answer(100));
    let views: Vec<_> = (0..6).map(|it| key(quiet, &format!("/{it}"))).collect();
    for name in &views {
        cache.put_view(&fetched(name, &kept), view_key(), &rendered(5000));
    }
    for other in 0..1000 {
        cache.put(
            &key(Some(owner("busy")), &format!("/{other}")),
            &answer(3000),
        );
    }
    let is_kept = |name| cache.view(&fetched(name, &kept), &view_key()).is_some();
    assert!(views.iter().all(is_kept));
    assert!(cache.stats().bytes <= 100_000);
}

#[test]
fn an_answer_larger_than_the_bound_is_not_cached() {
    let cache = cache(5000);
    let name = key(None, "/a");
    cache.put(&name, &answer(100));
    cache.put(&name, &answer(5000));
    assert!(cache.get_local(&name).is_none());
    assert_eq!((cache.stats().bytes, cache.stats().entries), (0, 0));
}

#[test]
fn an_answer_that_has_taken_the_place_of_another_is_not_evicted_with_it() {
    let cache = cache(100_000);
    let name = key(None, "/a");
    let old = fetched(&name, &answer(100));
    let mut newer = answer(100);
    while newer.as_of == old.answer.as_of {
        newer = answer(100);
    }
    cache.put(&name, &newer);
    assert!(!cache.evict(&old) && cache.get_local(&name).is_some());
    assert!(cache.evict(&fetched(&name, &newer)) && cache.get_local(&name).is_none());
}

proptest! {
    #[test]
    fn the_bound_holds_and_the_totals_are_exact(
        steps in proptest::collection::vec((0..4_u8, 0..3_u8, 0..6_u8, 0..4000_usize), 0..200),
    ) {
        let cache = cache(20_000);
        let mut held = std::collections::HashMap::new();
        for (step, who, path, bytes) in steps {
            let name = key(Some(owner(&who.to_string())), &format!("/{path}"));
            match step {
                0 | 1 => {
                    let kept = answer(bytes);
                    cache.put(&name, &kept);
                    held.insert(name, kept);
                }
                2 => if let Some(of) = held.get(&name) {
                    cache.put_view(&fetched(&name, of), view_key(), &rendered(bytes));
                },
                _ => if let Some(of) = held.get(&name) {
                    cache.evict(&fetched(&name, of));
                },
            }
            prop_assert!(cache.stats().bytes <= 20_000);
        }
        for (name, of) in &held {
            cache.evict(&fetched(name, of));
        }
        let views = cache.stats();
        prop_assert_eq!(views.bytes == 0, views.entries == 0);
    }
}
