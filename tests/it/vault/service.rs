//! Vault in the running service: signed in from the start, told by readiness and metrics, given back at the end.

use serde_json::{Value, json};

use crate::harness::app::{Setup, TestApp};
use crate::harness::openbao::{OpenBao, openbao};
use crate::vault::{Place, Role, eventually, file};

/// A service that signs in by a role.
async fn service(bao: &OpenBao, role: &Role, secret_id: &str) -> TestApp {
    let secret_id = file(secret_id);
    let settings = format!(
        "\n[vault]\naddress = \"{}\"\nretry_least = \"200ms\"\nretry_most = \"500ms\"\n\
         [vault.sign_in]\nmethod = \"approle\"\nmount = \"{}\"\nrole_id = \"{}\"\nsecret_id = \"file:{}\"\n",
        bao.address(),
        role.mount,
        role.role_id,
        secret_id.display()
    );
    Setup { settings, ..Setup::default() }.start().await
}

async fn operators(app: &TestApp, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", app.operations)).await.expect("an answer");
    answer.text().await.expect("a body")
}

/// What readiness says of Vault.
async fn readiness(app: &TestApp) -> (String, Value) {
    let all: Value = serde_json::from_str(&operators(app, "/readyz").await).expect("JSON");
    let found = all["dependencies"].as_array().expect("a list").iter().find(|one| one["kind"] == "vault");
    (all["status"].as_str().expect("a status").to_owned(), found.expect("Vault is told").clone())
}

#[tokio::test]
async fn the_service_signs_in_at_its_start_and_gives_the_token_back_at_its_end() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let app = service(bao, &role, &role.secret_id(bao).await).await;
    eventually(async || (role.tokens(bao).await.len() == 1).then_some(())).await;
    let (status, vault) = readiness(&app).await;
    assert_eq!(status, "ready");
    assert_eq!((&vault["name"], &vault["ok"]), (&json!("Vault"), &json!(true)));
    assert!(vault["age_seconds"].is_u64() && vault.get("problem").is_none(), "{vault}");
    let metrics = operators(&app, "/metrics").await;
    assert!(metrics.contains("logboom_vault_signed_in 1\n"), "{metrics}");
    let left = metrics.lines().find_map(|line| line.strip_prefix("logboom_vault_token_seconds "));
    let left: u64 = left.and_then(|left| left.parse().ok()).expect("a number");
    assert!((3_000..=3_595).contains(&left), "of an hour: {left}");
    let counted = "logboom_vault_calls_total{operation=\"sign_in\",outcome=\"ok\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    app.stop().await;
    assert!(role.tokens(bao).await.is_empty());
}

#[tokio::test]
async fn a_sealed_vault_degrades_the_service_and_its_return_is_noticed() {
    let bao = OpenBao::start().await;
    let place = Place::make(&bao).await;
    let role = Role::make(&bao, &place, json!({})).await;
    let secret_id = role.secret_id(&bao).await;
    bao.seal().await;
    let app = service(&bao, &role, &secret_id).await;
    let (status, vault) = readiness(&app).await;
    assert_eq!((status.as_str(), &vault["problem"]), ("degraded", &json!("sealed")));
    let public = app.anonymous().get("/readyz").await;
    assert_eq!(public.status, 200, "buckets that need no Vault are served: {}", public.text());
    let metrics = operators(&app, "/metrics").await;
    assert!(metrics.contains("logboom_vault_signed_in 0\n"), "{metrics}");
    let counted = "logboom_vault_calls_total{operation=\"sign_in\",outcome=\"sealed\"}";
    assert!(metrics.contains(counted), "{metrics}");
    bao.unseal().await;
    eventually(async || (readiness(&app).await.0 == "ready").then_some(())).await;
    assert_eq!(role.tokens(&bao).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_refused_sign_in_is_told_as_one() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let mut role = Role::make(bao, &place, json!({})).await;
    role.role_id = "of-somebody-else".to_owned();
    let app = service(bao, &role, &role.secret_id(bao).await).await;
    let (status, vault) = readiness(&app).await;
    assert_eq!((status.as_str(), &vault["problem"]), ("degraded", &json!("sign-in-refused")));
    app.stop().await;
}
