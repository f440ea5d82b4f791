//! Faults between us and the cloud: never a short success, never more memory than the reader takes, no work for nobody.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::contract::store::{CloudFixture, TestBucket, key, pattern};
use crate::harness::faults::{Fault, FaultProxy};
use logboom::provider::{GetOptions, Opened, Store, StoreErrorKind};

const MIB: usize = 1024 * 1024;

/// A bucket with one `object`, reached through a proxy.
async fn through_a_proxy<F: CloudFixture>(fixture: &F, content: Bytes) -> (F::Bucket, FaultProxy, Store) {
    let bucket = fixture.fresh().await;
    bucket.put("object", content).await;
    let proxy = FaultProxy::to(fixture.port());
    let store = fixture.behind(&bucket, proxy.port()).await;
    (bucket, proxy, store)
}

async fn open(store: &Store) -> Opened {
    store.get(&key("object"), &GetOptions::default()).await.expect("an object")
}

/// Waits until the condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the proxy has read nothing more from the server for half a second.
async fn until_quiet(proxy: &FaultProxy) {
    let mut seen = (proxy.pulled(), Instant::now());
    while seen.1.elapsed() < Duration::from_millis(500) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if proxy.pulled() != seen.0 {
            seen = (proxy.pulled(), Instant::now());
        }
    }
}

pub async fn a_connection_cut_half_way_is_an_error(fixture: &impl CloudFixture) {
    let content = pattern(8 * MIB);
    let (_bucket, proxy, store) = through_a_proxy(fixture, content.clone()).await;
    let mut body = open(&store).await.body;
    // The budget counts from here; what was sent before is at most what the buffers on the way hold.
    proxy.set(Fault::CutAfter(100_000));
    let mut got = Vec::new();
    let ended = loop {
        match body.next().await {
            Some(Ok(block)) => got.extend_from_slice(&block),
            other => break other,
        }
    };
    let error = ended.expect("the stream must not just end").expect_err("an error");
    assert!(error.kind.is_transient(), "{error:?}");
    assert!(got.len() < content.len(), "not everything can have arrived");
    assert!(content.starts_with(&got), "what arrived is the object's beginning");
}

pub async fn a_slow_reader_holds_the_server_back(fixture: &impl CloudFixture) {
    let content = pattern(64 * MIB);
    let (_bucket, proxy, store) = through_a_proxy(fixture, content.clone()).await;
    let mut body = open(&store).await.body;
    let mut got = body.next().await.expect("a block").expect("bytes").to_vec();
    until_quiet(&proxy).await;
    let pulled = proxy.pulled();
    assert!(pulled < 24 * 1024 * 1024, "{pulled} bytes were pulled though one block was read");
    while let Some(block) = body.try_next().await.expect("bytes") {
        got.extend_from_slice(&block);
    }
    assert!(got == content, "the bytes differ");
}

pub async fn a_reader_that_leaves_closes_the_connection(fixture: &impl CloudFixture) {
    let (_bucket, proxy, store) = through_a_proxy(fixture, pattern(64 * MIB)).await;
    let mut body = open(&store).await.body;
    body.next().await.expect("a block").expect("bytes");
    let closed = proxy.closed();
    drop(body);
    until("the connection that carried the object closes", || proxy.closed() > closed).await;
    assert!(proxy.pulled() < 32 * 1024 * 1024, "{} bytes were pulled for nobody", proxy.pulled());
}

pub async fn a_server_that_refuses_is_unavailable(fixture: &impl CloudFixture) {
    let (_bucket, proxy, store) = through_a_proxy(fixture, Bytes::from_static(b"here")).await;
    proxy.set(Fault::Refuse);
    let refusal = store.head(&key("object")).await.expect_err("no server, no answer").kind;
    assert_eq!(refusal, StoreErrorKind::Unavailable);
}
