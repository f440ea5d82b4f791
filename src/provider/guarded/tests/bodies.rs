//! Bodies: slots, idle time, resumption.

use proptest::prelude::*;

use super::*;
use crate::domain::object::ETagMatch;
use crate::provider::guarded::Outcome;

const BREAKS: End = End::Fail(StoreErrorKind::Unavailable);

#[tokio::test]
async fn a_body_that_breaks_off_goes_on_where_it_stopped() {
    let fake = Fake::new([Step::Body(300, BREAKS), UNAVAILABLE, Step::Body(250, End::Early)]);
    let (store, guard) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    let (bytes, error) = read(opened.body).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, fake.content());
    let asked = fake.asked.lock().unwrap();
    let ranges: Vec<_> = asked.iter().map(|get| get.range).collect();
    let rest = |first| Some(ByteRange::Between { first, last: 999 });
    assert_eq!(ranges, [None, rest(300), rest(300), rest(550)]);
    let etag = ETag::parse("v1").unwrap();
    assert_eq!(asked[3].conditions.if_match, Some(ETagMatch::OneOf(vec![etag])));
    assert_eq!(guard.stats().resumes(), 2);
    assert_eq!(guard.stats().calls(StoreOperation::Read, Outcome::Ok), 1);
}

#[tokio::test]
async fn a_stalled_body_times_out_and_goes_on() {
    let fake = Fake::new([Step::Body(500, End::Stall)]);
    let (store, _) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    assert_eq!(read(opened.body).await.0, fake.content());
    assert_eq!(fake.calls(), 2);
}

#[tokio::test]
async fn without_an_entity_tag_a_broken_body_is_an_error() {
    let fake = Fake::new([Step::Body(500, End::Stall)]);
    fake.object.lock().unwrap().0 = None;
    let (store, guard) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    let (bytes, error) = read(opened.body).await;
    let error = error.unwrap();
    assert_eq!((error.kind, error.operation), (StoreErrorKind::TimedOut, StoreOperation::Read));
    assert_eq!(bytes, &fake.content()[..500]);
    assert_eq!(fake.calls(), 1);
    assert_eq!(guard.stats().in_flight(), 0);
}

#[tokio::test]
async fn an_object_that_changed_is_not_spliced() {
    for (etag, size) in [("v2", 1000), ("v1", 2000), ("v1", 400)] {
        let fake = Fake::new([Step::Body(500, BREAKS), Step::Replace(etag, size)]);
        let original = fake.content();
        let (store, _) = guarded(&fake, limits());
        let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
        let (bytes, error) = read(opened.body).await;
        let error = error.unwrap();
        assert_eq!((&error.kind, error.operation), (&StoreErrorKind::Unavailable, StoreOperation::Read));
        assert_eq!(error.cause.unwrap().to_string(), "the object changed while being read");
        assert_eq!(bytes, &original[..500]);
    }
}

#[tokio::test]
async fn resumption_is_bounded() {
    let fake = Fake::new(vec![Step::Body(100, BREAKS); 9]);
    let (store, _) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    let (bytes, error) = read(opened.body).await;
    assert_eq!(error.unwrap().kind, StoreErrorKind::Unavailable);
    assert_eq!(bytes, &fake.content()[..300]);
    assert_eq!(fake.calls(), 3);
}

#[tokio::test]
async fn more_bytes_than_announced_never_reach_the_reader() {
    let fake = Fake::new([Step::Body(1000, End::Surplus)]);
    let (store, _) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    let (bytes, error) = read(opened.body).await;
    assert_eq!(error.unwrap().kind, StoreErrorKind::Unexpected);
    assert_eq!(bytes, fake.content());
}

#[tokio::test]
async fn a_connection_that_breaks_behind_the_last_byte_is_no_error() {
    let fake = Fake::new([Step::Body(1000, BREAKS)]);
    let (store, _) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    let (bytes, error) = read(opened.body).await;
    assert!(error.is_none());
    assert_eq!(bytes, fake.content());
}

#[tokio::test]
async fn a_checksum_that_fails_behind_the_last_byte_is_an_error() {
    let fake = Fake::new([Step::Body(1000, End::Fail(StoreErrorKind::Unexpected))]);
    let (store, _) = guarded(&fake, limits());
    let opened = store.get(&key(), &GetOptions::default()).await.unwrap();
    assert_eq!(read(opened.body).await.1.unwrap().kind, StoreErrorKind::Unexpected);
}

#[tokio::test]
async fn a_slow_reader_is_not_timed() {
    let fake = Fake::new([]);
    let limits = Limits { idle_timeout: Duration::from_millis(1), ..limits() };
    let (store, _) = guarded(&fake, limits);
    let mut body = store.get(&key(), &GetOptions::default()).await.unwrap().body;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.unwrap());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(bytes, fake.content());
    assert_eq!(fake.calls(), 1);
}

#[tokio::test]
async fn a_dropped_body_frees_its_slot_and_stops_the_work_upstream() {
    let fake = Fake::new([Step::Body(500, End::Stall)]);
    let (store, guard) = guarded(&fake, Limits { concurrent: 1, queue: 0, ..limits() });
    let mut body = store.get(&key(), &GetOptions::default()).await.unwrap().body;
    body.next().await.unwrap().unwrap();
    assert_eq!(store.head(&key()).await.unwrap_err().kind, StoreErrorKind::Busy);
    assert!(!fake.dropped.load(Ordering::SeqCst));
    drop(body);
    assert!(fake.dropped.load(Ordering::SeqCst));
    assert_eq!(guard.stats().in_flight(), 0);
    assert_eq!(guard.stats().calls(StoreOperation::Read, Outcome::Abandoned), 1);
    store.head(&key()).await.unwrap();
}

#[tokio::test]
async fn a_body_read_to_its_end_frees_its_slot_before_it_is_dropped() {
    let fake = Fake::new([]);
    let (store, _) = guarded(&fake, Limits { concurrent: 1, queue: 0, ..limits() });
    let mut body = store.get(&key(), &GetOptions::default()).await.unwrap().body;
    while body.next().await.is_some() {}
    store.head(&key()).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_range_that_breaks_off_anywhere_is_spliced_exactly(
        first in 0_u64..1000, length in 1_u64..1000, cuts in prop::collection::vec(0_usize..1000, 0..3),
    ) {
        let last = (first + length - 1).min(999);
        let mut left = usize::try_from(last - first + 1).unwrap();
        let mut steps = Vec::new();
        for cut in cuts {
            let given = cut % left;
            steps.push(Step::Body(given, BREAKS));
            left -= given;
        }
        let fake = Fake::new(steps);
        let limits = Limits { backoff_cap: Duration::ZERO, resumes: 3, ..limits() };
        let (store, _) = guarded(&fake, limits);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (bytes, error) = runtime.block_on(async {
            let opened = store.get(&key(), &range(first, last)).await.unwrap();
            assert_eq!(opened.range, Some(ContentRange { first, last, total: 1000 }));
            read(opened.body).await
        });
        prop_assert!(error.is_none());
        let content = fake.content();
        prop_assert_eq!(&bytes[..], slice(&content, ContentRange { first, last, total: 1000 }));
    }
}
