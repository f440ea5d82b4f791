//! The cache of lent credentials by itself, without a service around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logboom::domain::credential::{Credential, CredentialName};
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::aws::identity::{Bound, Caller, CallerIdentity};
use logboom::provider::wire;
use logboom::vault::exchange::{self, Exchange};
use logboom::vault::kinds::azure::token_endpoint;
use logboom::vault::kinds::federation::{Google, Proof, Target};
use logboom::vault::kinds::gcp::GcpAccount;
use logboom::vault::kinds::{AzureEngine, Federation, GcpEngine, Means, Reference};
use logboom::vault::leases::{LeaseState, Leases, Options};
use logboom::vault::server::{Pauses, SignIn};
use logboom::vault::{CredentialSource, LeaseError};
use serde_json::json;

use crate::doubles::tokens::Tokens;
use crate::doubles::vault::{Engines, Loan, TOKEN};
use crate::vault::lent::lent_token;
use crate::vault::{eventually, path, vault};

fn name() -> CredentialName {
    CredentialName::parse("c").expect("a name")
}

fn leases(reference: Reference, engines: Option<&Engines>) -> Leases {
    let options = Options {
        wait: Duration::from_secs(1),
        read_again: Duration::from_secs(1),
        unread: Duration::from_secs(3),
        grace: Duration::from_millis(100),
        give_back: Duration::from_secs(2),
        pauses: Pauses {
            least: Duration::from_millis(100),
            most: Duration::from_millis(300),
            most_refused: Duration::from_millis(300),
        },
    };
    let second = Duration::from_secs(1);
    let exchange = exchange::Options { connect_timeout: second, timeout: second, extra_ca_pem: None };
    let token = || SignIn::Token(Secret::new(TOKEN.to_owned()));
    let means = Means {
        vault: engines.map(|engines| vault(&engines.address, token())),
        exchange: Exchange::new(&exchange).expect("a client"),
    };
    Leases::new(BTreeMap::from([(name(), reference)]), &means, &options, Arc::new(SystemClock))
}

fn principal(entra: &Tokens, propagation: u64) -> Reference {
    let endpoint = token_endpoint(&entra.address.parse().expect("a URL"), "t").expect("a URL");
    let engine = AzureEngine::new(&path("azure"), "read", endpoint, Duration::from_secs(propagation));
    Reference::Azure(engine.expect("a role"))
}

async fn principals() -> Engines {
    Engines::start(|_, number| Loan {
        data: json!({"client_id": format!("p{number}"), "client_secret": "SECRET"}),
        ttl: 3600,
        max_ttl: 3600,
        renewable: true,
    })
    .await
}

#[tokio::test]
async fn what_comes_too_late_for_one_request_is_there_for_the_next() {
    let (engines, entra) = (principals().await, Tokens::start(4).await);
    let leases = leases(principal(&entra, 16), Some(&engines));
    let asked = Instant::now();
    let late = leases.lease(&name()).await.expect_err("Entra needs longer");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(matches!(&late, LeaseError::Unavailable { cause, .. } if cause.word() == "late"), "{late:?}");
    eventually(async || leases.lease(&name()).await.ok()).await;
    assert_eq!(engines.lent("azure/creds/read"), 1);
    leases.close().await;
    assert_eq!(engines.out(), 0);
}

#[tokio::test]
async fn a_principal_that_never_becomes_known_is_given_back() {
    let (engines, entra) = (principals().await, Tokens::start(1000).await);
    let leases = leases(principal(&entra, 1), Some(&engines));
    let failed = async || {
        let error = leases.lease(&name()).await.expect_err("Entra refuses it");
        matches!(&error, LeaseError::Unavailable { cause, .. } if cause.word() == "proof-refused")
            .then_some(error)
    };
    let error = eventually(failed).await;
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    eventually(async || (engines.out() <= 1).then_some(())).await;
    assert!(engines.book().revoked >= 1);
    leases.close().await;
}

