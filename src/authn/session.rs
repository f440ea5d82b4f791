//! Browser sessions: kept at the server, sealed, found by the hash of the id in the cookie.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::authn::options::SessionLimits;
use crate::authn::random::{self, NoRandom, hash};
use crate::authn::record::SessionRecord;
use crate::db::{Db, DbError, SessionRow};
use crate::domain::label::LabelOrder;
use crate::domain::principal::Principal;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, Timestamp};
use crate::vault::seal::{SealError, Sealer};

/// A session that was looked up is believed this long, so that a logout at another replica acts within it.
const CACHED: Duration = Duration::from_secs(2);

/// Sessions in the cache; beyond it the cache begins anew.
const MAX_CACHED: usize = 20_000;

/// Activity is written down at most this often.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// The hash under which a session is stored.
pub type IdHash = [u8; 32];

/// A session that holds.
#[derive(Debug, Clone)]
pub struct Session {
    /// Where it is stored.
    pub id_hash: IdHash,
    /// Who it is.
    pub principal: Arc<Principal>,
    /// What was sealed.
    pub record: Arc<SessionRecord>,
    /// Version of what was sealed.
    pub version: i64,
    /// The identity provider's own session.
    pub idp_session: Option<String>,
    last_active_at: Timestamp,
    ends_at: Timestamp,
}

