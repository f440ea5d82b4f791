//! The demo's policies as the real permission check reads them: each of the three people gets what the login page says.

use std::path::PathBuf;
use std::sync::Arc;

use logboom::authz::permit::{CreateLink, ListObjects, ListTarget, ObjectTarget, ReadObject};
use logboom::authz::{Authorizer, Context};
use logboom::demo::idp::Person;
use logboom::demo::prepare::{Demo, prepare};
use logboom::demo::samples::{AWS_BUCKET, AZURE_BUCKET, GCP_BUCKET};
use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::CredentialName;
use logboom::domain::key::{ObjectKey, Prefix};
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::{Group, Principal, PrincipalId, Proof};
use logboom::domain::time::{SystemClock, Timestamp};

/// A prepared demo, gone with the test.
struct Prepared {
    dir: PathBuf,
    demo: Demo,
    authorizer: Authorizer,
}

impl Prepared {
    async fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("logboom-it-demo-{}", std::process::id()));
        let demo = prepare(&dir, "http://127.0.0.1:8080", Arc::new(SystemClock)).await.expect("a demo");
        let authorizer = Authorizer::load(&dir.join("policies")).expect("valid policies");
        Self { dir, demo, authorizer }
    }

    fn lists(&self, person: Person, id: &str, prefix: &str) -> bool {
        let target = ListTarget { bucket: bucket(id), prefix: Prefix::parse(prefix).expect("a prefix") };
        self.authorizer.decide::<ListObjects, _>(&principal(person), target, &context()).is_ok()
    }

    fn reads(&self, person: Person, id: &str, key: &str) -> bool {
        self.authorizer.decide::<ReadObject, _>(&principal(person), object(id, key), &context()).is_ok()
    }

    fn links(&self, person: Person, id: &str, key: &str) -> bool {
        self.authorizer.decide::<CreateLink, _>(&principal(person), object(id, key), &context()).is_ok()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn labels() -> LabelOrder {
    LabelOrder::new(&["public", "internal", "confidential", "restricted"]).expect("labels")
}

fn bucket(id: &str) -> Arc<Bucket> {
    Arc::new(Bucket {
        id: BucketId::parse(id).expect("an id"),
        provider: Provider::File,
        native_name: NativeName::parse("/nowhere").expect("a name"),
        region: None,
        account: None,
        endpoint: None,
        owner: Group::parse("payments-owners").expect("a group"),
        label: labels().find("confidential").expect("a label").clone(),
        credential: CredentialName::parse("none").expect("a name"),
        vending: None,
        redacted: false,
    })
}

fn object(id: &str, key: &str) -> ObjectTarget {
    ObjectTarget { bucket: bucket(id), key: ObjectKey::parse(key).expect("a key") }
}

fn principal(person: Person) -> Arc<Principal> {
    Arc::new(Principal {
        id: PrincipalId {
            issuer: "http://127.0.0.1:8080/demo-idp".to_owned(),
            subject: person.subject().to_owned(),
        },
        name: person.name().to_owned(),
        groups: person.groups().iter().map(|group| Group::parse(group).expect("a group")).collect(),
        groups_complete: true,
        clearance: labels().find(person.clearance()).expect("a label").clone(),
        proof: Proof::Bearer,
        expires_at: Timestamp::from_unix_seconds(4_000_000_000),
    })
}

fn context() -> Context {
    Context { ip: None, now: Timestamp::from_unix_seconds(1_800_000_000) }
}

#[tokio::test]
async fn each_person_of_the_demo_may_do_what_the_login_page_says() {
    let prepared = Prepared::new().await;
    let samples = &prepared.demo.samples;
    let service = [
        (AWS_BUCKET, &samples.elb_key),
        (GCP_BUCKET, &samples.cloud_logging_key),
        (AZURE_BUCKET, &samples.azure_key),
    ];
    for (bucket, key) in service {
        assert!(prepared.reads(Person::Engineer, bucket, key), "{key}");
        assert!(prepared.links(Person::Engineer, bucket, key), "{key}");
        assert!(prepared.reads(Person::BucketOwner, bucket, key), "{key}");
        assert!(!prepared.reads(Person::SecurityOfficer, bucket, key), "{key}");
        assert!(prepared.lists(Person::SecurityOfficer, bucket, ""), "{bucket}");
        assert!(prepared.lists(Person::BucketOwner, bucket, ""), "{bucket}");
    }
    let trail = &samples.cloudtrail_key;
    assert!(prepared.reads(Person::SecurityOfficer, AWS_BUCKET, trail));
    assert!(prepared.reads(Person::BucketOwner, AWS_BUCKET, trail));
    assert!(!prepared.reads(Person::Engineer, AWS_BUCKET, trail));
    assert!(!prepared.links(Person::SecurityOfficer, AWS_BUCKET, trail));
    let treasury = samples.azure_key.replace("PAYMENTS", "TREASURY").replace("LEDGER", "TREASURY");
    assert!(!prepared.reads(Person::Engineer, AZURE_BUCKET, &treasury));
    assert!(prepared.lists(Person::Engineer, GCP_BUCKET, "stdout/"));
    assert!(!prepared.lists(Person::Engineer, GCP_BUCKET, "cloudaudit.googleapis.com/activity/"));
}
