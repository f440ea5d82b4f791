//! A test token: its raw claims beside what they are taken for, and the usual mistakes.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::authn::bearer::{BearerDoor, Bearers};
use crate::authn::claim_path::ClaimPath;
use crate::authn::claims::{ClaimMapping, Claims, Person};
use crate::authn::doctor::{Finding, Findings};
use crate::authn::fetch::Fetch;
use crate::authn::id_token::MAX_ID_TOKEN_BYTES;
use crate::authn::jwt::{ALGORITHMS, SigningAlgorithm, Unverified};
use crate::authn::keys::Issuer;
use crate::authn::options::ProviderOptions;
use crate::authn::standard;
use crate::domain::principal::Group;
use crate::domain::secret::Secret;
use crate::domain::time::Clock;

/// What a claim says and what it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// What it is for: `subject`, `name`, `groups`, `clearance`.
    pub meaning: &'static str,
    /// Where it was looked for.
    pub claim: String,
    /// What stands there; `null` when nothing does.
    pub raw: Value,
    /// What it is here; absent when the claims are refused.
    pub here: Option<String>,
}

/// What was found in a token.
#[derive(Debug)]
pub struct TokenReport {
    /// The checks.
    pub findings: Vec<Finding>,
    /// All claims as they stand in the token; absent when it cannot be read.
    pub claims: Option<Map<String, Value>>,
    /// The claims that mean something here.
    pub mapped: Vec<Mapped>,
}

/// The issuer that a token claims: only to choose the provider to look at it with.
#[must_use]
pub fn claimed_issuer(token: &Secret<String>) -> Option<String> {
    let token = Unverified::parse(token.expose().trim(), MAX_ID_TOKEN_BYTES, &every_algorithm()).ok()?;
    token.claimed_issuer().map(str::to_owned)
}

fn every_algorithm() -> Vec<SigningAlgorithm> {
    ALGORITHMS.iter().filter_map(|(name, _)| SigningAlgorithm::parse(name)).collect()
}

/// Looks at a token of a provider. Its text appears nowhere in the report.
pub async fn examine(
    provider: &ProviderOptions,
    token: &Secret<String>,
    clock: Arc<dyn Clock>,
) -> TokenReport {
    let mut findings = Findings::default();
    let text = token.expose().trim();
    let Ok(parsed) = Unverified::parse(text, MAX_ID_TOKEN_BYTES, &every_algorithm()) else {
        unreadable(text, &mut findings);
        return TokenReport { findings: findings.0, claims: None, mapped: Vec::new() };
    };
    let claims = parsed.shown().clone();
    verdict(provider, text, parsed, clock, &mut findings).await;
    usual_mistakes(&provider.mapping, &claims, &mut findings);
    let mapped = match provider.mapping.person(&claims) {
        Ok(person) => mapped(&provider.mapping, &claims, Some(&person)),
        Err(error) => {
            let hint = "the claims must have the types that their meaning needs; see [identity.claims]";
            findings.problem("claims", error.to_string(), hint);
            mapped(&provider.mapping, &claims, None)
        }
    };
    TokenReport { findings: findings.0, claims: Some(claims), mapped }
}

fn unreadable(text: &str, findings: &mut Findings) {
    match text.split('.').count() {
        3 => findings.problem(
            "token",
            "it looks like a JWT, but its header or claims cannot be read, or its algorithm is none that is taken",
            "asymmetric algorithms such as RS256 or ES256 are taken; shared secrets and none are not",
        ),
        5 => findings.problem("token", "it is encrypted", "switch the encryption of tokens off for this application"),
        _ => findings.problem(
            "token",
            "it is opaque: no JWT, so nobody but the provider can read it",
            "CyberArk Identity: set the token type of the OAuth2 Server application to JwtRS256. Okta: use a custom authorization server. Others: ask for a token for the API's own audience",
        ),
    }
}

