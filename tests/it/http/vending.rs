//! `POST /api/v1/buckets/{bucket}/credentials` at Google and Azure, whose doubles hold each credential to what it says.

use serde_json::{Value, json};

use crate::doubles::blobs::{Account, CONTAINER};
use crate::doubles::gcs::vending::VENDED;
use crate::doubles::gcs::{BUCKET, Gcs};
use crate::harness::app::{Answer, Setup, TestApp};
use crate::harness::azurite::client;
use crate::vault::eventually;

/// Objects of each bucket.
const KEYS: [&str; 4] = ["team-a/app.log", "team-a/deep/x.log", "team-ab/secret.log", "team-b/secret.log"];

async fn google() -> (TestApp, Gcs) {
    let (setup, gcs) = google_setup().await;
    (setup.start().await, gcs)
}

async fn google_setup() -> (Setup, Gcs) {
    let gcs = Gcs::start(None).await;
    for key in KEYS {
        gcs.put(key, key.into());
    }
    let mut setup = Setup::default().gcp("gcp-logs", BUCKET, &gcs.endpoint());
    let endpoint = gcs.endpoint();
    setup.settings.extend([format!(
        "[buckets.gcp-logs.vending]\nservice_account = \"{VENDED}\"\niam_endpoint = \"{endpoint}\"\n\
         sts_endpoint = \"{endpoint}\"\n"
    )]);
    (setup, gcs)
}

async fn azure(hierarchical: bool) -> (TestApp, Account) {
    let (setup, account) = azure_setup(hierarchical).await;
    (setup.start().await, account)
}

async fn azure_setup(hierarchical: bool) -> (Setup, Account) {
    let account = Account::start().await;
    for key in KEYS {
        account.put(key);
    }
    let mut setup = Setup::default().azure("azure-logs", CONTAINER, &account.endpoint());
    setup.settings.extend([format!("[buckets.azure-logs.vending]\nhierarchical = {hierarchical}\n")]);
    (setup, account)
}

