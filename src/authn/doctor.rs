//! What is wrong between this service and an identity provider, found by asking it and by looking at a test token.
//!
//! Nothing here decides anything: what a token is taken for is decided by the same code as in the running service.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;

use crate::authn::claims;
use crate::authn::discovery::IssuerAddress;
use crate::authn::fetch::{Fetch, FetchError, may_call};
use crate::authn::key_set::KeySet;
use crate::authn::options::{ClientProof, CommandLineOptions, LoginOptions, ProviderOptions};
use crate::telemetry::error_chain;

pub mod token;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// It works, and somebody should know.
    Note,
    /// It does not work, or not safely.
    Problem,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Problem => "problem",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it ended.
    pub level: Level,
    /// What was looked at, in one word.
    pub check: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Findings in the making.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding { level: Level::Good, check, message: message.into(), hint: None });
    }

    fn note(&mut self, check: &'static str, message: impl Into<String>, hint: &str) {
        let hint = Some(hint.to_owned());
        self.0.push(Finding { level: Level::Note, check, message: message.into(), hint });
    }

    fn problem(&mut self, check: &'static str, message: impl Into<String>, hint: &str) {
        let hint = Some(hint.to_owned());
        self.0.push(Finding { level: Level::Problem, check, message: message.into(), hint });
    }
}

/// Asks a provider for what it says of itself and holds it against the configuration.
pub async fn examine(provider: &ProviderOptions) -> Vec<Finding> {
    let mut findings = Findings::default();
    if let Some(document) = document(provider, &mut findings).await {
        issuer(&provider.address, &document, &mut findings);
        endpoints(provider, &document, &mut findings);
        keys(provider, &document, &mut findings).await;
        flow(&document, &mut findings);
        match &provider.login {
            Some(login) => client(login, &document, &mut findings),
            None => findings.note(
                "login",
                "no client_id is configured, so nobody logs in through this provider",
                "set client_id, or keep it so for a provider of access tokens alone",
            ),
        }
        if let Some(client) = &provider.command_line {
            command_line(client, &document, &mut findings);
        }
        offers(&document, &mut findings);
    }
    findings.0
}

async fn document(provider: &ProviderOptions, findings: &mut Findings) -> Option<Map<String, Value>> {
    let url = match provider.address.document() {
        Ok(url) => url,
        Err(error) => {
            findings.problem(
                "discovery",
                error.to_string(),
                "the issuer is an https URL, exactly as in its tokens",
            );
            return None;
        }
    };
    let fetched = match Fetch::new(provider.fetch.clone()) {
        Ok(fetch) => fetch.get(&url).await,
        Err(error) => Err(error),
    };
    let text = match fetched {
        Ok(text) => text,
        Err(error) => {
            let hint = match error {
                FetchError::Status(404) => {
                    "is the application's name in the issuer? CyberArk Identity has one issuer for each Application ID"
                }
                _ => "can this machine reach the address, and does it trust its certificate?",
            };
            findings.problem("discovery", format!("{url}: {}", error_chain(&error)), hint);
            return None;
        }
    };
    let Ok(document) = serde_json::from_slice(&text) else {
        let hint = "a login page or a proxy may have answered instead of the provider";
        findings.problem("discovery", format!("the answer at {url} is no JSON object"), hint);
        return None;
    };
    findings.good("discovery", format!("read {url}"));
    Some(document)
}

