//! Receipts of searches.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use logboom::api::receipts::{KIND, Receipt, ReceiptKeys, SignedReceipt};
use logboom::domain::jws::Jws;
use serde_json::json;

use crate::harness::app::{Answer, Caller, Setup, TestApp, directory};
use crate::harness::four;
use crate::harness::openbao::{OpenBao, name};
use crate::http::logs::{DAY, gzip, over_directory, put_file, told};
use crate::vault::file;

fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _written = write!(hex, "{byte:02x}");
        hex
    })
}

async fn keys(app: &TestApp) -> ReceiptKeys {
    let answer = app.anonymous().get("/api/v1/receipt-keys").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).expect("a key set")
}

fn signed(answer: &Answer) -> SignedReceipt {
    let summary = told(answer).summary;
    serde_json::from_value(summary["receipt"].clone()).unwrap_or_else(|_| panic!("a receipt in {summary}"))
}

fn checked(signed: &SignedReceipt, keys: &ReceiptKeys) -> Receipt {
    let text = Jws::from(signed.clone()).verify(KIND, &keys.usable()).expect("the signature holds");
    serde_json::from_slice(&text).expect("a receipt")
}

async fn searched(app: &TestApp, caller: &Caller, query: &str) -> (Answer, Receipt) {
    let answer = caller.get(&format!("/api/v1/logs?{DAY}&receipt=true&{query}")).await;
    let receipt = checked(&signed(&answer), &keys(app).await);
    (answer, receipt)
}

fn line(hour: u8, text: &str) -> String {
    format!("2026-11-23T{hour:02}:00:00Z {text}\n")
}

#[tokio::test]
async fn a_receipt_names_what_was_read_with_its_hashes_and_what_is_missing() {
    let mut cut = gzip(line(3, &"x".repeat(4000)).as_bytes());
    cut.truncate(cut.len() - 9);
    let (first, second) = (line(0, "hit").into_bytes(), gzip(line(1, "hit").as_bytes()));
    let app = over_directory(
        &[
            ("app/2026/11/23/00/a.log", first.clone()),
            ("app/2026/11/23/01/b.log", second.clone()),
            ("app/2026/11/23/03/c.log", cut.clone()),
            ("app/2026/11/23/07/d.log", line(7, "miss").into_bytes()),
            ("other/name.log", first.clone()),
        ],
        "\n[buckets.file-logs.logs]\nlayouts = [\"{service}/{yyyy}/{MM}/{dd}/{HH}/*\"]\n",
    )
    .await;
    let ana = app.caller("ana", &["team-a"]);
    let query = "from=2026-11-23T00:00:00Z&to=2026-11-23T05:00:00Z&receipt=true&bucket=file-logs&q=hit";
    let answer = ana.get(&format!("/api/v1/logs?{query}")).await;
    let receipt = checked(&signed(&answer), &keys(&app).await);

    let text = answer.text();
    let records: String =
        text.lines().filter(|line| line.contains("\"record\"")).map(|l| l.to_owned() + "\n").collect();
    assert_eq!((receipt.records, &receipt.records_sha256), (2, &sha256(records.as_bytes())));
    assert_eq!((receipt.complete, receipt.reason.as_deref()), (false, Some("failed")));
    assert_eq!(receipt.principal.subject, "ana");
    assert_eq!(receipt.search.bucket, ["file-logs"]);
    assert_eq!(receipt.search.parameters["q"], "hit");
    let objects: Vec<_> =
        receipt.considered.iter().map(|o| (o.key.as_str(), o.outcome.as_str(), o.bytes_read)).collect();
    assert_eq!(
        objects,
        [
            ("app/2026/11/23/00/a.log", "read", first.len() as u64),
            ("app/2026/11/23/01/b.log", "read", second.len() as u64),
            ("app/2026/11/23/03/c.log", "failed", cut.len() as u64),
        ]
    );
    for (object, bytes) in receipt.considered.iter().zip([first, second, cut]) {
        assert_eq!(object.sha256.as_deref(), Some(sha256(&bytes).as_str()), "{}", object.key);
        assert!(object.etag.is_some() && object.last_modified.is_some());
    }
    assert!(receipt.considered[2].why.as_deref().is_some_and(|why| why.contains("ends in the middle")));
    let gaps: Vec<_> =
        receipt.gaps.iter().map(|gap| (gap.sequence.as_str(), gap.from.as_str(), gap.to.as_str())).collect();
    assert_eq!(
        gaps,
        [
            ("app/{yyyy}/{MM}/{dd}/{HH}/", "2026-11-23T02:00:00Z", "2026-11-23T03:00:00Z"),
            ("app/{yyyy}/{MM}/{dd}/{HH}/", "2026-11-23T04:00:00Z", "2026-11-23T05:00:00Z"),
        ]
    );
    assert_eq!(
        receipt.objects.skipped.outside_range + receipt.objects.skipped.other_layout,
        receipt.objects.listed - 3
    );
}

