//! What callers are told when a credential cannot be had, and that it goes on by itself.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use crate::doubles::vault::{Engines, Refusal};
use crate::harness::app::{Answer, TestApp};
use crate::harness::faults::{Fault, FaultProxy};
use crate::harness::four;
use crate::harness::ministack::ministack;
use crate::vault::eventually;
use crate::vault::lent::{bucket, by_role, credential, lent_keys, operators, serves, start};

/// A service with one bucket, whose credential lasts so many seconds, behind a proxy.
async fn one_bucket(ttl: u64) -> (Engines, FaultProxy, TestApp) {
    let filled = four::fill().await;
    let session = ministack().await.session(&filled.aws).await;
    let engines = Engines::start(move |_, _| lent_keys(&session, ttl, false)).await;
    let proxy = FaultProxy::to(engines.port);
    let place = format!("endpoint = \"{}\"", ministack().await.endpoint());
    let settings = by_role(&format!("http://127.0.0.1:{}", proxy.port()))
        + &credential("aws", "vault-aws", "role = \"SECRET-role\"")
        + &bucket("aws", &filled.aws, &place);
    (engines, proxy, start(settings).await)
}

async fn read(app: &TestApp) -> Answer {
    read_as(app, "ana").await
}

async fn read_as(app: &TestApp, person: &str) -> Answer {
    app.caller(person, &["team-a"]).get("/api/v1/buckets/aws-logs/objects/team-a/app.log").await
}

/// The caller's answer: in time, with the bucket's name, and without anything of Vault.
async fn is_told(app: &TestApp, what: &str) {
    let asked = Instant::now();
    let answer = read(app).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{what}: {:?}", asked.elapsed());
    let problem = answer.problem(503, "credentials-unavailable");
    let text = problem.to_string();
    assert!(text.contains("aws-logs"), "{what}: {text}");
    assert!(!answer.header("retry-after").is_empty(), "{what}");
    for hidden in ["SECRET", "sts", "127.0.0.1", "approle"] {
        assert!(!text.contains(hidden), "{what}: {text}");
    }
}

async fn counted(app: &TestApp, outcome: &str) {
    let metrics = operators(app, "/metrics").await;
    let counted = format!("logboom_credential_calls_total{{credential=\"aws\",outcome=\"{outcome}\"}}");
    assert!(metrics.contains(&counted), "{outcome}: {metrics}");
    assert!(metrics.contains("logboom_credential_held{credential=\"aws\"} 0\n"), "{metrics}");
}

/// Each refusal of Vault before there is a credential.
async fn refused(status: u16, outcome: &str) {
    let (engines, _proxy, app) = one_bucket(3600).await;
    // Signed in, so that it is the credential that fails.
    eventually(async || (engines.book().logins == 1).then_some(())).await;
    engines.refuse(Some(Refusal { status, retry_after: (status == 429).then_some(1) }));
    is_told(&app, outcome).await;
    counted(&app, outcome).await;
    let ready: serde_json::Value = serde_json::from_str(&operators(&app, "/readyz").await).expect("JSON");
    let all = ready["dependencies"].as_array().expect("a list").clone();
    let told = all.iter().find(|one| one["kind"] == "credential").expect("a credential");
    assert_eq!((&told["ok"], &told["state"]), (&json!(false), &json!("failing")), "{told}");
    assert_eq!(told["problem"], outcome);
    engines.refuse(None);
    eventually(async || (read(&app).await.status == 200).then_some(())).await;
    assert_eq!(engines.lent("aws/sts/SECRET-role"), 1, "it came back with one lease");
    app.stop().await;
}

#[tokio::test]
async fn a_sealed_vault_is_told_as_such_and_its_return_is_noticed() {
    refused(503, "sealed").await;
}

#[tokio::test]
async fn a_standby_is_told_as_such_and_its_return_is_noticed() {
    refused(473, "standby").await;
}

#[tokio::test]
async fn a_busy_vault_is_told_as_such_and_left_alone_for_as_long_as_it_asks() {
    refused(429, "throttled").await;
}

#[tokio::test]
async fn a_vault_that_fails_is_told_as_such_and_its_return_is_noticed() {
    refused(500, "unexpected-answer").await;
}

#[tokio::test]
async fn a_vault_that_is_gone_or_slow_is_told_in_time() {
    let (engines, proxy, app) = one_bucket(3600).await;
    eventually(async || (engines.book().logins == 1).then_some(())).await;
    for fault in [Fault::Refuse, Fault::Stall] {
        proxy.set(fault);
        is_told(&app, "gone or slow").await;
        counted(&app, "unreachable").await;
    }
    proxy.set(Fault::None);
    eventually(async || (read(&app).await.status == 200).then_some(())).await;
    app.stop().await;
}

#[tokio::test]
async fn a_valid_credential_is_used_to_its_end_and_then_the_caller_is_told() {
    let (engines, _proxy, app) = one_bucket(4).await;
    serves(&app, "aws-logs").await;
    engines.refuse(Some(Refusal { status: 503, retry_after: None }));
    let sealed = Instant::now();
    let mut good = 0;
    while sealed.elapsed() < Duration::from_secs(2) {
        assert_eq!(read(&app).await.status, 200, "it is held for four seconds");
        good += 1;
    }
    assert!(good > 3);
    eventually(async || (read(&app).await.status == 503).then_some(())).await;
    assert!(sealed.elapsed() < Duration::from_secs(5), "{:?}", sealed.elapsed());
    is_told(&app, "after the end").await;
    counted(&app, "sealed").await;
    engines.refuse(None);
    eventually(async || (read(&app).await.status == 200).then_some(())).await;
    app.stop().await;
}

#[tokio::test]
async fn two_hundred_who_wait_do_not_run_to_a_vault_that_returns() {
    let (engines, _proxy, app) = one_bucket(3600).await;
    eventually(async || (engines.book().logins == 1).then_some(())).await;
    engines.refuse(Some(Refusal { status: 503, retry_after: None }));
    let all = || join_all((0..200).map(async |one| read_as(&app, &format!("person-{}", one % 20)).await));
    let answers = all().await;
    assert!(answers.iter().all(|answer| answer.status == 503));
    engines.refuse(None);
    let come_back = async { while all().await.iter().any(|answer| answer.status != 200) {} };
    tokio::time::timeout(Duration::from_secs(30), come_back).await.expect("it comes back");
    assert_eq!(engines.lent("aws/sts/SECRET-role"), 1);
    assert_eq!(engines.book().logins, 1);
    app.stop().await;
}
