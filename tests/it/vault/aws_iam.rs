//! Signing in by the AWS role, at a double that does what Vault documents: it sends what we signed to STS itself.

use std::sync::Arc;
use std::time::Duration;

use logboom::domain::credential::Credential;
use logboom::domain::proof::ProveIdentity;
use logboom::domain::secret::Secret;
use logboom::provider::aws::identity::{Bound, Caller, CallerIdentity};
use logboom::provider::wire;
use logboom::vault::server::sign_in::AwsIam;
use logboom::vault::server::{SignIn, Vault, VaultErrorKind};

use crate::doubles::vault_aws::VaultAws;
use crate::harness::ministack::{Ministack, ministack};
use crate::vault::{Place, path, vault};

fn prover(credential: Credential, server_id: &str) -> Arc<dyn ProveIdentity> {
    let options = wire::Options {
        extra_ca_pem: None,
        connect_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(1),
        read_buffer_bytes: 8192,
    };
    Arc::new(CallerIdentity::new(
        options,
        credential,
        Caller { region: None, bound: Bound::Vault(server_id.to_owned()) },
    ))
}

fn client(double: &VaultAws, credential: Credential, server_id: &str) -> Vault {
    let identity = prover(credential, server_id);
    let by = AwsIam { mount: path("aws"), role: "logboom".to_owned(), identity };
    vault(&double.address, SignIn::AwsIam(by))
}

#[tokio::test]
async fn the_aws_role_signs_in_by_a_request_that_sts_believes() {
    let sts = ministack().await;
    let double = VaultAws::start(sts.endpoint(), "vault.example").await;
    let vault = client(&double, Ministack::root(), "vault.example");
    let place = Place { path: path("kv/known"), policy: String::new() };
    assert_eq!(place.read(&vault).await.expect("it reads"), "timber");
    assert_eq!(double.callers().len(), 1, "{:?}", double.callers());
}

#[tokio::test]
async fn a_proof_for_another_vault_or_by_nobody_is_refused() {
    let sts = ministack().await;
    let double = VaultAws::start(sts.endpoint(), "vault.example").await;
    let nobody = Credential::AwsKeys {
        access_key_id: "AKIANOBODYNOBODYNOBO".to_owned(),
        secret_access_key: Secret::new("SECRET-nobody".to_owned()),
        session_token: None,
    };
    let place = Place { path: path("kv/known"), policy: String::new() };
    for (credential, server_id) in [(Ministack::root(), "vault.evil.example"), (nobody, "vault.example")] {
        let refused = place.read(&client(&double, credential, server_id)).await.expect_err("it is refused");
        assert_eq!((refused.kind, refused.signing_in), (VaultErrorKind::Refused, true), "{refused}");
    }
    assert!(double.callers().is_empty());
}