#[tokio::test]
async fn a_credential_is_given_back_when_its_bucket_is_gone_and_lent_anew_when_it_returns() {
    let (engines, entra) = (principals().await, Tokens::start(0).await);
    let leases = leases(principal(&entra, 1), Some(&engines));
    let first = leases.lease(&name()).await.expect("a credential");
    assert_eq!(engines.out(), 1);
    leases.release(&name()).await;
    assert_eq!((engines.out(), first.validity.holds()), (0, false));
    leases.lease(&name()).await.expect("another");
    assert_eq!(engines.lent("azure/creds/read"), 2);
    leases.close().await;
    assert!(leases.lease(&name()).await.is_err(), "after the end there is none");
    assert_eq!(engines.out(), 0);
}

#[tokio::test]
async fn one_that_is_replaced_is_no_longer_valid_and_the_next_is_there_already() {
    let engines = Engines::start(|_, number| lent_token(&format!("ya29.SECRET-{number}"), 2)).await;
    let engine = GcpEngine::new(&path("gcp"), GcpAccount::Roleset, "read").expect("an account");
    let leases = leases(Reference::Gcp(engine), Some(&engines));
    let first = leases.lease(&name()).await.expect("a token");
    let expires_at = first.expires_at.expect("an end");
    eventually(async || (!first.validity.holds()).then_some(())).await;
    assert!(SystemClock.now() < expires_at, "it was replaced ahead of its end");
    let asked = Instant::now();
    let second = leases.lease(&name()).await.expect("a token");
    assert!(asked.elapsed() < Duration::from_millis(100) && !second.validity.is(&first.validity));
    let (_, view) = leases.views().next().expect("one");
    assert_eq!(view.state, LeaseState::Held);
    leases.close().await;
}

#[tokio::test]
async fn an_aws_role_opens_google_by_a_signed_request_and_no_secret() {
    let google = Tokens::start(0).await;
    let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a";
    let second = Duration::from_secs(1);
    let options = wire::Options {
        extra_ca_pem: None,
        connect_timeout: second,
        idle_timeout: second,
        read_buffer_bytes: 8192,
    };
    let role = Credential::AwsKeys {
        access_key_id: "ASIAROLE".to_owned(),
        secret_access_key: Secret::new("SECRET-key".to_owned()),
        session_token: Some(Secret::new("session".to_owned())),
    };
    let caller =
        Caller { region: Some("eu-central-1".to_owned()), bound: Bound::Google(audience.to_owned()) };
    let target = Target::Google(Google {
        audience: audience.to_owned(),
        token_endpoint: format!("{}/v1/token", google.address).parse().expect("a URL"),
        impersonation: None,
        vends: false,
    });
    let proof = Proof::AwsSigned(Arc::new(CallerIdentity::new(options, role, caller)));
    let leases = leases(Reference::Federation(Federation { proof, target }), None);
    let token = leases.lease(&name()).await.expect("a token");
    assert!(matches!(token.credential, Credential::GcpAccessToken(_)));
    let (_, form) = google.asked().remove(0);
    assert_eq!(form["subject_token_type"], "urn:ietf:params:aws:token-type:aws4_request");
    assert_eq!(form["scope"], "https://www.googleapis.com/auth/devstorage.read_only");
    let subject = percent_encoding::percent_decode_str(&form["subject_token"]).decode_utf8().expect("UTF-8");
    let subject: serde_json::Value = serde_json::from_str(&subject).expect("JSON");
    let headers = subject["headers"].as_array().expect("a list");
    let header =
        |name: &str| headers.iter().find(|header| header["key"] == name).map(|header| &header["value"]);
    assert_eq!(header("x-goog-cloud-target-resource"), Some(&json!(audience)));
    assert!(header("authorization").is_some() || header("Authorization").is_some(), "{subject}");
    assert!(!subject.to_string().contains("SECRET"));
    leases.close().await;
}
