//! A program on a person's machine as a client of an identity provider: a public client, protected by PKCE, whose tokens
//! stay with the person. No sessions, and no mapping of claims: the service reads the tokens when it gets them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::CoreTokenResponse;
use openidconnect::{OAuth2TokenResponse, RedirectUrl, RefreshToken};
use url::Url;

use crate::authn::bearer::TokenChecks;
use crate::authn::code_flow::{
    self, Begun, Callback, Client, Flow, LoginError, RefreshError, client, not_answered, pkce, token_error,
};
use crate::authn::discovery::{Discovery, IssuerAddress};
use crate::authn::fetch::{Fetch, FetchError, FetchLimits};
use crate::authn::id_token::{Answer, Expected};
use crate::authn::jwt::{ALGORITHMS, SigningAlgorithm};
use crate::authn::keys::{Issuer, KeyLimits, MAX_KEY_AGE};
use crate::authn::options::{ClientProof, CommandLineLogin, LoginOptions};
use crate::authn::revoke;
use crate::authn::standard::MAX_LEEWAY;
use crate::authn::token_endpoint::TokenEndpoint;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, Timestamp};

pub mod device;

/// Bounds of calls to the provider: a person waits for them.
const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The least time between two readings of the provider's keys.
const REFETCH: Duration = Duration::from_secs(10);

/// A client without a secret.
#[derive(Debug)]
pub struct Program {
    issuer: Issuer,
    login: LoginOptions,
    resource: Option<String>,
    checks: TokenChecks,
    clock: Arc<dyn Clock>,
    loopback: bool,
}

/// What a login or a refresh brings.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// What the service is shown.
    pub access_token: Secret<String>,
    /// When it ends, where the provider says so.
    pub expires_at: Option<Timestamp>,
    /// For the next one, where the provider gives it.
    pub refresh_token: Option<Secret<String>>,
}

/// What became of a token that was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The provider took it.
    Done,
    /// The provider has no place for it; it ends with its time.
    NotOffered,
}

/// Why a token was not given back.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The provider cannot be asked.
    #[error("the identity provider cannot be asked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused.
    #[error("the identity provider answered with status {0}")]
    Status(u16),
}

