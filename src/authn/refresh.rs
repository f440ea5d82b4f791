//! Keeping a session's tokens fresh: once for all requests and replicas, since a refresh token is good for one use.

use std::sync::Arc;
use std::time::Duration;

use crate::authn::code_flow::RefreshError;
use crate::authn::login::Logins;
use crate::authn::oidc::Provider;
use crate::authn::record::SessionRecord;
use crate::authn::session::{Session, SessionError, Sessions};
use crate::domain::secret::Secret;
use crate::domain::time::Clock;

/// A token is refreshed this long before it ends.
const AHEAD: Duration = Duration::from_mins(1);

/// Whoever takes a refresh on themselves has this long before another may.
const CLAIM: Duration = Duration::from_secs(20);

/// How often and how long a request waits for another one's refresh, when the token has ended already.
const WAIT: (u32, Duration) = (50, Duration::from_millis(100));

/// What became of a session whose tokens had to be looked after.
#[derive(Debug)]
pub enum Refreshed {
    /// It goes on.
    Holds(Session),
    /// The identity provider has ended it, and so it ended here.
    Ended,
    /// Its access token has ended and the identity provider cannot be asked. The session stays for when it can.
    Away,
}

impl Refreshed {
    fn found(session: Option<Session>) -> Self {
        session.map_or(Self::Ended, Self::Holds)
    }
}

impl Logins {
    /// The session with tokens that still hold.
    pub async fn refreshed(
        &self,
        session: Session,
        clock: &Arc<dyn Clock>,
    ) -> Result<Refreshed, SessionError> {
        let now = clock.now();
        let record = &session.record;
        let (Some(ends_at), Some(refresh_token)) = (record.access_token_ends_at(), &record.refresh_token)
        else {
            return Ok(Refreshed::Holds(session));
        };
        if now.plus(AHEAD) < ends_at {
            return Ok(Refreshed::Holds(session));
        }
        let claimed_elsewhere = record.refreshing_until.is_some_and(|until| until > now.unix_millis());
        let mut claim = SessionRecord::clone(record);
        claim.refreshing_until = Some(now.plus(CLAIM).unix_millis());
        if claimed_elsewhere || !self.sessions.replace(&session, &claim).await? {
            return if now < ends_at {
                Ok(Refreshed::Holds(session))
            } else {
                self.wait(&session, clock).await
            };
        }
        let mut claimed = session.clone();
        claimed.version = session.version.saturating_add(1);
        let token = Secret::new(refresh_token.clone());
        let Some(provider) = self.provider(&session.record.provider) else {
            self.sessions.end(&session.id_hash).await?;
            return Ok(Refreshed::Ended);
        };
        let refresh = Refresh {
            provider: Arc::clone(provider),
            sessions: Arc::clone(&self.sessions),
            session: claimed,
        };
        // A task of its own: the provider has used the old token up, so the new one must be kept although the caller
        // who asked may be gone by then.
        self.refreshes
            .spawn(refresh.run(token, now < ends_at))
            .await
            .unwrap_or_else(|_ended_early| Ok(Refreshed::Away))
    }

    /// Waits until another request or replica has refreshed the session.
    async fn wait(&self, session: &Session, clock: &Arc<dyn Clock>) -> Result<Refreshed, SessionError> {
        let (times, pause) = WAIT;
        for _ in 0..times {
            tokio::time::sleep(pause).await;
            let Some(found) = self.sessions.look_up(&session.id_hash).await? else {
                return Ok(Refreshed::Ended);
            };
            if found.record.access_token_ends_at().is_none_or(|ends_at| clock.now() < ends_at) {
                return Ok(Refreshed::Holds(found));
            }
        }
        Ok(Refreshed::Away)
    }
}

/// A refresh that somebody has taken on themselves.
struct Refresh {
    provider: Arc<Provider>,
    sessions: Arc<Sessions>,
    session: Session,
}

impl Refresh {
    /// Asks the identity provider. `still_good` says whether the old token holds if it cannot be asked.
    async fn run(self, refresh_token: Secret<String>, still_good: bool) -> Result<Refreshed, SessionError> {
        let Self { provider, sessions, session } = self;
        let login = match provider.refresh(&refresh_token).await {
            Ok(login) => login,
            Err(RefreshError::Ended(_)) => {
                sessions.end(&session.id_hash).await?;
                return Ok(Refreshed::Ended);
            }
            Err(error @ RefreshError::Unavailable(_)) => {
                tracing::warn!(
                    chain = crate::telemetry::error_chain(&error),
                    "a session could not be refreshed"
                );
                return Ok(if still_good { Refreshed::Holds(session) } else { Refreshed::Away });
            }
        };
        let record = session.record.refreshed(login);
        let Some(record) = record else {
            sessions.end(&session.id_hash).await?;
            return Ok(Refreshed::Ended);
        };
        sessions.replace(&session, &record).await?;
        Ok(Refreshed::found(sessions.look_up(&session.id_hash).await?))
    }
}
