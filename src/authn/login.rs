//! A login from its first redirect to the session, and its end. The identity provider's side is `oidc`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::authn::code_flow::{Callback, Flow, LoginError};
use crate::authn::cookie::{self, Found};
use crate::authn::oidc::{Login, Provider};
use crate::authn::random::{self, NoRandom, hash};
use crate::authn::record::SessionRecord;
use crate::authn::return_path::ReturnPath;
use crate::authn::session::{IdHash, SessionError, Sessions};
use crate::db::Db;
use crate::domain::secret::Secret;
use crate::domain::time::Clock;
use crate::vault::seal::{SealError, Sealer};

/// How long a login may take.
pub const LOGIN_TIME: Duration = Duration::from_mins(10);

/// Logins, sessions and the identity providers that they come from.
pub struct Logins {
    db: Db,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    providers: Vec<Arc<Provider>>,
    /// The sessions that logins begin.
    pub sessions: Arc<Sessions>,
    /// Refreshes under way.
    pub(in crate::authn) refreshes: TaskTracker,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("providers", &self.providers.len()).finish_non_exhaustive()
    }
}

/// What is kept of a login until the browser comes back.
#[derive(Serialize, Deserialize)]
struct Pending {
    provider: String,
    nonce: String,
    verifier: String,
    return_to: String,
    binding: [u8; 32],
    /// The session that this browser had when the login began. The browser does not send its `SameSite=Strict`
    /// cookie when it comes back from the identity provider's site, so it is noted here.
    replaces: Option<IdHash>,
}

/// A login that was begun: where the browser goes, and the cookie that brings it back as itself.
#[derive(Debug)]
pub struct Begun {
    /// The identity provider's page.
    pub location: Url,
    /// Value of the login's cookie.
    pub binding: Secret<String>,
}

/// A login that succeeded.
#[derive(Debug)]
pub struct Finished {
    /// Value of the session's cookie.
    pub session_id: Secret<String>,
    /// Where the person wanted to go.
    pub return_to: ReturnPath,
}

/// What the identity provider sends the browser back with.
#[derive(Debug, Default)]
pub struct CallbackQuery {
    /// Which login it is.
    pub state: Option<String>,
    /// What it says.
    pub answer: Callback,
}

