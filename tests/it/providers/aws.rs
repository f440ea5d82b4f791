//! S3: exact request targets, signatures, refusals, links and archive classes.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::time::Duration;

use futures::TryStreamExt;
use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::{Credential, CredentialName};
use logboom::domain::key::{ObjectKey, Prefix};
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::Group;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::aws::S3;
use logboom::provider::wire::Options;
use logboom::provider::{GetOptions, Link, LinkOptions, ListOptions, Store, StoreError};

mod attempts;
mod battery;
mod emulated;
mod recorded;

/// Keys that some layer between here and S3 would like to change.
const ODD_KEYS: [(&str, &str); 14] = [
    ("a/../b", "a/../b"),
    ("..", ".."),
    (".", "."),
    ("a/./b/", "a/./b/"),
    ("a//b", "a//b"),
    ("/lead", "/lead"),
    ("a%2Fb", "a%252Fb"),
    (" ", "%20"),
    ("+", "%2B"),
    ("a?b#c", "a%3Fb%23c"),
    ("line\nfeed\ttab", "line%0Afeed%09tab"),
    ("日本/é.log", "%E6%97%A5%E6%9C%AC/%C3%A9.log"),
    ("q=1&r=2;s", "q%3D1%26r%3D2%3Bs"),
    ("it's(~)!*\"<>\\^`{|}", "it%27s%28~%29%21%2A%22%3C%3E%5C%5E%60%7B%7C%7D"),
];

fn options() -> Options {
    Options {
        extra_ca_pem: None,
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(30),
        read_buffer_bytes: 512 * 1024,
    }
}

fn bucket(native_name: &str, endpoint: Option<&str>) -> Bucket {
    Bucket {
        id: BucketId::parse("logs").unwrap(),
        provider: Provider::Aws,
        native_name: NativeName::parse(native_name).unwrap(),
        region: None,
        account: None,
        endpoint: endpoint.map(str::to_owned),
        owner: Group::parse("owners").unwrap(),
        label: LabelOrder::new(&["internal"]).unwrap().find("internal").unwrap().clone(),
        credential: CredentialName::parse("logs").unwrap(),
        vending: None,
        redacted: false,
    }
}

async fn open(native_name: &str, endpoint: &str, credential: &Credential) -> Store {
    let s3 = S3::new(&options()).unwrap();
    s3.open(&bucket(native_name, Some(endpoint)), credential).await.unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn page(prefix: &str, limit: u16) -> ListOptions {
    ListOptions {
        prefix: Prefix::parse(prefix).unwrap(),
        delimiter: None,
        limit: limit.try_into().unwrap(),
        cursor: None,
    }
}

async fn read(store: &Store, name: &str) -> Result<Vec<u8>, StoreError> {
    let opened = store.get(&key(name), &GetOptions::default()).await?;
    let chunks: Vec<_> = opened.body.try_collect().await?;
    Ok(chunks.concat())
}

async fn link(store: &Store, name: &str, ttl: Duration) -> Result<Link, StoreError> {
    let options = LinkOptions {
        ttl,
        now: SystemClock.now(),
        content_disposition: "attachment; filename=\"a b.log\"".to_owned(),
        content_type: "application/octet-stream".to_owned(),
    };
    store.links().expect("keys make links").link(&key(name), &options).await
}
