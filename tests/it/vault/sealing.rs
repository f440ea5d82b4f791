//! Sealing under data keys of the transit engine: shared by replicas, rotated without a break, told when Vault is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use logboom::domain::secret::Secret;
use logboom::vault::key_ring::{KeyRing, Options};
use logboom::vault::seal::{Keys, Purpose, SealError, Sealer};
use logboom::vault::server::{SignIn, Vault};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::openbao::{OpenBao, name, openbao};
use crate::harness::site::{Browser, Site};
use crate::vault::{eventually, file, options, path, vault};

/// A key of the transit engine.
struct Transit {
    mount: String,
    key: String,
}

impl Transit {
    async fn make(bao: &OpenBao) -> Self {
        let mount = bao.mount("transit", &json!({})).await;
        let key = name("sessions");
        bao.put(&format!("{mount}/keys/{key}"), &json!({})).await;
        Self { mount, key }
    }

    async fn rotate(&self, bao: &OpenBao) {
        bao.put(&format!("{}/keys/{}/rotate", self.mount, self.key), &json!({})).await;
    }

    /// Gives up every version before this one.
    async fn forget_before(&self, bao: &OpenBao, version: u32) {
        let settings = json!({"min_decryption_version": version});
        bao.put(&format!("{}/keys/{}/config", self.mount, self.key), &settings).await;
    }

    fn options(&self, life: Duration) -> Options {
        Options::new(&path(&self.mount), &self.key, life).expect("a key")
    }

    fn ring(&self, bao: &OpenBao) -> KeyRing {
        KeyRing::new(root(bao), self.options(Duration::from_hours(1)))
    }

    /// What one replica seals sessions with.
    fn sealer(&self, bao: &OpenBao) -> Sealer {
        Sealer::new(Keys::vault(self.ring(bao), None).expect("keys"), Purpose::Session)
    }

    /// The same in a service's settings.
    fn settings(&self, bao: &OpenBao) -> String {
        format!(
            "\n[vault]\naddress = \"{}\"\nretry_least = \"200ms\"\nretry_most = \"400ms\"\ntimeout = \"2s\"\n\
             [vault.sign_in]\nmethod = \"token\"\ntoken = \"file:{}\"\n\
             [session.transit]\nkey = \"{}\"\nmount = \"{}\"\ndata_key_life = \"1s\"\n",
            bao.address(),
            file(bao.token()).display(),
            self.key,
            self.mount
        )
    }
}

fn root(bao: &OpenBao) -> Vault {
    vault(bao.address(), SignIn::Token(Secret::new(bao.token().to_owned())))
}