/// Why a session could not be looked up or kept.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The state store failed.
    #[error("the state store failed")]
    Store(#[from] DbError),
    /// Sealing failed.
    #[error("sealing failed")]
    Seal(#[from] SealError),
    /// No id could be made.
    #[error("no id could be made")]
    Random(#[from] NoRandom),
}

/// All sessions.
pub struct Sessions {
    db: Db,
    sealer: Sealer,
    labels: LabelOrder,
    limits: SessionLimits,
    clock: Arc<dyn Clock>,
    cache: Mutex<HashMap<IdHash, (Timestamp, Session)>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Whether a request is a person's doing or a page's own polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// The person did something: the idle time begins anew.
    Person,
    /// The page asked by itself: the idle time goes on.
    Polling,
}

impl Sessions {
    /// Takes the sealer for [`crate::vault::seal::Purpose::Session`].
    #[must_use]
    pub fn new(
        db: Db,
        sealer: Sealer,
        labels: LabelOrder,
        limits: SessionLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { db, sealer, labels, limits, clock, cache: Mutex::default() }
    }

    /// Begins a session and answers its id for the cookie. A person's oldest sessions beyond the limit end.
    pub async fn begin(
        &self,
        record: &SessionRecord,
        idp_session: Option<String>,
    ) -> Result<Secret<String>, SessionError> {
        let id = random::name()?;
        let id_hash = hash(id.expose());
        let now = self.clock.now();
        let row = SessionRow {
            id_hash,
            issuer: record.issuer.clone(),
            subject: record.subject.clone(),
            idp_session,
            sealed: self.sealer.seal(&id_hash, &record.to_bytes()).await?,
            version: 0,
            created_at: now,
            last_active_at: now,
            expires_at: now.plus(self.limits.absolute),
        };
        self.db.insert_session(&row).await?;
        let keep = self.limits.max_per_person;
        let ended = self.db.trim_sessions_of_person(&record.issuer, &record.subject, keep).await?;
        if ended > 0 {
            self.forget_all();
        }
        Ok(id)
    }

    /// Finds the session of a cookie, if it still holds, and notes that it is used.
    pub async fn find(&self, id: &str, activity: Activity) -> Result<Option<Session>, SessionError> {
        let id_hash = hash(id);
        let session = match self.cached(&id_hash) {
            Some(session) => Some(session),
            None => self.look_up(&id_hash).await?,
        };
        let now = self.clock.now();
        let Some(session) = session.filter(|session| self.holds(session, now)) else { return Ok(None) };
        if activity == Activity::Person && now.since(session.last_active_at) >= TOUCH_EVERY {
            self.db.touch_session(&id_hash, now).await?;
            self.remember(Session { last_active_at: now, ..session.clone() });
        }
        Ok(Some(session))
    }

    /// Finds a session in the store, past the cache.
    pub async fn look_up(&self, id_hash: &IdHash) -> Result<Option<Session>, SessionError> {
        let Some(row) = self.db.find_session(id_hash).await? else { return Ok(None) };
        let plain = match self.sealer.open(id_hash, &row.sealed).await {
            Ok(plain) => plain,
            Err(SealError::Away) => return Err(SealError::Away.into()),
            // What cannot be opened was sealed under another key: to us there is no such session.
            Err(SealError::NotOurs | SealError::Crypto) => return Ok(None),
        };
        let Some(record) = SessionRecord::from_bytes(plain.expose()) else { return Ok(None) };
        let ends_at = record.ends_at().map_or(row.expires_at, |end| row.expires_at.min(end));
        let Some(principal) = record.principal(&self.labels, ends_at) else { return Ok(None) };
        let session = Session {
            id_hash: *id_hash,
            principal: Arc::new(principal),
            record: Arc::new(record),
            version: self.sealed_anew(&row, plain.expose()).await,
            idp_session: row.idp_session,
            last_active_at: row.last_active_at,
            ends_at,
        };
        self.remember(session.clone());
        Ok(Some(session))
    }

    /// Seals under the key in use what an earlier one sealed. Answers the version that is stored then.
    async fn sealed_anew(&self, row: &SessionRow, plain: &[u8]) -> i64 {
        if !self.sealer.is_outdated(&row.sealed) {
            return row.version;
        }
        let Ok(sealed) = self.sealer.seal(&row.id_hash, plain).await else { return row.version };
        match self.db.replace_sealed(&row.id_hash, row.version, &sealed).await {
            Ok(true) => row.version + 1,
            // Another request was first, or the store failed: the next use tries again.
            Ok(false) | Err(_) => row.version,
        }
    }

    /// Replaces what is sealed, unless another request or replica was first.
    pub async fn replace(&self, session: &Session, record: &SessionRecord) -> Result<bool, SessionError> {
        let sealed = self.sealer.seal(&session.id_hash, &record.to_bytes()).await?;
        let replaced = self.db.replace_sealed(&session.id_hash, session.version, &sealed).await?;
        self.forget(&session.id_hash);
        Ok(replaced)
    }

    /// Ends a session.
    pub async fn end(&self, id_hash: &IdHash) -> Result<bool, SessionError> {
        self.forget(id_hash);
        Ok(self.db.delete_session(id_hash).await?)
    }

    /// Ends the sessions of one session at the identity provider.
    pub async fn end_idp_session(&self, issuer: &str, idp_session: &str) -> Result<u64, SessionError> {
        self.forget_all();
        Ok(self.db.delete_sessions_of_idp_session(issuer, idp_session).await?)
    }

    /// Ends all sessions of a person.
    pub async fn end_person(&self, issuer: &str, subject: &str) -> Result<u64, SessionError> {
        self.forget_all();
        Ok(self.db.delete_sessions_of_person(issuer, subject).await?)
    }

    /// Removes from the store what has ended.
    pub async fn clean_up(&self) -> Result<u64, SessionError> {
        let now = self.clock.now();
        Ok(self.db.delete_expired(now, now.minus(self.limits.idle)).await?)
    }

    fn holds(&self, session: &Session, now: Timestamp) -> bool {
        now < session.ends_at && now < session.last_active_at.plus(self.limits.idle)
    }

    fn cached(&self, id_hash: &IdHash) -> Option<Session> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, session) = cache.get(id_hash)?;
        let now = self.clock.now();
        (now >= *at && now.since(*at) < CACHED).then(|| session.clone())
    }

    fn remember(&self, session: Session) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(session.id_hash, (self.clock.now(), session));
    }

    fn forget(&self, id_hash: &IdHash) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).remove(id_hash);
    }

    fn forget_all(&self) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
