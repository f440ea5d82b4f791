//! What callers are told when a credential cannot be had, and that it goes on by itself.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

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
    for hidden in ["SECRET", "/sts/", "127.0.0.1", "approle"] {
        assert!(!text.contains(hidden), "{what}: {text}");
    }
}

async fn is_counted(app: &TestApp, outcome: &str) -> bool {
    let metrics = operators(app, "/metrics").await;
    assert!(metrics.contains("logboom_credential_held{credential=\"aws\"} 0\n"), "{metrics}");
    metrics.contains(&format!("logboom_credential_calls_total{{credential=\"aws\",outcome=\"{outcome}\"}}"))
}

async fn counted(app: &TestApp, outcome: &str) {
    assert!(is_counted(app, outcome).await, "{outcome}");
}

/// Each refusal of Vault before there is a credential.
async fn refused(refusal: Refusal, outcome: &str) {
    let (engines, _proxy, app) = one_bucket(3600).await;
    // Signed in, so that it is the credential that fails.
    eventually(async || (engines.book().logins == 1).then_some(())).await;
    engines.refuse(Some(refusal));
    is_told(&app, outcome).await;
    counted(&app, outcome).await;
    let told = standing(&app).await;
    assert_eq!((&told["ok"], &told["state"]), (&json!(false), &json!("failing")), "{told}");
    assert_eq!(told["problem"], outcome);
    engines.refuse(None);
    eventually(async || (read(&app).await.status == 200).then_some(())).await;
    assert_eq!(engines.lent("aws/sts/SECRET-role"), 1, "it came back with one lease");
    app.stop().await;
}

#[tokio::test]
async fn a_sealed_vault_is_told_as_such_and_its_return_is_noticed() {
    refused(Refusal::all(503), "sealed").await;
}

#[tokio::test]
async fn a_standby_is_told_as_such_and_its_return_is_noticed() {
    refused(Refusal::all(473), "standby").await;
}

#[tokio::test]
async fn a_busy_vault_is_told_as_such_and_left_alone_for_as_long_as_it_asks() {
    refused(Refusal { retry_after: Some(1), ..Refusal::all(429) }, "throttled").await;
}

#[tokio::test]
async fn a_vault_that_fails_is_told_as_such_and_its_return_is_noticed() {
    refused(Refusal::all(500), "unexpected-answer").await;
}

