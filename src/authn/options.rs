//! Settings of identity. Their defaults live in `config`.

use std::time::Duration;

use url::Url;

use crate::authn::bearer::{BearerOptions, TokenChecks};
use crate::authn::claims::ClaimMapping;
use crate::authn::discovery::IssuerAddress;
use crate::authn::fetch::FetchLimits;
use crate::authn::keys::KeyLimits;
use crate::domain::label::LabelOrder;
use crate::domain::secret::Secret;

/// Settings of identity.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address under which browsers know this service; the callback of logins lies below it.
    pub public_url: Url,
    /// The identity providers; the first is the one for logins that name none.
    pub providers: Vec<ProviderOptions>,
    /// Times of sessions.
    pub sessions: SessionLimits,
    /// The site's labels.
    pub labels: LabelOrder,
    /// How many verified access tokens are remembered.
    pub remembered_tokens: usize,
}

/// Times of sessions.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Without activity.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
    /// At once for each person.
    pub max_per_person: u32,
}

/// One identity provider.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// Its name in `/auth/login?idp=` and in readiness.
    pub name: String,
    /// The issuer and the hosts of its endpoints.
    pub address: IssuerAddress,
    /// Bounds of calls to it.
    pub fetch: FetchLimits,
    /// How long its keys are kept.
    pub keys: KeyLimits,
    /// Signature and times of its tokens.
    pub checks: TokenChecks,
    /// Its claims and what they mean.
    pub mapping: ClaimMapping,
    /// Which access tokens it may sign.
    pub bearer: BearerOptions,
    /// How people log in through it; access tokens alone when absent.
    pub login: Option<LoginOptions>,
    /// How people log in to it on the command line; not at all when absent.
    pub command_line: Option<CommandLineOptions>,
}

/// How people log in to a provider on the command line: with a public client of its own, since a program on a person's
/// machine keeps no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLineOptions {
    /// The client id.
    pub client_id: String,
    /// The scopes to ask for; `openid` is always among them.
    pub scopes: Vec<String>,
    /// What the access token is for (RFC 8707), where the provider wants to be told.
    pub resource: Option<String>,
}

/// What a command line has to know to log people in at a provider. All of it is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLineLogin {
    /// The provider's name in the configuration.
    pub name: String,
    /// The issuer, exactly.
    pub issuer: String,
    /// Hosts beside the issuer's own on which its endpoints may lie.
    pub endpoint_hosts: Vec<String>,
    /// Its public client there.
    pub client: CommandLineOptions,
}

/// How people log in through a provider.
#[derive(Debug, Clone)]
pub struct LoginOptions {
    /// Our client id there.
    pub client_id: String,
    /// How we prove to be that client.
    pub client: ClientProof,
    /// The scopes to ask for; `openid` is always among them.
    pub scopes: Vec<String>,
}

/// How this service proves to a provider that it is the client.
#[derive(Debug, Clone)]
pub enum ClientProof {
    /// Not at all: PKCE alone protects the login. For the demo.
    Public,
    /// By a secret in the `Authorization` header (`client_secret_basic`).
    Basic(Secret<String>),
    /// By a secret in the body (`client_secret_post`).
    Post(Secret<String>),
}