#[tokio::test]
async fn receipts_are_given_over_three_clouds_and_a_directory_alike() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    let query = four::BUCKETS.map(|bucket| format!("bucket={bucket}/team-a/")).join("&");
    let query = format!("from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&receipt=true&{query}");
    let answer = ana.get(&format!("/api/v1/logs?{query}")).await;
    let receipt = checked(&signed(&answer), &keys(&app).await);
    for bucket in four::BUCKETS {
        let of_bucket: Vec<_> = receipt.considered.iter().filter(|object| object.bucket == bucket).collect();
        assert_eq!(of_bucket.len(), four::PLAIN_KEYS.len(), "{bucket}");
        for object in of_bucket {
            assert_eq!(object.outcome, "read", "{bucket}/{}", object.key);
            assert_eq!(
                object.sha256.as_deref(),
                Some(sha256(&four::content(&object.key)).as_str()),
                "{bucket}/{}",
                object.key
            );
            assert!(object.etag.is_some(), "{bucket}/{}", object.key);
        }
        assert!(receipt.gaps_unknown.iter().any(|gap| gap.bucket == bucket && gap.why == "no-layout"));
    }
}

#[tokio::test]
async fn a_search_that_ends_early_says_what_it_did_not_read() {
    let files: Vec<_> = (0..20).map(|n| (format!("a/{n:02}.log"), line(n, "hit").into_bytes())).collect();
    let files: Vec<_> = files.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect();
    let app = over_directory(&files, "[search]\nobjects_ahead = 1\n").await;
    let ana = app.caller("ana", &["team-a"]);
    let (_, receipt) = searched(&app, &ana, "bucket=file-logs&limit=1").await;
    assert_eq!((receipt.complete, receipt.reason.as_deref()), (false, Some("limit")));
    assert!(receipt.cursor.is_some());
    assert_eq!(receipt.considered.len(), 20);
    assert!(receipt.considered.iter().any(|object| object.outcome == "unread" && object.sha256.is_none()));
}

