//! Tokens that count once, such as logout tokens: remembered until they expire.

use crate::db::Db;
use crate::db::error::DbError;
use crate::domain::time::Timestamp;

impl Db {
    /// Remembers a token's id; false when it was seen before. Of several callers exactly one gets true.
    pub async fn remember_token_once(
        &self,
        issuer: &str,
        jti: &str,
        expires_at: Timestamp,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "INSERT INTO used_tokens (issuer, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(issuer.to_owned())
        .bind(jti.to_owned())
        .bind(expires_at.unix_millis())
        .execute(&self.pool);
        Ok(self.bounded("remember a token", query).await?.rows_affected() == 1)
    }

    /// Forgets tokens that nobody would accept any more.
    pub(in crate::db) async fn forget_expired_tokens(&self, now: Timestamp) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM used_tokens WHERE expires_at <= $1")
            .bind(now.unix_millis())
            .execute(&self.pool);
        Ok(self.bounded("forget expired tokens", query).await?.rows_affected())
    }
}
