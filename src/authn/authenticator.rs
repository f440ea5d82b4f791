//! The one door for proofs of identity: a session cookie or a bearer token, never both, ends in one principal.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use tokio_util::sync::CancellationToken;

use crate::authn::bearer::{BearerDoor, BearerError, Bearers};
use crate::authn::cookie::{self, Found};
use crate::authn::fetch::{Fetch, FetchError};
use crate::authn::keys::{Issuer, KeyError};
use crate::authn::login::Logins;
use crate::authn::oidc::Provider;
use crate::authn::options::{CommandLineLogin, Options, ProviderOptions};
use crate::authn::refresh::Refreshed;
use crate::authn::session::{Activity, SessionError, Sessions};
use crate::db::Db;
use crate::domain::principal::Principal;
use crate::domain::time::Clock;
use crate::telemetry::error_chain;
use crate::vault::seal::{Keys, Purpose, SealError, Sealer};

/// A page that asks by itself says so with this header; such a request does not begin the idle time anew.
pub const X_LOGBOOM_POLL: HeaderName = HeaderName::from_static("x-logboom-poll");

/// How often what has expired is removed.
const CLEAN_UP_EVERY: Duration = Duration::from_mins(5);

/// Why the authenticator could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No identity provider, or two under one name or issuer.
    #[error("identity providers need a name and an issuer of their own each, and there must be one")]
    Providers,
    /// A token of a provider could be taken for one that is meant for us.
    #[error(
        "identity provider `{provider}`: an audience of access tokens must not be empty or a client id of logins, because ID tokens bear that; ask for another audience, or require `at+jwt`"
    )]
    Audience {
        /// The provider.
        provider: String,
    },
    /// No algorithm is allowed, so that no token could ever be taken.
    #[error("identity provider `{provider}`: no algorithm is allowed")]
    Algorithms {
        /// The provider.
        provider: String,
    },
    /// The callback's address cannot be made.
    #[error("the address of the callback cannot be made from the public URL")]
    Callback(#[source] url::ParseError),
    /// The HTTP client cannot be made.
    #[error("the client for identity providers cannot be made")]
    Client(#[source] FetchError),
}

/// Why a caller was not recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// No proof, or one that does not hold.
    #[error("not recognised")]
    Unauthenticated,
    /// The identity provider or the session store cannot be asked.
    #[error("{0} cannot be asked")]
    Unavailable(Away),
}

/// What recognising needs and cannot ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Away {
    /// The identity provider.
    #[error("the identity provider")]
    IdentityProvider,
    /// The state store, which holds the sessions.
    #[error("the state store")]
    StateStore,
    /// Vault, which holds the keys of the sessions.
    #[error("Vault, which keeps the keys of sessions,")]
    Vault,
}

/// A recognised caller.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who they are.
    pub principal: Arc<Principal>,
}

/// Recognises callers.
#[derive(Debug)]
pub struct Authenticator {
    bearers: Bearers,
    logins: Logins,
    command_line: Vec<CommandLineLogin>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Puts the parts together.
    pub fn build(options: Options, db: Db, keys: &Keys, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        check(&options.providers)?;
        let callback = options.public_url.join("/auth/callback").map_err(BuildError::Callback)?;
        let command_line = options.providers.iter().filter_map(command_line_login).collect();
        let (mut providers, mut doors) = (Vec::new(), Vec::new());
        for provider in options.providers {
            let fetch = Fetch::new(provider.fetch).map_err(BuildError::Client)?;
            let issuer = Arc::new(Issuer::new(provider.address, provider.keys, fetch, Arc::clone(&clock)));
            let mapping = Arc::new(provider.mapping);
            doors.push(BearerDoor {
                issuer: Arc::clone(&issuer),
                options: provider.bearer,
                checks: provider.checks.clone(),
                mapping: Arc::clone(&mapping),
            });
            providers.push(Arc::new(Provider {
                name: provider.name,
                issuer,
                login: provider.login,
                checks: provider.checks,
                mapping,
                callback: callback.clone(),
                clock: Arc::clone(&clock),
            }));
        }
        let sealer = Sealer::new(keys.clone(), Purpose::Session);
        let sessions =
            Sessions::new(db.clone(), sealer, options.labels, options.sessions, Arc::clone(&clock));
        let sealer = Sealer::new(keys.clone(), Purpose::LoginFlow);
        let logins = Logins::new(db, sealer, Arc::clone(&clock), providers, Arc::new(sessions));
        let bearers = Bearers::new(doors, Arc::clone(&clock), options.remembered_tokens);
        Ok(Self { bearers, logins, command_line, clock })
    }

