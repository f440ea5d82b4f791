//! The provider's side of a login: the redirect to it, codes and refresh tokens for tokens, logout. No sessions, no
//! cookies; giving tokens back is `revoke`.
//!
//! `openidconnect` writes and reads the messages. What the tokens say is checked by [`crate::authn::id_token`], the
//! one reader of tokens in this room.

use std::borrow::Cow;
use std::sync::Arc;

use openidconnect::core::CoreTokenResponse;
use openidconnect::{OAuth2TokenResponse, RedirectUrl, RefreshToken};
use url::Url;

use crate::authn::bearer::TokenChecks;
use crate::authn::claims::{ClaimMapping, Claims};
use crate::authn::code_flow::{
    self, Begun, Callback, Flow, LoginError, RefreshError, client, not_answered, pkce, token_error,
};
use crate::authn::discovery::Discovery;
use crate::authn::id_token::{Answer, Expected, Logout};
use crate::authn::keys::Issuer;
use crate::authn::options::LoginOptions;
use crate::authn::standard;
use crate::authn::token_endpoint::TokenEndpoint;
use crate::domain::principal::{Principal, PrincipalId, Proof};
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, Timestamp};

/// One identity provider, as logins see it.
#[derive(Debug)]
pub struct Provider {
    pub(in crate::authn) name: String,
    pub(in crate::authn) issuer: Arc<Issuer>,
    pub(in crate::authn) login: Option<LoginOptions>,
    pub(in crate::authn) checks: TokenChecks,
    pub(in crate::authn) mapping: Arc<ClaimMapping>,
    pub(in crate::authn) callback: Url,
    pub(in crate::authn) clock: Arc<dyn Clock>,
}

/// What a login or a refresh brings.
#[derive(Debug)]
pub struct Login {
    /// Who it is; a refresh may come without.
    pub principal: Option<Principal>,
    /// The ID token, for the logout at the provider; a refresh may come without.
    pub id_token: Option<Secret<String>>,
    /// When the access token ends, where the provider says so.
    pub access_token_expires_at: Option<Timestamp>,
    /// For the next refresh.
    pub refresh_token: Option<Secret<String>>,
    /// The session at the provider (`sid`).
    pub idp_session: Option<String>,
}

impl Provider {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The exact issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.issuer.name()
    }

    /// Whether people log in through it.
    #[must_use]
    pub const fn takes_logins(&self) -> bool {
        self.login.is_some()
    }

    /// Begins a login: a fresh state, nonce and PKCE verifier of 256 bits each.
    pub async fn begin(&self) -> Result<Begun, LoginError> {
        let login = self.login.as_ref().ok_or(LoginError::NotOffered)?;
        let client = client(self.issuer(), &self.discovery().await?, login)?;
        code_flow::begin(&client, &login.scopes, &self.callback, None)
    }

    /// Ends a login. Nothing is sent to the provider unless the callback is its own.
    pub async fn finish(&self, flow: &Flow, callback: &Callback) -> Result<Login, LoginError> {
        let login = self.login.as_ref().ok_or(LoginError::NotOffered)?;
        let discovery = self.discovery().await?;
        let code = code_flow::code(callback, self.issuer(), &discovery)?;
        let client = client(self.issuer(), &discovery, login)?;
        let endpoint = TokenEndpoint::new(self.issuer.fetch());
        let answer = client
            .exchange_code(code)
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(self.callback.clone())))
            .set_pkce_verifier(pkce(&flow.verifier))
            .request_async(&endpoint)
            .await
            .map_err(not_answered)?;
        let tokens =
            self.read(&answer, endpoint.id_token(), login, Answer::Login { nonce: &flow.nonce }).await?;
        if tokens.principal.is_none() { Err(LoginError::NoIdToken) } else { Ok(tokens) }
    }

    /// Gets new tokens for a login.
    pub async fn refresh(&self, token: &Secret<String>) -> Result<Login, RefreshError> {
        let refreshed = async {
            let login = self.login.as_ref().ok_or(LoginError::NotOffered)?;
            let client = client(self.issuer(), &self.discovery().await?, login)?;
            let endpoint = TokenEndpoint::new(self.issuer.fetch());
            let answer = client
                .exchange_refresh_token(&RefreshToken::new(token.expose().clone()))
                .request_async(&endpoint)
                .await
                .map_err(not_answered)?;
            self.read(&answer, endpoint.id_token(), login, Answer::Refresh).await
        };
        refreshed.await.map_err(RefreshError::from)
    }

    /// Where a browser ends its login at the provider (RP-Initiated Logout 1.0), where the provider offers it. Without
    /// `id_token_hint`: the address goes through the browser, and no token does.
    pub async fn end_session_url(&self, back_to: &Url) -> Option<Url> {
        let login = self.login.as_ref()?;
        let mut url = self.discovery().await.ok()?.end_session_endpoint?;
        url.query_pairs_mut()
            .append_pair("client_id", &login.client_id)
            .append_pair("post_logout_redirect_uri", back_to.as_str());
        Some(url)
    }

    /// Reads a logout token. Whether it was used before is the caller's to find out.
    pub async fn logout_token(&self, token: &str) -> Result<Logout, LoginError> {
        let login = self.login.as_ref().ok_or(LoginError::NotOffered)?;
        self.expected(login).logout_token(token).await.map_err(token_error)
    }

    async fn read(
        &self,
        answer: &CoreTokenResponse,
        id_token: Option<Secret<String>>,
        login: &LoginOptions,
        kind: Answer<'_>,
    ) -> Result<Login, LoginError> {
        let access_token = answer.access_token().secret();
        let claims = match &id_token {
            Some(token) => {
                let checked = self.expected(login).id_token(token.expose(), access_token, kind).await;
                Some(checked.map_err(token_error)?)
            }
            None => None,
        };
        let now = self.clock.now();
        Ok(Login {
            principal: claims.as_ref().map(|claims| self.principal(claims, now)).transpose()?,
            idp_session: claims.as_ref().and_then(|claims| claims.get("sid")?.as_str().map(str::to_owned)),
            id_token,
            access_token_expires_at: answer.expires_in().map(|left| now.plus(left)),
            refresh_token: answer.refresh_token().map(|token| Secret::new(token.secret().clone())),
        })
    }

    fn principal(&self, claims: &Claims, now: Timestamp) -> Result<Principal, LoginError> {
        let person = self.mapping.person(claims).map_err(LoginError::Claims)?;
        let times = standard::times(claims, now, self.checks.leeway);
        Ok(Principal {
            id: PrincipalId { issuer: self.issuer().to_owned(), subject: person.subject },
            name: person.name,
            groups: person.groups,
            groups_complete: person.groups_complete,
            clearance: person.clearance,
            proof: Proof::Session,
            expires_at: times.map_err(|error| LoginError::Token(error.into()))?.expires_at,
        })
    }

    fn expected<'a>(&'a self, login: &'a LoginOptions) -> Expected<'a> {
        Expected {
            issuer: &self.issuer,
            checks: &self.checks,
            client_id: &login.client_id,
            now: self.clock.now(),
        }
    }

    async fn discovery(&self) -> Result<Discovery, LoginError> {
        let snapshot = self.issuer.snapshot().await;
        snapshot
            .map(|snapshot| snapshot.discovery.clone())
            .map_err(|error| LoginError::Unavailable(error.into()))
    }
}
