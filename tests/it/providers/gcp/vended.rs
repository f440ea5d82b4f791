//! Vended tokens: what Google is asked for, and what a token reaches at a double that enforces its boundary.

use std::time::Duration;

use logboom::domain::bucket::{Bucket, NativeName};
use logboom::domain::credential::Credential;
use logboom::domain::key::Prefix;
use logboom::domain::scope::Scope;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::domain::vending::GcpServiceAccount;
use logboom::provider::gcp::Gcs as GcsClient;
use logboom::provider::vend::{
    Attempt, Fit, Holder, Reach, VendCredentials, VendOptions, Vended, VendedSecret,
};
use logboom::provider::{Store, StoreErrorKind};

use crate::contract::store::{key, kind, page, read};
use crate::doubles::gcs::vending::VENDED;
use crate::doubles::gcs::{BUCKET, Gcs, account, whole};
use crate::harness::recorder::Recorder;
use crate::providers::gcp::{bucket, open, options};

/// The token of ours, which may impersonate.
const OURS: &str = "SECRET-ours";

fn token(text: &str) -> Credential {
    Credential::GcpAccessToken(Secret::new(text.to_owned()))
}

fn vendor_at(
    endpoint: &str,
    email: &str,
    credential: &Credential,
) -> Result<Box<dyn VendCredentials>, StoreErrorKind> {
    let account = GcpServiceAccount {
        email: email.to_owned(),
        iam_endpoint: Some(endpoint.to_owned()),
        sts_endpoint: Some(endpoint.to_owned()),
    };
    let bucket: Bucket = bucket(BUCKET, endpoint);
    let vendor = GcsClient::new(&options()).unwrap().vendor(&bucket, &account, credential);
    vendor.map_err(|error| error.kind)
}

fn vendor(gcs: &Gcs) -> Box<dyn VendCredentials> {
    vendor_at(&gcs.endpoint(), VENDED, &token(OURS)).unwrap()
}

fn asked(folders: &[&str], ttl: Duration) -> VendOptions {
    let folders: Vec<_> = folders.iter().map(|text| Prefix::parse(text).unwrap()).collect();
    VendOptions {
        scope: Scope::parse(&folders).unwrap(),
        ttl,
        now: SystemClock.now(),
        holder: Holder {
            subject: "ana".to_owned(),
            issuer: "https://idp.example".to_owned(),
            request_id: "0123456789abcdef0123456789abcdef".to_owned(),
        },
        max_credentials: 3,
    }
}

async fn vend(vendor: &dyn VendCredentials, folders: &[&str]) -> Vec<Vended> {
    match vendor.vend(&asked(folders, Duration::from_mins(15))).await.unwrap() {
        Fit::Credentials(vended) => vended,
        Fit::DoesNotFit(why) => panic!("{why}"),
    }
}

fn secret(vended: &Vended) -> &str {
    let VendedSecret::GcpAccessToken(token) = &vended.secret else { panic!("a token of Google") };
    token.expose()
}

/// The bucket as its holder sees it.
fn with(gcs: &Gcs, vended: &Vended) -> Store {
    open(BUCKET, &gcs.endpoint(), &token(secret(vended)))
}

async fn filled() -> Gcs {
    let gcs = Gcs::start(Some(OURS)).await;
    for name in ["a/x.log", "a/deep/y.log", "a_b/secret.log", "ab/secret.log", "a", "secret.log", "b/z.log"] {
        gcs.put(name, name.into());
    }
    gcs
}

