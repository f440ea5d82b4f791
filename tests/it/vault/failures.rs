//! What callers are told when Vault fails, and that it goes on by itself when Vault comes back.

use std::time::{Duration, Instant};

use logboom::domain::secret::Secret;
use logboom::vault::server::{SignIn, Vault, VaultError, VaultErrorKind, VaultOperation};
use serde_json::json;

use crate::harness::faults::{Fault, FaultProxy};
use crate::harness::openbao::{OpenBao, openbao};
use crate::harness::recorder::Recorder;
use crate::vault::{Place, Role, options, path, vault};

#[tokio::test]
async fn a_sealed_vault_is_told_and_forgotten_when_it_is_unsealed() {
    let bao = OpenBao::start().await;
    let place = Place::make(&bao).await;
    let role = Role::make(&bao, &place, json!({})).await;
    let known = vault(bao.address(), role.sign_in(&bao).await);
    let late = vault(bao.address(), role.sign_in(&bao).await);
    place.read(&known).await.expect("it reads");

    bao.seal().await;
    let sealed = place.read(&known).await.expect_err("it is sealed");
    assert_eq!((sealed.kind, sealed.signing_in), (VaultErrorKind::Sealed, false));
    let sealed = place.read(&late).await.expect_err("it is sealed");
    assert_eq!((sealed.kind, sealed.signing_in), (VaultErrorKind::Sealed, true));
    assert!(sealed.retry_after.is_some());

    bao.unseal().await;
    assert_eq!(place.read_in_time(&known).await, "timber");
    assert_eq!(place.read_in_time(&late).await, "timber");
    assert_eq!((known.generation(), late.generation()), (1, 1));
}

/// Somebody signed in, through a proxy.
async fn through(proxy: &FaultProxy, bao: &OpenBao) -> (Place, Vault) {
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let mut options = options(&format!("http://127.0.0.1:{}", proxy.port()), role.sign_in(bao).await);
    options.timeout = Duration::from_secs(1);
    let vault = Vault::new(options).expect("a client");
    place.read(&vault).await.expect("it reads");
    (place, vault)
}

async fn fails_in_time(place: &Place, vault: &Vault) -> VaultError {
    let asked = Instant::now();
    let error = place.read(vault).await.expect_err("it cannot work");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    error
}

#[tokio::test]
async fn a_vault_that_is_gone_slow_or_cut_off_is_unreachable_in_time_and_used_again_after_it() {
    let bao = OpenBao::start().await;
    let proxy = FaultProxy::to(bao.port());
    let (place, vault) = through(&proxy, &bao).await;
    for fault in [Fault::Refuse, Fault::Stall, Fault::CutAfter(120)] {
        proxy.set(fault);
        let error = fails_in_time(&place, &vault).await;
        assert_eq!(error.kind, VaultErrorKind::Unreachable, "{fault:?}: {error}");
        proxy.set(Fault::None);
        assert_eq!(place.read_in_time(&vault).await, "timber", "{fault:?}");
    }
    assert_eq!(vault.generation(), 1, "the token outlived all of it");
}

#[tokio::test]
async fn a_first_sign_in_that_hangs_is_given_up_in_time_by_everybody() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let port = bao.address().rsplit(':').next().and_then(|port| port.parse().ok());
    let proxy = FaultProxy::to(port.expect("a port"));
    proxy.set(Fault::Stall);
    let mut options = options(&format!("http://127.0.0.1:{}", proxy.port()), role.sign_in(bao).await);
    options.timeout = Duration::from_millis(500);
    let vault = Vault::new(options).expect("a client");
    let all = futures::future::join_all((0..50).map(|_| fails_in_time(&place, &vault))).await;
    assert!(all.iter().all(|error| error.kind == VaultErrorKind::Unreachable));
    proxy.set(Fault::None);
    assert_eq!(place.read_in_time(&vault).await, "timber");
}

