//! What a site may write for a credential that is lent.

use super::*;
use crate::config::Config;
use crate::config::tests::{LEAST, assert_one, problems, read};

const VAULT: &str = r#"
[vault]
address = "https://vault.example:8200"
[vault.sign_in]
method = "token"
token = "env:SECRET"
"#;

fn configured(credential: &str) -> Config {
    read(&format!("{LEAST}{VAULT}[credentials.c]\n{credential}"), &[])
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_kind_is_read_with_the_least_that_it_needs() {
    for (needs_vault, text) in [
        (true, "kind = \"vault-kv\"\npath = \"logs/pay\"\nholds = \"aws-keys\""),
        (true, "kind = \"vault-aws\"\nrole = \"pay\""),
        (true, "kind = \"vault-aws\"\nrole = \"pay\"\nmethod = \"creds\"\nsettle = \"5s\""),
        (true, "kind = \"vault-gcp\"\naccount = \"impersonated\"\nname = \"pay\""),
        (true, "kind = \"vault-azure\"\nrole = \"pay\"\ntenant_id = \"pay.example\""),
        (false, "kind = \"federated-azure\"\nclient_id = \"c\"\ntenant_id = \"t\"\ntoken_file = \"/run/t\""),
        (false, "kind = \"federated-azure\"\nclient_id = \"c\"\ntenant_id = \"t\"\nregion = \"eu-west-1\""),
    ] {
        let lent: Vec<_> = configured(text).lent.into_values().collect();
        assert_eq!(lent.len(), 1, "{text}");
        assert_eq!(lent[0].needs_vault(), needs_vault, "{text}");
    }
}

#[test]
fn each_kind_tells_its_name_and_the_rule_that_a_policy_of_vault_needs() {
    for (rule, text) in [
        (
            "\"secret/data/logs/pay\" { capabilities = [\"read\"]",
            "kind = \"vault-kv\"\npath = \"logs/pay\"\nholds = \"aws-keys\"",
        ),
        ("\"aws/sts/pay\" { capabilities = [\"update\"]", "kind = \"vault-aws\"\nrole = \"pay\""),
        (
            "\"aws/creds/pay\" { capabilities = [\"read\"]",
            "kind = \"vault-aws\"\nrole = \"pay\"\nmethod = \"creds\"",
        ),
        (
            "\"gcp/impersonated-account/pay/token\" { capabilities = [\"read\"]",
            "kind = \"vault-gcp\"\naccount = \"impersonated\"\nname = \"pay\"",
        ),
        (
            "\"azure/creds/pay\" { capabilities = [\"read\"]",
            "kind = \"vault-azure\"\nrole = \"pay\"\ntenant_id = \"t\"",
        ),
        ("", "kind = \"federated-azure\"\nclient_id = \"c\"\ntenant_id = \"t\"\ntoken_file = \"/run/t\""),
    ] {
        let Some(Lent::Ready(reference)) = configured(text).lent.into_values().next() else {
            panic!("{text}")
        };
        assert!(text.starts_with(&format!("kind = \"{}\"", reference.kind())), "{text}");
        let told = reference.rule().map(|rule| rule.to_string()).unwrap_or_default();
        assert!(told.contains(rule) && told.is_empty() == rule.is_empty(), "{told}: {text}");
    }
}

#[test]
fn a_service_account_is_impersonated_where_one_is_named() {
    let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a";
    let text = format!(
        "kind = \"federated-gcp\"\naudience = \"{audience}\"\nservice_account = \"r@p.iam.gserviceaccount.com\""
    );
    let Some(Lent::ByAwsRole { target: Target::Google(google), .. }) =
        configured(&text).lent.into_values().next()
    else {
        panic!("by the AWS role, at Google")
    };
    assert_eq!(google.token_endpoint.as_str(), "https://sts.googleapis.com/v1/token");
    assert_eq!(
        google.impersonation.expect("an account").as_str(),
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/r@p.iam.gserviceaccount.com:generateAccessToken"
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = format!(
        "{VAULT}[credentials.c]\nkind = \"vault-kv\"\nmount = \"/x/\"\npath = \"a/../b\"\nholds = \"gold\""
    );
    let found = problems(&text);
    for path in ["credentials.c.mount", "credentials.c.path", "credentials.c.holds"] {
        assert!(found.iter().any(|problem| problem.starts_with(path)), "{path}: {found:?}");
    }
}

#[test]
fn a_credential_of_vault_needs_a_vault() {
    assert_one(
        "[credentials.c]\nkind = \"vault-aws\"\nrole = \"pay\"",
        "credentials.c.kind: is lent by Vault",
    );
}

#[test]
fn a_proof_goes_to_https_alone() {
    let text = "[credentials.c]\nkind = \"federated-azure\"\nclient_id = \"c\"\ntenant_id = \"t\"\n\
        authority = \"http://login.example\"";
    assert_one(text, "credentials.c.authority: expected https://HOST");
    let climbing = "[credentials.c]\nkind = \"federated-azure\"\nclient_id = \"c\"\ntenant_id = \"../x\"";
    assert_one(climbing, "credentials.c.tenant_id: expected the id");
}

#[test]
fn times_that_contradict_each_other_are_told() {
    assert_one("[leases]\nkv_unread_max = \"1s\"", "leases.kv_unread_max: expected at least kv_refresh");
    let lent = "[credentials.c]\nkind = \"federated-azure\"\nclient_id = \"c\"\ntenant_id = \"t\"\n";
    assert_one(
        &format!("{lent}[leases]\nwait = \"10s\""),
        "leases.wait: expected less than stores.header_timeout",
    );
    assert_one("[leases]\nretry_most = \"1s\"", "leases.retry_most: expected at least retry_least");
}