#[tokio::test]
async fn a_vended_token_reads_and_lists_its_folder_and_nothing_beside_it() {
    let gcs = filled().await;
    let vendor = vendor(&gcs);
    let vended = vend(&*vendor, &["a/"]).await;
    let [only] = vended.as_slice() else { panic!("one token") };
    assert_eq!(only.folders, [Prefix::parse("a/").unwrap()]);
    let store = with(&gcs, only);
    assert_eq!(read(&store, "a/x.log").await.unwrap(), b"a/x.log");
    assert_eq!(read(&store, "a/deep/y.log").await.unwrap(), b"a/deep/y.log");
    let listed = store.list(&page("a/", None, 10)).await.unwrap();
    let listed: Vec<_> = listed.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(listed, ["a/deep/y.log", "a/x.log"]);
    assert_eq!(store.list(&page("a/deep/", None, 10)).await.unwrap().objects.len(), 1);
    for outside in ["a_b/secret.log", "ab/secret.log", "a", "secret.log", "b/z.log"] {
        assert_eq!(kind(read(&store, outside).await), StoreErrorKind::Denied, "{outside}");
    }
    // A key of its own, which nobody resolves.
    assert_eq!(kind(read(&store, "a/../b/z.log").await), StoreErrorKind::NoSuchObject);
    for outside in ["", "a", "a_b/", "ab/", "b/"] {
        let refused = kind(store.list(&page(outside, None, 10)).await);
        assert_eq!(refused, StoreErrorKind::Denied, "{outside:?}");
    }
    let client = reqwest::Client::new();
    let object = format!("{}/storage/v1/b/{BUCKET}/o/a%2Fx.log", gcs.endpoint());
    let upload = format!("{}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=a/new", gcs.endpoint());
    let lifecycle = format!("{}/storage/v1/b/{BUCKET}", gcs.endpoint());
    let other = format!("{}/storage/v1/b/other/o/a%2Fx.log", gcs.endpoint());
    for (what, request) in [
        ("write", client.post(upload)),
        ("delete", client.delete(&object)),
        ("change", client.patch(&object)),
        ("lifecycle", client.patch(&lifecycle)),
        ("bucket", client.get(&lifecycle)),
        ("other bucket", client.get(other)),
    ] {
        let answer = request.bearer_auth(secret(only)).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{what}");
    }
}

