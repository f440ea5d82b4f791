//! Google Cloud Storage: the battery, exact request targets, refusals, stored bytes and links.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::time::Duration;

use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::{Credential, CredentialName};
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::Group;
use logboom::provider::Store;
use logboom::provider::gcp::Gcs;
use logboom::provider::wire::Options;

mod doubled;
mod emulated;
mod recorded;
mod vended;

fn options() -> Options {
    Options {
        extra_ca_pem: None,
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(30),
        read_buffer_bytes: 512 * 1024,
    }
}

fn bucket(native_name: &str, endpoint: &str) -> Bucket {
    Bucket {
        id: BucketId::parse("logs").unwrap(),
        provider: Provider::Gcp,
        native_name: NativeName::parse(native_name).unwrap(),
        region: None,
        account: None,
        endpoint: Some(endpoint.to_owned()),
        owner: Group::parse("owners").unwrap(),
        label: LabelOrder::new(&["internal"]).unwrap().find("internal").unwrap().clone(),
        credential: CredentialName::parse("logs").unwrap(),
        vending: None,
        redacted: false,
    }
}

fn open(native_name: &str, endpoint: &str, credential: &Credential) -> Store {
    Gcs::new(&options()).unwrap().open(&bucket(native_name, endpoint), credential).unwrap()
}

/// For fake-gcs-server, which closes a connection after a 416 without saying so: nothing can follow on it.
fn open_unpooled(native_name: &str, endpoint: &str, credential: &Credential) -> Store {
    let options = Options { idle_timeout: Duration::ZERO, ..options() };
    Gcs::new(&options).unwrap().open(&bucket(native_name, endpoint), credential).unwrap()
}
