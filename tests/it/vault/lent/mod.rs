//! Buckets whose credentials are lent: by Vault's engines, or by a cloud for a proof of identity.

use std::fmt::Write;

use logboom::domain::credential::Credential;
use logboom::domain::secret::Secret;
use serde_json::{Value, json};

use crate::doubles::gcs::account;
use crate::doubles::vault::Loan;
use crate::harness::app::{Setup, TestApp};
use crate::harness::azurite::{self, Azurite};
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::four::{BUCKETS, Filled};
use crate::harness::ministack::{Ministack, ministack};
use crate::harness::openbao::OpenBao;
use crate::vault::file;

mod engines;
mod failing;
mod federated;
mod held;
mod key_value;
mod live_check;
mod rotation;
mod searching;

/// How fast everything is looked after in these tests.
const TIMES: &str = "\n[leases]\nwait = \"2s\"\nkv_refresh = \"1s\"\nretry_least = \"200ms\"\n\
    retry_most = \"500ms\"\nretry_most_refused = \"500ms\"\n";

/// The settings of the double, signed in to by an AppRole.
fn by_role(address: &str) -> String {
    let secret_id = file("SECRET-id");
    format!(
        "\n[vault]\naddress = \"{address}\"\ntimeout = \"2s\"\nretry_least = \"200ms\"\nretry_most = \"500ms\"\n\
         [vault.sign_in]\nmethod = \"approle\"\nrole_id = \"r\"\nsecret_id = \"file:{}\"\n{TIMES}",
        secret_id.display()
    )
}

/// The settings of a Vault that knows a token.
fn signed_in(address: &str, token: &str) -> String {
    let token = file(token);
    format!(
        "\n[vault]\naddress = \"{address}\"\ntimeout = \"2s\"\nretry_least = \"200ms\"\nretry_most = \"500ms\"\n\
         [vault.sign_in]\nmethod = \"token\"\ntoken = \"file:{}\"\n{TIMES}",
        token.display()
    )
}

/// A lent credential.
pub(super) fn credential(name: &str, kind: &str, settings: &str) -> String {
    format!("\n[credentials.{name}]\nkind = \"{kind}\"\n{settings}\n")
}

/// A bucket at each provider, each with a credential of that provider's name.
pub(super) async fn buckets(filled: &Filled) -> String {
    let aws = format!("endpoint = \"{}\"", ministack().await.endpoint());
    let gcp = format!("endpoint = \"{}\"", fake_gcs().await.endpoint());
    let azure = Azurite::shared().await.endpoint();
    let azure = format!("account = \"{}\"\nendpoint = \"{azure}\"", azurite::ACCOUNT);
    let directory = filled.file.display().to_string();
    let all = [
        ("aws", &filled.aws, aws),
        ("gcp", &filled.gcp, gcp),
        ("azure", &filled.azure, azure),
        ("file", &directory, String::new()),
    ];
    let mut text = String::new();
    for (provider, native, place) in all {
        text += &bucket(provider, native, &place);
    }
    text
}

/// The bucket `PROVIDER-logs`.
pub(super) fn bucket(provider: &str, native: &str, place: &str) -> String {
    let mut text = String::new();
    write!(
        text,
        "\n[buckets.{provider}-logs]\nprovider = \"{provider}\"\nname = \"{native}\"\nowner = \"owners\"\n\
         label = \"confidential\"\ncredential = \"{provider}\"\n{place}\n"
    )
    .expect("memory");
    text
}

async fn start(settings: String) -> TestApp {
    Setup { settings, ..Setup::default() }.start().await
}

/// A bucket lists and reads.
async fn serves(app: &TestApp, bucket: &str) {
    let ana = app.caller("ana", &["team-a"]);
    let listed = ana.get(&format!("/api/v1/buckets/{bucket}/objects?prefix=team-a/")).await.json();
    assert_eq!(listed["objects"].as_array().map(Vec::len), Some(7), "{bucket}: {listed}");
    let read = ana.get(&format!("/api/v1/buckets/{bucket}/objects/team-a/app.log")).await;
    assert_eq!((read.status, read.text().as_ref()), (200, crate::harness::four::APP_LOG), "{bucket}");
}

/// All four list and read.
async fn all_serve(app: &TestApp) {
    for bucket in BUCKETS {
        serves(app, bucket).await;
    }
}

async fn operators(app: &TestApp, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", app.operations)).await.expect("an answer");
    answer.text().await.expect("a body")
}

/// The root keys as a secret holds them.
fn aws_keys() -> Value {
    keys(&Ministack::root())
}

fn keys(credential: &Credential) -> Value {
    let Credential::AwsKeys { access_key_id, secret_access_key, .. } = credential else { panic!("keys") };
    json!({"access_key_id": access_key_id, "secret_access_key": secret_access_key.expose()})
}

/// Keys as the AWS engine lends them.
pub(super) fn lent_keys(credential: &Credential, ttl: u64, renewable: bool) -> Loan {
    let Credential::AwsKeys { access_key_id, secret_access_key, session_token } = credential else {
        panic!("keys")
    };
    let token = session_token.as_ref().map(Secret::expose);
    let data = json!({"access_key": access_key_id, "secret_key": secret_access_key.expose(),
        "security_token": token, "session_token": token});
    Loan { data, ttl, max_ttl: 3600, renewable }
}

/// A token as the GCP engine lends it.
pub(super) fn lent_token(token: &str, ttl: u64) -> Loan {
    let data = json!({"token": token, "token_ttl": ttl, "expires_at_seconds": 1});
    Loan { data, ttl: 0, max_ttl: 0, renewable: false }
}

/// The service account as a secret holds it.
fn gcp_key() -> Value {
    let Credential::GcpServiceAccountKey(key) = account::credential() else { panic!("a key") };
    json!({"key": key.expose()})
}

/// A KV engine with a secret for each provider, and the credentials that refer to it.
pub(super) async fn key_values(bao: &OpenBao) -> (String, String) {
    let mount = bao.mount("kv", &json!({"version": "2"})).await;
    let mut settings = String::new();
    for (name, holds, data) in [
        ("aws", "aws-keys", aws_keys()),
        ("gcp", "gcp-service-account-key", gcp_key()),
        ("azure", "azure-account-key", json!({"account_key": azurite::ACCOUNT_KEY})),
        ("file", "aws-keys", aws_keys()),
    ] {
        write_secret(bao, &mount, name, &data).await;
        let place = format!("mount = \"{mount}\"\npath = \"logs/{name}\"\nholds = \"{holds}\"");
        settings += &credential(name, "vault-kv", &place);
    }
    (mount, settings)
}

/// Writes a new version. The engine may need a moment after it was mounted.
async fn write_secret(bao: &OpenBao, mount: &str, name: &str, data: &Value) {
    let path = format!("{mount}/data/logs/{name}");
    crate::vault::eventually(async || {
        let body = json!({"data": data});
        let (status, _) = bao.ask_as(bao.token(), reqwest::Method::POST, &path, &body).await;
        (status == 200).then_some(())
    })
    .await;
}