/// Why a login did not begin or succeed.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// No identity provider bears the name.
    #[error("no identity provider of that name")]
    UnknownProvider,
    /// The login was not begun in this browser, was finished already, or took too long.
    #[error("the login is not one of this browser")]
    StateMismatch,
    /// The identity provider refused, or its answer does not hold.
    #[error("the identity provider's answer was not taken")]
    Provider(#[source] LoginError),
    /// The session could not be kept.
    #[error("the session could not be kept")]
    Session(#[from] SessionError),
}

impl From<crate::db::DbError> for LogInError {
    fn from(error: crate::db::DbError) -> Self {
        Self::Session(error.into())
    }
}

impl From<NoRandom> for LogInError {
    fn from(error: NoRandom) -> Self {
        Self::Session(error.into())
    }
}

impl From<SealError> for LogInError {
    fn from(error: SealError) -> Self {
        Self::Session(error.into())
    }
}

impl Logins {
    /// Takes the sealer for [`crate::vault::seal::Purpose::LoginFlow`] and the providers, the default one first.
    #[must_use]
    pub fn new(
        db: Db,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
        providers: Vec<Arc<Provider>>,
        sessions: Arc<Sessions>,
    ) -> Self {
        Self { db, sealer, clock, providers, sessions, refreshes: TaskTracker::new() }
    }

    /// Every identity provider, also those that take no logins.
    #[must_use]
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// Finds a provider by its configured name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name() == name)
    }

    /// Begins a login at a provider, the default one when none is named.
    pub async fn begin(
        &self,
        provider: Option<&str>,
        return_to: &ReturnPath,
        headers: &HeaderMap,
    ) -> Result<Begun, LogInError> {
        let provider = match provider {
            Some(name) => self.provider(name),
            None => self.providers.iter().find(|provider| provider.takes_logins()),
        };
        let provider = provider.ok_or(LogInError::UnknownProvider)?;
        let begun = provider.begin().await.map_err(LogInError::Provider)?;
        let binding = random::name()?;
        let pending = Pending {
            provider: provider.name().to_owned(),
            nonce: begun.flow.nonce.clone(),
            verifier: begun.flow.verifier.expose().clone(),
            return_to: return_to.as_str().to_owned(),
            binding: hash(binding.expose()),
            replaces: session_of(headers),
        };
        let state_hash = hash(&begun.state);
        let plain = Secret::new(serde_json::to_vec(&pending).unwrap_or_default());
        let sealed = self.sealer.seal(&state_hash, plain.expose()).await?;
        self.db.insert_login_flow(&state_hash, &sealed, self.clock.now().plus(LOGIN_TIME)).await?;
        Ok(Begun { location: begun.location, binding })
    }

    /// Ends a login. Whatever comes of it, its state is used up.
    pub async fn finish(&self, query: &CallbackQuery, headers: &HeaderMap) -> Result<Finished, LogInError> {
        let pending = self.take(query.state.as_deref(), headers).await?;
        let provider = self.provider(&pending.provider).ok_or(LogInError::UnknownProvider)?;
        let flow = Flow { nonce: pending.nonce, verifier: Secret::new(pending.verifier) };
        let login = provider.finish(&flow, &query.answer).await.map_err(LogInError::Provider)?;
        // A session that this browser had ends with the new login.
        for old in pending.replaces.into_iter().chain(session_of(headers)) {
            self.sessions.end(&old).await?;
        }
        let idp_session = login.idp_session.clone();
        let session_id = self.sessions.begin(&record(provider, &login)?, idp_session).await?;
        let return_to = ReturnPath::parse(&pending.return_to).unwrap_or_else(|_| ReturnPath::home());
        Ok(Finished { session_id, return_to })
    }

    async fn take(&self, state: Option<&str>, headers: &HeaderMap) -> Result<Pending, LogInError> {
        let state = state.filter(|state| !state.is_empty()).ok_or(LogInError::StateMismatch)?;
        let Found::One(binding) = cookie::find(headers, cookie::LOGIN) else {
            return Err(LogInError::StateMismatch);
        };
        let state_hash = hash(state);
        let sealed = self.db.take_login_flow(&state_hash, self.clock.now()).await?;
        let sealed = sealed.ok_or(LogInError::StateMismatch)?;
        let plain = self.sealer.open(&state_hash, &sealed).await.map_err(|error| match error {
            SealError::Away => error.into(),
            SealError::NotOurs | SealError::Crypto => LogInError::StateMismatch,
        })?;
        let pending: Pending =
            serde_json::from_slice(plain.expose()).map_err(|_| LogInError::StateMismatch)?;
        let same = pending.binding.ct_eq(&hash(binding));
        if bool::from(same) { Ok(pending) } else { Err(LogInError::StateMismatch) }
    }

    /// Ends the session of a cookie, gives its refresh token back, and answers where the login at the identity
    /// provider ends.
    pub async fn log_out(&self, headers: &HeaderMap, back_to: &Url) -> Result<Option<Url>, SessionError> {
        let Some(id_hash) = session_of(headers) else { return Ok(None) };
        let session = self.sessions.look_up(&id_hash).await?;
        self.sessions.end(&id_hash).await?;
        let Some(session) = session else { return Ok(None) };
        let Some(provider) = self.provider(&session.record.provider) else { return Ok(None) };
        if let Some(token) = &session.record.refresh_token {
            provider.revoke(&Secret::new(token.clone())).await;
        }
        Ok(provider.end_session_url(back_to).await)
    }

    /// Takes a logout token (OpenID Connect Back-Channel Logout 1.0) and ends the sessions that it names.
    /// A token that does not hold, or was seen before, ends nothing.
    pub async fn back_channel(&self, token: &str) -> Result<u64, BackChannelError> {
        for provider in &self.providers {
            let Ok(logout) = provider.logout_token(token).await else { continue };
            let issuer = provider.issuer();
            let expires_at = logout.expires_at;
            let first = self.db.remember_token_once(issuer, &logout.id, expires_at).await;
            if !first.map_err(|cause| BackChannelError::Session(cause.into()))? {
                return Err(BackChannelError::Refused);
            }
            let ended = match (&logout.session, &logout.subject) {
                (Some(idp_session), _) => self.sessions.end_idp_session(issuer, idp_session).await,
                (None, Some(subject)) => self.sessions.end_person(issuer, subject).await,
                (None, None) => return Err(BackChannelError::Refused),
            };
            return ended.map_err(BackChannelError::Session);
        }
        Err(BackChannelError::Refused)
    }
}

/// Why a logout token ended nothing.
#[derive(Debug, thiserror::Error)]
pub enum BackChannelError {
    /// It does not hold, or was seen before.
    #[error("the logout token does not hold")]
    Refused,
    /// The sessions could not be ended.
    #[error("the sessions could not be ended")]
    Session(#[source] SessionError),
}

/// The session that a browser's cookie names, whether or not there is one.
fn session_of(headers: &HeaderMap) -> Option<IdHash> {
    match cookie::find(headers, cookie::SESSION) {
        Found::One(id) => Some(hash(id)),
        Found::None | Found::Odd => None,
    }
}

/// What is sealed of a login.
fn record(provider: &Provider, login: &Login) -> Result<SessionRecord, LogInError> {
    let (Some(principal), Some(id_token)) = (&login.principal, &login.id_token) else {
        return Err(LogInError::Provider(LoginError::NoIdToken));
    };
    let refresh_token = login.refresh_token.as_ref().map(|token| token.expose().clone());
    Ok(SessionRecord::new(provider.name(), principal, id_token.expose())
        .with_tokens(refresh_token, login.access_token_expires_at))
}