#[tokio::test]
async fn everybody_who_waited_for_vault_makes_one_sign_in_when_it_returns() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let port = bao.address().rsplit(':').next().and_then(|port| port.parse().ok());
    let proxy = FaultProxy::to(port.expect("a port"));
    proxy.set(Fault::Refuse);
    let options = options(&format!("http://127.0.0.1:{}", proxy.port()), role.sign_in(bao).await);
    let vault = Vault::new(options).expect("a client");
    let all = futures::future::join_all((0..200).map(|_| fails_in_time(&place, &vault))).await;
    assert!(all.iter().all(|error| error.signing_in && error.retry_after.is_some()));
    proxy.set(Fault::None);
    let read = futures::future::join_all((0..200).map(|_| place.read_in_time(&vault))).await;
    assert!(read.iter().all(|word| word == "timber"));
    assert_eq!(role.tokens(bao).await.len(), 1, "as the server counts");
    let signed_in = vault.counts().get(&(VaultOperation::SignIn, None)).copied();
    assert_eq!(signed_in, Some(1));
}

/// What a client is told by a server that answers everything the same.
async fn told(answer: &'static [u8]) -> VaultError {
    let server = Recorder::http(move |_| answer.to_vec()).await;
    let token = Secret::new("SECRET-token".to_owned());
    let vault = vault(&format!("http://{}", server.addr()), SignIn::Token(token));
    let place = Place { path: path("kv/SECRET-path"), policy: String::new() };
    let error = place.read(&vault).await.expect_err("no good answer");
    assert!(!format!("{error:?} {error}").contains("SECRET"), "{error:?}");
    error
}

#[tokio::test]
async fn each_refusal_has_its_kind_and_the_wait_that_vault_asks_for() {
    let busy = told(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!((busy.kind, busy.retry_after), (VaultErrorKind::Throttled, Some(Duration::from_secs(7))));
    let standby = told(b"HTTP/1.1 473 x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(standby.kind, VaultErrorKind::Standby);
    let disaster = told(b"HTTP/1.1 472 x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(disaster.kind, VaultErrorKind::Sealed);
    let failed =
        told(b"HTTP/1.1 500 x\r\ncontent-length: 30\r\n\r\n{\"errors\":[\"SECRET came here\"]").await;
    assert_eq!(failed.kind, VaultErrorKind::Failed);
}

#[tokio::test]
async fn a_standby_that_has_not_heard_of_the_token_yet_is_asked_again() {
    let asked = std::sync::atomic::AtomicU32::new(0);
    let server = Recorder::http(move |_| {
        if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
            return b"HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n".to_vec();
        }
        b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"data\":{\"word\":\"timber\"}}".to_vec()
    })
    .await;
    let vault = vault(&format!("http://{}", server.addr()), SignIn::Token(Secret::new("SECRET".to_owned())));
    let place = Place { path: path("kv/known"), policy: String::new() };
    assert_eq!(place.read(&vault).await.expect("it has heard of it"), "timber");
    assert_eq!(server.requests().len(), 3);
    let behind = told(b"HTTP/1.1 412 x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(behind.kind, VaultErrorKind::Standby);
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let thief = Recorder::http(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()).await;
    let target = format!("http://{}/v1/kv/known", thief.addr());
    let server = Recorder::http(move |_| {
        format!("HTTP/1.1 307 x\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n").into_bytes()
    })
    .await;
    let vault = vault(&format!("http://{}", server.addr()), SignIn::Token(Secret::new("SECRET".to_owned())));
    let place = Place { path: path("kv/known"), policy: String::new() };
    assert_eq!(place.read(&vault).await.expect_err("a redirect").kind, VaultErrorKind::Standby);
    assert!(thief.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_json_or_has_no_end_is_refused() {
    let garbled = told(b"HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{\"data\": SECRET-broken").await;
    assert_eq!(garbled.kind, VaultErrorKind::Unexpected);
    let mistyped =
        told(b"HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{\"data\":{\"word\":[\"SECRET\"]}}").await;
    assert_eq!(mistyped.kind, VaultErrorKind::Unexpected);
    let endless: &'static [u8] = {
        let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\": \"".to_vec();
        answer.resize(8 * 1024 * 1024, b'x');
        answer.leak()
    };
    assert_eq!(told(endless).await.kind, VaultErrorKind::Unexpected);
}
