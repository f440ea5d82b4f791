//! Credentials of the AWS, GCP and Azure engines, used at the clouds' emulators.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use crate::doubles::tokens::Tokens;
use crate::doubles::vault::{Engines, Loan};
use crate::harness::app::TestApp;
use crate::harness::four::{self, Filled};
use crate::harness::ministack::ministack;
use crate::vault::eventually;
use crate::vault::lent::{
    all_serve, bucket, buckets, by_role, credential, lent_keys, lent_token, operators, serves, start,
};

/// Lends at all engines, for one bucket of each cloud.
async fn engines(filled: &Filled, ttl: u64) -> Engines {
    let session = ministack().await.session(&filled.aws).await;
    Engines::start(move |path, number| match path.split('/').next() {
        Some("aws") => lent_keys(&session, ttl, false),
        Some("gcp") => lent_token(&format!("ya29.SECRET-{number}"), ttl),
        _ => {
            let secret = format!("SECRET-{number}");
            let data = json!({"client_id": format!("principal-{number}"), "client_secret": secret});
            Loan { data, ttl, max_ttl: 3600, renewable: true }
        }
    })
    .await
}

/// A credential of each engine.
fn credentials(entra: &Tokens) -> String {
    let azure = format!(
        "role = \"read\"\ntenant_id = \"t\"\nauthority = \"{}\"\npropagation = \"10s\"",
        entra.address
    );
    credential("aws", "vault-aws", "role = \"read\"\nttl = \"900s\"")
        + &credential("gcp", "vault-gcp", "account = \"impersonated\"\nname = \"read\"")
        + &credential("azure", "vault-azure", &azure)
        + &credential("file", "vault-aws", "role = \"file\"")
}

async fn four_lent(ttl: u64, unknown: usize) -> (Engines, Tokens, TestApp, Filled) {
    let filled = four::fill().await;
    let (engines, entra) = (engines(&filled, ttl).await, Tokens::start(unknown).await);
    let settings = by_role(&engines.address) + &credentials(&entra) + &buckets(&filled).await;
    (engines, entra, start(settings).await, filled)
}

#[tokio::test]
async fn all_four_providers_are_read_with_what_the_engines_lend() {
    let (engines, entra, app, _) = four_lent(3600, 2).await;
    for bucket in ["aws-logs", "gcp-logs", "file-logs"] {
        serves(&app, bucket).await;
    }
    // Entra did not know the principal at once; nobody who asked meanwhile made a second one.
    let ana = app.caller("ana", &["team-a"]);
    let path = "/api/v1/buckets/azure-logs/objects?prefix=team-a/";
    eventually(async || (ana.get(path).await.status == 200).then_some(())).await;
    serves(&app, "azure-logs").await;
    assert_eq!(entra.asked().len(), 3, "two refusals and a token");
    assert_eq!(engines.lent("azure/creds/read"), 1);
    assert_eq!(engines.book().asked["aws/sts/read"], json!({"ttl": "900s"}));
    app.stop().await;
    assert_eq!(engines.out(), 0, "everything is given back at the end");
}

#[tokio::test]
async fn two_hundred_first_requests_at_once_make_one_sign_in_and_one_lease_for_each_bucket() {
    let (engines, _entra, app, _) = four_lent(3600, 0).await;
    let people: Vec<_> = (0..20).map(|one| app.caller(&format!("person-{one}"), &["team-a"])).collect();
    let read = |number: usize| {
        let (bucket, person) = (four::BUCKETS[number % 4], people[number % 20].clone());
        async move { person.get(&format!("/api/v1/buckets/{bucket}/objects/team-a/app.log")).await.status }
    };
    let answers = join_all((0..200).map(read)).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 200, "{answers:?}");
    assert_eq!(engines.book().logins, 1);
    let lent = engines.book().lent.clone();
    assert_eq!(lent.len(), 4);
    assert!(lent.values().all(|count| *count == 1), "{lent:?}");
    app.stop().await;
}

