//! Logins by authorization code with PKCE and by refresh token, as messages between a client and an issuer. Whose client
//! it is does not matter here: this service's is in `oidc`, that of a command line in `program`.
//!
//! `openidconnect` writes and reads the messages.

use std::borrow::Cow;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreErrorResponseType};
use openidconnect::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    IssuerUrl, JsonWebKeySet, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, StandardErrorResponse, TokenUrl,
};
use url::Url;

use crate::authn::claims::InvalidClaims;
use crate::authn::discovery::Discovery;
use crate::authn::fetch::FetchError;
use crate::authn::id_token::TokenError;
use crate::authn::keys::KeyError;
use crate::authn::options::{ClientProof, LoginOptions};
use crate::authn::random::{self, NoRandom};
use crate::domain::secret::Secret;

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

impl From<LoginError> for RefreshError {
    fn from(error: LoginError) -> Self {
        match error {
            // An answer that makes no sense, or another refusal than the end of the grant, may pass.
            LoginError::Unavailable(_) | LoginError::Malformed => Self::Unavailable(error),
            LoginError::Refused { ref code } if code != "invalid_grant" => Self::Unavailable(error),
            _ => Self::Ended(error),
        }
    }
}

/// A client of an issuer that has a page for logins and a token endpoint.
pub(in crate::authn) type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;
type AnswerError = RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>;

/// A client of an issuer, with its proof.
pub(in crate::authn) fn client(
    issuer: &str,
    discovery: &Discovery,
    login: &LoginOptions,
) -> Result<Client, LoginError> {
    let (Some(authorize), Some(token)) =
        (discovery.authorization_endpoint.clone(), discovery.token_endpoint.clone())
    else {
        return Err(LoginError::NotOffered);
    };
    let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|_| LoginError::NotOffered)?;
    // The key set stays empty: this room checks ID tokens itself.
    let client = CoreClient::new(ClientId::new(login.client_id.clone()), issuer, JsonWebKeySet::default())
        .set_auth_uri(AuthUrl::from_url(authorize))
        .set_token_uri(TokenUrl::from_url(token));
    let secret = |secret: &Secret<String>| ClientSecret::new(secret.expose().clone());
    Ok(match &login.client {
        ClientProof::Public => client,
        ClientProof::Basic(given) => client.set_client_secret(secret(given)),
        ClientProof::Post(given) => {
            client.set_client_secret(secret(given)).set_auth_type(AuthType::RequestBody)
        }
    })
}

/// Begins a login that ends at a callback.
pub(in crate::authn) fn begin(
    client: &Client,
    scopes: &[String],
    callback: &Url,
    resource: Option<&str>,
) -> Result<Begun, LoginError> {
    let fresh = || random::name().map_err(no_random);
    let (state, nonce, verifier) = (fresh()?, fresh()?, fresh()?);
    let (state, nonce) = (state.expose().clone(), nonce.expose().clone());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&pkce(&verifier));
    let (sent_state, sent_nonce) = (state.clone(), nonce.clone());
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(sent_state),
            || Nonce::new(sent_nonce),
        )
        .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(callback.clone())))
        .set_pkce_challenge(challenge)
        .add_scopes(more_scopes(scopes));
    if let Some(resource) = resource {
        request = request.add_extra_param("resource", resource.to_owned());
    }
    let (location, _, _) = request.url();
    Ok(Begun { location, state, flow: Flow { nonce, verifier } })
}

/// The scopes beside `openid`, which the client adds itself.
pub(in crate::authn) fn more_scopes(scopes: &[String]) -> impl Iterator<Item = Scope> {
    scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new)
}

/// The code of a callback that comes from the issuer that was asked (RFC 9207).
pub(in crate::authn) fn code(
    callback: &Callback,
    issuer: &str,
    discovery: &Discovery,
) -> Result<AuthorizationCode, LoginError> {
    let named = callback.iss.as_deref();
    let missing = named.is_none() && discovery.authorization_response_iss_parameter_supported;
    if missing || named.is_some_and(|named| named != issuer) {
        return Err(LoginError::OtherIssuer);
    }
    if let Some(error) = &callback.error {
        return Err(LoginError::Refused { code: error_code(error) });
    }
    let code = callback.code.as_ref().filter(|code| !code.expose().is_empty()).ok_or(LoginError::NoCode)?;
    Ok(AuthorizationCode::new(code.expose().clone()))
}

pub(in crate::authn) fn pkce(verifier: &Secret<String>) -> PkceCodeVerifier {
    PkceCodeVerifier::new(verifier.expose().clone())
}

fn no_random(error: NoRandom) -> LoginError {
    LoginError::Unavailable(error.into())
}

pub(in crate::authn) fn token_error(error: TokenError) -> LoginError {
    match error {
        TokenError::Key(KeyError::Away { .. }) => LoginError::Unavailable(error.into()),
        other => LoginError::Token(other),
    }
}

/// What the token endpoint said instead of tokens. Its texts are left behind: they may hold what was sent.
pub(in crate::authn) fn not_answered(error: AnswerError) -> LoginError {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            LoginError::Refused { code: error_code(answer.error().as_ref()) }
        }
        RequestTokenError::Request(error) => LoginError::Unavailable(error.into()),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => LoginError::Malformed,
    }
}

/// An error code in the form that RFC 6749 gives it; anything else is data that is not repeated.
pub(in crate::authn) fn error_code(text: &str) -> String {
    let plain = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if plain && !text.is_empty() { text.to_owned() } else { "unknown_error".to_owned() }
}
