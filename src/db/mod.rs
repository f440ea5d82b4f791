//! The state store: sessions and what later must outlive a process. All SQL lives here.
//!
//! One query layer serves SQLite (a file, or memory) and Postgres; each aggregate has a file. Only the
//! opening of a database and its migrations know which of the two it is.

mod error;
mod login_flows;
mod migrations;
mod open;
mod sessions;
mod used_tokens;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use sqlx::AnyPool;

pub use error::DbError;
pub use open::Options;
pub use sessions::SessionRow;

use crate::domain::time::Timestamp;

/// How long one statement may take before it is given up, beside the wait for a free connection.
const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

/// An open database. A clone shares its connections.
#[derive(Clone)]
pub struct Db {
    pool: AnyPool,
    dialect: Dialect,
    limit: Duration,
}

/// Which SQL the database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl Db {
    /// Asks the database for a sign of life, in bounded time.
    pub async fn ping(&self) -> Result<(), DbError> {
        let query = sqlx::query("SELECT 1").execute(&self.pool);
        self.bounded("reach the database", query).await.map(drop)
    }

    /// Deletes what time has ended: sessions past their end or idle since before `idle_before`, logins that nobody
    /// finished, and used tokens that have expired. Answers how many rows went.
    pub async fn delete_expired(&self, now: Timestamp, idle_before: Timestamp) -> Result<u64, DbError> {
        let sessions = self.delete_expired_sessions(now, idle_before).await?;
        let flows = self.delete_expired_login_flows(now).await?;
        let tokens = self.forget_expired_tokens(now).await?;
        Ok(sessions.saturating_add(flows).saturating_add(tokens))
    }

    /// Closes the connections; whoever still waits for one gets an error.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs a query within the time limit.
    async fn bounded<T>(
        &self,
        doing: &'static str,
        query: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, DbError> {
        match tokio::time::timeout(self.limit, query).await {
            Ok(result) => result.map_err(|cause| DbError::Query { doing, cause }),
            Err(_) => Err(DbError::TimedOut { doing, limit: self.limit }),
        }
    }
}
