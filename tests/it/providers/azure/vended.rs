//! Vended signatures: what they say, and what they reach at a double that recomputes each and holds it to its directory.

use std::time::Duration;

use logboom::domain::bucket::NativeName;
use logboom::domain::credential::Credential;
use logboom::domain::key::Prefix;
use logboom::domain::scope::Scope;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::StoreErrorKind;
use logboom::provider::vend::{
    Attempt, Fit, Holder, Reach, VendCredentials, VendOptions, Vended, VendedSecret,
};

use crate::contract::store::{key, kind};
use crate::doubles::blobs::{Account, CONTAINER};
use crate::harness::azurite::{ACCOUNT, ACCOUNT_KEY, AUDIENCE, client};
use crate::providers::azure::{bearer, blob_storage, bucket};

fn vendor_with(account: &Account, hierarchical: bool, credential: &Credential) -> Box<dyn VendCredentials> {
    let bucket = bucket(&account.endpoint(), CONTAINER);
    blob_storage().vendor(&bucket, hierarchical, credential).expect("a vendor")
}

fn vendor(account: &Account) -> Box<dyn VendCredentials> {
    vendor_with(account, true, &bearer(AUDIENCE))
}

fn asked(folders: &[&str]) -> VendOptions {
    let folders: Vec<_> = folders.iter().map(|text| Prefix::parse(text).expect("a prefix")).collect();
    VendOptions {
        scope: Scope::parse(&folders).expect("a scope"),
        ttl: Duration::from_mins(15),
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
    match vendor.vend(&asked(folders)).await.expect("an answer") {
        Fit::Credentials(vended) => vended,
        Fit::DoesNotFit(why) => panic!("{why}"),
    }
}

async fn unfit(vendor: &dyn VendCredentials, folders: &[&str]) -> String {
    match vendor.vend(&asked(folders)).await.expect("an answer") {
        Fit::Credentials(vended) => panic!("{vended:?}"),
        Fit::DoesNotFit(why) => why,
    }
}

fn sas(vended: &Vended) -> &str {
    let VendedSecret::AzureSas(sas) = &vended.secret else { panic!("a signature") };
    sas.expose()
}

async fn filled() -> Account {
    let account = Account::start().await;
    for name in ["a/x.log", "a/deep/y.log", "a_b/secret.log", "ab/secret.log", "secret.log", "b c/d+e/z.log"]
    {
        account.put(name);
    }
    account
}

/// What a GET by the holder of the signature is answered with.
async fn get(account: &Account, container: &str, path: &str, sas: &str) -> (u16, String) {
    let join = if path.contains('?') { '&' } else { '?' };
    let url = format!("{}/{container}{path}{join}{sas}", account.endpoint());
    let answer = client().get(url).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

#[tokio::test]
async fn a_vended_signature_reads_and_lists_its_directory_and_nothing_beside_it() {
    let account = filled().await;
    let vended = vend(&*vendor(&account), &["a/"]).await.remove(0);
    assert_eq!(vended.folders, [Prefix::parse("a/").expect("a prefix")]);
    let sas = sas(&vended);
    for name in ["a/x.log", "a/deep/y.log"] {
        let got = get(&account, CONTAINER, &format!("/{name}"), sas).await;
        assert_eq!(got, (200, name.to_owned()));
    }
    let listing = |prefix: &str| format!("?restype=container&comp=list&prefix={prefix}");
    let (status, listed) = get(&account, CONTAINER, &listing("a/"), sas).await;
    assert_eq!((status, listed.matches("<Name>").count()), (200, 2));
    assert_eq!(get(&account, CONTAINER, &listing("a/deep/"), sas).await.0, 200);
    for path in ["/a_b/secret.log", "/ab/secret.log", "/secret.log", "/a", "/b%20c/d%2Be/z.log"] {
        assert_eq!(get(&account, CONTAINER, path, sas).await.0, 403, "{path}");
    }
    for prefix in ["", "a", "a_b/", "ab/"] {
        assert_eq!(get(&account, CONTAINER, &listing(prefix), sas).await.0, 403, "{prefix:?}");
    }
    assert_eq!(get(&account, CONTAINER, "?restype=container&comp=list", sas).await.0, 403);
    assert_eq!(get(&account, "other", "/a/x.log", sas).await.0, 403);
    let url = format!("{}/{CONTAINER}/a/x.log?{sas}", account.endpoint());
    let put = client().put(&url).header("x-ms-blob-type", "BlockBlob").body("no");
    for (what, request) in [("write", put), ("delete", client().delete(&url))] {
        assert_eq!(request.send().await.expect("an answer").status(), 403, "{what}");
    }
    for (from, to) in [("sdd=1", "sdd=2"), ("sp=rl", "sp=rwl"), ("sr=d", "sr=c"), ("&se=20", "&se=21")] {
        let changed = sas.replace(from, to);
        assert_ne!(changed, sas, "{from}");
        assert_eq!(get(&account, CONTAINER, "/a/x.log", &changed).await.0, 403, "{to}");
    }
}

#[tokio::test]
async fn a_signature_says_what_it_is_for() {
    let account = filled().await;
    let vendor = vendor(&account);
    let before = SystemClock.now();
    let mut vended = vend(&*vendor, &["b c/d+e/", "a/"]).await;
    let deep = vended.pop().expect("a signature for each folder");
    assert_eq!((vended.len(), deep.folders[0].as_str()), (1, "b c/d+e/"));
    let sas = sas(&deep);
    let parts = ["sr=d", "sdd=2", "sp=rl", "spr=https", "scid=01234567-89ab-cdef-0123-456789abcdef"];
    for part in parts {
        assert!(sas.split('&').any(|found| found == part), "{part}");
    }
    assert!(["st=", "se=", "skoid=", "sig="].iter().all(|part| sas.contains(part)));
    assert_eq!(get(&account, CONTAINER, "/b%20c/d%2Be/z.log", sas).await.0, 200);
    assert_eq!(get(&account, CONTAINER, "/a/x.log", sas).await.0, 403);
    let life = deep.expires_at.since(before);
    assert!(life <= Duration::from_secs(15 * 60 + 5) && life > Duration::from_mins(14), "{life:?}");
    let keys =
        account.server().targets().iter().filter(|target| target.contains("userdelegationkey")).count();
    assert_eq!(keys, 1, "one delegation key signs for all folders");
}

#[tokio::test]
async fn the_canary_is_told_what_a_signature_reaches() {
    let account = filled().await;
    let vendor = vendor(&account);
    let narrow = vend(&*vendor, &["a/"]).await.remove(0);
    let prefix = |text| Prefix::parse(text).expect("a prefix");
    let outside = [
        Attempt::Read(key("a_b/secret.log")),
        Attempt::List(prefix("a_b/")),
        Attempt::List(Prefix::root()),
        Attempt::Write(key("a/new.log")),
        Attempt::OtherBucket(NativeName::parse("other").expect("a name")),
    ];
    for attempt in &outside {
        assert_eq!(vendor.attempt(&narrow, attempt).await.expect("an answer"), Reach::Refused, "{attempt:?}");
    }
    for attempt in
        [Attempt::Read(key("a/x.log")), Attempt::Read(key("a/none.log")), Attempt::List(prefix("a/"))]
    {
        assert_eq!(
            vendor.attempt(&narrow, &attempt).await.expect("an answer"),
            Reach::Allowed,
            "{attempt:?}"
        );
    }
    let nameless = Attempt::OtherBucket(NativeName::parse("No Container").expect("a name"));
    assert_eq!(kind(vendor.attempt(&narrow, &nameless).await), StoreErrorKind::Invalid);
    assert_eq!(kind(vendor.attempt(&narrow, &Attempt::Read(key("a/../b"))).await), StoreErrorKind::Invalid);
    let foreign =
        Vended { secret: VendedSecret::GcpAccessToken(Secret::new("ya29".to_owned())), ..narrow.clone() };
    assert_eq!(kind(vendor.attempt(&foreign, &outside[0]).await), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn what_cannot_be_held_to_a_directory_is_not_signed_for() {
    let account = filled().await;
    let flat = vendor_with(&account, false, &bearer(AUDIENCE));
    assert!(unfit(&*flat, &["a/"]).await.contains("without hierarchical namespace"));
    let account_key = Credential::AzureAccountKey(Secret::new(ACCOUNT_KEY.to_owned()));
    assert!(unfit(&*vendor_with(&account, true, &account_key), &["a/"]).await.contains("account key"));
    let anonymous = vendor_with(&account, true, &Credential::Anonymous);
    assert!(unfit(&*anonymous, &["a/"]).await.contains("Entra"));
    let vendor = vendor(&account);
    for folder in ["a//b/", "/a/", "/", "a/../b/", "./", "a./", "back\\slash/"] {
        assert!(unfit(&*vendor, &["a_b/", folder]).await.contains("no name of a directory"), "{folder:?}");
    }
    assert!(unfit(&*vendor, &["a/", "b/", "c/", "d/"]).await.contains("more than 3"));
    assert!(account.server().targets().is_empty(), "nothing is asked for what is not signed for");
}

#[tokio::test]
async fn who_gets_no_delegation_key_vends_nothing_and_nothing_is_quoted() {
    let account = filled().await;
    let stranger = Credential::AzureClientSecret {
        tenant_id: "9c1f6c5e-0000-4000-8000-000000000001".to_owned(),
        client_id: "logboom".to_owned(),
        client_secret: Secret::new("SECRET".to_owned()),
        authority: Some(account.endpoint().replace(&format!("/{ACCOUNT}"), "")),
    };
    let refused = vendor_with(&account, true, &stranger).vend(&asked(&["a/"])).await.expect_err("no token");
    assert_eq!(refused.operation.as_str(), "vend");
    assert!(!format!("{refused:?}").contains("SECRET"), "{refused:?}");
    let ended = VendOptions { ttl: Duration::ZERO, ..asked(&["a/"]) };
    assert_eq!(kind(vendor(&account).vend(&ended).await), StoreErrorKind::Invalid);
}