#[tokio::test]
async fn the_canary_is_told_what_a_token_reaches() {
    let gcs = filled().await;
    let vendor = vendor(&gcs);
    let narrow = vend(&*vendor, &["a/"]).await.remove(0);
    let prefix = |text| Prefix::parse(text).unwrap();
    let other = NativeName::parse("other").unwrap();
    let outside = [
        Attempt::Read(key("a_b/secret.log")),
        Attempt::Read(key("a_b/none.log")),
        Attempt::List(prefix("a_b/")),
        Attempt::List(Prefix::root()),
        Attempt::Write(key("a/new.log")),
        Attempt::OtherBucket(other),
    ];
    for attempt in &outside {
        assert_eq!(vendor.attempt(&narrow, attempt).await.unwrap(), Reach::Refused, "{attempt:?}");
    }
    let inside =
        [Attempt::Read(key("a/x.log")), Attempt::Read(key("a/none.log")), Attempt::List(prefix("a/"))];
    for attempt in &inside {
        assert_eq!(vendor.attempt(&narrow, attempt).await.unwrap(), Reach::Allowed, "{attempt:?}");
    }
    let wide =
        Vended { secret: VendedSecret::GcpAccessToken(Secret::new(OURS.to_owned())), ..narrow.clone() };
    for attempt in &outside {
        assert_eq!(vendor.attempt(&wide, attempt).await.unwrap(), Reach::Allowed, "{attempt:?}");
    }
    let sent = gcs.server().requests();
    let write = sent.iter().find(|request| request.starts_with("POST /upload/")).unwrap();
    assert!(write.contains("ifGenerationMatch=0"), "nothing is overwritten: {write}");
    assert!(write.to_lowercase().contains("content-length: 6"), "Google asks for a length: {write}");
    let unclear = Recorder::http(|_| whole("503 Busy", "", b"")).await;
    let unclear = vendor_at(&format!("http://{}", unclear.addr()), VENDED, &token(OURS)).unwrap();
    assert_eq!(kind(unclear.attempt(&narrow, &inside[0]).await), StoreErrorKind::Unexpected);
    let foreign = Vended { secret: VendedSecret::AzureSas(Secret::new("sig=x".to_owned())), ..narrow };
    assert_eq!(kind(vendor.attempt(&foreign, &inside[0]).await), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn odd_prefixes_are_held_as_exactly_as_plain_ones() {
    let gcs = Gcs::start(Some(OURS)).await;
    let vendor = vendor(&gcs);
    let odd = [
        "it's/",
        "back\\slash/",
        "a//b/",
        "日本/é/",
        "😀/",
        "\") || true || (\"/",
        "') || true || ('/",
        "\t/",
    ];
    gcs.put("elsewhere/secret.log", b"secret".to_vec());
    for folder in odd {
        let inside = format!("{folder}x.log");
        gcs.put(&inside, folder.into());
        let vended = vend(&*vendor, &[folder]).await;
        let store = with(&gcs, &vended[0]);
        assert_eq!(read(&store, &inside).await.unwrap(), folder.as_bytes(), "{folder:?}");
        assert_eq!(store.list(&page(folder, None, 10)).await.unwrap().objects.len(), 1, "{folder:?}");
        let outside = kind(read(&store, "elsewhere/secret.log").await);
        assert_eq!(outside, StoreErrorKind::Denied, "{folder:?}");
    }
}

#[tokio::test]
async fn many_folders_share_tokens_until_they_do_not_fit() {
    let gcs = Gcs::start(Some(OURS)).await;
    let vendor = vendor(&gcs);
    let many: Vec<_> = (0..20).map(|n| format!("team-a/service-{n:02}/")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for folder in &many {
        gcs.put(&format!("{folder}x.log"), (*folder).into());
    }
    let vended = vend(&*vendor, &many).await;
    assert!((2..=3).contains(&vended.len()), "{}", vended.len());
    let told: Vec<_> = vended.iter().flat_map(|one| one.folders.clone()).collect();
    assert_eq!(told.iter().map(Prefix::as_str).collect::<Vec<_>>(), many);
    for one in &vended {
        let store = with(&gcs, one);
        for folder in &many {
            let ours = one.folders.iter().any(|held| held.as_str() == *folder);
            assert_eq!(read(&store, &format!("{folder}x.log")).await.is_ok(), ours, "{folder}");
        }
    }
    let generated = gcs.server().targets().iter().filter(|target| target.ends_with("AccessToken")).count();
    assert_eq!(generated, 1, "one wide token for all of them");
    let before = gcs.server().targets().len();
    let too_many: Vec<_> = (0..60).map(|n| format!("team-a/service-{n:02}/")).collect();
    let too_many: Vec<_> = too_many.iter().map(String::as_str).collect();
    let too_long = format!("{}/", "x".repeat(1000));
    for (folders, expect) in [(too_many, "more than 3 "), (vec!["a/", &too_long], "2,048 characters")] {
        let fit = vendor.vend(&asked(&folders, Duration::from_mins(1))).await.unwrap();
        let Fit::DoesNotFit(why) = fit else { panic!("it cannot fit") };
        assert!(why.contains(expect), "{why}");
    }
    let account = GcpServiceAccount { email: VENDED.to_owned(), iam_endpoint: None, sts_endpoint: None };
    let paid = Bucket { account: Some("payer".to_owned()), ..bucket(BUCKET, &gcs.endpoint()) };
    let paid = GcsClient::new(&options()).unwrap().vendor(&paid, &account, &token(OURS)).unwrap();
    let fit = paid.vend(&asked(&["a/"], Duration::from_mins(1))).await.unwrap();
    assert!(matches!(fit, Fit::DoesNotFit(why) if why.contains("pays")));
    assert_eq!(gcs.server().targets().len(), before, "nothing is asked for what cannot fit");
}

#[tokio::test]
async fn a_token_ends_when_google_says_and_no_later_than_asked() {
    let gcs = Gcs::start(Some(OURS)).await;
    let vendor = vendor(&gcs);
    let asked = asked(&["a/"], Duration::from_mins(5));
    let end = async || match vendor.vend(&asked).await.unwrap() {
        Fit::Credentials(vended) => vended[0].expires_at,
        Fit::DoesNotFit(why) => panic!("{why}"),
    };
    assert_eq!(end().await, asked.now.plus(Duration::from_mins(5)));
    gcs.tells_life();
    assert_eq!(end().await, asked.now.plus(Duration::from_mins(2)));
    let sent = gcs.server().requests();
    assert!(sent.iter().any(|request| request.contains(r#""lifetime":"300s""#)), "{sent:?}");
}

#[tokio::test]
async fn who_may_not_impersonate_vends_nothing_and_nothing_is_quoted() {
    let gcs = Gcs::start(Some(OURS)).await;
    let ask = asked(&["a/"], Duration::from_mins(5));
    let at = |email: &str, credential: Credential| vendor_at(&gcs.endpoint(), email, &credential);
    let refused = at(VENDED, token("SECRET-stranger")).unwrap().vend(&ask).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Denied);
    let told = format!("{refused:?}");
    assert!(!told.contains("SECRET"), "{told}");
    let cause = refused.cause.unwrap().to_string();
    assert!(
        cause.starts_with("IAM Credentials answered 403: ") && cause.contains("getAccessToken"),
        "{cause}"
    );
    let nobody = at("nobody@test-project.iam.gserviceaccount.com", token(OURS)).unwrap();
    assert_eq!(kind(nobody.vend(&ask).await), StoreErrorKind::Unexpected);
    assert_eq!(at(VENDED, Credential::Anonymous).err(), Some(StoreErrorKind::NoCredential));
    let too_short = asked(&["a/"], Duration::from_millis(999));
    let refused = at(VENDED, token(OURS)).unwrap().vend(&too_short).await;
    assert_eq!(kind(refused), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn a_key_of_ours_asks_with_a_proof_for_iam_alone() {
    use base64::Engine;
    let gcs = Gcs::start(Some(OURS)).await;
    let vendor = vendor_at(&gcs.endpoint(), VENDED, &account::credential()).unwrap();
    let refused = vendor.vend(&asked(&["a/"], Duration::from_mins(5))).await;
    assert_eq!(kind(refused), StoreErrorKind::Denied, "the double knows another token");
    let sent = gcs.server().requests().remove(0);
    let jwt = sent.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap());
    let claims: serde_json::Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/iam");
}

#[tokio::test]
async fn an_answer_that_is_none_is_no_token() {
    let soon = SystemClock.now().plus(Duration::from_mins(5));
    let wide = format!(r#"{{"accessToken":"ya29.wide","expireTime":"{soon}"}}"#);
    let endless = format!(r#"{{"accessToken":"{}"}}"#, "x".repeat(70 * 1024));
    for (first, second) in [
        ("", ""),
        (r#"{"accessToken":"","expireTime":"2030-01-01T00:00:00Z"}"#, ""),
        (r#"{"accessToken":"SECRET","expireTime":"soon"}"#, ""),
        (r#"{"accessToken":"SECRET","expireTime":"2020-01-01T00:00:00Z"}"#, ""),
        (endless.as_str(), ""),
        (wide.as_str(), "<html>"),
        (wide.as_str(), r#"{"access_token":""}"#),
        (wide.as_str(), r#"{"access_token":"SECRET with space"}"#),
        (wide.as_str(), r#"{"access_token":"ya29.wide"}"#),
    ] {
        let (one, two) = (first.to_owned(), second.to_owned());
        let server = Recorder::http(move |request| {
            let body = if request.contains("generateAccessToken") { &one } else { &two };
            whole("200 OK", "", body.as_bytes())
        })
        .await;
        let vendor = vendor_at(&format!("http://{}", server.addr()), VENDED, &token(OURS)).unwrap();
        let refused = vendor.vend(&asked(&["a/"], Duration::from_mins(5))).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Unexpected, "{second}");
        assert!(!format!("{refused:?}").contains("SECRET"), "{refused:?}");
    }
}