#[tokio::test]
async fn each_of_many_who_wait_for_a_credential_that_is_late_is_told_in_time() {
    let (engines, _entra, app, _) = four_lent(3600, 1000).await;
    let read = async |one: usize| {
        let asked = Instant::now();
        let person = app.caller(&format!("person-{one}"), &["team-a"]);
        let answer = person.get("/api/v1/buckets/azure-logs/objects/team-a/app.log").await;
        answer.problem(503, "credentials-unavailable");
        asked.elapsed()
    };
    let waits = join_all((0..20).map(read)).await;
    // `leases.wait` is two seconds.
    assert!(waits.iter().all(|wait| *wait < Duration::from_secs(4)), "{waits:?}");
    assert_eq!(engines.lent("azure/creds/read"), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_session_narrowed_to_one_bucket_reads_that_bucket_and_no_other() {
    let (engines, _entra, app, filled) = four_lent(3600, 0).await;
    serves(&app, "aws-logs").await;
    app.stop().await;
    let s3 = ministack().await;
    let other = s3.make_bucket().await;
    s3.put(&other, "team-a/app.log", "SECRET").await;
    let place = format!("endpoint = \"{}\"", s3.endpoint());
    let settings = by_role(&engines.address)
        + &credential("aws", "vault-aws", "role = \"read\"")
        + &bucket("aws", &other, &place);
    let app = start(settings).await;
    let ana = app.caller("ana", &["team-a"]);
    let before = engines.lent("aws/sts/read");
    for _ in 0..5 {
        let refused = ana.get("/api/v1/buckets/aws-logs/objects/team-a/app.log").await;
        refused.problem(502, "store-misconfigured");
        assert!(!refused.text().contains(&filled.aws));
    }
    assert_eq!(engines.lent("aws/sts/read"), before + 1, "a refusal alone makes no new lease");
    app.stop().await;
}

/// The policies in the manual for admins, with the names of its roles.
fn documented() -> Vec<(String, String)> {
    let manual = include_str!("../../../../docs/admin/vault.md");
    let rules = manual.split("path \"").skip(1).filter_map(|rule| {
        let (path, rest) = rule.split_once('"')?;
        let capability = rest.split_once("capabilities = [\"")?.1.split_once('"')?.0;
        Some((path.to_owned(), capability.to_owned()))
    });
    rules.collect()
}

#[tokio::test]
async fn no_more_is_asked_of_vault_than_the_manual_has_in_its_policies() {
    let (engines, _entra, app, _) = four_lent(3, 0).await;
    all_serve(&app).await;
    eventually(async || (engines.book().renewed >= 1).then_some(())).await;
    app.stop().await;
    let documented = documented();
    let signing_in = |path: &str| path.starts_with("auth/approle/") || path == "sys/health";
    let wanted = engines.book().wanted.clone();
    for (path, capability) in wanted.iter().filter(|(path, _)| !signing_in(path)) {
        // The manual's roles have names of their own.
        let is_it = |rule: &str, path: &str| {
            ["pay", "checkout", "ledger"].iter().any(|role| rule.replace(role, "read") == path)
        };
        let mut rules = documented.iter().filter(|(_, allowed)| allowed == capability);
        // The fourth bucket's role is another one at the same engine.
        let path = &path.replace("aws/sts/file", "aws/sts/read");
        assert!(rules.any(|(rule, _)| is_it(rule, path)), "{capability} on {path}: {documented:?}");
    }
    for engine in
        ["aws/sts/read", "gcp/impersonated-account/read/token", "azure/creds/read", "sys/leases/renew"]
    {
        assert!(wanted.iter().any(|(path, _)| path == engine), "{engine}: {wanted:?}");
    }
}

#[tokio::test]
async fn readiness_and_metrics_tell_age_and_state_of_each_lease_and_nothing_else() {
    let (_engines, _entra, app, _) = four_lent(3600, 0).await;
    all_serve(&app).await;
    let ready: serde_json::Value = serde_json::from_str(&operators(&app, "/readyz").await).expect("JSON");
    let all = ready["dependencies"].as_array().expect("a list").clone();
    for name in ["aws", "gcp", "azure", "file"] {
        let found = all.iter().find(|one| one["kind"] == "credential" && one["name"] == name).expect(name);
        assert_eq!((&found["ok"], &found["state"]), (&json!(true), &json!("held")), "{found}");
        let left = found["left_seconds"].as_u64().expect("seconds");
        assert!((3500..=3600).contains(&left) && found["held_seconds"].is_u64(), "{found}");
    }
    let metrics = operators(&app, "/metrics").await;
    assert!(metrics.contains("logboom_credential_held{credential=\"aws\"} 1\n"), "{metrics}");
    let called = "logboom_credential_calls_total{credential=\"aws\",outcome=\"ok\"} 1\n";
    assert!(metrics.contains(called), "{metrics}");
    assert!(metrics.contains("logboom_credential_left_seconds{credential=\"gcp\"} 35"), "{metrics}");
    let public = app.anonymous().get("/readyz").await.text().clone();
    assert!(!(metrics + &public).contains("SECRET"));
    assert!(!public.contains("\"aws\""), "names are for operators: {public}");
    app.stop().await;
}
