//! Logins under way: kept from the redirect to the identity provider until the browser comes back.

use crate::db::Db;
use crate::db::error::DbError;
use crate::domain::time::Timestamp;

impl Db {
    /// Keeps a login under the hash of its state.
    pub async fn insert_login_flow(
        &self,
        state_hash: &[u8; 32],
        sealed: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), DbError> {
        let query =
            sqlx::query("INSERT INTO login_flows (state_hash, sealed, expires_at) VALUES ($1, $2, $3)")
                .bind(state_hash.to_vec())
                .bind(sealed.to_vec())
                .bind(expires_at.unix_millis())
                .execute(&self.pool);
        self.bounded("keep a login", query).await.map(drop)
    }

    /// Takes a login away, once: of several callers exactly one gets it. An expired one is gone for all.
    pub async fn take_login_flow(
        &self,
        state_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, DbError> {
        // Reads to the end, so that the deletion is done before the answer counts.
        let query = sqlx::query_as::<_, (Vec<u8>, i64)>(
            "DELETE FROM login_flows WHERE state_hash = $1 RETURNING sealed, expires_at",
        )
        .bind(state_hash.to_vec())
        .fetch_all(&self.pool);
        let taken = self.bounded("take a login", query).await?.pop();
        Ok(taken.filter(|(_, expires_at)| *expires_at > now.unix_millis()).map(|(sealed, _)| sealed))
    }

    /// Deletes logins that nobody finished in time.
    pub(in crate::db) async fn delete_expired_login_flows(&self, now: Timestamp) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM login_flows WHERE expires_at <= $1")
            .bind(now.unix_millis())
            .execute(&self.pool);
        Ok(self.bounded("delete expired logins", query).await?.rows_affected())
    }
}
