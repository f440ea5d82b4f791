//! What a site may write under `[vault]`.

use std::path::Path;

use super::*;
use crate::config::tests::{LEAST, assert_one, problems, read};

const APPROLE: &str = r#"
[vault]
address = "https://vault.example:8200"
[vault.sign_in]
method = "approle"
role_id = "logboom"
secret_id = "env:SECRET"
"#;

fn configured(text: &str) -> Vault {
    read(&format!("{LEAST}{text}"), &[]).unwrap().vault.expect("a Vault")
}

/// How it signs in, with a prover that cannot be.
fn sign_in(text: &str) -> SignIn {
    configured(text).options(|_| panic!("not by AWS")).sign_in
}

fn by(settings: &str) -> SignIn {
    sign_in(&format!("[vault]\naddress = \"https://vault.example\"\n[vault.sign_in]\n{settings}"))
}

#[test]
fn a_site_without_a_vault_has_none() {
    assert!(read(LEAST, &[]).unwrap().vault.is_none());
}

#[test]
fn an_approle_needs_no_more_than_its_two_ids() {
    let options = configured(APPROLE).options(|_| panic!("not by AWS"));
    assert_eq!(options.address.as_str(), "https://vault.example:8200/");
    assert_eq!((options.namespace, options.ca_pem), (None, None));
    let SignIn::AppRole(role) = options.sign_in else { panic!("an AppRole") };
    assert_eq!((role.mount.as_str(), role.role_id.as_str()), ("approle", "logboom"));
    assert!(matches!(role.secret_id, SecretId::Plain(SecretText::Value(id)) if id.expose() == "hunter2"));
}

#[test]
fn each_method_is_read_with_its_own_settings() {
    let wrapped = by("method = \"approle\"\nmount = \"teams/logs\"\nrole_id = \"r\"\nwrapped = true\n\
         secret_id = \"file:/run/wrapped\"");
    assert!(matches!(wrapped, SignIn::AppRole(AppRole { mount, secret_id: SecretId::Wrapped(_), .. })
        if mount.as_str() == "teams/logs"));
    let jwt = by("method = \"jwt\"\nrole = \"logboom\"\nfile = \"/run/token\"");
    assert!(matches!(jwt, SignIn::Jwt(JwtFile { mount, .. }) if mount.as_str() == "jwt"));
    let pod = by("method = \"kubernetes\"\nrole = \"logboom\"");
    assert!(matches!(pod, SignIn::Kubernetes(JwtFile { file, .. }) if file == Path::new(POD_TOKEN)));
    assert!(matches!(by("method = \"token\"\ntoken = \"file:/run/sink\""), SignIn::TokenFile(_)));
    assert!(matches!(by("method = \"token\"\ntoken = \"env:SECRET\""), SignIn::Token(_)));
}

#[test]
fn the_aws_role_is_proved_for_the_vault_that_is_named() {
    let text = "[vault]\naddress = \"https://vault.example\"\nnamespace = \"/rivers/alder/\"\n[vault.sign_in]\n\
        method = \"aws-iam\"\nrole = \"logboom\"\nregion = \"eu-central-1\"\nserver_id = \"vault.example\"";
    let mut asked = None;
    let options = configured(text).options(|caller| {
        asked = Some(caller);
        Arc::new(NoProof)
    });
    let caller = asked.expect("a caller");
    assert_eq!(caller.region.as_deref(), Some("eu-central-1"));
    assert!(matches!(caller.bound, identity::Bound::Vault(name) if name == "vault.example"));
    assert_eq!(options.namespace.as_deref(), Some("rivers/alder"));
    assert!(matches!(options.sign_in, SignIn::AwsIam(AwsIam { mount, .. }) if mount.as_str() == "aws"));
}

#[derive(Debug)]
struct NoProof;

#[async_trait::async_trait]
impl ProveIdentity for NoProof {
    async fn prove(&self) -> Result<crate::domain::proof::SignedRequest, crate::domain::proof::ProofError> {
        Err(crate::domain::proof::ProofError("none".to_owned()))
    }
}

#[test]
fn every_problem_is_told_at_once_and_never_the_value() {
    let found = problems(
        "[vault]\naddress = \"http://SECRET.example\"\nnamespace = \"a b\"\nclient_key = \"env:SECRET\"\n\
         timeout = \"2m\"\nskip_verify = true\n[vault.sign_in]\nmethod = \"approle\"\nsecret_id = \"hunter2\"",
    );
    for expected in [
        "vault.address: expected https://HOST:PORT",
        "vault.client_certificate: is missing",
        "vault.namespace: a path in Vault is",
        "vault.sign_in.role_id: is missing",
        "vault.sign_in.secret_id: expected a reference",
        "vault.skip_verify: is not a setting",
        "vault.timeout: expected at most 60 s",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected}\n{found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
    assert!(!found.concat().contains("hunter2") && !found.concat().contains("SECRET.example"));
}

#[test]
fn what_one_setting_needs_of_another_is_told() {
    let sign_in =
        |text: &str| format!("[vault]\naddress = \"https://vault.example\"\n[vault.sign_in]\n{text}");
    assert_one("[vault]\naddress = \"https://vault.example\"", "vault.sign_in.method: is missing");
    assert_one(&sign_in("method = \"ldap\"\nuser = \"me\""), "vault.sign_in.method: expected approle, jwt");
    assert_one(&sign_in("method = \"jwt\"\nrole = \"r\""), "vault.sign_in.file: is missing; expected a path");
    let aws = "method = \"aws-iam\"\nrole = \"r\"";
    assert_one(&sign_in(aws), "vault.sign_in.server_id: is missing");
    let odd = format!("{aws}\nserver_id = \"v\"\nregion = \"eu/../x\"");
    assert_one(&sign_in(&odd), "vault.sign_in.region: expected the name of a region");
    assert_one(
        &APPROLE.replace("[vault]", "[vault]\nretry_most = \"1s\""),
        "vault.retry_most: expected at least",
    );
    assert_one(
        &APPROLE.replace("[vault]", "[vault]\nca = \"/nowhere\""),
        "vault.ca: /nowhere has no certificates",
    );
}