    /// Recognises the caller of a request. Headers that name a person mean nothing here: only proofs do.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Authenticated, AuthnError> {
        let mut proofs = headers.get_all(AUTHORIZATION).iter();
        let principal = match (proofs.next(), proofs.next(), cookie::find(headers, cookie::SESSION)) {
            (None, _, Found::One(id)) => self.session(id, headers).await?,
            (Some(proof), None, Found::None) => {
                let token = proof.to_str().ok().and_then(bearer_token);
                self.bearer(token.ok_or(AuthnError::Unauthenticated)?).await?
            }
            // No proof, an odd cookie, or several proofs at once: it is not clear who asks.
            _ => return Err(AuthnError::Unauthenticated),
        };
        Ok(Authenticated { principal })
    }

    async fn bearer(&self, token: &str) -> Result<Arc<Principal>, AuthnError> {
        match self.bearers.authenticate(token).await {
            Ok(principal) => Ok(principal),
            Err(BearerError::Key(KeyError::Away { .. })) => {
                Err(AuthnError::Unavailable(Away::IdentityProvider))
            }
            Err(error) => {
                tracing::info!(reason = %error, "access token refused");
                Err(AuthnError::Unauthenticated)
            }
        }
    }

    async fn session(&self, id: &str, headers: &HeaderMap) -> Result<Arc<Principal>, AuthnError> {
        let polling = headers.contains_key(X_LOGBOOM_POLL);
        let activity = if polling { Activity::Polling } else { Activity::Person };
        let away = |error: SessionError| {
            tracing::warn!(chain = error_chain(&error), "a session could not be looked up");
            AuthnError::Unavailable(match error {
                SessionError::Seal(SealError::Away) => Away::Vault,
                _ => Away::StateStore,
            })
        };
        let found = self.logins.sessions.find(id, activity).await.map_err(away)?;
        let session = found.ok_or(AuthnError::Unauthenticated)?;
        match self.logins.refreshed(session, &self.clock).await.map_err(away)? {
            Refreshed::Holds(session) => Ok(session.principal),
            Refreshed::Ended => Err(AuthnError::Unauthenticated),
            Refreshed::Away => Err(AuthnError::Unavailable(Away::IdentityProvider)),
        }
    }

    /// Logins and the sessions that they begin.
    #[must_use]
    pub const fn logins(&self) -> &Logins {
        &self.logins
    }

    /// Where people can log in on the command line, the default provider first.
    #[must_use]
    pub fn command_line(&self) -> &[CommandLineLogin] {
        &self.command_line
    }

    /// Each identity provider with what is wrong with it.
    pub async fn health(&self) -> Vec<(String, Option<String>)> {
        let mut findings = Vec::new();
        for provider in self.logins.providers() {
            let problem = provider.issuer.snapshot().await.err().map(|error| match error {
                KeyError::Away { cause: Some(cause), .. } => cause.to_string(),
                other => other.to_string(),
            });
            findings.push((provider.name().to_owned(), problem));
        }
        findings
    }

    /// Removes what has expired, until the token is cancelled; then waits for refreshes under way, which the time limit
    /// of calls to an identity provider bounds.
    pub async fn housekeeping(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    self.logins.refreshes.close();
                    return self.logins.refreshes.wait().await;
                }
                () = tokio::time::sleep(CLEAN_UP_EVERY) => {}
            }
            if let Err(error) = self.logins.sessions.clean_up().await {
                tracing::warn!(chain = error_chain(&error), "expired sessions were not removed");
            }
        }
    }
}

/// The token behind `Bearer`, whose case does not matter (RFC 9110 section 11.1), and exactly one space.
fn bearer_token(proof: &str) -> Option<&str> {
    let (scheme, token) = proof.split_once(' ')?;
    let one_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && one_word).then_some(token)
}

fn command_line_login(provider: &ProviderOptions) -> Option<CommandLineLogin> {
    Some(CommandLineLogin {
        name: provider.name.clone(),
        issuer: provider.address.issuer.clone(),
        endpoint_hosts: provider.address.endpoint_hosts.clone(),
        client: provider.command_line.clone()?,
    })
}

fn check(providers: &[ProviderOptions]) -> Result<(), BuildError> {
    for (place, provider) in providers.iter().enumerate() {
        let twice = providers
            .iter()
            .take(place)
            .any(|other| other.name == provider.name || other.address.issuer == provider.address.issuer);
        if twice || provider.name.is_empty() {
            return Err(BuildError::Providers);
        }
        let browsers = provider.login.as_ref().map(|login| &login.client_id);
        let programs = provider.command_line.as_ref().map(|program| &program.client_id);
        let bearer = &provider.bearer;
        let confused = bearer.audiences.is_empty()
            || bearer.audiences.iter().any(|audience| {
                audience.is_empty()
                    || (!bearer.require_at_jwt && [browsers, programs].contains(&Some(audience)))
            });
        if confused {
            return Err(BuildError::Audience { provider: provider.name.clone() });
        }
        if provider.checks.algorithms.is_empty() {
            return Err(BuildError::Algorithms { provider: provider.name.clone() });
        }
    }
    if providers.is_empty() { Err(BuildError::Providers) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_one_word_after_one_space() {
        assert_eq!(bearer_token("Bearer abc"), Some("abc"));
        assert_eq!(bearer_token("bEARER abc"), Some("abc"));
        for other in [
            "Basic abc",
            "DPoP abc",
            "Bearer",
            "Bearer ",
            "Bearer  abc",
            "Bearer a b",
            "Bearerabc",
            " Bearer abc",
        ] {
            assert_eq!(bearer_token(other), None, "{other:?}");
        }
    }
}