/// What the running service would say to it.
async fn verdict(
    provider: &ProviderOptions,
    text: &str,
    token: Unverified<'_>,
    clock: Arc<dyn Clock>,
    findings: &mut Findings,
) {
    let claims = token.shown().clone();
    let audiences = standard::audiences(&claims).unwrap_or_default();
    let client = provider.login.as_ref().map(|login| login.client_id.as_str());
    let Ok(fetch) = Fetch::new(provider.fetch.clone()) else { return };
    let address = provider.address.clone();
    let issuer = Arc::new(Issuer::new(address, provider.keys, fetch, Arc::clone(&clock)));
    if audiences.iter().any(|audience| Some(*audience) == client) && !names_api(provider, &audiences) {
        findings.note(
            "kind",
            "its audience is the client id: an ID token, which shows what a login is taken for",
            "the API takes access tokens for its own audience alone",
        );
        let key = issuer.key(token.kid.as_deref(), token.algorithm).await;
        match key.map(|key| token.verify(key.decoding())) {
            Ok(Ok(_)) => findings.good("signature", "holds"),
            Ok(Err(error)) => {
                findings.problem("signature", error.to_string(), "was the token changed on its way?");
            }
            Err(error) => findings.problem("signature", error.to_string(), "is it a token of this issuer?"),
        }
        return;
    }
    if !names_api(provider, &audiences) {
        let found = if audiences.is_empty() { "none".to_owned() } else { audiences.join(", ") };
        let expected = provider.bearer.audiences.join(", ");
        let hint = "ask for a token for this API, or set audiences; never to a client id";
        findings.problem("audience", format!("it is for {found}, not for {expected}"), hint);
    }
    let door = BearerDoor {
        issuer,
        options: provider.bearer.clone(),
        checks: provider.checks.clone(),
        mapping: Arc::new(provider.mapping.clone()),
    };
    match Bearers::new(vec![door], clock, 1).authenticate(text).await {
        Ok(_) => findings.good("token", "the API takes it"),
        Err(error) => findings.problem(
            "token",
            format!("the API refuses it: {}", crate::telemetry::error_chain(&error)),
            "docs/admin/identity.md says what an access token must be",
        ),
    }
}

fn names_api(provider: &ProviderOptions, audiences: &[&str]) -> bool {
    audiences.iter().any(|audience| provider.bearer.audiences.iter().any(|ours| ours == audience))
}

fn usual_mistakes(mapping: &ClaimMapping, claims: &Claims, findings: &mut Findings) {
    let found: Vec<_> = mapping.groups.iter().filter_map(|path| path.find(claims)).collect();
    let person = mapping.person(claims).ok();
    let overage = claims.contains_key("_claim_names") || claims.contains_key("hasgroups");
    if overage {
        findings.problem(
            "groups",
            "the token says that its groups did not fit (Entra ID: more than 200)",
            "Entra ID: Token configuration, groups claim, \"Groups assigned to the application\"",
        );
    } else if found.is_empty() {
        let paths = paths(&mapping.groups);
        findings.problem(
            "groups",
            format!("there is no groups claim ({paths})"),
            "add one to the tokens of the application, or set claims.groups; CyberArk Identity has none until an administrator adds it",
        );
    } else if person.as_ref().is_some_and(|person| person.groups.is_empty()) {
        findings.problem(
            "groups",
            "none of the groups in the token has a name here",
            "list them, exactly as they stand in the token, in claims.keep_groups or claims.group_names",
        );
    }
    let written: Vec<_> =
        claims.iter().filter(|(name, value)| name.ends_with("_verified") && value.is_string()).collect();
    for (name, _) in written {
        let message = format!("`{name}` is a text, not a boolean");
        findings.note("booleans", message, "harmless here: no decision reads it");
    }
    let is = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| text.contains(' '));
    if is("given_name").is_some() && is("given_name") == is("name").or_else(|| is("family_name")) {
        let hint = "harmless here: `name` is shown; keep given_name out of claims.name";
        findings.note("name", "`given_name` holds the full name, as CyberArk Identity writes it", hint);
    }
}

fn paths(paths: &[ClaimPath]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn mapped(mapping: &ClaimMapping, claims: &Claims, person: Option<&Person>) -> Vec<Mapped> {
    let raw = |paths: &[ClaimPath]| match paths {
        [one] => one.find(claims).cloned().unwrap_or_default(),
        many => many.iter().find_map(|path| path.find(claims)).cloned().unwrap_or_default(),
    };
    let row = |meaning, places: &[ClaimPath], here: Option<String>| Mapped {
        meaning,
        claim: if places.is_empty() { "no claim".to_owned() } else { paths(places) },
        raw: raw(places),
        here,
    };
    let groups = person.map(|person| {
        let names: Vec<_> = person.groups.iter().map(Group::as_str).collect();
        let more = if person.groups_complete { "" } else { " (incomplete)" };
        format!("[{}]{more}", names.join(", "))
    });
    let clearance: Vec<_> = mapping.clearance.iter().cloned().collect();
    vec![
        row("subject", std::slice::from_ref(&mapping.subject), person.map(|person| person.subject.clone())),
        row("name", &mapping.name, person.map(|person| person.name.clone())),
        row("groups", &mapping.groups, groups),
        row("clearance", &clearance, person.map(|person| person.clearance.as_str().to_owned())),
    ]
}
