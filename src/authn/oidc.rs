//! The provider's side of a login: the redirect to it, codes and refresh tokens for tokens, logout. No sessions, no
//! cookies; giving tokens back is `revoke`.
//!
//! `openidconnect` writes and reads the messages. What the tokens say is checked by [`crate::authn::id_token`], the
//! one reader of tokens in this room.

use std::sync::Arc;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreTokenResponse};
use openidconnect::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    IssuerUrl, JsonWebKeySet, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, Scope, StandardErrorResponse, TokenUrl,
};
use url::Url;

use crate::authn::bearer::TokenChecks;
use crate::authn::claims::{ClaimMapping, Claims, InvalidClaims};
use crate::authn::discovery::Discovery;
use crate::authn::fetch::FetchError;
use crate::authn::id_token::{Answer, Expected, Logout, TokenError};
use crate::authn::keys::{Issuer, KeyError};
use crate::authn::options::{ClientProof, LoginOptions};
use crate::authn::random::{self, NoRandom};
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

/// What must be kept between the redirect and the callback.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The nonce that the ID token must give back.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: Secret<String>,
}

/// A login that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: Url,
    /// The state that the callback must give back.
    pub state: String,
    /// What to keep.
    pub flow: Flow,
}

/// What the browser brought back, beside the state.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    /// The code.
    pub code: Option<Secret<String>>,
    /// The issuer (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
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

/// Why a login did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider takes no logins here.
    #[error("no logins go through this identity provider")]
    NotOffered,
    /// The provider or the person said no.
    #[error("the identity provider refused the login: {code}")]
    Refused {
        /// The error code, if it is one that OAuth or OpenID Connect define by form.
        code: String,
    },
    /// The callback did not come from the provider that was asked.
    #[error("the callback does not name the issuer that was asked")]
    OtherIssuer,
    /// The callback holds no code.
    #[error("the callback holds no code")]
    NoCode,
    /// The provider's answer holds no ID token.
    #[error("the identity provider's answer holds no ID token")]
    NoIdToken,
    /// The provider's answer cannot be read.
    #[error("the identity provider's answer cannot be read")]
    Malformed,
    /// The ID token is not believed.
    #[error("the ID token does not hold")]
    Token(#[source] TokenError),
    /// The ID token names no person.
    #[error("the ID token's claims do not hold")]
    Claims(#[source] InvalidClaims),
    /// The provider cannot be asked.
    #[error("the identity provider cannot be asked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a refresh did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The provider ended the login, or no longer says who it is.
    #[error("the login has ended at the identity provider")]
    Ended(#[source] LoginError),
    /// The provider cannot be asked now.
    #[error("the identity provider cannot be asked")]
    Unavailable(#[source] LoginError),
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;
type AnswerError = RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>;

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
        let client = self.client(&self.discovery().await?, login)?;
        let fresh = || random::name().map_err(no_random);
        let (state, nonce, verifier) = (fresh()?, fresh()?, fresh()?);
        let (state, nonce) = (state.expose().clone(), nonce.expose().clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&pkce(&verifier));
        let (sent_state, sent_nonce) = (state.clone(), nonce.clone());
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(sent_state),
                || Nonce::new(sent_nonce),
            )
            .set_pkce_challenge(challenge)
            .add_scopes(login.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new));
        let (location, _, _) = request.url();
        Ok(Begun { location, state, flow: Flow { nonce, verifier } })
    }

    /// Ends a login. Nothing is sent to the provider unless the callback is its own.
    pub async fn finish(&self, flow: &Flow, callback: &Callback) -> Result<Login, LoginError> {
        let login = self.login.as_ref().ok_or(LoginError::NotOffered)?;
        let discovery = self.discovery().await?;
        let named = callback.iss.as_deref();
        let missing = named.is_none() && discovery.authorization_response_iss_parameter_supported;
        if missing || named.is_some_and(|named| named != self.issuer()) {
            return Err(LoginError::OtherIssuer);
        }
        if let Some(error) = &callback.error {
            return Err(LoginError::Refused { code: error_code(error) });
        }
        let code =
            callback.code.as_ref().filter(|code| !code.expose().is_empty()).ok_or(LoginError::NoCode)?;
        let client = self.client(&discovery, login)?;
        let endpoint = TokenEndpoint::new(self.issuer.fetch());
        let answer = client
            .exchange_code(AuthorizationCode::new(code.expose().clone()))
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
            let client = self.client(&self.discovery().await?, login)?;
            let endpoint = TokenEndpoint::new(self.issuer.fetch());
            let answer = client
                .exchange_refresh_token(&RefreshToken::new(token.expose().clone()))
                .request_async(&endpoint)
                .await
                .map_err(not_answered)?;
            self.read(&answer, endpoint.id_token(), login, Answer::Refresh).await
        };
        refreshed.await.map_err(|error| match error {
            // An answer that makes no sense, or another refusal than the end of the grant, may pass.
            LoginError::Unavailable(_) | LoginError::Malformed => RefreshError::Unavailable(error),
            LoginError::Refused { ref code } if code != "invalid_grant" => RefreshError::Unavailable(error),
            _ => RefreshError::Ended(error),
        })
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

    fn client(&self, discovery: &Discovery, login: &LoginOptions) -> Result<Client, LoginError> {
        let (Some(authorize), Some(token)) =
            (discovery.authorization_endpoint.clone(), discovery.token_endpoint.clone())
        else {
            return Err(LoginError::NotOffered);
        };
        let issuer = IssuerUrl::new(self.issuer().to_owned()).map_err(|_| LoginError::NotOffered)?;
        // The key set stays empty: this room checks ID tokens itself.
        let client =
            CoreClient::new(ClientId::new(login.client_id.clone()), issuer, JsonWebKeySet::default())
                .set_auth_uri(AuthUrl::from_url(authorize))
                .set_token_uri(TokenUrl::from_url(token))
                .set_redirect_uri(RedirectUrl::from_url(self.callback.clone()));
        let secret = |secret: &Secret<String>| ClientSecret::new(secret.expose().clone());
        Ok(match &login.client {
            ClientProof::Public => client,
            ClientProof::Basic(given) => client.set_client_secret(secret(given)),
            ClientProof::Post(given) => {
                client.set_client_secret(secret(given)).set_auth_type(AuthType::RequestBody)
            }
        })
    }
}

fn pkce(verifier: &Secret<String>) -> PkceCodeVerifier {
    PkceCodeVerifier::new(verifier.expose().clone())
}

fn no_random(error: NoRandom) -> LoginError {
    LoginError::Unavailable(error.into())
}

fn token_error(error: TokenError) -> LoginError {
    match error {
        TokenError::Key(KeyError::Away { .. }) => LoginError::Unavailable(error.into()),
        other => LoginError::Token(other),
    }
}

/// What the token endpoint said instead of tokens. Its texts are left behind: they may hold what was sent.
fn not_answered(error: AnswerError) -> LoginError {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            LoginError::Refused { code: error_code(answer.error().as_ref()) }
        }
        RequestTokenError::Request(error) => LoginError::Unavailable(error.into()),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => LoginError::Malformed,
    }
}

/// An error code in the form that RFC 6749 gives it; anything else is data that is not repeated.
fn error_code(text: &str) -> String {
    let plain = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if plain && !text.is_empty() { text.to_owned() } else { "unknown_error".to_owned() }
}
