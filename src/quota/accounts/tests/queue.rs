//! The queue: order, waits, and requests that leave.
//!
//! A minute lasts 200 ms here. Tests check only that nothing happens too early, so a slow machine
//! does not fail them.

use std::{cell::RefCell, future::Future, pin::pin, task::Poll};

use super::*;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_mins(5);

fn hasty(per_minute: u32, max_waiting: usize) -> Accounts {
    Accounts {
        minute_length: SHORT,
        max_waiting,
        ..quota(per_minute, 0, 0)
    }
}

fn waiting(quota: &Accounts) -> usize {
    let mut keys = quota.keys.lock();
    keys.get_mut(&key("k"))
        .map_or(0, |account| account.queue.len())
}

/// Returns whether the refusal asks to wait this many seconds for the minute, or a little less.
fn is_about(refused: &Exhausted, seconds: u64) -> bool {
    let wait = refused.retry_after.as_secs_f64();
    let late = Duration::from_secs(seconds).as_secs_f64() - wait;
    refused.window == Window::Minute && (0.0..5.0).contains(&late)
}

/// Awaits a future that must be ready soon.
async fn soon<F: Future>(future: F) -> F::Output {
    let over = tokio::time::timeout(Duration::from_secs(10), future);
    over.await.expect("it must be ready soon")
}

/// Polls a future once, which must then be pending.
async fn begin<F: Future + Unpin>(future: &mut F) {
    let begun = std::future::poll_fn(|context| {
        Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    });
    assert!(begun.await, "it must be pending");
}

#[tokio::test]
async fn requests_of_a_caller_are_served_in_order() {
    let (quota, order) = (hasty(1, 100), RefCell::new(Vec::new()));
    let began = Instant::now();
    let come = async |name| {
        quota.take_within(key("k"), caller(1), LONG).await.unwrap();
        order.borrow_mut().push((name, began.elapsed()));
    };
    tokio::join!(come(0), come(1), come(2), come(3));
    let order = order.into_inner();
    let names: Vec<_> = order.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [0, 1, 2, 3]);
    for (name, after) in order {
        assert!(after >= SHORT * name, "{name} came after {after:?}");
    }
    assert_eq!(waiting(&quota), 0);
}

#[tokio::test]
async fn retried_request_goes_to_the_front() {
    let (quota, order) = (hasty(1, 100), RefCell::new(Vec::new()));
    quota.take(key("k"), Now::read()).unwrap();
    let come = async |name| {
        quota.take_within(key("k"), caller(1), LONG).await.unwrap();
        order.borrow_mut().push(name);
    };
    let come_again = async {
        quota
            .take_within_from_front(key("k"), caller(1), LONG)
            .await
            .unwrap();
        order.borrow_mut().push("again");
    };
    tokio::join!(come("first"), come("second"), come_again);
    assert_eq!(order.into_inner(), ["again", "first", "second"]);
    assert_eq!(waiting(&quota), 0);
}

#[tokio::test]
async fn new_request_does_not_overtake_the_queue() {
    let quota = quota(2, 0, 0);
    let units = [(), ()].map(|()| quota.take(key("k"), Now::read()).unwrap());
    let mut first = pin!(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut first).await;
    // The returned unit belongs to the first request, although it has not taken it yet.
    quota.release(key("k"), &units[0]);
    assert!(quota.take(key("k"), Now::read()).is_err());
    assert!(
        quota
            .take_within(key("k"), caller(1), Duration::ZERO)
            .await
            .is_err()
    );
    assert!(soon(first).await.is_ok());
}

#[tokio::test]
async fn hopeless_wait_is_refused_at_once() {
    let quota = Accounts {
        max_waiting: 2,
        ..quota(1, 0, 0)
    };
    quota.take(key("k"), Now::read()).unwrap();
    let within = |number, seconds| {
        let wait = Duration::from_secs(seconds);
        quota.take_within(key("k"), caller(number), wait)
    };
    let refused = soon(within(1, 50)).await.unwrap_err();
    assert!(is_about(&refused, 61));
    let (mut one, mut two) = (pin!(within(1, 62)), pin!(within(2, 123)));
    begin(&mut one).await;
    let refused = soon(within(2, 115)).await.unwrap_err();
    assert!(is_about(&refused, 122), "one is before it");
    assert_eq!(refused.full, None);
    begin(&mut two).await;
    let refused = soon(within(3, 100_000)).await.unwrap_err();
    assert!(is_about(&refused, 183), "the queue is full");
    assert_eq!(refused.full, Some(Full::All));
}

