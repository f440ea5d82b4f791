//! The circuit breaker.

use super::*;
use crate::provider::guarded::{BreakerState, Outcome};

/// One attempt for each call, so that calls and failures are the same number.
fn touchy() -> Limits {
    Limits { attempts: 1, breaker_failures: 2, ..limits() }
}

async fn wait_until_half_open(guard: &BucketGuard) {
    while guard.health().breaker != BreakerState::HalfOpen {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn failures_in_a_row_open_it_and_a_good_probe_closes_it() {
    let fake = Fake::new([UNAVAILABLE, UNAVAILABLE]);
    let (store, guard) = guarded(&fake, touchy());
    for _ in 0..2 {
        assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    }
    let refused = store.head(&key()).await.unwrap_err().kind;
    assert!(
        matches!(refused, StoreErrorKind::BreakerOpen { retry_after } if !retry_after.is_zero()),
        "{refused:?}"
    );
    assert!(matches!(guard.health().breaker, BreakerState::Open { .. }));
    assert_eq!(fake.calls(), 2, "the refused call was not made");
    assert_eq!(guard.stats().calls(StoreOperation::Head, Outcome::BreakerOpen), 1);
    wait_until_half_open(&guard).await;
    store.head(&key()).await.unwrap();
    assert_eq!(guard.health().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn a_probe_that_fails_opens_it_again() {
    let fake = Fake::new([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]);
    let (store, guard) = guarded(&fake, touchy());
    for _ in 0..2 {
        store.head(&key()).await.unwrap_err();
    }
    wait_until_half_open(&guard).await;
    assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(matches!(guard.health().breaker, BreakerState::Open { .. }));
}

#[tokio::test]
async fn only_one_call_probes_and_an_abandoned_probe_leaves_room_for_the_next() {
    let fake = Fake::new([UNAVAILABLE, UNAVAILABLE, Step::Hang]);
    let (store, guard) = guarded(&fake, touchy());
    for _ in 0..2 {
        store.head(&key()).await.unwrap_err();
    }
    wait_until_half_open(&guard).await;
    let wanted = key();
    let mut probe = store.head(&wanted);
    assert!(futures::poll!(&mut probe).is_pending());
    let refused = store.head(&key()).await.unwrap_err().kind;
    assert!(matches!(refused, StoreErrorKind::BreakerOpen { .. }));
    drop(probe);
    store.head(&key()).await.unwrap();
    assert_eq!(guard.health().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn refusals_never_open_it_and_end_a_row_of_failures() {
    let refusals = [StoreErrorKind::Denied, StoreErrorKind::NoSuchObject, StoreErrorKind::PreconditionFailed];
    let steps = refusals.into_iter().flat_map(|kind| [UNAVAILABLE, Step::Fail(kind)]);
    let fake = Fake::new(steps);
    let (store, guard) = guarded(&fake, touchy());
    for _ in 0..6 {
        store.head(&key()).await.unwrap_err();
    }
    assert_eq!(fake.calls(), 6);
    assert_eq!(guard.health().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn a_call_whose_own_retries_open_it_says_what_it_saw() {
    let fake = Fake::new(vec![UNAVAILABLE; 9]);
    let (store, _) = guarded(&fake, Limits { attempts: 9, ..touchy() });
    assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert_eq!(fake.calls(), 2);
}

#[tokio::test]
async fn it_is_shared_by_every_store_of_the_guard() {
    let fake = Fake::new([UNAVAILABLE, UNAVAILABLE]);
    let (store, guard) = guarded(&fake, touchy());
    for _ in 0..2 {
        store.head(&key()).await.unwrap_err();
    }
    let renewed = guard.wrap(Fake::new([]));
    assert!(matches!(renewed.head(&key()).await.unwrap_err().kind, StoreErrorKind::BreakerOpen { .. }));
}

#[tokio::test]
async fn links_go_on_while_it_is_open() {
    let fake = Fake::new([UNAVAILABLE, UNAVAILABLE]);
    let (store, guard) = guarded(&fake, touchy());
    for _ in 0..2 {
        store.head(&key()).await.unwrap_err();
    }
    store.links().unwrap().link(&key(), &an_hour()).await.unwrap();
    assert!(matches!(guard.health().breaker, BreakerState::Open { .. }), "a link closes nothing");
}
