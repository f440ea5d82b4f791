//! Browser sessions: found by the hash of the id that the cookie holds, never by the id itself.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::db::Db;
use crate::db::error::DbError;
use crate::domain::time::Timestamp;

/// A session as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the session's id.
    pub id_hash: [u8; 32],
    /// The exact issuer that logged the person in.
    pub issuer: String,
    /// The person within that issuer.
    pub subject: String,
    /// The identity provider's own session (`sid`), where it names one.
    pub idp_session: Option<String>,
    /// Principal and tokens, sealed.
    pub sealed: Vec<u8>,
    /// Counts the changes of `sealed`.
    pub version: i64,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When the session was last used.
    pub last_active_at: Timestamp,
    /// When it ends, however busy it is.
    pub expires_at: Timestamp,
}

impl Db {
    /// Stores a new session.
    pub async fn insert_session(&self, session: &SessionRow) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO sessions
             (id_hash, issuer, subject, idp_session, sealed, version, created_at, last_active_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(session.id_hash.to_vec())
        .bind(session.issuer.clone())
        .bind(session.subject.clone())
        .bind(session.idp_session.clone())
        .bind(session.sealed.clone())
        .bind(session.version)
        .bind(session.created_at.unix_millis())
        .bind(session.last_active_at.unix_millis())
        .bind(session.expires_at.unix_millis())
        .execute(&self.pool);
        self.bounded("store a session", query).await.map(drop)
    }

    /// Finds a session, expired or not.
    pub async fn find_session(&self, id_hash: &[u8; 32]) -> Result<Option<SessionRow>, DbError> {
        let query = sqlx::query(
            "SELECT issuer, subject, idp_session, sealed, version, created_at, last_active_at, expires_at
             FROM sessions WHERE id_hash = $1",
        )
        .bind(id_hash.to_vec())
        .fetch_optional(&self.pool);
        let doing = "find a session";
        let row = self.bounded(doing, query).await?;
        row.map(|row| read(*id_hash, &row)).transpose().map_err(|cause| DbError::Query { doing, cause })
    }

    /// Notes that a session was used. Time never goes back.
    pub async fn touch_session(&self, id_hash: &[u8; 32], at: Timestamp) -> Result<(), DbError> {
        let query =
            sqlx::query("UPDATE sessions SET last_active_at = $2 WHERE id_hash = $1 AND last_active_at < $2")
                .bind(id_hash.to_vec())
                .bind(at.unix_millis())
                .execute(&self.pool);
        self.bounded("note the use of a session", query).await.map(drop)
    }

    /// Replaces what is sealed and counts the version up, only when the version is still the expected one.
    pub async fn replace_sealed(
        &self,
        id_hash: &[u8; 32],
        expected_version: i64,
        sealed: &[u8],
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "UPDATE sessions SET sealed = $3, version = version + 1 WHERE id_hash = $1 AND version = $2",
        )
        .bind(id_hash.to_vec())
        .bind(expected_version)
        .bind(sealed.to_vec())
        .execute(&self.pool);
        Ok(self.bounded("change a session", query).await?.rows_affected() == 1)
    }

    /// Deletes a session; false when there was none.
    pub async fn delete_session(&self, id_hash: &[u8; 32]) -> Result<bool, DbError> {
        let query =
            sqlx::query("DELETE FROM sessions WHERE id_hash = $1").bind(id_hash.to_vec()).execute(&self.pool);
        Ok(self.bounded("delete a session", query).await?.rows_affected() == 1)
    }

    /// Deletes the sessions that belong to one session at the identity provider; answers how many.
    pub async fn delete_sessions_of_idp_session(
        &self,
        issuer: &str,
        idp_session: &str,
    ) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM sessions WHERE issuer = $1 AND idp_session = $2")
            .bind(issuer.to_owned())
            .bind(idp_session.to_owned())
            .execute(&self.pool);
        Ok(self.bounded("delete the sessions of a login", query).await?.rows_affected())
    }

    /// Deletes all sessions of a person; answers how many.
    pub async fn delete_sessions_of_person(&self, issuer: &str, subject: &str) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM sessions WHERE issuer = $1 AND subject = $2")
            .bind(issuer.to_owned())
            .bind(subject.to_owned())
            .execute(&self.pool);
        Ok(self.bounded("delete the sessions of a person", query).await?.rows_affected())
    }

    /// Deletes a person's oldest sessions until `keep` are left; answers how many went.
    pub async fn trim_sessions_of_person(
        &self,
        issuer: &str,
        subject: &str,
        keep: u32,
    ) -> Result<u64, DbError> {
        let query = sqlx::query(
            "DELETE FROM sessions WHERE issuer = $1 AND subject = $2 AND id_hash NOT IN
             (SELECT id_hash FROM sessions WHERE issuer = $1 AND subject = $2
              ORDER BY created_at DESC, id_hash DESC LIMIT $3)",
        )
        .bind(issuer.to_owned())
        .bind(subject.to_owned())
        .bind(i64::from(keep))
        .execute(&self.pool);
        Ok(self.bounded("delete a person's oldest sessions", query).await?.rows_affected())
    }

    /// Deletes sessions past their end or idle for too long.
    pub(in crate::db) async fn delete_expired_sessions(
        &self,
        now: Timestamp,
        idle_before: Timestamp,
    ) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM sessions WHERE expires_at <= $1 OR last_active_at < $2")
            .bind(now.unix_millis())
            .bind(idle_before.unix_millis())
            .execute(&self.pool);
        Ok(self.bounded("delete expired sessions", query).await?.rows_affected())
    }
}

fn read(id_hash: [u8; 32], row: &AnyRow) -> Result<SessionRow, sqlx::Error> {
    let time = |column: &str| row.try_get(column).map(Timestamp::from_unix_millis);
    Ok(SessionRow {
        id_hash,
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        idp_session: row.try_get("idp_session")?,
        sealed: row.try_get("sealed")?,
        version: row.try_get("version")?,
        created_at: time("created_at")?,
        last_active_at: time("last_active_at")?,
        expires_at: time("expires_at")?,
    })
}
