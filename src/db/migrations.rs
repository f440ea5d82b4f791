//! The schema's history, embedded in the binary, and how a database is brought up to date.

use std::collections::BTreeSet;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, Executor, SqlSafeStr};

use crate::db::error::DbError;
use crate::db::{Db, Dialect};

impl Db {
    /// Brings the schema up to date. Safe when several replicas start at once: one migrates, the others wait
    /// (an advisory lock in Postgres, the write lock in SQLite).
    pub async fn migrate(&self) -> Result<(), DbError> {
        let done = match self.dialect {
            Dialect::Sqlite => self.migrate_sqlite().await,
            Dialect::Postgres => self.migrate_postgres().await,
        };
        done.map_err(|cause| DbError::Migrate { cause })
    }

    /// The versions that [`Db::migrate`] would apply, oldest first.
    pub async fn pending_migrations(&self) -> Result<Vec<i64>, DbError> {
        let find_table = match self.dialect {
            Dialect::Sqlite => {
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"
            }
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_catalog.pg_tables
                 WHERE tablename = '_sqlx_migrations' AND schemaname = ANY (current_schemas(false))"
            }
        };
        let doing = "read the version of the database's schema";
        let tables: i64 = self.bounded(doing, sqlx::query_scalar(find_table).fetch_one(&self.pool)).await?;
        let applied: BTreeSet<i64> = if tables == 0 {
            BTreeSet::new()
        } else {
            let query = sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&self.pool);
            self.bounded(doing, query).await?.into_iter().collect()
        };
        let known = migrator(self.dialect);
        Ok(known.iter().map(|migration| migration.version).filter(|v| !applied.contains(v)).collect())
    }

    /// The driver's own lock does nothing in SQLite, so the whole migration is one transaction that writes from the start.
    async fn migrate_sqlite(&self) -> Result<(), MigrateError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        migrator(self.dialect).run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Uses a connection of its own, without the statement limit: waiting for another replica's migration may take long.
    /// The end of the connection also ends the lock, even when a migration fails.
    async fn migrate_postgres(&self) -> Result<(), MigrateError> {
        let mut connection = self.pool.acquire().await?.detach();
        connection.execute("SET statement_timeout = '10min'").await?;
        let migrated = migrator(self.dialect).run_direct(None, &mut connection, false).await;
        connection.close().await?;
        migrated
    }
}

fn migrator(dialect: Dialect) -> Migrator {
    let sessions = match dialect {
        Dialect::Sqlite => include_str!("migrations/sqlite/0001_sessions.sql"),
        Dialect::Postgres => include_str!("migrations/postgres/0001_sessions.sql"),
    };
    let history = [(1, "sessions", sessions)];
    let migrations = history.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    // A newer replica may have migrated already while this one is still being replaced.
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.set_ignore_missing(true);
    migrator
}
