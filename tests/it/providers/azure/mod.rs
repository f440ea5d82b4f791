//! Azure: the batteries on Azurite, and what only Azure does.

use std::time::Duration;

use bytes::Bytes;
use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::{Credential, CredentialName};
use logboom::domain::key::ObjectKey;
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::Group;
use logboom::domain::secret::Secret;
use logboom::provider::Store;
use logboom::provider::azure::BlobStorage;
use logboom::provider::wire::Options;

use crate::contract::store::{CloudFixture, StoreFixture, TestBucket, cloud_battery, key, store_battery};
use crate::harness::azurite::{ACCOUNT, AUDIENCE, Azurite, token};
use crate::harness::recorder::Recorder;
use crate::harness::tls::certificates;

mod links;
mod reads;
mod secrets;
mod vended;
mod wire;

store_battery!(fixture());
cloud_battery!(fixture());

struct Fixture(&'static Azurite);

struct Container {
    azurite: &'static Azurite,
    name: String,
}

async fn fixture() -> Fixture {
    Fixture(Azurite::shared().await)
}

impl TestBucket for Container {
    fn store(&self) -> Store {
        store(self.azurite, &self.name)
    }

    async fn put(&self, key: &str, bytes: Bytes) {
        self.azurite.put(&self.name, key, bytes).await;
    }

    async fn put_all(&self, keys: &[String]) {
        self.azurite.put_all(&self.name, keys).await;
    }
}

impl StoreFixture for Fixture {
    type Bucket = Container;

    async fn fresh(&self) -> Container {
        Container { azurite: self.0, name: self.0.container().await }
    }

    async fn missing(&self) -> Store {
        store(self.0, "no-such-container")
    }

    /// Azure turns `\` into `/`, takes no control character, and warns of segments that end in a dot.
    fn allows(&self, key: &str) -> bool {
        !key.contains(|c: char| c == '\\' || c.is_control())
            && !key.split('/').any(|segment| segment.ends_with('.'))
    }
}

impl CloudFixture for Fixture {
    async fn denied(&self) -> Store {
        let bucket = self.fresh().await;
        bucket.put("kept", Bytes::from_static(b"text")).await;
        open_with(&self.0.endpoint(), &bucket.name, &bearer("https://management.azure.com"))
    }

    async fn archived(&self) -> (Store, ObjectKey) {
        let bucket = self.fresh().await;
        bucket.put("old.log", Bytes::from_static(b"text")).await;
        self.0.set_tier(&bucket.name, "old.log", "Archive").await;
        (bucket.store(), key("old.log"))
    }

    fn port(&self) -> u16 {
        self.0.port()
    }

    async fn behind(&self, bucket: &Container, port: u16) -> Store {
        open_with(&format!("https://127.0.0.1:{port}/{ACCOUNT}"), &bucket.name, &bearer(AUDIENCE))
    }
}

fn blob_storage() -> BlobStorage {
    let options = Options {
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_mins(1),
        extra_ca_pem: Some(String::from_utf8(certificates().ca_pem()).expect("PEM")),
        read_buffer_bytes: 512 * 1024,
    };
    BlobStorage::new(&options, Duration::from_hours(1)).expect("a client")
}

fn bucket(endpoint: &str, container: &str) -> Bucket {
    let labels = LabelOrder::new(&["public"]).expect("labels");
    Bucket {
        id: BucketId::parse("zpay").expect("an id"),
        provider: Provider::Azure,
        native_name: NativeName::parse(container).expect("a name"),
        region: None,
        account: Some(ACCOUNT.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        owner: Group::parse("payments").expect("a group"),
        label: labels.find("public").expect("a label").clone(),
        credential: CredentialName::parse("azure").expect("a name"),
        vending: None,
        redacted: false,
    }
}

fn bearer(audience: &str) -> Credential {
    Credential::AzureAccessToken(Secret::new(token(audience)))
}

fn open_with(endpoint: &str, container: &str, credential: &Credential) -> Store {
    blob_storage().open(&bucket(endpoint, container), credential).expect("a store")
}

fn store(azurite: &Azurite, container: &str) -> Store {
    open_with(&azurite.endpoint(), container, &bearer(AUDIENCE))
}

/// A store without credential over a recording server.
fn recorded(upstream: &Recorder) -> Store {
    open_with(&format!("http://{}/{ACCOUNT}", upstream.addr()), "logs", &Credential::Anonymous)
}

/// A whole answer that holds a body.
fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}
