//! The advice, for each way of failing.

use crate::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use crate::domain::credential::CredentialName;
use crate::domain::label::LabelOrder;
use crate::domain::principal::Group;
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};
use crate::service::live_check::advice::About;
use crate::service::live_check::{Remedy, Trouble};
use crate::vault::server::{PolicyRule, VaultPath};

fn bucket(provider: Provider, native: &str, region: Option<&str>) -> Bucket {
    let order = LabelOrder::new(&["public".to_owned()]).unwrap();
    Bucket {
        id: BucketId::parse("pay").unwrap(),
        provider,
        native_name: NativeName::parse(native).unwrap(),
        region: region.map(str::to_owned),
        account: (provider == Provider::Azure).then(|| "acc".to_owned()),
        endpoint: None,
        owner: Group::parse("owners").unwrap(),
        label: order.find("public").unwrap().clone(),
        credential: CredentialName::parse("reader").unwrap(),
        vending: None,
        redacted: false,
    }
}

fn refused(bucket: &Bucket, kind: &'static str) -> Trouble {
    let rule = PolicyRule::read(VaultPath::parse("secret/data/reader").unwrap());
    let about = About { bucket, kind, rule: Some(&rule) };
    about.listing(&StoreError::new(StoreOperation::List, StoreErrorKind::Denied))
}

fn lines(trouble: &Trouble) -> Vec<&str> {
    trouble.remedies.iter().flat_map(|remedy: &Remedy| &remedy.lines).map(String::as_str).collect()
}

#[test]
fn a_refusal_names_the_least_permission_of_each_provider() {
    for (provider, native, region, expected) in [
        (Provider::Aws, "logs", Some("eu-central-1"), r#""s3:ListBucket", "Resource": "arn:aws:s3:::logs""#),
        (Provider::Aws, "logs", None, r#""s3:GetObject", "Resource": "arn:aws:s3:::logs/*""#),
        (Provider::Aws, "logs", Some("cn-north-1"), "arn:aws-cn:s3:::logs/*"),
        (Provider::Aws, "logs", Some("us-gov-west-1"), "arn:aws-us-gov:s3:::logs/*"),
        (
            Provider::Aws,
            "arn:aws:s3:eu-central-1:111122223333:accesspoint/logs",
            None,
            "accesspoint/logs/object/*",
        ),
        (Provider::Gcp, "logs", None, "storage.objects.list, storage.objects.get"),
        (Provider::Azure, "logs", None, "Storage Blob Data Reader on container logs of storage account acc"),
        (Provider::File, "/srv/logs", None, "r-x on /srv/logs"),
    ] {
        let trouble = refused(&bucket(provider, native, region), "vault-kv");
        assert!(lines(&trouble).iter().any(|line| line.contains(expected)), "{expected}: {trouble:?}");
    }
}

#[test]
fn a_refused_credential_of_vault_names_where_in_vault_it_is_mended() {
    let bucket = bucket(Provider::Aws, "logs", None);
    let told = |kind| format!("{:?}", refused(&bucket, kind));
    assert!(told("vault-kv").contains("write the new one to secret/data/reader"));
    assert!(told("vault-aws").contains("policy_document"));
    assert!(!told("aws-keys").contains("Vault"));
}

#[test]
fn only_settings_that_are_set_are_named() {
    let absent = StoreError::new(StoreOperation::List, StoreErrorKind::NoSuchBucket);
    let told = |bucket: &Bucket| {
        About { bucket, kind: "ambient", rule: None }.listing(&absent).remedies[0].text.clone()
    };
    assert_eq!(told(&bucket(Provider::Aws, "logs", None)), "look at buckets.pay.name, buckets.pay.region");
    assert_eq!(told(&bucket(Provider::Azure, "logs", None)), "look at buckets.pay.name, buckets.pay.account");
    assert_eq!(told(&bucket(Provider::File, "/srv", None)), "look at buckets.pay.name");
}