fn issuer(address: &IssuerAddress, document: &Map<String, Value>, findings: &mut Findings) {
    let configured = address.issuer.as_str();
    let found = text(document, "issuer");
    if tenant_level(document) {
        findings.problem(
            "issuer",
            "this is the discovery document of a CyberArk Identity tenant, not of an application",
            "use the issuer of the application: https://<tenant>/<Application ID>/",
        );
    }
    if found == configured {
        findings.good("issuer", format!("`{configured}`, byte by byte"));
    } else if found.strip_suffix('/') == Some(configured) {
        let hint = format!("set issuer = \"{found}\"");
        findings.problem("issuer", format!("the slash at the end of `{configured}` is missing"), &hint);
    } else if configured.strip_suffix('/') == Some(found) {
        let hint = format!("set issuer = \"{found}\"");
        findings.problem("issuer", format!("`{configured}` has a slash at its end too many"), &hint);
    } else {
        let found: String = found.chars().filter(|c| !c.is_control()).take(300).collect();
        findings.problem(
            "issuer",
            format!("the document says `{found}`, configured is `{configured}`"),
            "the two are compared exactly; set issuer to what the document says if that is your application's",
        );
    }
}

/// CyberArk Identity: `/Oauth/Openid` and `/Oauth/GetToken` are the tenant's own, `/OAuth2/…/<app>` an application's.
fn tenant_level(document: &Map<String, Value>) -> bool {
    let path = |name| Url::parse(text(document, name)).map(|url| url.path().to_ascii_lowercase());
    path("authorization_endpoint").is_ok_and(|path| path.starts_with("/oauth/openid"))
        || path("token_endpoint").is_ok_and(|path| path.starts_with("/oauth/gettoken"))
}

