//! Staying signed in: one sign-in for all, renewals, replacements, the end.

use std::collections::BTreeSet;
use std::time::Instant;

use logboom::vault::server::{SignIn, Standing, VaultErrorKind};
use serde_json::json;

use crate::harness::openbao::openbao;
use crate::harness::recorder::Recorder;
use crate::harness::tap::Tap;
use crate::vault::{Place, Role, eventually, path, vault};

#[tokio::test]
async fn two_hundred_first_requests_make_one_sign_in() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    let read = futures::future::join_all((0..200).map(|_| place.read(&vault))).await;
    assert!(read.iter().all(|word| word.as_deref().is_ok_and(|word| word == "timber")));
    assert_eq!(role.tokens(bao).await.len(), 1, "as the server counts");
    assert_eq!(vault.generation(), 1);
}

#[tokio::test]
async fn a_first_caller_who_hangs_up_does_not_undo_the_sign_in() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    // Polled once: the request is under way when its caller goes.
    assert!(futures::poll!(std::pin::pin!(place.read(&vault))).is_pending());
    eventually(async || (vault.generation() == 1).then_some(())).await;
    place.read(&vault).await.expect("it reads");
    assert_eq!(role.tokens(bao).await.len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({"token_period": "4s"})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    place.read(&vault).await.expect("it reads");
    let [accessor] = role.tokens(bao).await.try_into().expect("one token");
    let renewals = tokio::sync::Mutex::new(BTreeSet::new());
    eventually(async || {
        let token = bao.put("auth/token/lookup-accessor", &json!({"accessor": accessor})).await;
        let ttl = token["data"]["ttl"].as_u64().expect("a number");
        assert!(ttl >= 1, "renewed before two thirds of 4 s are gone");
        let mut renewals = renewals.lock().await;
        renewals.extend(token["data"]["last_renewal_time"].as_u64());
        (renewals.len() == 3).then_some(())
    })
    .await;
    assert_eq!(place.read(&vault).await.expect("it reads"), "timber");
    assert_eq!(vault.generation(), 1, "it is still the first one");
}

#[tokio::test]
async fn a_token_that_comes_to_its_last_end_is_replaced_ahead_of_it() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({"token_ttl": "4s", "token_max_ttl": "6s"})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    place.read(&vault).await.expect("it reads");
    eventually(async || {
        place.read(&vault).await.expect("no request is refused meanwhile");
        (vault.generation() == 3).then_some(())
    })
    .await;
    vault.close().await;
    assert!(role.tokens(bao).await.is_empty(), "those that were replaced are given back too");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_replaced() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({"token_type": "batch", "token_ttl": "4s"})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    place.read(&vault).await.expect("it reads");
    eventually(async || {
        place.read(&vault).await.expect("no request is refused meanwhile");
        (vault.generation() == 2).then_some(())
    })
    .await;
    vault.close().await;
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_within_the_request_that_finds_out() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    place.read(&vault).await.expect("it reads");
    let [accessor] = role.tokens(bao).await.try_into().expect("one token");
    // Tokens that are younger than the least pause are not replaced.
    eventually(async || {
        let token = bao.put("auth/token/lookup-accessor", &json!({"accessor": accessor})).await;
        let age = jiff::Timestamp::now().as_second() - token["data"]["creation_time"].as_i64()?;
        (age >= 2).then_some(())
    })
    .await;
    bao.put("auth/token/revoke-accessor", &json!({"accessor": accessor})).await;
    let read = futures::future::join_all((0..50).map(|_| place.read(&vault))).await;
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    assert_eq!(role.tokens(bao).await.len(), 1);
    assert_eq!(vault.generation(), 2);
}

#[tokio::test]
async fn a_path_that_the_policies_do_not_allow_is_denied_without_a_new_sign_in() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let tap = Tap::before(bao.address()).await;
    let vault = vault(&tap.address, role.sign_in(bao).await);
    place.read(&vault).await.expect("it reads");
    let elsewhere = path(&format!("{}-elsewhere", place.path));
    let began = Instant::now();
    for _ in 0..20 {
        let denied = vault.read::<serde_json::Value>(&elsewhere).await.expect_err("it is not allowed");
        assert_eq!(denied.kind, VaultErrorKind::Denied);
        assert!(!denied.signing_in);
        assert!(!format!("{denied:?}").contains("elsewhere"));
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
    let looked = tap.asked().iter().filter(|path| path.ends_with("/lookup-self")).count();
    let pauses = began.elapsed().as_millis() / 300;
    assert!(looked >= 1 && looked as u128 <= pauses + 1, "one look in each pause: {looked} in {pauses}");
    assert_eq!(vault.generation(), 1);
    assert_eq!(role.tokens(bao).await.len(), 1);
}

#[tokio::test]
async fn closing_gives_the_token_back() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let vault = vault(bao.address(), role.sign_in(bao).await);
    place.read(&vault).await.expect("it reads");
    assert_eq!(role.tokens(bao).await.len(), 1);
    vault.close().await;
    assert_eq!(role.tokens(bao).await.len(), 0);
    assert_eq!(vault.standing(), Standing::Closed);
    assert!(place.read(&vault).await.expect_err("it is closed").to_string().contains("closed"));
}

#[tokio::test]
async fn a_sign_in_that_fails_is_not_tried_for_each_request() {
    let refusing = Recorder::http(|_| {
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 44\r\n\r\n{\"errors\":[\"invalid role or secret ID SECRET\"".to_vec()
    })
    .await;
    let role = Role { mount: "approle".to_owned(), role_id: "r".to_owned() };
    let text =
        logboom::vault::fixed::SecretText::Value(logboom::domain::secret::Secret::new("SECRET".to_owned()));
    let by = role.by(logboom::vault::server::sign_in::SecretId::Plain(text));
    let mut options = crate::vault::options(&format!("http://{}", refusing.addr()), by);
    options.pauses.least = std::time::Duration::from_secs(5);
    options.pauses.most_refused = std::time::Duration::from_secs(9);
    let vault = logboom::vault::server::Vault::new(options).expect("a client");
    let place = Place { path: path("kv/known"), policy: String::new() };
    for _ in 0..5 {
        for refused in futures::future::join_all((0..40).map(|_| place.read(&vault))).await {
            let refused = refused.expect_err("the role is refused");
            assert_eq!(refused.kind, VaultErrorKind::Refused);
            assert!(refused.retry_after.is_some_and(|wait| wait.as_secs() >= 3 && wait.as_secs() <= 9));
            assert!(!format!("{refused:?}").contains("SECRET"));
        }
    }
    assert_eq!(refusing.requests().len(), 1);
    assert_eq!(vault.standing(), Standing::Failing { kind: VaultErrorKind::Refused });
}

#[tokio::test]
async fn a_fixed_token_is_used_as_it_is() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let token = logboom::domain::secret::Secret::new(bao.token().to_owned());
    let vault = vault(bao.address(), SignIn::Token(token));
    assert_eq!(place.read(&vault).await.expect("it reads"), "timber");
    vault.close().await;
    bao.get("auth/token/lookup-self").await;
}