async fn vend(app: &TestApp, bucket: &str, ask: Value) -> Answer {
    app.caller("ana", &["team-a"]).post(&format!("/api/v1/buckets/{bucket}/credentials"), &ask).await
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_token_of_google_reads_and_lists_its_folder_and_nothing_else() {
    let (app, gcs) = google().await;
    let answer = vend(&app, "gcp-logs", json!({"prefix": "team-a/", "ttl_seconds": 300})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let given = answer.json();
    assert_eq!((given["rung"].as_str(), given["why"].as_str()), (Some("credential"), None));
    let token = given["credentials"][0]["gcp_access_token"].as_str().expect("a token").to_owned();
    let base = format!("{}/storage/v1/b/{BUCKET}/o", gcs.endpoint());
    for (path, expect) in [
        ("/team-a%2Fapp.log?alt=media", 200),
        ("/team-a%2Fdeep%2Fx.log?alt=media", 200),
        ("?prefix=team-a/", 200),
        ("/team-ab%2Fsecret.log?alt=media", 403),
        ("/team-b%2Fsecret.log?alt=media", 403),
        ("?prefix=team-a", 403),
        ("?prefix=team-ab/", 403),
        ("", 403),
    ] {
        let got = status(client().get(format!("{base}{path}")).bearer_auth(&token)).await;
        assert_eq!(got, expect, "{path}");
    }
    let upload = format!("{}/upload/storage/v1/b/{BUCKET}/o?name=team-a/new", gcs.endpoint());
    assert_eq!(status(client().post(upload).bearer_auth(&token)).await, 403, "a write");
    let object = format!("{base}/team-a%2Fapp.log");
    assert_eq!(status(client().delete(&object).bearer_auth(&token)).await, 403, "a removal");
    let other = object.replace(&format!("/b/{BUCKET}/"), "/b/other/");
    assert_eq!(status(client().get(other).bearer_auth(&token)).await, 403, "another bucket");
}

#[tokio::test]
async fn a_token_of_google_comes_as_gcloud_reads_it() {
    let (app, _gcs) = google().await;
    let text = vend(&app, "gcp-logs", json!({"prefix": "team-a/", "format": "gcloud"})).await.text();
    assert!(text.contains("export CLOUDSDK_AUTH_ACCESS_TOKEN='ya29."), "{text}");
    let refused = vend(&app, "gcp-logs", json!({"prefix": "team-a/", "format": "az"})).await;
    refused.problem(400, "invalid-request");
}

#[tokio::test]
async fn folders_that_no_boundary_holds_are_linked_and_it_is_said_why() {
    let (app, gcs) = google().await;
    let long = format!("team-a/{}/", "x".repeat(900));
    gcs.put(&format!("{long}app.log"), b"deep".to_vec());
    let given = vend(&app, "gcp-logs", json!({"prefix": long})).await.json();
    assert_eq!(given["rung"], "links");
    assert!(given["why"].as_str().is_some_and(|why| why.contains("2,048 characters")), "{given}");
    let link = given["links"][0]["url"].as_str().expect("a link");
    assert_eq!(client().get(link).send().await.expect("an answer").text().await.expect("a body"), "deep");
}

#[tokio::test]
async fn a_signature_of_azure_reads_and_lists_its_directory_and_nothing_else() {
    let (app, account) = azure(true).await;
    let answer = vend(&app, "azure-logs", json!({"prefix": "team-a/", "ttl_seconds": 300})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let given = answer.json();
    assert_eq!((given["rung"].as_str(), given["why"].as_str()), (Some("credential"), None));
    let sas = given["credentials"][0]["azure_sas"].as_str().expect("a signature").to_owned();
    let base = format!("{}/{CONTAINER}", account.endpoint());
    let listing = "?restype=container&comp=list";
    for (path, expect) in [
        (format!("/team-a/app.log?{sas}"), 200),
        (format!("/team-a/deep/x.log?{sas}"), 200),
        (format!("{listing}&prefix=team-a/&{sas}"), 200),
        (format!("/team-ab/secret.log?{sas}"), 403),
        (format!("/team-b/secret.log?{sas}"), 403),
        (format!("{listing}&prefix=team-a&{sas}"), 403),
        (format!("{listing}&{sas}"), 403),
    ] {
        assert_eq!(status(client().get(format!("{base}{path}"))).await, expect, "{path}");
    }
    let object = format!("{base}/team-a/app.log?{sas}");
    assert_eq!(status(client().put(&object).body("no")).await, 403, "a write");
    assert_eq!(status(client().delete(&object)).await, 403, "a removal");
    let other = object.replace(&format!("/{CONTAINER}/"), "/other/");
    assert_eq!(status(client().get(other)).await, 403, "another container");
}

#[tokio::test]
async fn a_flat_account_is_never_signed_for_as_a_whole() {
    let (app, account) = azure(false).await;
    let given = vend(&app, "azure-logs", json!({"prefix": "team-a/"})).await.json();
    assert_eq!(given["rung"], "links");
    assert!(given["why"].as_str().is_some_and(|why| why.contains("hierarchical namespace")), "{given}");
    let links = given["links"].as_array().expect("links");
    let keys: Vec<_> = links.iter().map(|link| link["key"].as_str().expect("a key")).collect();
    assert_eq!(keys, ["team-a/app.log", "team-a/deep/x.log"]);
    for link in links {
        let url = link["url"].as_str().expect("a link");
        assert!(url.contains("&sr=b&") && url.contains("&sp=r&"), "{url}");
    }
    let container = format!("{}/{CONTAINER}?restype=container&comp=list", account.endpoint());
    let sas = links[0]["url"].as_str().and_then(|url| url.split_once('?')).expect("a signature").1;
    assert_eq!(status(client().get(format!("{container}&{sas}"))).await, 403);
}

#[tokio::test]
async fn the_canary_lets_azure_vend_once_it_found_signatures_narrow() {
    let (mut setup, account) = azure_setup(true).await;
    setup.settings += "[vending]\ncanary_every = \"1h\"\n";
    let app = setup.start().await;
    let vended = async || vend(&app, "azure-logs", json!({"prefix": "team-a/"})).await.status == 200;
    eventually(async || vended().await.then_some(())).await;
    let tried = account.server().requests();
    assert!(tried.iter().any(|request| request.starts_with("PUT ")), "it tried to write");
}

#[tokio::test]
async fn the_canary_stops_google_while_boundaries_are_forgotten() {
    let (mut setup, gcs) = google_setup().await;
    setup.settings += "[vending]\ncanary_every = \"200ms\"\n";
    gcs.forgets_boundaries(true);
    let app = setup.start().await;
    let sibling = |target: &String| target.contains("canary%2Fa_b%2F");
    eventually(async || gcs.server().targets().iter().any(sibling).then_some(())).await;
    vend(&app, "gcp-logs", json!({"prefix": "team-a/"})).await.problem(503, "vending-stopped");
    gcs.forgets_boundaries(false);
    let vended = async || vend(&app, "gcp-logs", json!({"prefix": "team-a/"})).await.status == 200;
    eventually(async || vended().await.then_some(())).await;
    gcs.forgets_boundaries(true);
    eventually(async || (!vended().await).then_some(())).await;
}
