//! What can go wrong with the state store. No message holds the database's URL: it may hold a password.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the state store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The URL is of no kind that is supported.
    #[error(
        "the database URL must be sqlite::memory:, sqlite:///absolute/path or postgres://user@host/database"
    )]
    UnsupportedUrl,
    /// The SQLite file cannot be made or be kept private.
    #[error("cannot prepare the database file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// No connection within the time limit.
    #[error("cannot connect to the database")]
    Connect {
        /// What the driver said.
        #[source]
        cause: sqlx::Error,
    },
    /// The schema could not be read or brought up to date.
    #[error("cannot bring the database's schema up to date")]
    Migrate {
        /// What the driver said.
        #[source]
        cause: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("cannot {doing}")]
    Query {
        /// What was being done.
        doing: &'static str,
        /// What the driver said.
        #[source]
        cause: sqlx::Error,
    },
    /// A statement took too long.
    #[error("cannot {doing}: no answer within {} s", limit.as_secs())]
    TimedOut {
        /// What was being done.
        doing: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
}
