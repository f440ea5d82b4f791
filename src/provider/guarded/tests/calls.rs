//! Calls up to their headers: slots, time limits, retries, counters.

use tokio::time::Instant;

use super::*;
use crate::provider::guarded::Outcome;

#[tokio::test]
async fn a_call_that_fails_in_passing_is_made_again() {
    let fake = Fake::new([UNAVAILABLE, Step::Fail(StoreErrorKind::Throttled { retry_after: None })]);
    let (store, guard) = guarded(&fake, limits());
    store.head(&key()).await.unwrap();
    assert_eq!(fake.calls(), 3);
    assert_eq!(guard.stats().retries(), 2);
    assert_eq!(guard.stats().calls(StoreOperation::Head, Outcome::Ok), 1);
    assert!(guard.health().last_success.is_some());
}

#[tokio::test]
async fn every_operation_is_made_again() {
    let fake = Fake::new([]);
    let (store, _) = guarded(&fake, limits());
    let again = || fake.steps.lock().unwrap().push_back(UNAVAILABLE);
    again();
    store.list(&first_page()).await.unwrap();
    again();
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    assert_eq!(read(opened.body).await.0, fake.content());
    again();
    let link = store.links().unwrap().link(&key(), &an_hour()).await.unwrap();
    assert_eq!(link.expires_at, Timestamp::from_unix_seconds(3600));
    assert_eq!(fake.calls(), 6);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let fake = Fake::new(vec![UNAVAILABLE; 9]);
    let (store, guard) = guarded(&fake, limits());
    let error = store.list(&first_page()).await.unwrap_err();
    assert_eq!((error.kind, error.operation), (StoreErrorKind::Unavailable, StoreOperation::List));
    assert_eq!(fake.calls(), 3);
    assert_eq!(guard.stats().calls(StoreOperation::List, Outcome::Unavailable), 1);
    assert_eq!(guard.health().last_failure.unwrap().1, StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for kind in [
        StoreErrorKind::Denied,
        StoreErrorKind::NoSuchObject,
        StoreErrorKind::NoSuchBucket,
        StoreErrorKind::PreconditionFailed,
        StoreErrorKind::Invalid,
        StoreErrorKind::Unexpected,
    ] {
        let fake = Fake::new([Step::Fail(kind.clone())]);
        let (store, _) = guarded(&fake, limits());
        assert_eq!(store.get(&key(), &GetOptions::default()).await.unwrap_err().kind, kind);
        assert_eq!(fake.calls(), 1);
    }
}

#[tokio::test]
async fn a_provider_that_names_a_time_is_not_asked_before_it() {
    let wanted = Duration::from_millis(15);
    let fake = Fake::new([Step::Fail(StoreErrorKind::Throttled { retry_after: Some(wanted) })]);
    let (store, _) = guarded(&fake, limits());
    let start = Instant::now();
    store.head(&key()).await.unwrap();
    assert!(start.elapsed() >= wanted);
}

#[tokio::test]
async fn a_provider_that_asks_for_a_long_pause_is_not_asked_again() {
    let kind = StoreErrorKind::Throttled { retry_after: Some(Duration::from_mins(1)) };
    let fake = Fake::new([Step::Fail(kind.clone())]);
    let (store, _) = guarded(&fake, limits());
    assert_eq!(store.head(&key()).await.unwrap_err().kind, kind);
    assert_eq!(fake.calls(), 1);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_times_out() {
    let fake = Fake::new([Step::Hang, Step::Hang, Step::Hang]);
    let (store, guard) = guarded(&fake, limits());
    assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::TimedOut);
    assert_eq!(fake.calls(), 3);
    assert_eq!(guard.stats().in_flight(), 0);
}

#[tokio::test]
async fn the_deadline_covers_all_attempts() {
    let fake = Fake::new(vec![Step::Hang; 100]);
    let total_deadline = Duration::from_millis(60);
    let (store, _) = guarded(&fake, Limits { attempts: 100, total_deadline, ..limits() });
    assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::TimedOut);
    assert!(fake.calls() <= 2, "{} calls of 40 ms in 60 ms", fake.calls());
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let fake = Fake::new([]);
    let queue_wait = Duration::from_mins(1);
    let (store, guard) = guarded(&fake, Limits { concurrent: 1, queue_wait, ..limits() });
    let open = store.get(&key(), &GetOptions::default()).await.unwrap();
    let (meta, options) = (key(), first_page());
    let mut waits = store.head(&meta);
    assert!(futures::poll!(&mut waits).is_pending(), "one may wait");
    assert_eq!(store.list(&options).await.unwrap_err().kind, StoreErrorKind::Busy);
    drop(open);
    waits.await.unwrap();
    assert_eq!(guard.stats().calls(StoreOperation::List, Outcome::Busy), 1);
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_the_queue() {
    let fake = Fake::new([]);
    let (store, _) = guarded(&fake, Limits { concurrent: 1, ..limits() });
    let _open = store.get(&key(), &GetOptions::default()).await.unwrap();
    let meta = key();
    for _ in 0..3 {
        let mut waits = store.head(&meta);
        assert!(futures::poll!(&mut waits).is_pending());
    }
}

#[tokio::test]
async fn waiting_for_a_slot_ends_in_busy() {
    let fake = Fake::new([]);
    let (store, _) = guarded(&fake, Limits { concurrent: 1, ..limits() });
    let _open = store.get(&key(), &GetOptions::default()).await.unwrap();
    assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::Busy);
    assert_eq!(fake.calls(), 1);
}

#[test]
fn pauses_grow_and_stay_below_the_cap() {
    use crate::provider::guarded::retry::pause_before;
    for retry in 0..40 {
        let ceiling = limits().backoff_base.saturating_mul(1 << retry.min(16)).min(limits().backoff_cap);
        let pauses: Vec<_> =
            (0..64).map(|_| pause_before(retry, &StoreErrorKind::Unavailable, &limits()).unwrap()).collect();
        assert!(pauses.iter().all(|pause| *pause <= ceiling));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "jitter");
    }
}
