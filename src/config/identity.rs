//! `[identity]` and the times of sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use crate::authn::bearer::{BearerOptions, TokenChecks};
use crate::authn::claim_path::ClaimPath;
use crate::authn::claims::{ClaimMapping, Split};
use crate::authn::discovery::IssuerAddress;
use crate::authn::fetch::FetchLimits;
use crate::authn::jwt::SigningAlgorithm;
use crate::authn::keys::{KeyLimits, MAX_KEY_AGE};
use crate::authn::options::{ClientProof, CommandLineOptions, LoginOptions, Options, ProviderOptions};
use crate::authn::presets::{PRESETS, Preset};
use crate::authn::standard::MAX_LEEWAY;
use crate::config::reader::{Section, Setting as _};
use crate::config::secret_ref::{self, Environment};
use crate::domain::label::{Label, LabelOrder};
use crate::domain::principal::Group;

pub use crate::authn::options::SessionLimits;

/// Who is asking.
#[derive(Debug)]
pub struct Identity {
    /// Settings of the authenticator.
    pub options: Options,
}

/// Reads the times of `[session]`.
pub fn session_limits(section: &mut Section) -> Option<SessionLimits> {
    let idle = section.required("idle");
    let absolute = section.required("absolute");
    let max_per_person = section.required("max_per_person");
    Some(SessionLimits { idle: idle?, absolute: absolute?, max_per_person: max_per_person? })
}

/// Reads `[identity]`, and `[identity.providers.<name>]` for providers beside the first.
pub fn identity(
    root: &mut Section,
    environment: &Environment,
    labels: &LabelOrder,
    session: Option<SessionLimits>,
    public_url: Option<Url>,
) -> Option<Identity> {
    let mut section = root.section("identity");
    let others = section.sections("providers");
    let name = section.required("name");
    let remembered_tokens = section.required("remembered_tokens");
    let mut providers = vec![name.and_then(|name| provider(section, name, environment, labels))];
    providers.extend(others.into_iter().map(|(name, other)| provider(other, name, environment, labels)));
    let providers = providers.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Identity {
        options: Options {
            public_url: public_url?,
            providers,
            sessions: session?,
            labels: labels.clone(),
            remembered_tokens: remembered_tokens?,
        },
    })
}

fn provider(
    mut section: Section,
    name: String,
    environment: &Environment,
    labels: &LabelOrder,
) -> Option<ProviderOptions> {
    let allow_loopback_http = section.required("allow_loopback_http");
    let issuer = section.required::<String>("issuer");
    let endpoint_hosts = section.required::<Vec<String>>("endpoint_hosts");
    let timeout = duration(&mut section, "timeout", Duration::from_mins(1));
    let max_age = duration(&mut section, "keys_max_age", MAX_KEY_AGE);
    let max_bytes = section.required("max_answer_bytes");
    let refetch = duration(&mut section, "keys_refetch_interval", MAX_KEY_AGE);
    let checks = checks(&mut section);
    let bearer = bearer(&mut section);
    let command_line = command_line(&mut section);
    let login = login(&mut section, environment);
    let mapping = claims(&mut section, labels);
    section.close();
    let (allow_loopback_http, command_line, mut bearer) = (allow_loopback_http?, command_line?, bearer?);
    if let (Some(clients), Some(command_line)) = (&mut bearer.clients, &command_line) {
        // Who lets people log in with a client means to take its tokens.
        clients.push(command_line.client_id.clone());
    }
    Some(ProviderOptions {
        name,
        address: IssuerAddress { issuer: issuer?, endpoint_hosts: endpoint_hosts?, allow_loopback_http },
        fetch: FetchLimits { timeout: timeout?, max_bytes: max_bytes?, allow_loopback_http },
        keys: KeyLimits { max_age: max_age?, refetch_interval: refetch? },
        checks: checks?,
        mapping: mapping?,
        bearer,
        login: login?,
        command_line,
    })
}

fn duration(section: &mut Section, key: &str, greatest: Duration) -> Option<Duration> {
    let value = section.required(key)?;
    if value > greatest {
        section.problem(key, format!("expected at most {} s", greatest.as_secs()));
        return None;
    }
    Some(value)
}

fn checks(section: &mut Section) -> Option<TokenChecks> {
    let leeway = duration(section, "leeway", MAX_LEEWAY);
    let names: Vec<String> = section.required("algorithms")?;
    let algorithms: Option<Vec<_>> = names.iter().map(|name| SigningAlgorithm::parse(name)).collect();
    let algorithms = algorithms.filter(|algorithms| !algorithms.is_empty());
    if algorithms.is_none() {
        section.problem(
            "algorithms",
            "expected asymmetric algorithms by their JOSE names, such as RS256 or ES256",
        );
    }
    Some(TokenChecks { algorithms: algorithms?, leeway: leeway? })
}

fn bearer(section: &mut Section) -> Option<BearerOptions> {
    let audiences = section.required::<Vec<String>>("audiences");
    if audiences.as_ref().is_some_and(Vec::is_empty) {
        section.problem("audiences", "expected at least one audience; each site has its own");
        return None;
    }
    let clients = section.optional("clients");
    let require_at_jwt = section.required("require_at_jwt");
    let max_lifetime = duration(section, "max_token_lifetime", Duration::from_hours(24));
    Some(BearerOptions {
        audiences: audiences?,
        clients: clients?,
        require_at_jwt: require_at_jwt?,
        max_lifetime: max_lifetime?,
    })
}

