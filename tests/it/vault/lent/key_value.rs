//! Static secrets in the KV engine.

use serde_json::json;

use crate::harness::four;
use crate::harness::ministack::ministack;
use crate::harness::openbao::openbao;
use crate::vault::eventually;
use crate::vault::lent::{
    all_serve, aws_keys, buckets, key_values, keys, operators, serves, signed_in, start, write_secret,
};

#[tokio::test]
async fn all_four_providers_are_read_with_secrets_of_the_kv_engine() {
    let bao = openbao().await;
    let (_, credentials) = key_values(bao).await;
    let filled = four::fill().await;
    let settings = signed_in(bao.address(), bao.token()) + &credentials + &buckets(&filled).await;
    let app = start(settings).await;
    all_serve(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_new_version_of_a_secret_is_used_without_a_restart() {
    let (bao, s3) = (openbao().await, ministack().await);
    let (mount, credentials) = key_values(bao).await;
    let filled = four::fill().await;
    let settings = signed_in(bao.address(), bao.token()) + &credentials + &buckets(&filled).await;
    write_secret(bao, &mount, "aws", &json!({"access_key_id": "AKIAOLD", "secret_access_key": "SECRET-old"}))
        .await;
    let app = start(settings).await;
    let ana = app.caller("ana", &["team-a"]);
    let refused = ana.get("/api/v1/buckets/aws-logs/objects?prefix=team-a/").await;
    refused.problem(502, "store-misconfigured");
    write_secret(bao, &mount, "aws", &keys(&s3.reader_of(&filled.aws).await)).await;
    eventually(async || {
        let listed = ana.get("/api/v1/buckets/aws-logs/objects?prefix=team-a/").await;
        (listed.status == 200).then_some(())
    })
    .await;
    serves(&app, "aws-logs").await;
    let metrics = operators(&app, "/metrics").await;
    assert!(!metrics.contains("SECRET") && !metrics.contains(&mount), "{metrics}");
    app.stop().await;
}

#[tokio::test]
async fn a_secret_that_was_deleted_is_given_up_and_a_new_one_taken() {
    let bao = openbao().await;
    let (mount, credentials) = key_values(bao).await;
    let filled = four::fill().await;
    let settings = signed_in(bao.address(), bao.token()) + &credentials + &buckets(&filled).await;
    let app = start(settings).await;
    serves(&app, "aws-logs").await;
    bao.delete(&format!("{mount}/data/logs/aws")).await;
    let ana = app.caller("ana", &["team-a"]);
    let path = "/api/v1/buckets/aws-logs/objects?prefix=team-a/";
    let told = eventually(async || {
        let answer = ana.get(path).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    told.problem(503, "credentials-unavailable");
    write_secret(bao, &mount, "aws", &aws_keys()).await;
    eventually(async || (ana.get(path).await.status == 200).then_some(())).await;
    serves(&app, "gcp-logs").await;
    app.stop().await;
}