#[tokio::test]
async fn a_path_that_is_not_allowed_is_told_as_such_and_its_permission_is_noticed() {
    refused(Refusal { below: "aws/", ..Refusal::all(403) }, "denied").await;
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

/// A way in which Vault fails, and the word that it is told by.
#[derive(Clone, Copy)]
enum Failure {
    Refusal(Refusal, &'static str),
    Network(Fault),
}

impl Failure {
    fn begin(self, engines: &Engines, proxy: &FaultProxy) {
        match self {
            Self::Refusal(refusal, _) => engines.refuse(Some(refusal)),
            Self::Network(fault) => proxy.set(fault),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Refusal(_, word) => word,
            Self::Network(_) => "unreachable",
        }
    }
}

/// Many at once, in the order in which they asked.
async fn crowd(app: &TestApp) -> Vec<Answer> {
    join_all((0..100).map(async |one| read_as(app, &format!("person-{}", one % 20)).await)).await
}

/// Reads go on for as long as the credential is held, and nobody waits for Vault.
async fn reads_go_on(app: &TestApp, until: Instant) {
    let mut number = 0;
    while Instant::now() < until {
        let asked = Instant::now();
        let answer = read_as(app, &format!("person-{}", number % 20)).await;
        assert_eq!(answer.status, 200, "the credential is held: {}", answer.text());
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        number += 1;
    }
    assert!(number > 3, "{number}");
}

/// What operators are told of the credential.
async fn standing(app: &TestApp) -> Value {
    let ready: Value = serde_json::from_str(&operators(app, "/readyz").await).expect("JSON");
    let all = ready["dependencies"].as_array().expect("a list");
    all.iter().find(|one| one["kind"] == "credential").expect("a credential").clone()
}

/// A Vault that fails while a credential is held, stays away beyond its end, and returns.
async fn fails_under_a_held_credential(failure: Failure) {
    let (engines, proxy, app) = one_bucket(6).await;
    let lent_at = Instant::now();
    serves(&app, "aws-logs").await;
    failure.begin(&engines, &proxy);
    let word = failure.word();
    reads_go_on(&app, lent_at + Duration::from_secs(4)).await;
    if !matches!(failure, Failure::Network(Fault::Stall)) {
        let told = standing(&app).await;
        assert_eq!((&told["state"], &told["problem"]), (&json!("ageing"), &json!(word)), "{told}");
    }
    eventually(async || (read(&app).await.status == 503).then_some(())).await;
    assert!(lent_at.elapsed() < Duration::from_secs(11), "{:?}", lent_at.elapsed());
    let calls = || engines.book().calls + proxy.opened();
    let (before, asked) = (calls(), Instant::now());
    for answer in crowd(&app).await {
        answer.problem(503, "credentials-unavailable");
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    is_told(&app, word).await;
    // A try, and the way to it, at the most every 200 ms.
    let most = 6 + u64::try_from(asked.elapsed().as_millis() / 200 * 3).expect("fits");
    assert!(calls() - before <= most, "{} calls in {:?}", calls() - before, asked.elapsed());
    eventually(async || is_counted(&app, word).await.then_some(())).await;
    returns(failure, &engines, &proxy, &app).await;
    app.stop().await;
}

/// All come back at once, and one lease serves them.
async fn returns(failure: Failure, engines: &Engines, proxy: &FaultProxy, app: &TestApp) {
    let before = engines.lent("aws/sts/SECRET-role");
    match failure {
        Failure::Refusal(..) => engines.refuse(None),
        Failure::Network(_) => proxy.set(Fault::None),
    }
    eventually(async || {
        let answers = crowd(app).await;
        answers.iter().all(|answer| answer.status == 200).then_some(())
    })
    .await;
    let more = engines.lent("aws/sts/SECRET-role") - before;
    // The answer that a stalled network held back may be the one.
    assert!(more <= 1 && (more == 1 || matches!(failure, Failure::Network(_))), "{more} leases");
    assert_eq!(engines.book().logins, 1, "the token lived on");
    let metrics = operators(app, "/metrics").await;
    assert!(metrics.contains("logboom_credential_held{credential=\"aws\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_vault_that_is_sealed_under_a_held_credential_is_noticed_by_nobody_until_it_ends() {
    fails_under_a_held_credential(Failure::Refusal(Refusal::all(503), "sealed")).await;
}

#[tokio::test]
async fn a_vault_that_becomes_a_standby_is_noticed_by_nobody_until_the_credential_ends() {
    fails_under_a_held_credential(Failure::Refusal(Refusal::all(473), "standby")).await;
}

#[tokio::test]
async fn a_path_that_is_no_longer_allowed_is_noticed_by_nobody_until_the_credential_ends() {
    let refusal = Refusal { below: "aws/", ..Refusal::all(403) };
    fails_under_a_held_credential(Failure::Refusal(refusal, "denied")).await;
}

#[tokio::test]
async fn a_role_that_is_deleted_is_noticed_by_nobody_until_the_credential_ends() {
    let refusal = Refusal { below: "aws/", ..Refusal::all(404) };
    fails_under_a_held_credential(Failure::Refusal(refusal, "not-found")).await;
}

#[tokio::test]
async fn a_vault_that_asks_to_be_left_alone_is_noticed_by_nobody_until_the_credential_ends() {
    let refusal = Refusal { retry_after: Some(1), ..Refusal::all(429) };
    fails_under_a_held_credential(Failure::Refusal(refusal, "throttled")).await;
}

#[tokio::test]
async fn a_network_that_is_gone_is_noticed_by_nobody_until_the_credential_ends() {
    fails_under_a_held_credential(Failure::Network(Fault::Refuse)).await;
}

#[tokio::test]
async fn a_network_that_is_slow_is_noticed_by_nobody_until_the_credential_ends() {
    fails_under_a_held_credential(Failure::Network(Fault::Stall)).await;
}

#[tokio::test]
async fn two_hundred_who_wait_do_not_run_to_a_vault_that_returns() {
    let (engines, _proxy, app) = one_bucket(3600).await;
    eventually(async || (engines.book().logins == 1).then_some(())).await;
    engines.refuse(Some(Refusal::all(503)));
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