impl Program {
    /// A client of an issuer. Plain HTTP is for a provider on this very machine, where the caller allows it.
    ///
    /// # Errors
    /// [`FetchError`] when there can be no HTTP client.
    pub fn new(
        login: &CommandLineLogin,
        allow_loopback_http: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FetchError> {
        let limits = FetchLimits { timeout: TIMEOUT, max_bytes: MAX_ANSWER_BYTES, allow_loopback_http };
        let address = IssuerAddress {
            issuer: login.issuer.clone(),
            endpoint_hosts: login.endpoint_hosts.clone(),
            allow_loopback_http,
        };
        let keys = KeyLimits { max_age: MAX_KEY_AGE, refetch_interval: REFETCH };
        // A key of the issuer verifies its own algorithm alone, and all that are known are asymmetric.
        let algorithms = ALGORITHMS.iter().filter_map(|(name, _)| SigningAlgorithm::parse(name)).collect();
        Ok(Self {
            issuer: Issuer::new(address, keys, Fetch::new(limits)?, Arc::clone(&clock)),
            login: LoginOptions {
                client_id: login.client.client_id.clone(),
                client: ClientProof::Public,
                scopes: login.client.scopes.clone(),
            },
            resource: login.client.resource.clone(),
            checks: TokenChecks { algorithms, leeway: MAX_LEEWAY },
            clock,
            loopback: allow_loopback_http,
        })
    }

    /// Begins a login in a browser that comes back to a callback of this machine.
    pub async fn begin(&self, callback: &Url) -> Result<Begun, LoginError> {
        let client = self.client(&self.discovery().await?)?;
        code_flow::begin(&client, &self.login.scopes, callback, self.resource.as_deref())
    }

    /// Ends it. Nothing is sent to the provider unless the callback is its own.
    pub async fn finish(&self, flow: &Flow, at: &Url, callback: &Callback) -> Result<Tokens, LoginError> {
        let discovery = self.discovery().await?;
        let code = code_flow::code(callback, self.issuer.name(), &discovery)?;
        let (client, endpoint) = (self.client(&discovery)?, TokenEndpoint::new(self.issuer.fetch()));
        let mut request = client
            .exchange_code(code)
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(at.clone())))
            .set_pkce_verifier(pkce(&flow.verifier));
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource);
        }
        let answer = request.request_async(&endpoint).await.map_err(not_answered)?;
        let id_token = endpoint.id_token().ok_or(LoginError::NoIdToken)?;
        self.read(&answer, Some(id_token), Answer::Login { nonce: &flow.nonce }).await
    }

    /// Gets new tokens for a refresh token. One that comes without another refresh token keeps the old one.
    pub async fn refresh(&self, token: &Secret<String>) -> Result<Tokens, RefreshError> {
        Ok(self.renewed(token).await?)
    }

    async fn renewed(&self, token: &Secret<String>) -> Result<Tokens, LoginError> {
        let client = self.client(&self.discovery().await?)?;
        let endpoint = TokenEndpoint::new(self.issuer.fetch());
        let old = RefreshToken::new(token.expose().clone());
        let mut request = client.exchange_refresh_token(&old);
        if let Some(resource) = &self.resource {
            request = request.add_extra_param("resource", resource);
        }
        let answer = request.request_async(&endpoint).await.map_err(not_answered)?;
        let tokens = self.read(&answer, endpoint.id_token(), Answer::Refresh).await?;
        let refresh_token = tokens.refresh_token.or_else(|| Some(token.clone()));
        Ok(Tokens { refresh_token, ..tokens })
    }

    /// Gives a refresh token back, and with it what came of it (RFC 7009).
    pub async fn revoke(&self, token: &Secret<String>) -> Result<Revocation, RevokeError> {
        let snapshot = self.issuer.snapshot().await;
        let snapshot = snapshot.map_err(|error| RevokeError::Unavailable(error.into()))?;
        let Some(address) = &snapshot.discovery.revocation_endpoint else {
            return Ok(Revocation::NotOffered);
        };
        let request = revoke::request(address.as_str(), &self.login, token);
        let request = request.map_err(|error| RevokeError::Unavailable(error.into()))?;
        let answer = self.issuer.fetch().send(request).await;
        let answer = answer.map_err(|error| RevokeError::Unavailable(error.into()))?;
        if answer.status().is_success() {
            Ok(Revocation::Done)
        } else {
            Err(RevokeError::Status(answer.status().as_u16()))
        }
    }

    async fn read(
        &self,
        answer: &CoreTokenResponse,
        id_token: Option<Secret<String>>,
        kind: Answer<'_>,
    ) -> Result<Tokens, LoginError> {
        let (access_token, now) = (answer.access_token().secret(), self.clock.now());
        if let Some(token) = id_token {
            let (issuer, checks) = (&self.issuer, &self.checks);
            let expected = Expected { issuer, checks, client_id: &self.login.client_id, now };
            expected.id_token(token.expose(), access_token, kind).await.map_err(token_error)?;
        }
        Ok(Tokens {
            access_token: Secret::new(access_token.clone()),
            expires_at: answer.expires_in().map(|left| now.plus(left)),
            refresh_token: answer.refresh_token().map(|token| Secret::new(token.secret().clone())),
        })
    }

    async fn discovery(&self) -> Result<Discovery, LoginError> {
        let snapshot = self.issuer.snapshot().await;
        snapshot
            .map(|snapshot| snapshot.discovery.clone())
            .map_err(|error| LoginError::Unavailable(error.into()))
    }

    fn client(&self, discovery: &Discovery) -> Result<Client, LoginError> {
        client(self.issuer.name(), discovery, &self.login)
    }
}
