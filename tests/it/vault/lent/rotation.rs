//! Credentials that change while they are used.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::doubles::vault::{Engines, Loan};
use crate::harness::app::TestApp;
use crate::harness::four::{self, Filled};
use crate::harness::ministack::ministack;
use crate::harness::openbao::text;
use crate::vault::eventually;
use crate::vault::lent::{bucket, by_role, credential, lent_keys, lent_token, serves, start};

/// How long a token of this store lasts.
const LIFE: Duration = Duration::from_secs(2);

const GIB: u64 = 1024 * 1024 * 1024;

/// A body is cut here, and not before its token ended.
const CUT: u64 = 300 * 1024 * 1024;

const PIECE: u64 = 1024 * 1024;

/// The reader stops so often, until the credential has changed.
const STOP: u64 = 128 * 1024 * 1024;

/// A piece of the object: its number, then noise.
fn piece(number: u64, length: usize) -> Bytes {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let noise = (0..PIECE).scan(7_u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(state.to_be_bytes()[0])
        });
        noise.collect()
    });
    let mut piece = NOISE.clone();
    piece[..8].copy_from_slice(&number.to_be_bytes());
    piece.truncate(length);
    piece.into()
}

/// The digest of the whole object.
fn whole() -> Vec<u8> {
    let mut digest = Context::new(&SHA256);
    let length = usize::try_from(PIECE).expect("fits");
    (0..GIB / PIECE).for_each(|number| digest.update(&piece(number, length)));
    digest.finish().as_ref().to_vec()
}

/// A bucket of Google with one object of 1 GiB. It takes a token for as long as that lives, and cuts the connection that was
/// opened with it.
async fn strict_store(born: Instant) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(object).with_state(Arc::new(born));
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    (address, server)
}

async fn object(State(born): State<Arc<Instant>>, headers: HeaderMap) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let made = text("authorization").rsplit('-').next().and_then(|millis| millis.parse().ok());
    let Some(made) = made.map(|millis| *born + Duration::from_millis(millis)) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let ends = made + LIFE;
    if Instant::now() > ends {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let first = text("range").trim_start_matches("bytes=").split('-').next();
    let first: u64 = first.and_then(|first| first.parse().ok()).unwrap_or(0);
    let end = GIB.min(first + CUT);
    let pieces = stream::iter(first / PIECE..end.div_ceil(PIECE)).map(move |number| {
        let at = number * PIECE;
        let (skip, length) = (first.saturating_sub(at), PIECE.min(end - at));
        let [skip, length] = [skip, length].map(|bytes| usize::try_from(bytes).expect("fits"));
        Ok(piece(number, length).slice(skip..))
    });
    let cut = stream::once(async move {
        tokio::time::sleep_until(tokio::time::Instant::from_std(ends)).await;
        Err(std::io::Error::other("cut"))
    });
    let body = if end < GIB { pieces.chain(cut).boxed() } else { pieces.boxed() };
    let status = if first == 0 { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    let mut answer = Response::builder()
        .status(status)
        .header("content-length", GIB - first)
        .header("x-goog-generation", "7")
        .header("x-goog-stored-content-length", GIB)
        .header("last-modified", "Mon, 23 Nov 2026 08:00:00 GMT");
    if first > 0 {
        answer = answer.header("content-range", format!("bytes {first}-{}/{GIB}", GIB - 1));
    }
    answer.body(Body::from_stream(body)).expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_changes_under_a_download_of_a_gibibyte_without_a_break() {
    let born = Instant::now();
    let (store, _server) = strict_store(born).await;
    let engines = Engines::start(move |_, _| {
        lent_token(&format!("ya29.SECRET-{}", born.elapsed().as_millis()), LIFE.as_secs())
    })
    .await;
    let settings = by_role(&engines.address)
        + &credential("gcp", "vault-gcp", "account = \"static\"\nname = \"read\"")
        + &bucket("gcp", "logs", &format!("endpoint = \"{store}\""));
    let app = start(settings).await;
    let path = "/api/v1/buckets/gcp-logs/objects/team-a/big.log";
    let request = app.caller("ana", &["team-a"]).request(reqwest::Method::GET, path);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut body = answer.bytes_stream();
    let (mut got, mut digest) = (0, Context::new(&SHA256));
    let tokens = || engines.lent("gcp/static-account/read/token");
    while let Some(piece) = body.next().await {
        let piece = piece.expect("no break");
        digest.update(&piece);
        let before = got / STOP;
        got += u64::try_from(piece.len()).expect("fits");
        if got / STOP > before {
            let held = tokens();
            eventually(async || (tokens() > held).then_some(())).await;
        }
    }
    assert_eq!(got, GIB);
    assert_eq!(digest.finish().as_ref(), whole());
    // Each lasts two seconds and is replaced after one at the earliest.
    let most = born.elapsed().as_secs() + 2;
    assert!((8..=most).contains(&tokens()), "{} tokens, at most {most}", tokens());
    app.stop().await;
}

/// Keys of a user of its own for each lease.
async fn users(filled: &Filled, ttl: u64, max_ttl: u64) -> Engines {
    let mut made = Vec::new();
    for number in 0..6 {
        let user = format!("lent-{}-{number}", filled.aws);
        let keys = ministack().await.reader(&user, &filled.aws).await;
        let mut loan = Loan { max_ttl, ..lent_keys(&keys, ttl, true) };
        loan.data["user"] = json!(user);
        made.push(loan);
    }
    Engines::start(move |_, number| made[usize::try_from(number - 1).expect("fits")].clone()).await
}

async fn with_users(engines: &Engines, filled: &Filled) -> TestApp {
    let place = format!("endpoint = \"{}\"", ministack().await.endpoint());
    let settings = by_role(&engines.address)
        + &credential("aws", "vault-aws", "role = \"read\"\nmethod = \"creds\"\nsettle = \"1ms\"")
        + &bucket("aws", &filled.aws, &place);
    start(settings).await
}

#[tokio::test]
async fn a_lease_is_renewed_while_it_can_be_and_replaced_before_its_last_end() {
    let filled = four::fill().await;
    let engines = users(&filled, 3, 5).await;
    let app = with_users(&engines, &filled).await;
    serves(&app, "aws-logs").await;
    eventually(async || (engines.book().renewed >= 1).then_some(())).await;
    assert_eq!(engines.lent("aws/creds/read"), 1, "it was renewed, not replaced");
    eventually(async || {
        serves(&app, "aws-logs").await;
        (engines.lent("aws/creds/read") >= 3).then_some(())
    })
    .await;
    app.stop().await;
    assert_eq!(engines.out(), 0, "everything is given back at the end");
}

#[tokio::test]
async fn a_lease_that_was_revoked_at_vault_fails_once_and_is_replaced_by_one() {
    let filled = four::fill().await;
    let engines = users(&filled, 3600, 3600).await;
    let app = with_users(&engines, &filled).await;
    serves(&app, "aws-logs").await;
    for data in engines.revoke_all() {
        ministack().await.forget(&text(&data["user"]), &text(&data["access_key"])).await;
    }
    let ana = app.caller("ana", &["team-a"]);
    let path = "/api/v1/buckets/aws-logs/objects/team-a/app.log";
    ana.get(path).await.problem(502, "store-misconfigured");
    eventually(async || (ana.get(path).await.status == 200).then_some(())).await;
    assert_eq!(engines.lent("aws/creds/read"), 2, "one lease and no loop");
    app.stop().await;
}