#[tokio::test]
async fn dropped_request_delays_no_other() {
    let quota = quota(1, 0, 0);
    let unit = quota.take(key("k"), Now::read()).unwrap();
    let mut one = Box::pin(quota.take_within(key("k"), caller(1), LONG));
    let mut two = Box::pin(quota.take_within(key("k"), caller(1), LONG));
    let mut three = pin!(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut one).await;
    begin(&mut two).await;
    begin(&mut three).await;
    drop(two);
    drop(one);
    assert_eq!(waiting(&quota), 1);
    quota.release(key("k"), &unit);
    soon(three).await.unwrap();
}

#[tokio::test]
async fn requests_behind_a_dropped_one_move_up() {
    let quota = quota(1, 0, 0);
    let unit = quota.take(key("k"), Now::read()).unwrap();
    let mut one = Box::pin(quota.take_within(key("k"), caller(1), LONG));
    let mut two = pin!(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut one).await;
    begin(&mut two).await;
    // The second request is woken, and finds that the unit belongs to the first.
    quota.release(key("k"), &unit);
    begin(&mut two).await;
    drop(one);
    soon(two).await.unwrap();
}

#[tokio::test]
async fn stalled_request_delays_only_its_own_unit() {
    let quota = hasty(1, 100);
    quota.take(key("k"), Now::read()).unwrap();
    let mut stalled = pin!(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut stalled).await;
    let behind = tokio::time::timeout(SHORT * 2, quota.take_within(key("k"), caller(1), LONG));
    assert!(
        behind.await.is_err(),
        "the only unit belongs to the first request"
    );
    let quick = Accounts {
        limits: QuotaLimits::default(),
        ..hasty(1, 100)
    };
    let units: Vec<_> = (0..4)
        .map(|_| quick.take(key("k"), Now::read()).unwrap())
        .collect();
    let mut stalled = pin!(quick.take_within(key("k"), caller(1), LONG));
    begin(&mut stalled).await;
    quick.release(key("k"), &units[0]);
    quick.release(key("k"), &units[1]);
    let behind = quick.take_within(key("k"), caller(1), Duration::ZERO);
    assert!(behind.await.is_ok(), "the second unit is free");
}

#[tokio::test]
async fn returned_unit_is_taken_at_once() {
    let quota = quota(1, 0, 0);
    let unit = quota.take(key("k"), Now::read()).unwrap();
    let mut waits = pin!(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut waits).await;
    quota.release(key("k"), &unit);
    soon(waits).await.unwrap();
}