#[expect(clippy::option_option, reason = "none and a wrong one are two answers, as in the reader")]
fn command_line(section: &mut Section) -> Option<Option<CommandLineOptions>> {
    let mut section = section.section("command_line");
    let client_id = section.optional::<String>("client_id");
    let scopes = section.required::<Vec<String>>("scopes");
    let resource = section.optional::<String>("resource");
    section.close();
    let (client_id, scopes, resource) = (client_id?, scopes?, resource?);
    Some(client_id.map(|client_id| CommandLineOptions { client_id, scopes, resource }))
}

#[expect(clippy::option_option, reason = "no login and a wrong one are two answers, as in the reader")]
fn login(section: &mut Section, environment: &Environment) -> Option<Option<LoginOptions>> {
    let client_id = section.optional::<String>("client_id");
    let secret = secret_ref::optional_secret(section, "client_secret", environment);
    let method = section.required::<String>("client_auth");
    let public = section.required::<bool>("public_client");
    let scopes = section.required::<Vec<String>>("scopes");
    let (client_id, secret, method, public, scopes) = (client_id?, secret?, method?, public?, scopes?);
    let Some(client_id) = client_id else { return Some(None) };
    let client = match (secret, public, method.as_str()) {
        (None, true, _) => ClientProof::Public,
        (Some(secret), false, "basic") => ClientProof::Basic(secret),
        (Some(secret), false, "post") => ClientProof::Post(secret),
        _ => {
            section.problem(
                "client_secret",
                "expected a reference env:NAME or file:/path with client_auth = \"basic\" or \"post\", or public_client = true and no secret",
            );
            return None;
        }
    };
    Some(Some(LoginOptions { client_id, client, scopes }))
}

/// A preset, and what the site says otherwise.
fn claims(section: &mut Section, labels: &LabelOrder) -> Option<ClaimMapping> {
    let preset = section.required::<String>("preset")?;
    let Some(preset) = Preset::find(&preset) else {
        let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
        section.problem("preset", format!("expected one of {}", names.join(", ")));
        section.pass_over("claims");
        return None;
    };
    let mut mapping = preset.mapping(labels.lowest().clone()).ok()?;
    let mut claims = section.section("claims");
    if let Some(subject) = paths(&mut claims, "subject")? {
        mapping.subject = subject.into_iter().next()?;
    }
    mapping.name = paths(&mut claims, "name")?.unwrap_or(mapping.name);
    mapping.groups = paths(&mut claims, "groups")?.unwrap_or(mapping.groups);
    mapping.clearance = paths(&mut claims, "clearance")?.and_then(|paths| paths.into_iter().next());
    mapping.groups_member = claims.optional("groups_member")?;
    mapping.groups_required = claims.optional("groups_required")?.unwrap_or(mapping.groups_required);
    mapping.groups_split = split(&mut claims)?;
    mapping.group_names = group_names(&mut claims)?;
    mapping.clearance_names = clearance_names(&mut claims, labels)?;
    claims.close();
    Some(mapping)
}

#[expect(clippy::option_option, reason = "absent and wrong are two answers, as in the reader")]
fn paths(section: &mut Section, key: &str) -> Option<Option<Vec<ClaimPath>>> {
    let Some(texts) = section.optional::<Vec<String>>(key)? else { return Some(None) };
    match texts.iter().map(|text| ClaimPath::parse(text)).collect::<Result<Vec<_>, _>>() {
        Ok(paths) if !paths.is_empty() => Some(Some(paths)),
        Ok(_) => {
            section.problem(key, format!("expected {}", String::EXPECTED));
            None
        }
        Err(error) => {
            section.problem(key, error.to_string());
            None
        }
    }
}

fn split(section: &mut Section) -> Option<Split> {
    match section.required::<String>("groups_split")?.as_str() {
        "whole" => Some(Split::Whole),
        "commas" => Some(Split::Commas),
        "spaces" => Some(Split::Spaces),
        _ => {
            section.problem("groups_split", "expected whole, commas or spaces");
            None
        }
    }
}

/// `keep_groups` are kept under their own names, `group_names` say what others are called here.
fn group_names(section: &mut Section) -> Option<BTreeMap<String, Group>> {
    let kept: Vec<String> = section.required("keep_groups")?;
    let mut names = BTreeMap::new();
    let renamed = section.texts("group_names");
    for (theirs, ours) in kept.into_iter().map(|name| (name.clone(), name)).chain(renamed) {
        match Group::parse(&ours) {
            Ok(group) => names.insert(theirs, group),
            Err(error) => {
                section.problem("group_names", error.to_string());
                return None;
            }
        };
    }
    Some(names)
}

/// The labels under their own names unless the site says what the provider calls them.
fn clearance_names(section: &mut Section, labels: &LabelOrder) -> Option<BTreeMap<String, Label>> {
    let renamed = section.texts("clearance_names");
    if renamed.is_empty() {
        return Some(labels.iter().map(|label| (label.as_str().to_owned(), label.clone())).collect());
    }
    let mut names = BTreeMap::new();
    for (theirs, ours) in renamed {
        let Some(label) = labels.find(&ours) else {
            section.problem("clearance_names", "names a label that is not in labels.order");
            return None;
        };
        names.insert(theirs, label.clone());
    }
    Some(names)
}