fn endpoints(provider: &ProviderOptions, document: &Map<String, Value>, findings: &mut Findings) {
    let own = Url::parse(&provider.address.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
    let login = provider.login.is_some();
    let mut well = 0;
    for (name, needed) in [
        ("jwks_uri", true),
        ("authorization_endpoint", login),
        ("token_endpoint", login),
        ("end_session_endpoint", false),
        ("revocation_endpoint", false),
    ] {
        let Some(value) = document.get(name) else {
            if needed {
                findings.problem("endpoints", format!("the document has no {name}"), "it is needed");
            }
            continue;
        };
        let Some(url) = value.as_str().and_then(|text| Url::parse(text).ok()) else {
            findings.problem("endpoints", format!("{name} is no URL"), "the provider's document is wrong");
            continue;
        };
        let host = url.host_str().unwrap_or_default();
        let known =
            own.as_deref() == Some(host) || provider.address.endpoint_hosts.iter().any(|other| other == host);
        if !may_call(&url, provider.address.allow_loopback_http) {
            findings.problem(
                "endpoints",
                format!("{name} `{url}` is not https"),
                "the provider must offer https",
            );
        } else if known {
            well += 1;
        } else {
            let hint = format!("if that host is the provider's too, add \"{host}\" to endpoint_hosts");
            findings.problem("endpoints", format!("{name} lies on another host, `{host}`"), &hint);
        }
    }
    if well > 0 {
        findings.good("endpoints", format!("{well} on https and on hosts that are allowed"));
    }
}

async fn keys(provider: &ProviderOptions, document: &Map<String, Value>, findings: &mut Findings) {
    let Ok(url) = Url::parse(text(document, "jwks_uri")) else { return };
    let fetched = match Fetch::new(provider.fetch.clone()) {
        Ok(fetch) => fetch.get(&url).await,
        Err(error) => Err(error),
    };
    let names: Vec<_> = provider.checks.algorithms.iter().map(|algorithm| algorithm.name()).collect();
    let names = names.join(", ");
    match fetched.map(|text| KeySet::parse(&text)) {
        Err(error) => findings.problem("keys", error_chain(&error), "can this machine reach the jwks_uri?"),
        Ok(Err(error)) => findings.problem(
            "keys",
            error.to_string(),
            "RSA of 2048 bits or more, P-256, P-384 and Ed25519 are taken; shared secrets are not",
        ),
        Ok(Ok(keys)) => match keys.fitting(&provider.checks.algorithms) {
            0 => findings.problem(
                "keys",
                format!("no key fits the allowed algorithms {names}"),
                "set algorithms to what the provider signs with",
            ),
            number => findings.good("keys", format!("{number} for {names}")),
        },
    }
}

fn flow(document: &Map<String, Value>, findings: &mut Findings) {
    match list(document, "code_challenge_methods_supported") {
        Some(methods) if methods.contains(&"S256") => findings.good("pkce", "S256 is offered"),
        Some(_) => findings.problem(
            "pkce",
            "the provider lists PKCE methods without S256",
            "switch S256 on for the application",
        ),
        None => findings.note(
            "pkce",
            "the provider does not say whether it checks PKCE",
            "S256 is sent with every login all the same",
        ),
    }
    match list(document, "response_types_supported") {
        Some(types) if !types.contains(&"code") => findings.problem(
            "flow",
            "the authorization code flow is not offered",
            "switch it on for the application",
        ),
        _ => findings.good("flow", "authorization code"),
    }
}

fn client(login: &LoginOptions, document: &Map<String, Value>, findings: &mut Findings) {
    let method = match login.client {
        ClientProof::Public => "none",
        ClientProof::Basic(_) => "client_secret_basic",
        ClientProof::Post(_) => "client_secret_post",
    };
    match list(document, "token_endpoint_auth_methods_supported") {
        Some(methods) if !methods.contains(&method) => findings.problem(
            "client",
            format!("the token endpoint does not take {method}"),
            &format!("it takes {}; see client_auth", methods.join(", ")),
        ),
        _ => findings.good("client", format!("proves itself by {method}")),
    }
    scopes(&login.scopes, "scopes", document, findings);
}

fn scopes(asked: &[String], setting: &str, document: &Map<String, Value>, findings: &mut Findings) {
    let Some(known) = list(document, "scopes_supported") else { return };
    for scope in asked.iter().filter(|scope| !known.contains(&scope.as_str())) {
        let message = format!("the provider does not list the scope `{scope}`");
        findings.note(
            "scopes",
            message,
            &format!("define it on the application, or leave it out of {setting}"),
        );
    }
}

/// Whether a client may go without a secret stands in no document: several providers leave `none` out of what they list.
fn command_line(client: &CommandLineOptions, document: &Map<String, Value>, findings: &mut Findings) {
    scopes(&client.scopes, "command_line.scopes", document, findings);
    if document.get("device_authorization_endpoint").is_some_and(Value::is_string) {
        findings.good("command-line", "logs in with a browser or on another device");
    } else {
        let hint = "machines without a browser need a token in LOGBOOM_TOKEN or a file";
        findings.note("command-line", "logs in with a browser, but not with --device", hint);
    }
}

fn offers(document: &Map<String, Value>, findings: &mut Findings) {
    let says = |name: &str| document.get(name).and_then(claims::boolean) == Some(true);
    let has = |name: &str| document.get(name).is_some_and(Value::is_string);
    for (check, offered, yes, no) in [
        (
            "logout",
            has("end_session_endpoint"),
            "ends the login there too",
            "the login there goes on after ours",
        ),
        (
            "revocation",
            has("revocation_endpoint"),
            "takes refresh tokens back",
            "refresh tokens live on after a logout",
        ),
        (
            "back-channel",
            says("backchannel_logout_supported"),
            "can end our sessions; register /auth/backchannel-logout",
            "a logout there does not reach us; sessions end at the next refresh",
        ),
        (
            "mix-up",
            says("authorization_response_iss_parameter_supported"),
            "names itself in the callback (RFC 9207)",
            "does not name itself in the callback; use one identity provider where you can",
        ),
    ] {
        if offered {
            findings.good(check, yes);
        } else {
            findings.note(check, no, "the provider does not offer it");
        }
    }
    if list(document, "grant_types_supported").is_some_and(|grants| !grants.contains(&"refresh_token")) {
        let hint = "switch refresh tokens on, rotating ones where there is a choice";
        findings.note("refresh", "no refresh tokens, so sessions end with their access token", hint);
    }
}

fn text<'a>(document: &'a Map<String, Value>, name: &str) -> &'a str {
    document.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(document: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    Some(document.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}