fn holds(sealed: &[u8], text: &str) -> bool {
    sealed.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn what_one_replica_sealed_another_opens_and_a_stranger_does_not() {
    let bao = openbao().await;
    let transit = Transit::make(bao).await;
    let sealed = transit.sealer(bao).seal(b"row", b"tokens").await.expect("sealed");
    assert!(holds(&sealed, "vault:v1:") && !holds(&sealed, "tokens"));
    let other = transit.sealer(bao);
    assert_eq!(other.open(b"row", &sealed).await.expect("opened").expose(), b"tokens");
    assert_eq!(other.open(b"another row", &sealed).await.unwrap_err(), SealError::NotOurs);
    let stranger = Transit::make(bao).await.sealer(bao);
    assert_eq!(stranger.open(b"row", &sealed).await.unwrap_err(), SealError::NotOurs);
    let local = Sealer::new(Keys::local(&Secret::new([7; 32])).expect("keys"), Purpose::Session);
    assert_eq!(local.open(b"row", &sealed).await.unwrap_err(), SealError::NotOurs);
}

#[tokio::test]
async fn no_flipped_or_missing_byte_goes_unnoticed() {
    let bao = openbao().await;
    let transit = Transit::make(bao).await;
    let sealer = transit.sealer(bao);
    let kept = sealer.seal(b"row", b"tokens").await.expect("sealed");
    for at in 0..kept.len() {
        let mut bad = kept.clone();
        bad[at] ^= 1;
        assert_eq!(sealer.open(b"row", &bad).await.unwrap_err(), SealError::NotOurs, "byte {at}");
        assert_eq!(sealer.open(b"row", &kept[..at]).await.unwrap_err(), SealError::NotOurs, "cut at {at}");
    }
}

#[tokio::test]
async fn all_that_is_sealed_at_one_instant_is_sealed_under_one_key() {
    let bao = openbao().await;
    let transit = Transit::make(bao).await;
    let sealer = transit.sealer(bao);
    let kept = join_all((0..200).map(|_| sealer.seal(b"row", b"tokens"))).await;
    let mut keys: Vec<_> = kept.into_iter().map(|kept| kept.expect("sealed")[..92].to_vec()).collect();
    keys.dedup();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn a_new_version_of_vaults_key_is_taken_up_and_the_old_one_still_opens() {
    let bao = openbao().await;
    let transit = Transit::make(bao).await;
    let ring = KeyRing::new(root(bao), transit.options(Duration::from_secs(1)));
    let keys = Keys::vault(ring, None).expect("keys");
    let sealer = Sealer::new(keys.clone(), Purpose::Session);
    let old = sealer.seal(b"row", b"tokens").await.expect("sealed");
    assert!(!sealer.is_outdated(&old));
    transit.rotate(bao).await;
    let ring = Arc::clone(keys.ring().expect("a ring"));
    let stop = CancellationToken::new();
    let changed = eventually(async || {
        let kept = sealer.seal(b"row", b"tokens").await.ok()?;
        holds(&kept, "vault:v2:").then_some(kept)
    });
    let new = tokio::select! {
        () = ring.keep_fresh(&stop) => panic!("it was not stopped"),
        new = changed => new,
    };
    assert!(sealer.is_outdated(&old) && !sealer.is_outdated(&new));
    // Also for a process that never saw the old key.
    let fresh = transit.sealer(bao);
    assert_eq!(fresh.open(b"row", &old).await.expect("opened").expose(), b"tokens");
    transit.forget_before(bao, 2).await;
    assert_eq!(transit.sealer(bao).open(b"row", &old).await.unwrap_err(), SealError::NotOurs);
    assert_eq!(transit.sealer(bao).open(b"row", &new).await.expect("opened").expose(), b"tokens");
}

#[tokio::test]
async fn what_a_local_key_sealed_before_still_opens_and_is_to_be_sealed_anew() {
    let bao = openbao().await;
    let transit = Transit::make(bao).await;
    let local = Secret::new([7; 32]);
    let before = Sealer::new(Keys::local(&local).expect("keys"), Purpose::Session);
    let sealed = before.seal(b"row", b"tokens").await.expect("sealed");
    let after = Sealer::new(Keys::vault(transit.ring(bao), Some(&local)).expect("keys"), Purpose::Session);
    assert_eq!(after.open(b"row", &sealed).await.expect("opened").expose(), b"tokens");
    assert!(after.is_outdated(&sealed));
    let without = transit.sealer(bao);
    assert_eq!(without.open(b"row", &sealed).await.unwrap_err(), SealError::NotOurs);
}

#[tokio::test]
async fn while_vault_is_sealed_keys_at_hand_go_on_and_others_are_told_in_time() {
    let bao = OpenBao::start().await;
    let transit = Transit::make(&bao).await;
    let (working, fresh) = (transit.sealer(&bao), transit.sealer(&bao));
    let sealed = working.seal(b"row", b"tokens").await.expect("sealed");
    bao.seal().await;
    let again = working.seal(b"row", b"more").await.expect("sealed");
    assert_eq!(working.open(b"row", &again).await.expect("opened").expose(), b"more");
    let began = Instant::now();
    let told = join_all((0..100).map(|_| fresh.open(b"row", &sealed))).await;
    assert!(told.iter().all(|told| matches!(told, Err(SealError::Away))));
    let limit = options(bao.address(), SignIn::Token(Secret::new(String::new()))).timeout;
    assert!(began.elapsed() < limit + Duration::from_secs(1), "{:?}", began.elapsed());
    bao.unseal().await;
    let opened = eventually(async || fresh.open(b"row", &sealed).await.ok()).await;
    assert_eq!(opened.expose(), b"tokens");
}

#[tokio::test]
async fn sessions_outlive_a_rotation_a_restart_and_a_sealed_vault() {
    let bao = OpenBao::start().await;
    let transit = Transit::make(&bao).await;
    let site = Site::start_with(&transit.settings(&bao)).await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    assert_eq!(browser.session().await.json()["subject"], "ana");
    let stored = || std::fs::read(site.folder().join("state.db")).unwrap_or_default();
    let log = || std::fs::read(site.folder().join("state.db-wal")).unwrap_or_default();
    assert!(
        holds(&stored(), "vault:v1:") || holds(&log(), "vault:v1:"),
        "the state store has the wrapped key"
    );
    transit.rotate(&bao).await;
    // The session is used, and so sealed anew under the new version.
    eventually(async || {
        let fresh = site.replica().await;
        let answer = browser.clone().moved_to(&fresh).session().await;
        assert_eq!(answer.json()["subject"], "ana");
        fresh.stop().await;
        (holds(&stored(), "vault:v2:") || holds(&log(), "vault:v2:")).then_some(())
    })
    .await;
    bao.seal().await;
    assert_eq!(browser.session().await.status, 200, "its key is at hand");
    let fresh = site.replica().await;
    let mut moved = browser.clone().moved_to(&fresh);
    let answer = moved.session().await;
    answer.is_problem(503, "vault-unavailable");
    assert!(!answer.header("retry-after").is_empty());
    Browser::at(&fresh).get("/auth/login").await.is_problem(503, "vault-unavailable");
    let token = site.access_token(&json!({}));
    assert_eq!(Browser::at(&fresh).get_with("/api/v1/session", &token).await.status, 200);
    bao.unseal().await;
    eventually(async || (moved.clone().session().await.status == 200).then_some(())).await;
}