#[tokio::test]
async fn learned_allowance_wakes_the_queue() {
    let day = |used| {
        let daily = Some(Usage { allowed: 10, used });
        UpstreamQuota {
            daily,
            ..UpstreamQuota::default()
        }
    };
    let quota = learning(100);
    let within = || quota.take_within(key("k"), caller(1), LONG);
    let reported = UpstreamQuota {
        hourly: Some(Usage {
            allowed: 60,
            used: 0,
        }),
        ..day(0)
    };
    quota.learn(key("k"), &reported, Now::read());
    quota.take(key("k"), Now::read()).unwrap();
    let (mut one, mut two) = (pin!(within()), pin!(within()));
    begin(&mut one).await;
    begin(&mut two).await;
    let reported = UpstreamQuota {
        hourly: Some(Usage {
            allowed: 120,
            used: 0,
        }),
        ..day(0)
    };
    quota.learn(key("k"), &reported, Now::read());
    soon(one).await.unwrap();
    // Other users of the key have spent the day.
    quota.learn(key("k"), &day(10), Now::read());
    let now = Now::read();
    // In the last five minutes of a day it would wait for the next one.
    if now.until_tomorrow() > Duration::from_mins(6) {
        let refused = soon(two).await.unwrap_err();
        assert_eq!(refused.window, Window::Day);
        assert!(now.until_tomorrow().abs_diff(refused.retry_after) < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn each_key_has_its_own_queue() {
    let quota = quota(1, 0, 0);
    quota.take(key("k"), Now::read()).unwrap();
    let mut waits = pin!(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut waits).await;
    assert!(
        quota
            .take_within(key("other"), caller(1), LONG)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn refusal_after_a_wait_counts_from_the_end_of_the_queue() {
    let quota = learning(100);
    let hourly = |allowed| UpstreamQuota {
        hourly: Some(Usage { allowed, used: 0 }),
        ..UpstreamQuota::default()
    };
    quota.learn(key("k"), &hourly(120), Now::read());
    for _ in 0..2 {
        quota.take(key("k"), Now::read()).unwrap();
    }
    let within = |seconds| quota.take_within(key("k"), caller(1), Duration::from_secs(seconds));
    let (mut one, mut two) = (pin!(within(200)), pin!(within(70)));
    begin(&mut one).await;
    begin(&mut two).await;
    enqueue(&quota, key("k"), 1);
    quota.learn(key("k"), &hourly(60), Now::read());
    // With one unit a minute the second is too late, and two others are before it.
    let refused = soon(two).await.unwrap_err();
    assert!(is_about(&refused, 183), "{refused:?}");
}

#[tokio::test]
async fn every_queued_request_gets_a_unit() {
    let quota = Arc::new(hasty(10, 100));
    let tasks = tokio_util::task::TaskTracker::new();
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let quota = Arc::clone(&quota);
            let caller = caller(number);
            tasks.spawn(async move { quota.take_within(key("k"), caller, LONG).await.map(|_| ()) })
        })
        .collect();
    let began = Instant::now();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert!(began.elapsed() >= SHORT * 2);
    assert_eq!(waiting(&quota), 0);
}

#[tokio::test]
async fn queue_is_round_robin_over_callers() {
    let (quota, order) = (hasty(1, 100), RefCell::new(Vec::new()));
    quota.take(key("k"), Now::read()).unwrap();
    let come = async |number| {
        quota
            .take_within(key("k"), caller(number), LONG)
            .await
            .unwrap();
        order.borrow_mut().push(number);
    };
    // The third caller arrives last, with one request. The second caller's second request arrives
    // after three of the first caller's.
    tokio::join!(
        come(1),
        come(1),
        come(1),
        come(2),
        come(1),
        come(2),
        come(3)
    );
    assert_eq!(order.into_inner(), [1, 2, 3, 1, 2, 1, 1]);
    assert_eq!(waiting(&quota), 0);
}

#[tokio::test]
async fn returning_caller_takes_turns_with_the_queue() {
    let (quota, order) = (hasty(1, 100), RefCell::new(Vec::new()));
    quota.take(key("k"), Now::read()).unwrap();
    let come = async |number| {
        quota
            .take_within(key("k"), caller(number), LONG)
            .await
            .unwrap();
        order.borrow_mut().push(number);
    };
    let again_and_again = async {
        for _ in 0..3 {
            come(2).await;
        }
    };
    tokio::join!(come(1), come(1), come(1), again_and_again);
    assert_eq!(order.into_inner(), [1, 2, 1, 2, 1, 2]);
}

#[tokio::test]
async fn no_caller_holds_more_than_a_quarter_of_a_keys_waiting_places() {
    let quota = Accounts {
        max_waiting: 8,
        ..quota(1, 0, 0)
    };
    quota.take(key("k"), Now::read()).unwrap();
    let within = |number| Box::pin(quota.take_within(key("k"), caller(number), LONG * 5));
    let mut waits = Vec::new();
    for number in [1, 1, 2, 2, 3, 3, 4] {
        let mut wait = within(number);
        begin(&mut wait).await;
        waits.push(wait);
    }
    for number in [1, 2, 3] {
        let refused = soon(within(number)).await.unwrap_err();
        assert_eq!(refused.full, Some(Full::Caller), "{number}");
    }
    begin(&mut within(4)).await;
    begin(&mut within(5)).await;
    // A place is free as soon as its request leaves.
    drop(waits.remove(0));
    begin(&mut within(1)).await;
}

#[tokio::test]
async fn request_is_refused_once_it_can_no_longer_be_served_in_time() {
    let quota = quota(1, 0, 0);
    quota.take(key("k"), Now::read()).unwrap();
    let mut first = pin!(quota.take_within(key("k"), caller(1), LONG));
    let mut second = pin!(quota.take_within(key("k"), caller(1), Duration::from_secs(125)));
    begin(&mut first).await;
    begin(&mut second).await;
    let mut other = pin!(quota.take_within(key("k"), caller(2), LONG));
    begin(&mut other).await;
    let refused = soon(second).await.unwrap_err();
    assert!(is_about(&refused, 183), "{refused:?}");
}

#[tokio::test]
async fn dropped_request_spends_nothing_and_frees_its_place() {
    let quota = Accounts {
        max_waiting: 1,
        ..quota(1, 0, 0)
    };
    let unit = quota.take(key("k"), Now::read()).unwrap();
    let mut one = Box::pin(quota.take_within(key("k"), caller(1), LONG));
    begin(&mut one).await;
    // The unit is due, but the request has not taken it yet.
    quota.release(key("k"), &unit);
    drop(one);
    assert_eq!(waiting(&quota), 0);
    let report = quota.report(key("k"), Now::read());
    assert_eq!((report.minute.used, report.day.used), (0, 0));
    assert!(quota.take(key("k"), Now::read()).is_ok());
}