#[tokio::test]
async fn a_receipt_of_too_many_objects_is_refused_before_anything_is_read() {
    let files = [("a/1.log", line(1, "hit").into_bytes()), ("a/2.log", line(2, "hit").into_bytes())];
    let app = over_directory(&files, "[search]\nmax_receipt_objects = 1\n").await;
    let ana = app.caller("ana", &["team-a"]);
    let refused = ana.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs&receipt=true")).await;
    let problem = refused.problem(422, "search-too-large");
    assert!(
        problem["detail"].as_str().is_some_and(|text| text.contains("names at most 1 objects")),
        "{problem}"
    );
    assert_eq!(told(&ana.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs")).await).records.len(), 2);
    let around = ana.get("/api/v1/logs?around=file/file-logs/a/1.log%230%2B5&receipt=true").await;
    around.problem(400, "invalid-request");
}

#[tokio::test]
async fn who_may_not_see_everything_gets_no_hash_that_what_is_redacted_could_be_tried_with() {
    let root = directory().join("bucket");
    put_file(&root, "a/app.log", line(1, "mail to ana@example.com").as_bytes());
    let mut setup = Setup {
        policies: "@id(\"readers\")\npermit (principal in Group::\"team-a\", action in [Action::\"ListObjects\", Action::\"ReadObject\"], resource);\n\
                   @id(\"owners\")\npermit (principal in Group::\"owners\", action, resource);"
            .to_owned(),
        ..Setup::default()
    }
    .file("file-logs", &root);
    setup.settings += "\n[buckets.file-logs.redaction]\ndetectors = [\"email\"]\n";
    let app = setup.start().await;
    let (ana, ida) = (app.caller("ana", &["team-a"]), app.caller("ida", &["owners"]));
    let (answer, receipt) = searched(&app, &ana, "bucket=file-logs").await;
    assert_eq!((receipt.considered.len(), receipt.redacted), (1, 1));
    assert!(receipt.considered[0].sha256.is_none() && receipt.considered[0].etag.is_none());
    let reference = told(&answer).records[0]["ref"].as_str().expect("a reference").to_owned();
    assert!(reference.contains("@#"), "it names no version: {reference}");
    let opened =
        ana.get(&format!("/api/v1/logs?around={}", reference.replace('#', "%23").replace('+', "%2B"))).await;
    assert_eq!(told(&opened).records.len(), 1, "the reference still opens");
    let listed = ana.get("/api/v1/buckets/file-logs/objects?prefix=a/").await.json();
    assert!(listed["objects"][0].get("etag").is_none(), "{listed}");

    let (_, whole) = searched(&app, &ida, "bucket=file-logs").await;
    assert!(whole.considered[0].sha256.is_some() && whole.considered[0].etag.is_some());
}

#[tokio::test]
async fn vault_signs_with_a_key_that_never_leaves_it_and_says_when_it_is_away() {
    let bao = OpenBao::start().await;
    let (mount, key) = (bao.mount("transit", &json!({})).await, name("receipts"));
    bao.put(&format!("{mount}/keys/{key}"), &json!({"type": "ed25519"})).await;
    let settings = format!(
        "\n[vault]\naddress = \"{}\"\ntimeout = \"2s\"\n[vault.sign_in]\nmethod = \"token\"\ntoken = \"file:{}\"\n\
         [receipts]\ntransit_key = \"{key}\"\ntransit_mount = \"{mount}\"\n",
        bao.address(),
        file(bao.token()).display(),
    );
    let files = [("a/1.log", line(1, "hit").into_bytes())];
    let first = over_directory(&files, &settings).await;
    let ana = first.caller("ana", &["team-a"]);
    let answer = ana.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs&receipt=true")).await;
    let (old, before) = (signed(&answer), keys(&first).await);
    assert_eq!((before.keys.len(), checked(&old, &before).records), (1, 1));

    bao.put(&format!("{mount}/keys/{key}/rotate"), &json!({})).await;
    let second = over_directory(&files, &settings).await;
    let both = keys(&second).await;
    assert_eq!(both.keys.len(), 2);
    assert_eq!(checked(&old, &both).records, 1, "a receipt outlives the rotation of its key");
    let answer = second
        .caller("ana", &["team-a"])
        .get(&format!("/api/v1/logs?{DAY}&bucket=file-logs&receipt=true"))
        .await;
    assert_ne!(signed(&answer).protected, old.protected, "the new version signs");

    bao.seal().await;
    let third = over_directory(&files, &settings).await;
    let cara = third.caller("ana", &["team-a"]);
    let refused = cara.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs&receipt=true")).await;
    refused.problem(503, "vault-unavailable");
    third.anonymous().get("/api/v1/receipt-keys").await.problem(503, "vault-unavailable");
    assert_eq!(told(&cara.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs")).await).records.len(), 1);
}
